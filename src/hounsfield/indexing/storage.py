"""An index in a Parquet file, of more files than memory could hold, that goes on where it was interrupted.

While it is made there is a folder beside it, NAME.partial:

    job.json        what is asked for; and how many files are to be read, once they are listed
    paths           these files
    kept.npy        of an update: which rows of the index before stay
    000000.arrow    the rows of the first PART of these files, then of the next, each file whole or not there
    joined.parquet  the index, which takes its place once it is whole
    joined          says that it is, by its digest

Each is written under another name and then renamed, so that it can end at any time and go on from there.
What has changed since it was written is made again: of lists job.json has digests, parts end in their own.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from glob import escape
from hashlib import file_digest, sha256
from itertools import filterfalse, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield.errors import OptionError
from hounsfield.finding import Origin, expand
from hounsfield.indexing.columns import arrow, parquet
from hounsfield.indexing.known import Known
from hounsfield.indexing.places import Other, Place, Unlisted, find
from hounsfield.indexing.reading import BROKEN, UNREADABLE, Plan, batches
from hounsfield.locks import locked
from hounsfield.sources import public_name

if TYPE_CHECKING:
    from hounsfield.indexing.columns import Wanted

__all__ = ["Summary", "legible", "partial_folder", "plan_of", "write_index"]

PART = 1 << 14
"""Files of a part: what an interruption costs at most."""

ROW_GROUP = 1 << 14

DIGEST = 32
"""Bytes of SHA-256."""

DONE = ".done"
"""How the name of a folder ends that is being deleted."""

MARK = "\x01"
"""What a record of the list of files begins with that is no path."""

Progress = Callable[[int, int | None], object]


@dataclass
class Summary:
    """What is in an index, and what was done for it.

    Attributes
    ----------
    files : int
        Rows of the index.
    read : int
        Files that were read for it, by this call.
    statuses : Counter
        How many files are "ok", "not DICOM", "broken" and "unreadable".
    reasons : Counter
        Why, of those that are broken or unreadable.
    """

    files: int = 0
    read: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, table: Any) -> None:
        """Count the rows of a table."""
        self.files += table.num_rows
        self.statuses.update(table["status"].to_pylist())
        for status, why in zip(table["status"].to_pylist(), table["reason"].to_pylist(), strict=True):
            if status in (BROKEN, UNREADABLE):
                self.reasons[why] += 1


def _ignore(done: int, total: int | None) -> None:
    pass


def partial_folder(out: Path) -> Path:
    """Where an index is made before it is whole."""
    return out.with_name(f"{out.name}.partial")


@contextmanager
def legible(path: str | os.PathLike[str]) -> Iterator[None]:
    """Read a Parquet file.

    Raises
    ------
    OptionError
        It is none, or broken.
    OSError
        It cannot be read; with its name.
    """
    try:
        yield
    except (arrow().ArrowException, OSError) as error:
        number = getattr(error, "errno", None)
        if number is not None:
            raise OSError(number, os.strerror(number), os.fspath(path)) from error
        raise OptionError(f"{path} is no Parquet file, or is broken: {error}") from error


def plan_of(schema: Any) -> Plan:
    """Give the plan by which an index with this schema was made.

    Raises
    ------
    OptionError
        It is the schema of something else.
    """
    notes = (schema.metadata or {}).get(b"hounsfield")
    if notes is None:
        raise OptionError("this is no index: its schema has no metadata of hounsfield")
    plan = Plan(json.loads(notes)["tags"])
    if not schema.equals(plan.schema):
        raise OptionError("this index has other columns than it was made with, or is of another version")
    return plan


def write_index(
    sources: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    tags: Iterable[Wanted] = (),
    *,
    update: bool = False,
    below: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Write an index to a Parquet file, or go on with one that was interrupted: see `Index.write`."""
    job = _Job(Path(out), [os.fspath(source) for source in sources], Plan(tags), update, below)
    progress = progress or _ignore
    with _alone(job.folder):
        for done in job.folder.parent.glob(f"{escape(job.folder.name)}.*{DONE}"):
            shutil.rmtree(done, ignore_errors=True)  # which a run that was killed has left
        if not job.is_joined():
            job.begin(progress)
            job.read(threads, progress)
            job.join()
        return job.finish()


class _Job:
    def __init__(self, out: Path, sources: list[str], plan: Plan, update: bool, below: bool) -> None:
        self.out = out
        self.folder = partial_folder(out)
        self.sources = sources
        self.plan = plan
        self.below = below
        self.update = update
        self.summary = Summary()
        self.job = {
            "sources": [public_name(source) for source in sources],
            "folder": str(Path.cwd()),
            "tags": plan.tags,
            "below": below,
            "update": update,
        }

    def is_joined(self) -> bool:
        """Whether all that is missing is that the index takes its place, or it has done so."""
        self._check()
        made = self.folder / "joined.parquet"
        with suppress(FileNotFoundError):
            said = (self.folder / "joined").read_bytes()  # first: to digest an index takes long
            return _digest(made if made.exists() else self.out) == said
        return False

    def _check(self) -> None:
        """Raise if what was interrupted here was something else."""
        known = self._known()
        before = {key: value for key, value in known.items() if key not in ("files", "base", "lists")}
        if known and before != self.job:
            raise OptionError(
                f"{self.folder} is of another index, which was interrupted: finish that one, or delete it"
            )

    def _known(self) -> dict[str, Any]:
        with suppress(FileNotFoundError):
            try:
                known: dict[str, Any] = dict(json.loads((self.folder / "job.json").read_bytes()))
            except (ValueError, TypeError) as error:
                raise OptionError(f"{self.folder} is broken, and has to be deleted: {error}") from error
            return known
        return {}

    def begin(self, progress: Progress) -> None:
        """List the files that are to be read, if that was not done before."""
        known = self._known()
        base = self._base()
        if "files" in known:
            if known["base"] != base:
                raise OptionError(f"{self.out} has changed since its update was begun: delete {self.folder}")
            if known.get("lists") == self._lists():
                return
        for part in self.folder.glob("*.arrow"):
            part.unlink()
        self._save("job.json", json.dumps(self.job | {"base": base}).encode())
        places: Iterator[Place] = filterfalse(self._is_own, find(self.sources, below=self.below))
        before = None
        if self.update:
            with legible(self.out):
                rows = parquet().ParquetFile(self.out).iter_batches(columns=["path", "size", "mtime"])
                before = Known(rows)
            places = before.changed(places)
        numbers = {source: number for number, source in enumerate(self.sources)}
        count = 0
        with _written(self.folder / "paths") as file:
            for place in places:
                file.write(_encoded(place, numbers))
                count += 1
                if count % 1000 == 0:
                    progress(0, None)
        if before is not None:
            with _written(self.folder / "kept.npy") as file:
                np.save(file, before.kept)
        listed = {"base": base, "files": count, "lists": self._lists()}
        self._save("job.json", json.dumps(self.job | listed).encode())

    def _lists(self) -> dict[str, str]:
        """What tells whether the lists are as they were written."""
        paths = (self.folder / name for name in (("paths", "kept.npy") if self.update else ("paths",)))
        return {path.name: _digest(path).decode() for path in paths if path.exists()}

    def _is_own(self, place: Place) -> bool:
        """Whether it is what is made here, which may be in a folder that is indexed."""
        if not isinstance(place, str) or self.out.name not in place:
            return False
        out, path = os.path.realpath(self.out), os.path.realpath(place)
        return path == out or path.startswith(f"{partial_folder(Path(out))}{os.sep}")

    def _base(self) -> list[int] | None:
        """What tells whether the index that is updated is still the same."""
        if not self.update:
            return None
        status = self.out.stat()
        with legible(self.out):
            schema = parquet().read_schema(self.out)
        if not plan_of(schema).schema.equals(self.plan.schema):
            raise OptionError(f"{self.out} has columns of other tags: make it anew")
        return [status.st_size, status.st_mtime_ns, status.st_ino]

    def read(self, threads: int | None, progress: Progress) -> None:
        """Read the files whose rows are not there yet."""
        pa, total = arrow(), self._known()["files"]
        number = sum(1 for _ in self._parts())
        done = min(number * PART, total)
        progress(done, total)

        def told(batches: Iterable[Any]) -> Iterator[Any]:
            nonlocal done
            for batch in batches:
                done += batch.num_rows
                self.summary.read += batch.num_rows
                yield batch
                progress(done, total)

        with (self.folder / "paths").open("rb") as file:
            places = islice(_decoded(file, self.sources), number * PART, None)
            for rows in _in_parts(told(batches(self.plan, places, threads))):
                part = pa.BufferOutputStream()
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                with pa.ipc.new_file(part, self.plan.schema, options=options) as writer:
                    for each in rows:
                        writer.write_batch(each)
                data = part.getvalue()
                with _written(self.folder / f"{number:06}.arrow") as file:
                    file.write(data)
                    file.write(sha256(data).digest())
                number += 1

    def _parts(self) -> Iterator[Any]:
        """Give the parts that are there as they were written, up to the first that is not."""
        for number in range(1 << 30):
            try:
                data = memoryview((self.folder / f"{number:06}.arrow").read_bytes())
            except FileNotFoundError:
                return
            part, digest = data[:-DIGEST], data[-DIGEST:]
            if sha256(part).digest() != digest:
                return
            yield part

    def join(self) -> None:
        """Write all rows to one file."""
        with (
            _written(self.folder / "joined.parquet") as file,
            parquet().ParquetWriter(file, self.plan.schema, compression="zstd") as writer,
        ):
            for table in _gathered(self._tables()):
                writer.write_table(table, row_group_size=ROW_GROUP)
        self._save("joined", _digest(self.folder / "joined.parquet"))

    def _tables(self) -> Iterator[Any]:
        pa = arrow()
        if self.update:
            kept, start = np.load(self.folder / "kept.npy"), 0
            before = parquet().ParquetFile(self.out)
            for group in range(before.num_row_groups):
                with legible(self.out):
                    table = before.read_row_group(group)
                yield table.filter(pa.array(kept[start : start + table.num_rows]))
                start += table.num_rows
        for part in self._parts():
            with pa.ipc.open_file(pa.py_buffer(part)) as reader:
                yield reader.read_all()

    def finish(self) -> Summary:
        """Put the index in its place, and count what is in it."""
        with suppress(FileNotFoundError):
            (self.folder / "joined.parquet").replace(self.out)
        for batch in parquet().ParquetFile(self.out).iter_batches(columns=["status", "reason"]):
            self.summary.add(batch)
        # Of what is deleted bit by bit, nothing could go on.
        done = self.folder.with_name(f"{self.folder.name}.{os.getpid()}{DONE}")
        self.folder.replace(done)
        shutil.rmtree(done, ignore_errors=True)
        return self.summary

    def _save(self, name: str, data: bytes) -> None:
        with _written(self.folder / name) as file:
            file.write(data)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest().encode()


def _in_parts(batches: Iterable[Any]) -> Iterator[list[Any]]:
    """Batches of PART rows in all, and of what is left."""
    part: list[Any] = []
    left = PART
    for batch in batches:
        rest = batch
        while rest.num_rows >= left:
            yield [*part, rest.slice(0, left)]
            rest, part, left = rest.slice(left), [], PART
        if rest.num_rows:
            part.append(rest)
            left -= rest.num_rows
    if part:
        yield part


def _gathered(tables: Iterable[Any]) -> Iterator[Any]:
    """Tables of some ROW_GROUP rows, of smaller ones."""
    waiting: list[Any] = []
    for table in tables:
        waiting.append(table)
        if sum(each.num_rows for each in waiting) >= ROW_GROUP:
            yield arrow().concat_tables(waiting)
            waiting = []
    if waiting:
        yield arrow().concat_tables(waiting)


@contextmanager
def _written(path: Path) -> Iterator[Any]:
    """Open a file that is there once it is whole, and not before."""
    begun = path.with_name(f"{path.name}.begun")
    with begun.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    begun.replace(path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Make a folder, if it is not there, and keep other processes out of it."""
    with ExitStack() as stack:
        is_in = False
        while not is_in:
            try:
                folder.mkdir(exist_ok=True)
                stack.enter_context(locked(folder))
                is_in = True
            except BlockingIOError as error:
                raise OptionError(f"{folder}: {error.strerror}") from error
            except (FileNotFoundError, FileExistsError):  # another process has finished just now
                if not folder.parent.exists() or (os.path.lexists(folder) and not folder.is_dir()):
                    raise
        yield


def _encoded(place: Place, numbers: Mapping[str, int]) -> bytes:
    """A record of a list of files: a path; or behind a mark what tells of something else.

    Sources are told by their `numbers`: URLs may hold secrets, which are not written down.
    """
    note: list[Any]
    if isinstance(place, str):
        if place and place[0] != MARK and "\0" not in place:
            return place.encode("utf-8", "surrogatepass") + b"\0"
        note = [place]
    elif isinstance(place, Unlisted):
        note = [*place]
    else:
        note = [place.origin.name, numbers[place.source], place.number]
    return f"{MARK}{json.dumps(note)}\0".encode()


def _decoded(file: Any, sources: list[str]) -> Iterator[Place]:
    source: str | None = None
    left: Iterator[Origin] = iter(())
    at = 0
    for record in _records(file):
        if record[0] != MARK:
            yield record
            continue
        note = json.loads(record[1:])
        if len(note) < 3:
            yield note[0] if len(note) == 1 else Unlisted(*note)
            continue
        name, given, number = note[0], sources[note[1]], note[2]
        if source != given or number < at:
            source, left, at = given, expand(given), 0
        origin = next(islice(left, number - at, None), None)
        at = number + 1
        if origin is None or origin.name != name:
            yield Unlisted(name, f"is not there any more in {public_name(given)}")
        else:
            yield Other(given, number, origin)


def _records(file: Any) -> Iterator[str]:
    rest = b""
    while data := file.read(1 << 16):
        *records, rest = (rest + data).split(b"\0")
        for record in records:
            yield record.decode("utf-8", "surrogatepass")
