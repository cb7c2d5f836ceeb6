"""The files that a command is given: by themselves, in folders and in archives, and by patterns."""

import os
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from hounsfield.archives import is_archive
from hounsfield.facade import Dataset, read_origin
from hounsfield.finding import MAGIC, Origin, expand, start_of
from hounsfield.sources import is_url, public_name

__all__ = ["Input", "inputs"]


class Input(NamedTuple):
    """A file.

    Attributes
    ----------
    origin : Origin
    found_in : str or None
        What its name begins with, if it was found in a folder or an archive, or by a pattern: not all that
        lies there need be DICOM. None if it was given itself.
    """

    origin: Origin
    found_in: str | None

    @property
    def name(self) -> str:
        """As it was given or found; "scans.zip::folder/a.dcm" in archives."""
        return self.origin.name

    def read(self, **options: Any) -> Dataset:
        """Read it, as `hounsfield.read` does.

        Raises
        ------
        DicomError, OSError
            It cannot be read, or an archive not any further, or a folder not be listed.
        """
        return read_origin(self.origin, **options)

    def relative(self) -> PurePosixPath:
        """Give its path from where it was found, and to nowhere else, or its name."""
        if self.found_in is None:
            return PurePosixPath(PurePosixPath(self.name).name)
        found = self.name.removeprefix(self.found_in)
        inside = [part for part in found.split("/") if part not in ("", ".", "..")]
        return PurePosixPath(*(inside or [PurePosixPath(self.found_in.removesuffix("::")).name]))


def inputs(given: Iterable[str]) -> Iterator[Input]:
    """Give files, those in folders and of patterns, and members of archives, each when it is asked for."""
    for each in given:
        name, beginning = public_name(each), _beginning(each)
        for origin in expand(each):
            # What cannot be listed, or ends the list of a broken archive, has the name that was given.
            yield Input(origin, None if origin.name == name else beginning)


def _beginning(given: str) -> str | None:
    """What the names of files begin with that are found in something, or match it; None of a file."""
    if os.path.isdir(given):  # noqa: PTH112 - as `expand` looks
        return start_of(given)
    name = public_name(given)
    if is_url(given) and name.endswith("/"):
        return name
    if (magic := MAGIC.search(name)) and (is_url(given) or not os.path.lexists(given)):
        folder = name[: magic.start()].rpartition("/")[0]
        return f"{folder}/" if is_url(given) else start_of(folder)
    return f"{name}::" if is_archive(name) else None
