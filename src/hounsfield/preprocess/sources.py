"""What there is to preprocess: written down so that any process can open it, in this run or the next."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import islice
from stat import S_ISDIR
from typing import TYPE_CHECKING, Any, NamedTuple

from hounsfield.errors import OptionError, SourceError, raise_it
from hounsfield.finding import Origin, archive_of, expand
from hounsfield.indexing.columns import parquet
from hounsfield.indexing.storage import legible
from hounsfield.sources import as_path, as_text, is_url, public_name

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Origins", "Source", "list_sources"]

LISTED = 16
"""Archives whose members are kept in memory by their names, while an index that has them is gone through."""


class Source(NamedTuple):
    """A source as it was when the plan was made.

    Attributes
    ----------
    path : str
        Or what else `hounsfield.finding.Origin` has as the name: a URL, "archive.zip::folder/a.dcm".
    size : int
        In bytes; -1 if that cannot be told.
    mtime_ns : int
        Of the archive, if it is in one; 0 if that cannot be told.
    found : bool
        Whether it was found in a folder, an archive or an index, or by a pattern, and not named: not all that
        lies there need be images.
    container : str, int or None
        The archive that it is in, on disk or as an index has its URL; the number of a URL among the plan's;
        None for a file on disk.
    number : int
        Which one in there it is.
    """

    path: str
    size: int
    mtime_ns: int
    found: bool
    container: str | int | None = None
    number: int = 0

    def has_changed(self) -> bool:
        """Whether the file, or the archive that it is in, is another one now, or is not there."""
        path = self.path if self.container is None else self.container
        if isinstance(path, int) or is_url(path) or not self.mtime_ns:
            return False
        try:
            status = os.stat(path)  # noqa: PTH116 - a Path would be slower
        except OSError:
            return True
        is_as_long = self.container is not None or status.st_size == self.size
        return status.st_mtime_ns != self.mtime_ns or not is_as_long


def list_sources(given: Iterable[str], folder: Path) -> Iterator[tuple[Source, Origin]]:
    """Give what is to be read, and by what it is opened.

    Parameters
    ----------
    given : iterable of str
        What `make_plan` takes.
    folder : Path
        What is made there may lie in what is read, and is left out.
    """
    made = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118 - as text
    really = lru_cache(1)(os.path.realpath)  # files come folder by folder
    by_name = _ByName()
    urls = -1
    for each in given:
        urls += is_url(each)
        names = (each, public_name(each))
        if each.lower().endswith(".parquet"):
            for text in _paths_of_index(each):
                yield by_name.find(as_path(text), found=True)
        elif archive_of(each) is not None:
            yield by_name.find(each, found=False)
        elif is_url(each):
            for number, origin in enumerate(expand(each)):
                yield _contained(origin, origin.name not in names, urls, number), origin
        else:
            for source, origin in _local(each):
                # What was named is not left out, wherever it is.
                place = os.path.dirname(origin.archive or source.path)  # noqa: PTH120 - millions of times
                if not (source.found and os.path.join(really(place), "").startswith(made)):  # noqa: PTH118
                    yield source, origin


def _local(given: str) -> Iterator[tuple[Source, Origin]]:
    archive, number = None, 0
    for origin in expand(given):
        found = origin.name != given
        if origin.archive is None:
            yield _file(origin.name, found), origin
            continue
        if origin.archive != archive:
            archive, number = origin.archive, 0
        yield _contained(origin, found, archive, number), origin
        number += 1


def _contained(origin: Origin, found: bool, container: str | int, number: int) -> Source:
    size = -1 if origin.size is None else origin.size
    return Source(origin.name, size, origin.changed_ns or 0, found, container, number)


def _file(path: str, found: bool) -> Source:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:  # a URL of an index, or gone: whoever reads it will tell
        return Source(path, -1, 0, found)
    # There are folders only that cannot be listed: whoever reads those will tell, too.
    return Source(path, -1 if S_ISDIR(status.st_mode) else status.st_size, status.st_mtime_ns, found)


class _ByName:
    """Files, and members of archives, by the names that results and the rows of an index have."""

    def __init__(self) -> None:
        self._origins = Origins(())
        self._members_of = lru_cache(LISTED)(_members)

    def find(self, path: str, *, found: bool) -> tuple[Source, Origin]:
        archive = archive_of(path)
        members = None if archive is None else self._members_of(archive).get(as_text(path))
        if members is None:
            return _file(path, found), Origin(path, path)
        # Of several with one name, the rows are in the order of the archive.
        source = members.pop(0) if len(members) > 1 else members[0]
        source = source._replace(found=found)
        return source, Origin(source.path, open=partial(self._open, source))

    def _open(self, source: Source) -> Any:
        return self._origins.of(source).open()


def _members(archive: str) -> dict[str, list[Source]]:
    """All members by the names that an index has for them."""
    members: dict[str, list[Source]] = {}
    for number, origin in enumerate(expand(archive)):
        members.setdefault(as_text(origin.name), []).append(_contained(origin, True, archive, number))
    return members


def _paths_of_index(path: str) -> Iterator[str]:
    name = public_name(path)
    with legible(name), parquet().ParquetFile(next(expand(path)).open()) as index:
        if "path" not in index.schema_arrow.names:
            raise OptionError(f"{name} has no column `path`: it is no index")
        for batch in index.iter_batches(columns=["path"]):
            paths = batch.column(0).to_pylist()
            if not all(isinstance(path, str) for path in paths):
                raise OptionError(f"{name} has rows whose `path` is no text")
            yield from paths


class Origins:
    """What sources are opened by.

    Archives are gone through from one of their members to the next that is asked for, and again from their
    beginning for one before it: to ask in the order of the plan is fast.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls
        self._container: str | int | None = None
        self._left: Iterator[Origin] = iter(())
        self._number = 0

    def of(self, source: Source) -> Origin:
        """Give the origin of a source; its `open` raises SourceError if another one is in its place now."""
        if source.container is None:
            return Origin(source.path, source.path)
        if source.container != self._container or source.number < self._number:
            container = source.container
            self._left = expand(self._urls[container] if isinstance(container, int) else container)
            self._container, self._number = container, 0
        origin = next(islice(self._left, source.number - self._number, None), None)
        self._number = source.number + 1
        if origin is None or origin.name != source.path:
            error = SourceError("it is not where it was when it was planned", file=source.path)
            return Origin(source.path, open=partial(raise_it, error))
        return origin
