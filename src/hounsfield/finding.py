"""Files in folders, found by their paths alone: whoever reads them tells what they are."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Found", "find_files"]


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


def _raise(error: OSError) -> None:
    raise error


def find_files(
    given: Iterable[str | os.PathLike[str]],
    *,
    below: bool = True,
    unreadable: Callable[[OSError], object] = _raise,
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
        for file in _files_in(str(Path(each)), below, unreadable):
            yield Found(file, each)


def _files_in(top: str, below: bool, unreadable: Callable[[OSError], object]) -> Iterator[str]:
    """The files of a folder, those of each folder in the order of their names."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        files, folders = [], []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if _is_file(entry):
                        files.append(entry.name)
                    elif below and entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
        except OSError as error:
            unreadable(error)
            continue
        start = "" if folder == os.curdir else folder if folder.endswith(os.sep) else folder + os.sep
        for name in sorted(files):
            yield start + name
        waiting += [start + name for name in sorted(folders, reverse=True)]


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # links in a circle
        return False
