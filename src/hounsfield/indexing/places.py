"""Where the files of an index are: on disk, in archives and at URLs, and which folders cannot be listed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

from hounsfield.archives import ENDINGS
from hounsfield.errors import DicomError
from hounsfield.finding import Origin, Sources, each_source, expand, folder_by_folder
from hounsfield.sources import PathSource, as_text, public_name

__all__ = ["Other", "Place", "Unlisted", "check", "find", "microseconds", "shown", "unsearched"]

AT_ONCE = 512
"""Sources that are looked at together: to look at each path takes as long as to open a file."""

UNLIKE_PATHS = ("*", "?", "[", "://", *ENDINGS)


class Unlisted(NamedTuple):
    """A folder that cannot be listed.

    Attributes
    ----------
    name : str
        Its path.
    reason : str
    """

    name: str
    reason: str


class Other(NamedTuple):
    """What is no file on disk.

    Attributes
    ----------
    source : object
        As it was given: an archive, a URL, a pattern, bytes ...
    number : int
        The how manyth it is of those that `expand` gives for that.
    origin : Origin
    """

    source: Any
    number: int
    origin: Origin

    @property
    def name(self) -> str:
        return self.origin.name


Place = str | Other | Unlisted
"""The path of a file, what else can be read, or why there is none."""


def check(sources: Sources) -> None:
    """See that what was given by one name is there: of several sources, rows tell which are not.

    Raises
    ------
    OSError
        It is not, or cannot be opened or listed.
    """
    if not isinstance(sources, str | os.PathLike):
        return
    path = os.fsdecode(sources)
    if os.path.isdir(path):  # noqa: PTH112 - as elsewhere here
        os.scandir(path).close()
        return
    origin = next(expand(path), None)
    if origin is None or origin.name != public_name(path):
        return
    try:
        if origin.path is None:
            origin.open()
        else:
            PathSource.with_head(origin.path, 0)
    except OSError:
        raise
    except (DicomError, ValueError):  # a row tells this
        return


def find(sources: Sources, *, below: bool = True) -> Iterator[Place]:
    """Give the files that sources are, and the folders that cannot be listed."""
    return chain.from_iterable(_searched(unsearched(sources), below))


def unsearched(sources: Sources) -> Iterator[Place]:
    """Give paths as they were given, which may be those of folders, and what other sources are."""
    return chain.from_iterable(_expanded(iter(each_source(sources))))


def _expanded(given: Iterator[Any]) -> Iterator[Iterable[Place]]:
    """What sources are, without a look at those that are for certain paths."""
    while some := list(islice(given, AT_ONCE)):
        yield some if _are_paths(some) else chain.from_iterable(map(_places, some))


def _are_paths(some: list[Any]) -> bool:
    """Whether all are for certain paths, and neither patterns nor archives."""
    try:
        text = "\n".join(some).lower()
    except TypeError:
        return False
    return not any(mark in text for mark in UNLIKE_PATHS)


def _places(source: Any) -> Iterator[Place]:
    if isinstance(source, str | os.PathLike):
        path = os.fsdecode(source)
        if _are_paths([path]):
            yield path
            return
    for number, origin in enumerate(expand(source)):
        yield origin.path if origin.path is not None else Other(source, number, origin)


def _searched(places: Iterable[Place], below: bool) -> Iterator[list[Place]]:
    """The places, and instead of folders their files, folder by folder."""
    failed: list[OSError] = []
    for place in places:
        if not isinstance(place, str) or not os.path.isdir(place):  # noqa: PTH112 - Path would be slow
            yield [place]
            continue
        for files in folder_by_folder(place, below=below, unreadable=failed.append):
            yield [*_unlisted(failed), *files]
        yield [*_unlisted(failed)]


def _unlisted(failed: list[OSError]) -> Iterator[Unlisted]:
    while failed:
        error = failed.pop(0)
        yield Unlisted(str(error.filename), error.strerror or str(error))


def shown(path: str) -> str:
    """Give a path as tables have it: as text, and without secrets."""
    if path.isascii() or not any("\ud800" <= each <= "\udfff" for each in path):
        return public_name(path)
    return as_text(path)


def microseconds(origin: Origin) -> int | None:
    """When it was last changed, as a table has it."""
    return None if origin.changed_ns is None else origin.changed_ns // 1000
