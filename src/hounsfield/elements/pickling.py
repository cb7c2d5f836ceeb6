"""Pickling data sets: their headers, and where the rest is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hounsfield._kernels.scan import Table
from hounsfield.elements.scanning import Segment, at_hand

if TYPE_CHECKING:
    from hounsfield.elements.dataset import Dataset, Options
    from hounsfield.sources import Source

__all__ = ["reduced"]

Kept = tuple[int, bytes | int, Table]


def reduced(dataset: Dataset, notes: dict[str, int | None] | None) -> tuple[Any, ...]:
    """Give what ``__reduce__`` should, with a copy of the notes."""
    tail = dataset._tail  # before what it becomes in another thread
    segment = _kept((dataset._base, dataset._data, dataset._table))
    more = [_kept(each) for each in dataset._more] if dataset._more else None
    meta = dataset._meta and (bytes(dataset._meta[0][: dataset._meta[2]]), *dataset._meta[1:])
    state = (dataset._encoding, dataset._parent, more, tail, dataset._syntax, meta)
    about = (type(dataset), dataset._options, notes, dataset._examined)
    return _restored, (*about, dataset._source, segment, *state)


def _kept(segment: Segment) -> Kept:
    """What of a segment is to be pickled: a view of the source's buffer will be taken anew."""
    base, data, table = segment
    return base, data if isinstance(data, bytes) else at_hand(data), table


def _restored(
    kind: type[Dataset],
    options: Options,
    notes: dict[str, int | None] | None,
    examined: bool,
    source: Source,
    segment: Kept,
    encoding: Any,
    parent: Dataset | None,
    more: list[Kept] | None,
    *state: Any,
) -> Dataset:
    def whole(base: int, data: bytes | int, table: Table) -> Segment:
        return base, source.read(base, data) if isinstance(data, int) else data, table

    segments = [whole(*each) for each in more] if more else None
    ds = kind(source, whole(*segment), encoding, parent, segments, *state)
    ds._options, ds._notes, ds._examined = options, notes, examined
    return ds
