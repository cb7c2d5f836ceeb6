"""From the plan to shards, the manifest and the report."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hounsfield._kernels.resize import resize
from hounsfield.display import render
from hounsfield.display.resizing import fit
from hounsfield.preprocess import files, shards
from hounsfield.preprocess.images import ERROR, OK, PASSED_OVER, Image, decode
from hounsfield.preprocess.plan import PLAN, SOURCES, Plan, Source, shards_of
from hounsfield.preprocess.report import REPORTS, write_report
from hounsfield.preprocess.workers import work

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["MANIFEST", "Failure", "Summary", "clear", "preprocess"]

MANIFEST, PARTS = "manifest.parquet", "parts"

MOST_PICTURES, PICTURE = 48, 112
"""On the contact sheet, and their longer side in pixels."""

AT_ONCE = 16
"""Sources that are decoded between two looks at who listens, at least."""

ROW_GROUP = 100_000


class Failure(NamedTuple):
    """A source that could not be decoded."""

    path: str
    reason: str


class Progress(NamedTuple):
    """Some sources are done."""

    files: int
    bytes: int
    failures: list[Failure]
    is_old: bool = False  # of a former run


@dataclass
class Summary:
    """What became of all of it.

    The seconds are those of this run, of `done_now` files with `bytes_now` bytes; all else is of the whole
    work, in however many runs it was done.
    """

    files: int = 0
    images: int = 0
    filled: int = 0
    bytes_read: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    shards: int = 0
    seconds: float = 0.0
    done_now: int = 0
    bytes_now: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "files": self.files,
            "images": self.images,
            "filled": self.filled,
            "shards": self.shards,
            "bytes_read": self.bytes_read,
            "passed_over": dict(self.passed_over.most_common()),
            "failed": self.failures.total(),
            "failures": dict(self.failures.most_common()),
            "this_run": {
                "files": self.done_now,
                "bytes": self.bytes_now,
                "seconds": round(self.seconds, 3),
                "files_per_second": round(self.done_now / self.seconds, 1) if self.seconds else None,
                "megabytes_per_second": round(self.bytes_now / self.seconds / 1e6, 1)
                if self.seconds
                else None,
            },
        }


def preprocess(
    plan: Plan,
    folder: Path,
    *,
    workers: int = 1,
    threads: int = 1,
    progress: Callable[[Progress], object] = lambda _: None,
) -> Summary:
    """Do what of a plan is not done yet.

    Each shard stands under its name when it is whole and on the disk; then a file in `parts` says what is in
    it. When all are done, these become the manifest: one row for each source, in order.

    Parameters
    ----------
    plan : Plan
    folder : Path
        That of the plan.
    workers : int
        Processes.
    threads : int
        In each of them.
    progress : callable
        Is told of files that are done, again and again. What it raises ends the work.

    Raises
    ------
    OSError
        Something cannot be written.
    WorkerError
        A process has died.
    """
    start = time.perf_counter()
    done_now = bytes_now = 0
    _clean(folder)
    if not (folder / MANIFEST).exists():
        (folder / PARTS).mkdir(exist_ok=True)
        shards.prepare(plan, folder)
        do = partial(_shard, plan, folder, threads)
        with closing(work(do, _left(plan, folder, progress), min(workers, max(plan.shards, 1)))) as told:
            for each in told:
                done_now += each.files
                bytes_now += each.bytes
                progress(each)
        _write_manifest(plan, folder)
    summary = _counted(plan, folder)
    summary.done_now, summary.bytes_now = done_now, bytes_now
    summary.seconds = time.perf_counter() - start
    if not all((folder / name).exists() for name in REPORTS):
        write_report(folder, plan, summary.as_dict(), _pictures(plan, folder))
    shutil.rmtree(folder / PARTS, ignore_errors=True)
    return summary


def clear(folder: Path) -> None:
    """Remove what is of former work, so that it can be planned anew."""
    # The plan comes first: without it nothing here is taken for work to go on with.
    for name in (PLAN, SOURCES, MANIFEST, *REPORTS):
        (folder / name).unlink(missing_ok=True)
    for name in (PARTS, shards.SHARDS):
        shutil.rmtree(folder / name, ignore_errors=True)


def _clean(folder: Path) -> None:
    """Remove what an interrupted run has left unfinished."""
    for below in (folder, folder / PARTS, folder / shards.SHARDS):
        for path in below.glob(f"*{files.PARTIAL}"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _part(folder: Path, number: int) -> Path:
    return folder / PARTS / f"{number:05d}.json"


def _left(
    plan: Plan, folder: Path, progress: Callable[[Progress], object]
) -> Iterator[tuple[int, list[Source]]]:
    """Give the shards that are not done yet, and tell of those that are."""
    for number, sources in enumerate(shards_of(plan, folder)):
        if _part(folder, number).exists():
            progress(Progress(len(sources), _bytes(sources), [], is_old=True))
        else:
            yield number, sources


def _bytes(sources: Iterable[Source]) -> int:
    return sum(max(source.size, 0) for source in sources)


def _shard(plan: Plan, folder: Path, threads: int, part: tuple[int, list[Source]]) -> Iterator[Progress]:
    """Do one shard."""
    number, sources = part
    start = number * plan.shard_size
    every = -(-plan.sources // MOST_PICTURES)
    decoding = plan.options.checked()
    shape = plan.shape if plan.is_array else None
    at_once = max(AT_ONCE, 4 * threads)
    rows: list[list[Any]] = []
    pictures: list[tuple[str, str]] = []
    writer = shards.writer(plan, folder, number, len(sources))
    try:
        with ThreadPoolExecutor(threads) as pool:
            for first in range(0, len(sources), at_once):
                some = sources[first : first + at_once]
                failures = []
                images = pool.map(lambda source: decode(source, decoding, shape), some)
                for position, (source, image) in enumerate(zip(some, images, strict=True), start + first):
                    rows.append(_row(plan, writer, position, source, image))
                    if image.status == ERROR:
                        failures.append(Failure(source.path, str(image.reason)))
                    if image.samples is not None and position % every == 0:
                        pictures.append((source.path, _picture(image.samples)))
                yield Progress(len(some), _bytes(some), failures)
        writer.finish()
    except BaseException:
        writer.abandon()
        raise
    with files.write_whole(_part(folder, number)) as file:
        file.write(json.dumps({"rows": rows, "pictures": pictures}).encode())


COLUMNS = {
    "index": "int64",
    "path": "string",
    "size": "int64",
    "status": "string",
    "reason": "string",
    "shard": "string",
    "row": "int64",
    "name": "string",
    "frame": "int32",
    "rows": "int32",
    "columns": "int32",
    "window_center": "float64",
    "window_width": "float64",
}
"""Of the manifest: what a source is, what became of it, where its image is, and what it was made from."""


def _row(plan: Plan, writer: shards.Writer, position: int, source: Source, image: Image) -> list[Any]:
    """Write an image, if there is one, and give the row of the manifest."""
    # A path need not be text: what is none is written as Python's escapes.
    path = source.path.encode("utf-8", "backslashreplace").decode()
    size = source.size if source.size >= 0 else None
    rows, columns = image.size or (None, None)
    center, width = image.window or (None, None)
    what = [position, path, size, image.status, image.reason]
    made_from = [plan.options.frame, rows, columns, center, width]
    samples = image.samples
    if image.status == ERROR and plan.fills:
        assert plan.shape is not None
        samples = np.full(plan.shape, plan.options.fill, plan.options.dtype)
    if samples is None:
        return [*what, None, None, None, *made_from]
    known = ("index", "path", "frame", "rows", "columns", "window_center", "window_width")
    meta = dict(zip(known, (position, path, *made_from), strict=True))
    return [*what, *writer.add(position, samples, meta), *made_from]


def _picture(samples: npt.NDArray[Any]) -> str:
    """Give a small picture as base64: of 8 bits as it is, else from the least value to the greatest."""
    import imagecodecs

    rows, columns = samples.shape[:2]
    length = max(rows, columns)
    target = fit(rows, columns, (min(PICTURE, length), min(PICTURE, length))).target
    small = np.empty((target.rows, target.columns, *samples.shape[2:]), np.float32)
    kind = samples.dtype.str[1:]
    resize(samples if kind in ("u1", "i1", "u2", "i2", "u4", "i4") else samples.astype(np.float32), small)
    levels = np.rint(small).astype(np.uint8) if kind == "u1" else render(small)
    return base64.b64encode(imagecodecs.png_encode(levels, level=6)).decode()


def _parts(plan: Plan, folder: Path) -> Iterator[dict[str, Any]]:
    for number in range(plan.shards):
        yield json.loads(_part(folder, number).read_bytes())


def _pictures(plan: Plan, folder: Path) -> list[tuple[str, str]]:
    return [tuple(picture) for part in _parts(plan, folder) for picture in part["pictures"]]


def _write_manifest(plan: Plan, folder: Path) -> None:
    pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    rows = (row for part in _parts(plan, folder) for row in part["rows"])
    with (
        files.write_whole(folder / MANIFEST) as file,
        parquet.ParquetWriter(file, schema, compression="zstd") as table,
    ):
        while group := list(islice(rows, ROW_GROUP)):
            columns = zip(*group, strict=True)
            arrays = [pyarrow.array(column, each.type) for column, each in zip(columns, schema, strict=True)]
            table.write_table(pyarrow.table(arrays, schema=schema), row_group_size=ROW_GROUP)


def _counted(plan: Plan, folder: Path) -> Summary:
    """Count what the manifest has."""
    summary = Summary(files=plan.sources, bytes_read=plan.bytes, shards=plan.shards)
    with import_module("pyarrow.parquet").ParquetFile(folder / MANIFEST) as table:
        for batch in table.iter_batches(columns=["status", "reason"]):
            for status, reason in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                summary.images += status == OK
                summary.filled += status == ERROR and plan.fills
                if status == ERROR:
                    summary.failures[reason] += 1
                elif status == PASSED_OVER:
                    summary.passed_over[reason] += 1
    return summary
