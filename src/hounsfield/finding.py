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
        if not Path(each).is_dir():
            yield Found(each, None)
            continue
        for folder, folders, names in os.walk(each, onerror=unreadable):
            folders[:] = sorted(folders) if below else []
            for name in sorted(names):
                file = Path(folder, name)
                if file.is_file():
                    yield Found(str(file), each)
