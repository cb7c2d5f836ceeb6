"""The items of a sequence (PS3.5 Section 7.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, overload

from hounsfield.elements.scanning import (
    FLAG_UNDEFINED,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_HEADER,
    Row,
    ScanEnd,
    Segment,
    at_hand,
    scan_part,
)
from hounsfield.errors import LimitError

if TYPE_CHECKING:
    from hounsfield.elements.dataset import Dataset

__all__ = ["MAX_DEPTH", "Sequence"]

MAX_DEPTH = 64


class Sequence:
    """The items of a sequence, each a `Dataset`, found when first asked for (PS3.5 Section 7.5)."""

    __slots__ = ("_dataset", "_encoding", "_found", "_items", "_row", "_segment")

    def __init__(self, dataset: Dataset, row: Row, segment: Segment) -> None:
        depth, around = 1, dataset._parent
        while around is not None:
            depth, around = depth + 1, around._parent
        if depth > MAX_DEPTH:
            raise LimitError(
                f"sequences are nested more than {MAX_DEPTH} deep: the element's `bytes` hold the rest",
                file=dataset._source.name,
                tag=row[0],
                offset=segment[0] + row[2],
            )
        self._dataset = dataset
        self._row = row
        self._segment = segment
        # Whoever wrote a sequence as UN copied it from implicit VR little endian (PS3.5 Section 6.2.2 note
        # 2).
        self._encoding = IMPLICIT_LITTLE if row[1] == "UN" else dataset._encoding
        self._found: Segment | None = None
        self._items: list[Dataset | None] = []

    def _entries(self) -> Segment:
        """Where the items are: a table with a row for each, and the bytes that its offsets count in."""
        if self._found is None:
            dataset, (tag, _, offset, length, _, _) = self._dataset, self._row
            base, data, _ = self._segment
            if offset + length > at_hand(data):
                base, data, offset = base + offset, dataset._source.read(base + offset, length), 0
            table = scan_part(
                dataset._source, base, data, offset, offset + length, self._encoding, items=True
            )
            if table.status == "truncated":
                dataset._note_element(tag, f"the sequence is cut short at byte {base + table.end}")
            table.keep((ITEM,))
            self._items = [None] * len(table)
            self._found = base, data, table
        return self._found

    def __len__(self) -> int:
        return len(self._entries()[2])

    @overload
    def __getitem__(self, index: int) -> Dataset: ...

    @overload
    def __getitem__(self, index: slice) -> list[Dataset]: ...

    def __getitem__(self, index: int | slice) -> Dataset | list[Dataset]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        base, data, table = self._found or self._entries()
        items = self._items
        try:
            item = items[index]
        except IndexError:
            raise IndexError(f"item {index} of a sequence of {len(items)}") from None
        if item is None:
            item = items[index] = self._item(table[index], base, data)
        return item

    def _item(self, row: Row, base: int, data: bytes | memoryview) -> Dataset:
        parent = self._dataset
        start, stop = row[2], row[2] + row[3]
        if stop > at_hand(data):
            base, data, start, stop = base + start, parent._source.read(base + start, row[3]), 0, row[3]
        table = scan_part(parent._source, base, data, start, stop, self._encoding, fragments=True)
        item = type(parent)(parent._source, (base, data, table), self._encoding, parent=parent)
        if table.status != "complete":
            item._note_end(ScanEnd(table.status, base + table.end))
        if item._options.strict:
            item._be_strict()
        return item

    def _let_go(self) -> None:
        base, _, table = self._segment
        self._segment = base, b"", table
        if self._found is not None:
            base, _, table = self._found
            self._found = base, b"", table
        for item in self._items:
            if item is not None:
                item._let_go()

    def _examine(self) -> None:
        """Have the items that somebody has asked for look whether their elements stand as they should."""
        for item in self._items:
            if item is not None:
                item._examine()

    def __iter__(self) -> Iterator[Dataset]:
        for index in range(len(self)):
            yield self[index]

    def each(self) -> Iterator[tuple[Dataset, int | None]]:
        """Give each item, with its length in bytes as its header has it, or None where that is undefined.

        Unlike iteration, this keeps no item: a sequence may have very many.
        """
        base, data, table = self._entries()
        for row in table:
            yield self._item(row, base, data), None if row[5] & FLAG_UNDEFINED else row[3]

    def offsets(self) -> list[int]:
        """Where each item begins in the source, in bytes: of its tag, as a DICOMDIR counts them."""
        base, _, table = self._entries()
        return [base + row[2] - ITEM_HEADER for row in table]

    def __bool__(self) -> bool:
        return len(self) > 0

    def __eq__(self, other: object) -> bool:
        """Whether the other, a sequence or a list, has equal items."""
        if not isinstance(other, Sequence | list):
            return NotImplemented
        return len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return self._dataset._load, (self._row[0],)

    def __repr__(self) -> str:
        count = len(self)
        return f"<Sequence, {count} item{'s' if count != 1 else ''}>"
