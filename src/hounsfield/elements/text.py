"""What people read of a data set: one line an element, nested, as DCMTK's dcmdump prints it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from hounsfield.elements.charset import (
    LINE_DELIMITERS,
    NAME_DELIMITERS,
    VALUE_DELIMITERS,
    decode_text,
    ignore,
)
from hounsfield.elements.scanning import at_hand
from hounsfield.elements.sequence import Sequence
from hounsfield.elements.uids import uid_entry
from hounsfield.elements.values import NUMBERS
from hounsfield.errors import DicomError

if TYPE_CHECKING:
    from hounsfield.elements.dataset import Dataset
    from hounsfield.elements.element import Element

__all__ = ["cut_lines", "dataset_lines", "element_line", "element_lines", "head", "printable", "shown_value"]

COLUMN = 40
"""Characters that values are padded to."""

WIDEST = 70
"""Characters of a value that are shown."""

EMPTY = "(no value available)"

DELIMITERS = {
    **dict.fromkeys(("LO", "SH", "UC"), VALUE_DELIMITERS),
    **dict.fromkeys(("LT", "ST", "UT"), LINE_DELIMITERS),
    "PN": NAME_DELIMITERS,
}
"""Where sets chosen by an escape sequence end, in the VRs that Specific Character Set applies to."""

ONE_TEXT = frozenset({"LT", "ST", "UR", "UT"})
"""The VRs in which a backslash parts nothing."""

DECIMALS = {**NUMBERS, "OF": "f", "OD": "d"}
WORDS = {"OB": "B", "UN": "B", "OW": "H", "OL": "I", "OV": "Q"}
"""Codes of the `struct` module for what is shown in decimal and in hexadecimal digits."""

SIZES = {"AT": 4} | {vr: struct.calcsize(f"={code}") for vr, code in (DECIMALS | WORDS).items()}
"""Bytes of one value."""

UNSAFE = re.compile("[\0-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")


def printable(text: str) -> str:
    r"""Make text safe to print in one line: control characters and the like become visible.

    The C0 controls become their pictures (a line feed is U+240A, an escape U+241B), all others, and what
    changes the direction of writing, their number: "<U+202E>".
    """
    return text if text.isascii() and text.isprintable() else UNSAFE.sub(_visible, text)


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"


def element_line(element: Element) -> str:
    """Give one line: tag, VR, value, length in bytes, number of values, keyword.

    A value longer than 70 characters is cut, and ends in "..." then. Of a sequence and of encapsulated pixel
    data the line tells the number of items. What cannot be read is said in the value's place.
    """
    return _line_and_error(element)[0]


def _line_and_error(element: Element) -> tuple[str, DicomError | None]:
    problem = None
    try:
        value, count = shown_value(element)
    except DicomError as error:
        problem = error
        value, count = f"(cannot be read: {printable(error.message)})", 0
    length = None if element.is_undefined_length else element.length
    return _line(element._tag, element.VR, value, length, count, _name(element)), problem


def dataset_lines(ds: Dataset, *, problem: Callable[[str], None] = ignore) -> Iterator[str]:
    """Give the lines of all elements and of the items of sequences, two blanks deeper at each level.

    Each line is made when it is asked for, and no item is kept.

    Parameters
    ----------
    ds : Dataset
    problem : callable
        Is told, in a sentence, of each element whose value or items cannot be read.
    """
    return _dataset_lines(ds, "", problem)


def cut_lines(ds: Dataset, most: int = 1000) -> Iterator[str]:
    """Give the first `most` lines of `dataset_lines`, and a last one that says so if there are more."""
    lines = dataset_lines(ds)
    yield from islice(lines, most)
    if next(lines, None) is not None:
        yield f"... (cut here, after {most} lines)"


def element_lines(element: Element, *, problem: Callable[[str], None] = ignore) -> Iterator[str]:
    """Give the lines of one element, as `dataset_lines` does."""
    return _element_lines(element, "", problem)


def _dataset_lines(ds: Dataset, indent: str, problem: Callable[[str], None]) -> Iterator[str]:
    for element in ds:
        yield from _element_lines(element, indent, problem)


def _element_lines(element: Element, indent: str, problem: Callable[[str], None]) -> Iterator[str]:
    line, error = _line_and_error(element)
    yield indent + line
    if error is not None:
        problem(str(error))
        return
    try:
        if element.VR == "SQ":
            yield from _item_lines(element, indent, problem)
        elif element.is_undefined_length:
            yield from _fragment_lines(element, indent)
    except DicomError as broken_inside:
        problem(str(broken_inside))


def _item_lines(element: Element, indent: str, problem: Callable[[str], None]) -> Iterator[str]:
    sequence: Sequence = element.value
    for item, length in sequence.each():
        value = f"(Item with {_length_is(length is None)} length #={len(item)})"
        yield f"{indent}  {_line(0xFFFEE000, 'na', value, length, 1, 'Item')}"
        yield from _dataset_lines(item, indent + "    ", problem)
        value = "(ItemDelimitationItem)" if length is None else "(ItemDelimitationItem for re-encoding)"
        yield f"{indent}  {_line(0xFFFEE00D, 'na', value, 0, 0, 'ItemDelimitationItem')}"
    value = "(SequenceDelimitationItem)"
    if not element.is_undefined_length:
        value = "(SequenceDelimitationItem for re-encod.)"
    yield indent + _line(0xFFFEE0DD, "na", value, 0, 0, "SequenceDelimitationItem")


def _fragment_lines(element: Element, indent: str) -> Iterator[str]:
    found = element._dataset._fragments(element.offset)
    for offset, length in zip(found.offsets.tolist(), found.lengths.tolist(), strict=True):
        value = EMPTY
        if length:
            raw = bytes(element._dataset._source.read(offset, min(length, WIDEST)))
            value = _joined((f"{byte:02x}" for byte in raw), length)
        yield f"{indent}  {_line(0xFFFEE000, 'pi', value, length, 1, 'Item')}"
    value = "(SequenceDelimitationItem)"
    yield indent + _line(0xFFFEE0DD, "na", value, 0, 0, "SequenceDelimitationItem")


def shown_value(element: Element) -> tuple[str, int]:
    """Give what to show of the value, and the number of values."""
    vr, length = element.VR, element._row[3]
    if vr == "SQ":
        sequence: Sequence = element.value
        return f"(Sequence with {_length_is(element.is_undefined_length)} length #={len(sequence)})", 1
    if element.is_undefined_length:
        return f"(PixelSequence #={len(element._dataset._fragments(element.offset).offsets)})", 1
    if length == 0:
        return EMPTY, 0
    if vr in SIZES:
        return _binary(element, vr if length % SIZES[vr] == 0 else "UN")
    raw = head(element, length)
    if vr in DELIMITERS:
        text = decode_text(raw, element._dataset._context().encodings, DELIMITERS[vr])
    else:
        text = raw.decode("latin_1")
    text = text.rstrip(" \0")
    if not text:
        return EMPTY, 0
    if vr == "UI" and (known := uid_entry(text)) and known.keyword:
        return f"={known.keyword}", 1
    count = 1 if vr in ONE_TEXT else text.count("\\") + 1
    text = f"[{printable(text)}]"
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 4]}...", count


def _binary(element: Element, vr: str) -> tuple[str, int]:
    length, size = element._row[3], SIZES[vr]
    count = length // size
    few = min(count, WIDEST)
    raw = head(element, few * size)
    order = element._dataset._byteorder
    shown: Iterator[str]
    if vr == "AT":
        shown = (f"({group:04x},{number:04x})" for group, number in struct.iter_unpack(f"{order}HH", raw))
    elif vr in WORDS:
        shown = (f"{word:0{2 * size}x}" for word in struct.unpack(f"{order}{few}{WORDS[vr]}", raw))
    else:
        # Their str has the fewest digits that mean the same, be they float32 or float64.
        numbers = np.frombuffer(raw, f"{order}{DECIMALS[vr]}")
        shown = (str(number).removesuffix(".0") for number in numbers)
    return _joined(shown, count), 1 if vr.startswith(("O", "UN")) else count


def head(element: Element, count: int) -> bytes:
    """Give the first bytes of a value, without reading the rest of it."""
    base, data, _ = element._segment
    start = element._row[2]
    if start + count <= at_hand(data):
        return bytes(data[start : start + count])
    return bytes(element._dataset._source.read(base + start, count))


def _joined(parts: Iterator[str], count: int) -> str:
    """Part values by backslashes, and cut between two of them what gets too long."""
    shown: list[str] = []
    width = -1
    for part in parts:
        width += len(part) + 1
        if width > WIDEST:
            break
        shown.append(part)
    while len(shown) < count and len("\\".join(shown)) > WIDEST - 3:
        shown.pop()
    return "\\".join(shown) + ("..." if len(shown) < count else "")


def _length_is(undefined: bool) -> str:
    return "undefined" if undefined else "explicit"


def _name(element: Element) -> str:
    return element.keyword or element.name or "Unknown Tag & Data"


def _line(tag: int, vr: str, value: str, length: int | None, count: int, name: str) -> str:
    head = f"({tag >> 16:04x},{tag & 0xFFFF:04x}) {printable(vr)}"
    return f"{head} {value:<{COLUMN}} # {'u/l' if length is None else length:>3},{count:2} {name}"
