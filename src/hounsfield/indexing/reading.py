"""From files to rows: heads by the kernel, many at a time, and what is unusual one by one."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield._kernels.gather import UNUSUAL, gather
from hounsfield._kernels.scan import HAS_FILES
from hounsfield.elements.dictionary import CHARACTER_SET
from hounsfield.errors import DicomError, NotDicomError, OptionError
from hounsfield.facade import read
from hounsfield.indexing.columns import STANDARD, Column, MisfitError, arrow, columns_of, value_of
from hounsfield.indexing.places import Other, Place, Unlisted, find, microseconds, shown, unsearched
from hounsfield.processors import ahead, thread_count

if TYPE_CHECKING:
    from hounsfield.elements.dataset import Key
    from hounsfield.facade import Dataset
    from hounsfield.indexing.columns import Wanted

__all__ = [
    "BROKEN",
    "NOT_DICOM",
    "OK",
    "UNREADABLE",
    "Plan",
    "batches",
    "batches_of",
]

OK, NOT_DICOM, BROKEN, UNREADABLE = "ok", "not DICOM", "broken", "unreadable"
"""What `status` says of a file."""

CHUNK = 512
"""Files in a batch: what is done for each column, and not for each file, takes a microsecond or two."""

HELD = 1 << 24
"""Bytes of members of archives in a batch: those of compressed ones are in memory."""


class Plan:
    """What is read of each file, and what becomes of it.

    Attributes
    ----------
    tags : list of str
        The names of the columns that were asked for.
    columns : tuple of Column
    schema : pyarrow.Schema
    """

    def __init__(self, tags: Iterable[Wanted] = ()) -> None:
        pa = arrow()
        self.columns = columns_of(tags)
        self.tags = [column.name for column in self.columns[len(STANDARD) :]]
        order = range(len(self.columns))
        self._here = sorted(
            (number for number in order if self.columns[number].kernel_vr is not None),
            key=lambda number: self.columns[number].tag,
        )
        self._elsewhere = [number for number in order if self.columns[number].kernel_vr is None]
        self._wanted = [
            (each.tag, each.kernel_vr or "", each.several)
            for each in (self.columns[number] for number in self._here)
        ]
        self._stop_tag = max(self.columns[number].last_tag for number in self._here) + 1
        self._types = [column.type for column in self.columns]
        fields = [
            ("path", pa.string()),
            ("size", pa.int64()),
            ("mtime", pa.timestamp("us", "UTC")),
            ("status", pa.string()),
            ("reason", pa.string()),
            ("notes", pa.string()),
            ("TransferSyntaxUID", pa.string()),
        ]
        names = {name for name, _ in fields}
        if taken := [column.name for column in self.columns if column.name in names]:
            raise OptionError(f"{taken[0]} is a column of every index")
        fields += [(column.name, kind) for column, kind in zip(self.columns, self._types, strict=True)]
        self.schema = pa.schema(fields, metadata={b"hounsfield": json.dumps({"tags": self.tags}).encode()})

    def read(self, places: list[Place], apart: bool = False) -> tuple[Any, list[tuple[int, str]]]:
        """Read some files: a pyarrow.RecordBatch of a row each, and the rows of folders with their paths.

        `apart` says that other threads do so, too.
        """
        batch = _Batch(self, places, apart)
        return batch.made(), batch.folders


class _Batch:
    """Rows in the making."""

    def __init__(self, plan: Plan, places: list[Place], apart: bool) -> None:
        self.plan = plan
        self.apart = apart
        self.paths = [place if isinstance(place, str) else place.name for place in places]
        self.unlisted = {row: place.reason for row, place in enumerate(places) if type(place) is Unlisted}
        self.origins = {row: place.origin for row, place in enumerate(places) if type(place) is Other}
        self.statuses: dict[int, str] = {}
        self.reasons: dict[int, str] = {}
        self.notes: dict[int, str] = {}
        self.syntaxes: dict[int, str | None] = {}
        self.folders: list[tuple[int, str]] = []
        self.others: dict[int, dict[int, Any]] = {}
        """Values that the kernel left, by column and row."""

    def made(self) -> Any:
        pa, plan, count = arrow(), self.plan, len(self.paths)
        names, paths = self._names()
        fates, sizes, times, left, gathered = gather(names, plan._wanted, plan._stop_tag, self.apart)
        if left or plan._elsewhere or any(fates):
            self._read_others(fates, left)
        unknown = dict.fromkeys(np.flatnonzero(np.frombuffer(sizes, np.int64) < 0).tolist())
        others = [(row, origin.size, microseconds(origin)) for row, origin in self.origins.items()]
        arrays = [
            pa.array(paths, pa.string()),
            _replaced(_numbers(pa.int64(), count, sizes), unknown | {row: size for row, size, _ in others}),
            _replaced(
                _numbers(pa.timestamp("us", "UTC"), count, times),
                unknown | {row: time for row, _, time in others},
            ),
            _replaced(pa.array([OK] * count, pa.string()), self.statuses),
            _replaced(pa.nulls(count, pa.string()), self.reasons),
            _replaced(pa.nulls(count, pa.string()), self.notes),
            _replaced(_array(pa.string(), False, count, gathered[0]), self.syntaxes),
        ]
        columns: list[Any] = [None] * len(plan.columns)
        for number, buffers in zip(plan._here, gathered[1:], strict=True):
            columns[number] = _array(plan._types[number], plan.columns[number].several, count, buffers)
        for number in plan._elsewhere:
            columns[number] = pa.nulls(count, plan._types[number])
        for number, values in self.others.items():
            columns[number] = _replaced(columns[number], values)
        return pa.RecordBatch.from_arrays(arrays + columns, schema=plan.schema)

    def _names(self) -> tuple[list[str | None], list[str]]:
        """The paths that the kernel can open, None for others; and all as the table has them."""
        every = "".join(self.paths)
        if HAS_FILES and not self.unlisted and not self.origins and every.isascii():
            return list(self.paths), self.paths
        names = [
            None if not HAS_FILES or row in self.unlisted or row in self.origins else path
            for row, path in enumerate(self.paths)
        ]
        return names, [shown(path) for path in self.paths]

    def _read_others(self, fates: list[int], left: list[tuple[int, int]]) -> None:
        """Read what the kernel did not."""
        by_row: dict[int, list[int]] = {}
        for row, number in left:
            by_row.setdefault(row, []).append(self.plan._here[number])
        for row, fate in enumerate(fates):
            if row in self.unlisted:
                self._fail(row, UNREADABLE, self.unlisted[row])
            elif fate == UNUSUAL:
                self._read_row(row, None)
            elif fate:
                self._fail(row, UNREADABLE, os.strerror(fate))
                if fate == errno.EISDIR:
                    self.folders.append((row, self.paths[row]))
            elif row in by_row or self.plan._elsewhere:
                self._read_row(row, by_row.get(row, []) + self.plan._elsewhere)

    def _read_row(self, row: int, some: list[int] | None) -> None:
        """Read up to the highest tag of some columns, or all of a header that may be out of order."""
        numbers = list(range(len(self.plan.columns))) if some is None else some
        columns = [self.plan.columns[number] for number in numbers]
        try:
            origin = self.origins.get(row)
            tags = None if some is None else _tags(columns)
            with read(self.paths[row] if origin is None else origin.open(), tags=tags) as ds:
                self.syntaxes[row] = ds.transfer_syntax or None
                values, notes = _values(ds, columns)
        except Exception as error:
            # Whatever is wrong with one file must not cost the others.
            self._fail(row, *_verdict(error))
            return
        for number, value in zip(numbers, values, strict=True):
            self.others.setdefault(number, {})[row] = value
        if notes:
            self.notes[row] = "; ".join(notes)

    def _fail(self, row: int, status: str, reason: str) -> None:
        self.statuses[row], self.reasons[row] = status, reason


def _tags(columns: list[Column]) -> list[Key] | None:
    """What has to be read for some columns: anything, where the tag depends on what else is there."""
    keys: list[Key] = [column.key for column in columns if not isinstance(column.key, tuple)]
    return keys if len(keys) == len(columns) else None


def _values(ds: Dataset, columns: list[Column]) -> tuple[list[Any], list[str]]:
    """The values of some columns, and what is to be told of them, in the order of the tags."""
    values = []
    misfits: list[tuple[int, str]] = []
    for column in columns:
        value = None
        try:
            value = value_of(ds, column)
        except MisfitError as error:
            misfits.append((column.tag, f"{column.name}: {error}"))
        except DicomError as error:
            misfits.append((column.tag, f"{column.name}: {error.message}"))
        values.append(value)
    notes = [(tag or 0, message) for message, tag in (ds._notes or {}).items() if tag != CHARACTER_SET]
    told = {tag for tag, _ in notes}
    notes += [(tag, message) for tag, message in misfits if tag not in told]
    return values, [message for _, message in sorted(notes, key=lambda note: note[0])]


def _verdict(error: Exception) -> tuple[str, str]:
    """Status and reason of a file that could not be read."""
    if isinstance(error, NotDicomError):
        return NOT_DICOM, error.message
    message = (
        error.message if isinstance(error, DicomError) else getattr(error, "strerror", None) or str(error)
    )
    if isinstance(error, OSError | OptionError | UnicodeError):
        return UNREADABLE, message
    return BROKEN, f"{type(error).__name__}: {message}"


def _numbers(kind: Any, rows: int, data: bytes) -> Any:
    pa = arrow()
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(data)])


def _array(kind: Any, several: bool, rows: int, buffers: Any) -> Any:
    """Make an Arrow array of what the kernel gathered, without a copy."""
    pa = arrow()
    if buffers is None:
        return pa.nulls(rows, kind)
    nulls, present, *parts = buffers
    mask = present and pa.py_buffer(present)
    places, item_places, data = map(pa.py_buffer, parts)
    if not several:
        layout = [mask, places, data] if kind == pa.string() else [mask, data]
        return pa.Array.from_buffers(kind, rows, layout, nulls)
    if kind.value_type == pa.string():
        items = pa.Array.from_buffers(kind.value_type, item_places.size // 4 - 1, [None, item_places, data])
    else:
        count = data.size * 8 // kind.value_type.bit_width
        items = pa.Array.from_buffers(kind.value_type, count, [None, data])
    return pa.Array.from_buffers(kind, rows, [mask, places], nulls, children=[items])


def _replaced(array: Any, values: Mapping[int, Any]) -> Any:
    """The array with other values in some rows."""
    if not values:
        return array
    rows = array.to_pylist()
    for row, value in values.items():
        rows[row] = value
    return arrow().array(rows, array.type)


def batches(plan: Plan, places: Iterable[Place], threads: int | None = None) -> Iterator[Any]:
    """Read files, and give their rows as a pyarrow.RecordBatch for each few hundred, in order.

    No more places are asked for than are soon read; of what was given, nothing is kept.

    Raises
    ------
    OptionError
        `threads` is not positive.
    """
    return (batch for batch, _ in _batches(plan, places, threads))


def batches_of(plan: Plan, sources: Any, *, below: bool = True, threads: int | None = None) -> Iterator[Any]:
    """Give the same of sources as they are given: paths show to be those of folders when they are opened."""
    if not HAS_FILES or isinstance(sources, str | os.PathLike):
        yield from batches(plan, find(sources, below=below), threads)
        return
    for batch, folders in _batches(plan, unsearched(sources), threads):
        start = 0
        for row, path in folders:
            if row > start:
                yield batch.slice(start, row - start)
            yield from batches(plan, find(path, below=below), threads)
            start = row + 1
        if start < batch.num_rows:
            yield batch.slice(start)


def _chunks(places: Iterable[Place]) -> Iterator[list[Place]]:
    chunk, held = [], 0
    for place in places:
        chunk.append(place)
        if isinstance(place, Other):
            held += place.origin.size or 0
        if len(chunk) == CHUNK or held > HELD:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _batches(
    plan: Plan, places: Iterable[Place], threads: int | None
) -> Iterator[tuple[Any, list[tuple[int, str]]]]:
    threads = thread_count(threads)
    chunks = _chunks(places)
    if threads == 1:
        yield from map(plan.read, chunks)
        return
    # So many that nobody waits for the next to be handed in.
    yield from ahead(plan.read, ((chunk, True) for chunk in chunks), threads, 2 * threads)
