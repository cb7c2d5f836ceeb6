"""The files that a command is given: by themselves, in folders and in archives."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from hounsfield.archives import is_archive
from hounsfield.facade import Dataset, read, read_origin
from hounsfield.finding import Origin, expand, find_files
from hounsfield.sources import public_name

__all__ = ["Input", "inputs", "is_archive_file"]


class Input(NamedTuple):
    """A file.

    Attributes
    ----------
    path : str
        As it was given or found; "scans.zip::folder/a.dcm" in archives.
    within : str or None
        The folder or the archive that was given, and this found in it: not all that lies there need be
        DICOM. None if it was given itself.
    origin : Origin or None
        By which it is read, if it is in an archive.
    """

    path: str
    within: str | None
    origin: Origin | None = None

    def read(self, **options: Any) -> Dataset:
        """Read it, as `hounsfield.read` does.

        Raises
        ------
        DicomError, OSError
            It cannot be read, or an archive not any further.
        """
        return read(self.path, **options) if self.origin is None else read_origin(self.origin, **options)

    def relative(self) -> PurePosixPath:
        """Give its path in the folder or archive that was given, and nowhere else, or its name."""
        path = PurePosixPath(public_name(self.path))
        if self.within is None:
            return PurePosixPath(path.name)
        if self.origin is None:
            return path.relative_to(self.within)
        member = self.origin.name.removeprefix(f"{self.within}::")
        inside = [part for part in member.split("/") if part not in ("", ".", "..")]
        return PurePosixPath(*(inside or [PurePosixPath(self.within).name]))


def inputs(given: Iterable[str], unreadable: Callable[[OSError], object]) -> Iterator[Input]:
    """Give files, those in folders, and the members of archives on disk, each when it is asked for.

    Parameters
    ----------
    given : iterable of str
    unreadable : callable
        Is told of each folder that cannot be listed.
    """
    for each in given:
        if is_archive_file(each):
            for origin in expand(each):
                # What ends the list of a broken archive is no member.
                yield Input(origin.name, None if origin.name == each else each, origin)
        else:
            for found in find_files([each], unreadable=unreadable):
                yield Input(*found)


def is_archive_file(path: str) -> bool:
    """Whether this is an archive, whose members are meant."""
    return is_archive(path) and os.path.isfile(path)  # noqa: PTH113 - as `expand` looks
