"""From the plan to shards, the manifest and the report."""

from __future__ import annotations

import errno
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from hounsfield.indexing.columns import arrow, parquet
from hounsfield.indexing.storage import legible
from hounsfield.locks import locked
from hounsfield.preprocess import files, shards
from hounsfield.preprocess.images import ERROR, OK, PASSED_OVER
from hounsfield.preprocess.making import COLUMNS, PARTS, Maker, Progress, bytes_of, read_part
from hounsfield.preprocess.plan import PLAN, SOURCES, Plan, same_work, shards_of
from hounsfield.preprocess.report import REPORTS, write_report
from hounsfield.preprocess.sources import Source
from hounsfield.preprocess.workers import work

__all__ = ["MANIFEST", "Summary", "clear", "preprocess"]

MANIFEST = "manifest.parquet"

ROW_GROUP = 100_000


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
    it. When all are done, these become the manifest: one row for each source, in order. A shard that was
    removed or cut before that is made again, as is one whose file in `parts` was changed.

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
    OptionError
        The plan is not that of the folder, or the manifest is broken.
    OSError
        Something cannot be written, or a shard of finished work is gone. BlockingIOError if another process
        is at work there.
    WorkerError
        A process has died.
    """
    with locked(folder):
        same_work(Plan.from_json((folder / PLAN).read_text(encoding="utf-8", errors="replace")), plan)
        return _do(plan, folder, workers, threads, progress)


def _do(
    plan: Plan, folder: Path, workers: int, threads: int, progress: Callable[[Progress], object]
) -> Summary:
    start = time.perf_counter()
    done_now = bytes_now = 0
    _clean(folder)
    # The parts go last: as long as they are there, nothing but them is sure.
    is_done = (folder / MANIFEST).exists() and not (folder / PARTS).exists()
    if not is_done:
        (folder / PARTS).mkdir(exist_ok=True)
        shards.prepare(plan, folder)
        make = Maker(plan, folder, threads)
        with closing(work(make, _left(plan, folder, progress), min(workers, max(plan.shards, 1)))) as told:
            for each in told:
                done_now += each.files
                bytes_now += each.bytes
                progress(each)
        _write_manifest(plan, folder)
        _clean(folder)  # a worker may have lived for a moment longer than the run it was of, which was killed
    summary = _counted(plan, folder)
    summary.done_now, summary.bytes_now = done_now, bytes_now
    summary.seconds = time.perf_counter() - start
    if not is_done:
        write_report(folder, plan, summary.as_dict(), _pictures(plan, folder))
        done = files.partial(folder / PARTS)
        (folder / PARTS).replace(done)
        shutil.rmtree(done, ignore_errors=True)
    return summary


def clear(folder: Path) -> None:
    """Remove what is of former work, so that it can be planned anew; interrupted, it can be called again.

    Raises
    ------
    OSError
        Something cannot be removed. BlockingIOError if another process is at work there.
    """
    with locked(folder):
        # The plan comes first: without it nothing here is taken for work to go on with. By the sources, which
        # come last, it is known what the rest is of.
        for name in (PLAN, MANIFEST, *REPORTS):
            (folder / name).unlink(missing_ok=True)
        for name in (PARTS, shards.SHARDS):
            with suppress(FileNotFoundError):
                shutil.rmtree(folder / name)
        (folder / SOURCES).unlink(missing_ok=True)


def _clean(folder: Path) -> None:
    """Remove what an interrupted run has left unfinished."""
    for below in (folder, folder / PARTS, folder / shards.SHARDS):
        for path in below.glob(f"*{files.PARTIAL}"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _left(
    plan: Plan, folder: Path, progress: Callable[[Progress], object]
) -> Iterator[tuple[int, list[Source]]]:
    """Give the shards that are not done yet, and tell of those that are."""
    for number, sources in enumerate(shards_of(plan, folder)):
        if read_part(plan, folder, number) is None:
            yield number, sources
        else:
            progress(Progress(len(sources), bytes_of(sources), [], is_old=True))


def _parts(plan: Plan, folder: Path) -> Iterator[dict[str, Any]]:
    for number in range(plan.shards):
        if (part := read_part(plan, folder, number)) is None:
            raise OSError(errno.EIO, "a shard was changed while others were made", str(folder))
        yield part


def _pictures(plan: Plan, folder: Path) -> list[tuple[str, str]]:
    return [tuple(picture) for part in _parts(plan, folder) for picture in part["pictures"]]


def _write_manifest(plan: Plan, folder: Path) -> None:
    pyarrow = arrow()
    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    rows = (row for part in _parts(plan, folder) for row in part["rows"])
    with (
        files.write_whole(folder / MANIFEST) as file,
        parquet().ParquetWriter(file, schema, compression="zstd") as table,
    ):
        while group := list(islice(rows, ROW_GROUP)):
            columns = zip(*group, strict=True)
            arrays = [pyarrow.array(column, each.type) for column, each in zip(columns, schema, strict=True)]
            table.write_table(pyarrow.table(arrays, schema=schema), row_group_size=ROW_GROUP)


def _counted(plan: Plan, folder: Path) -> Summary:
    """Count what the manifest has, whose shards must be there."""
    there: set[str | None] = set()
    summary = Summary(files=plan.sources, bytes_read=plan.bytes, shards=plan.shards)
    with legible(folder / MANIFEST), parquet().ParquetFile(folder / MANIFEST) as table:
        for batch in table.iter_batches(columns=["status", "reason", "shard"]):
            there.update(batch.column(2).to_pylist())
            for status, reason in zip(*(column.to_pylist() for column in batch.columns[:2]), strict=True):
                summary.images += status == OK
                summary.filled += status == ERROR and plan.fills
                if status == ERROR:
                    summary.failures[reason] += 1
                elif status == PASSED_OVER:
                    summary.passed_over[reason] += 1
    for shard in there - {None}:
        (folder / str(shard)).stat()
    return summary
