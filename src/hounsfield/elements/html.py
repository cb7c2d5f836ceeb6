"""Data sets as notebooks show them: a table, with the items of sequences folded up."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from hounsfield.elements.text import printable, shown_value
from hounsfield.errors import DicomError

if TYPE_CHECKING:
    from hounsfield.elements.dataset import Dataset
    from hounsfield.elements.element import Element

__all__ = ["dataset_html"]

MOST = 1000
"""Elements that are shown."""

CELL = 'style="text-align:left;font-family:monospace;white-space:pre-wrap"'


def dataset_html(ds: Dataset) -> str:
    """Give a table of tag, VR, name and value; at most 1000 rows, those of items included.

    Text of the file is escaped and its control characters are made visible; nothing is loaded from elsewhere.
    """
    rows = _Rows()
    table = "".join(_table(ds, rows))
    return table if rows.left >= 0 else f"{table}<p>... (cut here, after {MOST} elements)</p>"


class _Rows:
    """Counts what is still to be shown."""

    def __init__(self) -> None:
        self.left = MOST

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0


def _table(ds: Dataset, rows: _Rows) -> Iterator[str]:
    yield "<table><thead><tr><th>Tag</th><th>VR</th><th>Name</th><th>Value</th></tr></thead><tbody>"
    for element in ds:
        if not rows.take():
            break
        yield from _row(element, rows)
    yield "</tbody></table>"


def _row(element: Element, rows: _Rows) -> Iterator[str]:
    tag, vr = element._tag, element.VR
    name = element.name or element.keyword or "Unknown"
    head = (f"({tag >> 16:04X},{tag & 0xFFFF:04X})", printable(vr), name)
    yield "<tr>" + "".join(f"<td {CELL}>{escape(text)}</td>" for text in head) + f"<td {CELL}>"
    try:
        if vr == "SQ":
            yield from _items(element, rows)
        else:
            yield escape(shown_value(element)[0])
    except DicomError as error:
        yield _unreadable(error)
    yield "</td></tr>"


def _items(element: Element, rows: _Rows) -> Iterator[str]:
    count = len(element.value)
    yield f"<details><summary>{count} item{'s' if count != 1 else ''}</summary>"
    try:
        for item, _ in element.value.each():
            yield from _table(item, rows)
            if rows.left < 0:
                break
    except DicomError as error:
        yield _unreadable(error)
    yield "</details>"


def _unreadable(error: DicomError) -> str:
    return escape(f"(cannot be read: {printable(error.message)})")
