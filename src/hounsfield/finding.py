"""Files in folders, of patterns, at URLs and in archives: whoever reads them tells what they are."""

from __future__ import annotations

import errno
import fnmatch
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from hounsfield.archives import MEMBER_LIMIT, RangeFile, is_archive, members
from hounsfield.errors import DicomError, SourceError, raise_it
from hounsfield.sources import (
    FileSource,
    PathSource,
    RemoteSource,
    Source,
    as_text,
    file_system,
    is_url,
    own_errors,
    public_name,
)

__all__ = [
    "MAGIC",
    "Found",
    "Origin",
    "Sources",
    "archive_of",
    "each_source",
    "expand",
    "find_files",
    "find_member",
    "folder_by_folder",
    "is_single",
    "start_of",
]

Sources = Any
"""A path, pattern, URL, bytes-like, binary file object or `Origin`, or an iterable of them: see `expand`."""

MAGIC = re.compile(r"[*?\[]")
"""What makes a path a pattern."""

LISTED = 8
"""Archives whose members are known by their names."""


class Found(NamedTuple):
    """A file.

    Attributes
    ----------
    path : str
        As it was given, or below the folder that was given.
    folder : str or None
        The folder that was given; None if it was the file.
    """

    path: str
    folder: str | None


def find_files(
    given: Iterable[str | os.PathLike[str]],
    *,
    below: bool = True,
    unreadable: Callable[[OSError], object] = raise_it,
) -> Iterator[Found]:
    """Give files, and those in folders in the order of their names, each when it is asked for.

    What is no folder is given as it is, be it there or not: it may be a URL. In folders there may be pipes
    and sockets, which are left out. Links to folders are not followed.

    Parameters
    ----------
    given : iterable of paths
    below : bool
        Whether folders in folders are searched, too: after the files beside them.
    unreadable : callable
        Is told of each folder that cannot be listed, which else is raised.

    Raises
    ------
    OSError
        A folder cannot be listed.
    """
    for path in given:
        each = os.fspath(path)
        if not os.path.isdir(each):  # noqa: PTH112 - of a million files, Path would be the slowest part
            yield Found(each, None)
            continue
        for files in folder_by_folder(each, below=below, unreadable=unreadable):
            for file in files:
                yield Found(file, each)


def folder_by_folder(
    top: str, *, below: bool = True, unreadable: Callable[[OSError], object] = raise_it
) -> Iterator[list[str]]:
    """Give the files of a folder, and of those in it, as `find_files` does: a list for each folder."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        files, folders = [], []
        try:
            with os.scandir(folder) as entries:
                # A call more for each is half as long again.
                for entry in entries:
                    try:
                        if entry.is_file():
                            files.append(entry.name)
                            continue
                    except OSError:  # of links in a circle
                        pass
                    if below and entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
        except OSError as error:
            unreadable(error)
            continue
        start = start_of(folder)
        files.sort()
        yield [start + name for name in files]
        waiting += [start + name for name in sorted(folders, reverse=True)]


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # of links in a circle
        return False


def start_of(folder: str) -> str:
    """Give what the paths of files that are found in a folder begin with."""
    plain = str(Path(folder))
    if plain == os.curdir:
        return ""
    return plain if plain.endswith(os.sep) else plain + os.sep


class Origin:
    """One file to be read, wherever it is.

    Attributes
    ----------
    name : str
        For messages and tables: the path, the URL without secrets, "archive.zip::folder/a.dcm" for a member,
        what a file object calls itself, or its type.
    path : str or None
        Of a file on disk.
    size : int or None
        Bytes of a member of an archive, or of a file in a remote folder, as far as these tell.
    changed_ns : int or None
        When a file in a remote folder, or the archive, was last changed: nanoseconds since 1970.
    archive : str or None
        Name of the archive that it is a member of, or that is broken.
    """

    __slots__ = ("_open", "archive", "changed_ns", "name", "path", "size")

    def __init__(
        self,
        name: str,
        path: str | None = None,
        open: Callable[[], Any] | None = None,  # noqa: A002
        *,
        size: int | None = None,
        changed_ns: int | None = None,
        archive: str | None = None,
    ) -> None:
        """Take what `open` is to call; a path is opened by whoever reads it."""
        self.name = name
        self.path = path
        self.size = size
        self.changed_ns = changed_ns
        self.archive = archive
        self._open = open

    def open(self) -> Any:
        """Give what `hounsfield.read` takes: the path of a file on disk, bytes, or a file object.

        Raises
        ------
        DicomError, OSError
            A member of an archive that cannot be read, a URL that cannot; a folder that cannot be listed or
            an archive that is broken, which stand where their next files would be.
        """
        return self.path if self._open is None else self._open()

    def release(self) -> None:
        """Hold no bytes of an archive: `open` goes through it once more, best in the order of its members."""
        if (release := getattr(self._open, "release", None)) is not None:
            release()

    def __repr__(self) -> str:
        return f"<Origin {self.name}>"


def expand(
    sources: Sources, *, member_limit: int = MEMBER_LIMIT, storage_options: Mapping[str, Any] | None = None
) -> Iterator[Origin]:
    """Give the files that sources are, lazily and in an order that is always the same.

    Parameters
    ----------
    sources : path, pattern, URL, bytes-like, binary file object or Origin, or an iterable of them
        Folders are searched, and the folders in them, in the order of their names, files first. Patterns have
        ``*``, ``?``, ``[...]`` and ``**`` for any folders, as long as there is no file of that very name;
        names with a dot in front are as good as others, and folders that they match are searched if there is
        no ``**``. A URL that ends in "/" is a folder, and one with ``*`` a pattern, where fsspec can list
        them. A path or URL, given or matched, that ends as tar or zip archives do (.zip, .tar, .tar.gz, .tgz,
        .tar.bz2, .tbz2, .tar.xz, .txz) is opened; archives in folders, and in archives, are files like
        others, which are not DICOM. Nothing is extracted to disk. "archive.zip::folder/a.dcm" is one member.
    member_limit : int
        Bytes that a compressed member of an archive may have. Stored ones are read by range, deflated ones of
        zip archives inflated when they are opened; those of compressed tar archives are read when it is their
        turn, and held as long as the `Origin` is, or until its `release`.
    storage_options : mapping, optional
        For the file systems of URLs, as fsspec has it.

    Yields
    ------
    Origin
        What is not there, cannot be listed or is broken is one, too, whose `open`, or reading its path, is
        the error; a pattern that matches nothing is taken for a path.

    Raises
    ------
    TypeError
        A source is none of these.
    """
    call = _Call(storage_options)
    for given in each_source(sources):
        if isinstance(given, Origin):
            yield given
        elif isinstance(given, str | os.PathLike):
            path = os.fsdecode(given)
            if (archive := archive_of(path)) is not None:
                yield _named(path, archive, member_limit, call)
            elif is_url(path):
                yield from _remote(path, member_limit, storage_options)
            elif MAGIC.search(path) and not os.path.lexists(path):
                yield from _matching(path, member_limit)
            else:
                yield from _local(path, member_limit)
        elif hasattr(given, "as_py"):  # of a column of a table; of new versions a buffer of its text
            yield from expand((given.as_py(),), member_limit=member_limit, storage_options=storage_options)
        else:
            name = getattr(given, "name", None)
            yield Origin(
                name if isinstance(name, str) else f"<{type(given).__name__}>",
                open=partial(_from_there, given, _position(given)),
            )


def archive_of(name: str) -> str | None:
    """Give the archive that an `Origin` of this name is a member of; None of a file."""
    if "::" not in name or os.path.lexists(name):
        return None
    parts = name.split("::")
    archives = (
        "::".join(parts[:count])
        for count in range(1, len(parts))
        if "://" not in parts[count]  # or it goes on with the URL that it is in
    )
    return next(filter(_is_there, filter(is_archive, archives)), None)


def _is_there(archive: str) -> bool:
    return is_url(archive) or os.path.isfile(archive)  # noqa: PTH113 - for each row of an index


def find_member(name: str, storage_options: Mapping[str, Any] | None = None) -> Origin | None:
    """Give the member of an archive that is called so; None if the name is not one of a member.

    What is in an archive on disk is remembered as long as it is the same file.
    """
    archive = archive_of(name)
    return None if archive is None else _named(name, archive, MEMBER_LIMIT, _Call(storage_options))


class _Call:
    """Stands for what is at URLs during one call: nobody tells whether it is still the same in the next."""

    def __init__(self, storage_options: Mapping[str, Any] | None) -> None:
        self.storage_options = storage_options


def _named(name: str, archive: str, member_limit: int, call: _Call) -> Origin:
    public = public_name(archive)
    try:
        state = call if is_url(archive) else _state(archive)
        by_name = _members_by_name(archive, state, member_limit, os.getpid())
    except OSError as failure:
        return _failed(name, failure, archive)
    found = by_name.get(as_text(public + name[len(archive) :]), [])
    if len(found) == 1:
        return found[0]
    error: Exception
    if found:
        error = SourceError(f"{len(found)} members of the archive are called so: give the archive", file=name)
    elif public in by_name:  # that is broken
        return by_name[public][0]
    else:
        error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    return _failed(name, error, archive)


def _state(archive: str) -> tuple[int, ...]:
    status = os.stat(archive)  # noqa: PTH116 - a str
    return status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


@lru_cache(LISTED)
def _members_by_name(
    archive: str, state: _Call | tuple[int, ...], member_limit: int, _process: int
) -> dict[str, list[Origin]]:
    """All members of an archive, none of whose bytes are held; of a broken one it is among them."""
    found: dict[str, list[Origin]] = {}
    options = state.storage_options if isinstance(state, _Call) else None
    for origin in expand(archive, member_limit=member_limit, storage_options=options):
        if origin.name == public_name(archive):
            with suppress(DicomError):
                origin.open()  # what the system has against it may be otherwise the next time
        origin.release()
        found.setdefault(as_text(origin.name), []).append(origin)
    return found


def _position(given: Any) -> int | None:
    """Where a file object is now; None of buffers, and if it cannot tell, which is for whoever reads it."""
    if _is_buffer(given):
        return None
    try:
        return int(given.tell())
    except (AttributeError, OSError, TypeError, ValueError):
        return None


def _from_there(given: Any, position: int | None) -> Any:
    """Give what reads a file object as it was: it may have been read from since, and may be now."""
    return given if position is None else RangeFile(FileSource(given, position))


def is_single(sources: Sources) -> bool:
    """Whether this is one source, and no iterable of them."""
    return (
        isinstance(sources, str | os.PathLike | Origin)
        or hasattr(sources, "read")
        or _is_buffer(sources)
        or (hasattr(sources, "as_py") and not isinstance(sources, Iterable))
    )


def each_source(sources: Sources) -> Iterable[Any]:
    """Give one source, or those of several."""
    if is_single(sources):
        return (sources,)
    if not isinstance(sources, Iterable):
        raise TypeError(
            f"cannot read from {type(sources).__name__}: pass paths, bytes or binary file objects"
        )
    return sources


def _is_buffer(given: Any) -> bool:
    """Whether something is bytes: arrays of text and of objects, which list paths, are not."""
    try:
        return memoryview(given).format[-1:] not in "wO"
    except (TypeError, ValueError):
        return False


def _failed(name: str, error: Exception, archive: str | None = None, changed_ns: int | None = None) -> Origin:
    return Origin(name, open=partial(raise_it, error), archive=archive, changed_ns=changed_ns)


# Files on disk


def _local(path: str, member_limit: int, *, search: bool = True) -> Iterator[Origin]:
    """A folder's files, an archive's members, or the file itself."""
    if os.path.isdir(path):  # noqa: PTH112 - a Path costs more than asking the system
        if search:
            yield from _within(path)
    elif is_archive(path):
        yield from _members(path, lambda: PathSource.with_head(path, 0)[0], member_limit, _changed(path))
    else:
        yield Origin(path, path)


def _changed(path: str) -> int | None:
    with suppress(OSError, ValueError):
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - a str
    return None


def _within(folder: str) -> Iterator[Origin]:
    failures: list[OSError] = []
    for files in folder_by_folder(folder, unreadable=failures.append):
        while failures:
            yield _unlisted(failures.pop(0))
        for path in files:
            yield Origin(path, path)
    yield from map(_unlisted, failures)


def _unlisted(error: OSError) -> Origin:
    return _failed(str(error.filename), error)


def _matching(pattern: str, member_limit: int) -> Iterator[Origin]:
    """What a pattern matches; folders are searched unless it reaches into them by itself."""
    parts = Path(pattern).parts
    fixed = next(number for number, part in enumerate(parts) if MAGIC.search(part))
    recursive = "**" in parts
    nothing = True
    for path in _walk(str(Path(*parts[:fixed])), parts[fixed:]):
        nothing = False
        if isinstance(path, OSError):
            yield _unlisted(path)
        else:
            yield from _local(path, member_limit, search=not recursive)
    if nothing:
        yield Origin(pattern, pattern)


def _walk(root: str, parts: tuple[str, ...]) -> Iterator[str | OSError]:
    """Go through folders once, with all the places in the pattern that a path so far may stand at."""
    matches = [None if part == "**" else re.compile(fnmatch.translate(part)).match for part in parts]
    waiting = [(root, frozenset([0]))]
    while waiting:
        folder, places = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                yield error
            continue
        deeper, start = [], start_of(folder)
        for entry in found:
            path, is_folder = start + entry.name, _is(entry.is_dir)
            after = _after(matches, places, entry.name, is_link=entry.is_symlink())
            if len(matches) in after and (matches[-1] is not None if is_folder else _is(entry.is_file)):
                yield path
            after -= {len(matches)}
            if after and is_folder:
                deeper.append((path, after))
        waiting += reversed(deeper)


def _after(
    matches: Sequence[Callable[[str], object] | None], places: frozenset[int], name: str, *, is_link: bool
) -> frozenset[int]:
    """Where in the pattern a path may stand behind one more name."""
    after = set()
    for place in places:
        at = place
        while at < len(matches) and (match := matches[at]) is None:
            if not is_link:
                after.add(at)  # ** takes the name
            at += 1
        if at == len(matches):
            after.add(at)  # a last ** takes any file
        elif match is not None and match(name):
            after.add(at + 1)
    return frozenset(after)


# Others


def _members(
    name: str, open_source: Callable[[], Source], member_limit: int, changed_ns: int | None = None
) -> Iterator[Origin]:
    try:
        source = open_source()
    except (DicomError, OSError) as error:
        yield _failed(name, error, name, changed_ns)
        return
    for member, open_member, size in members(source, limit=member_limit):
        whole = name if member is None else f"{name}::{member}"
        yield Origin(whole, open=open_member, size=size, changed_ns=changed_ns, archive=name)


def _remote(url: str, member_limit: int, options: Mapping[str, Any] | None) -> Iterator[Origin]:
    name = public_name(url)
    if url.endswith("/") or "*" in url:
        yield from _listed(url, name, member_limit, options)
    elif is_archive(name):
        yield from _members(name, partial(RemoteSource.open, url, options), member_limit)
    else:
        yield Origin(name, open=partial(_open_source, partial(RemoteSource.open, url, options)))


def _listed(url: str, name: str, member_limit: int, options: Mapping[str, Any] | None) -> Iterator[Origin]:
    """Files of a remote folder or pattern, which is listed as a whole."""
    try:
        fs, path = file_system(url, options)
        with own_errors(name):
            found = fs.glob(path, detail=True) if "*" in url else fs.find(path, detail=True)
    except (DicomError, OSError) as error:
        yield _failed(name, error)
        return
    for each, info in sorted(found.items()):
        if info["type"] != "file":
            continue
        public = public_name(fs.unstrip_protocol(each))
        size, changed = info.get("size"), _changed_remote(info)
        source = partial(_listed_source, fs, each, public, size)
        if "*" in url and is_archive(public):
            yield from _members(public, source, member_limit, changed)
        else:
            yield Origin(public, open=partial(_open_source, source), size=size, changed_ns=changed)


def _changed_remote(info: Mapping[str, Any]) -> int | None:
    """When a file was last changed, by what fsspec's file systems call it."""
    changed = next((info[key] for key in ("mtime", "LastModified", "last_modified") if info.get(key)), None)
    if isinstance(changed, datetime):
        changed = changed.timestamp()
    return int(changed * 1_000_000) * 1000 if isinstance(changed, int | float) else None


def _listed_source(fs: Any, path: str, name: str, size: int | None) -> RemoteSource:
    return RemoteSource.at(fs, path, name) if size is None else RemoteSource(fs, path, name, size)


def _open_source(open_source: Callable[[], Source]) -> RangeFile:
    return RangeFile(open_source())
