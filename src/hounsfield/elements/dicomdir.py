"""DICOMDIR: the directory of a medium as a tree of records, and the files they name (PS3.3 Annex F)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hounsfield.elements.sequence import Sequence
from hounsfield.errors import MissingElementError

if TYPE_CHECKING:
    from hounsfield.elements.dataset import Dataset

__all__ = ["Dicomdir", "Record"]

LEVELS = {"PATIENT": 0, "STUDY": 1, "SERIES": 2}
LOWEST = 3
"""The level of all other records: images, reports, plans ..."""


class Record:
    """A directory record: a patient, a study, a series, or what a file holds.

    What its data set has are its attributes: ``record.PatientName``.

    Attributes
    ----------
    dataset : Dataset
    type : str
        "PATIENT", "STUDY", "SERIES", "IMAGE", "SR DOCUMENT" ... (PS3.3 F.5)
    parent : Record or None
    children : list of Record
    file_id : tuple of str
        Names of the folders and the file that the record refers to, from the folder of the DICOMDIR on; empty
        if it refers to none.
    path : Path or None
        Of this file; None if there is none, if it is missing, or if it would lie outside that folder.
    """

    __slots__ = ("children", "dataset", "file_id", "parent", "path", "type")

    def __init__(self, ds: Dataset) -> None:
        self.dataset = ds
        self.type = str(ds.get("DirectoryRecordType") or "")
        file_id = ds.get("ReferencedFileID") or ()
        self.file_id = tuple(map(str, file_id)) if isinstance(file_id, tuple) else (str(file_id),)
        self.parent: Record | None = None
        self.children: list[Record] = []
        self.path: Path | None = None

    def __getattr__(self, name: str) -> Any:
        if not name[:1].isupper():  # no keyword: what Python asks for, before there is a data set
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def walk(self) -> Iterator[Record]:
        """Give this record and all below it, each before its children."""
        pending = [self]
        while pending:
            record = pending.pop()
            yield record
            pending += reversed(record.children)

    def __repr__(self) -> str:
        below = f", {len(self.children)} below" if self.children else ""
        file = f" {'/'.join(self.file_id)}" if self.file_id else ""
        return f"<Record {self.type}{file}{below}>"


class Dicomdir:
    """The directory of a medium.

    Attributes
    ----------
    dataset : Dataset
        The DICOMDIR itself.
    folder : Path
        Where it lies, and all the files it names.
    records : list of Record
        The root of the tree: patients, as a rule.
    missing : list of Record
        Those whose files are not there, or would lie outside the folder.
    warnings : list of str
        What was wrong with it, in plain sentences.
    """

    def __init__(self, ds: Dataset, folder: str | os.PathLike[str]) -> None:
        """Build the tree by the records' offsets, and where those are wrong by the records' order.

        Raises
        ------
        MissingElementError
            The data set has no Directory Record Sequence, or something else in its place.
        DicomError
            The records cannot be read.
        """
        self.dataset = ds
        self.folder = Path(folder)
        self.warnings: list[str] = []
        if not isinstance(ds.get("DirectoryRecordSequence"), Sequence):
            raise MissingElementError("has no directory records: not a DICOMDIR", file=ds._source.name)
        self.records: list[Record] = self._tree()
        self.missing: list[Record] = []
        names = _Names(self.folder)
        for record in self.walk():
            if record.file_id:
                record.path, problem = names.find(record.file_id)
                if record.path is None:
                    self.missing.append(record)
                    self.warnings.append(f"{'/'.join(record.file_id)} {problem}")
        self.warnings += ds.warnings

    def walk(self) -> Iterator[Record]:
        """Give all records, each before its children."""
        for record in self.records:
            yield from record.walk()

    @property
    def patients(self) -> list[Record]:
        return [record for record in self.walk() if record.type == "PATIENT"]

    @property
    def studies(self) -> list[Record]:
        return [record for record in self.walk() if record.type == "STUDY"]

    @property
    def series(self) -> list[Record]:
        return [record for record in self.walk() if record.type == "SERIES"]

    @property
    def instances(self) -> list[Record]:
        """The records that refer to files."""
        return [record for record in self.walk() if record.file_id]

    @cached_property
    def files(self) -> list[Path]:
        """The files that are there, in the order of the tree."""
        return [record.path for record in self.walk() if record.path is not None]

    def __repr__(self) -> str:
        return (
            f"<Dicomdir {self.folder}: {len(self.patients)} patients, {len(self.studies)} studies, "
            f"{len(self.series)} series, {len(self.instances)} files>"
        )

    def _tree(self) -> list[Record]:
        sequence = self.dataset.DirectoryRecordSequence
        at = {offset: Record(item) for offset, item in zip(sequence.offsets(), sequence, strict=True)}
        placed: set[Record] = set()
        roots: list[Record] = []
        first = self.dataset.get("OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity") or 0
        pending: list[tuple[int, Record | None, bool]] = [(first, None, True)] if first else []
        while pending:
            offset, parent, in_use = pending.pop()
            record = at.get(offset) if isinstance(offset, int) else None
            if record is None or record in placed:
                trouble = "no record begins there" if record is None else "that record has another place"
                self.warnings.append(f"an offset of {offset} leads nowhere: {trouble}")
                continue
            placed.add(record)
            if following := record.dataset.get("OffsetOfTheNextDirectoryRecord"):
                pending.append((following, parent, in_use))
            in_use = in_use and _is_in_use(record)
            if in_use:
                _place(record, parent, roots)
            if lower := record.dataset.get("OffsetOfReferencedLowerLevelDirectoryEntity"):
                pending.append((lower, record, in_use))
        self._place_by_order([*at.values()], placed, roots)
        return roots

    def _place_by_order(self, records: list[Record], placed: set[Record], roots: list[Record]) -> None:
        """Put what no offset led to below the last record of a higher level that stands before it."""
        above: dict[int, Record] = {}
        found = 0
        for record in filter(_is_in_use, records):
            level = LEVELS.get(record.type, LOWEST)
            if record not in placed:
                found += 1
                higher = [each for each in above if each < level]
                _place(record, above[max(higher)] if higher else None, roots)
            above = {each: other for each, other in above.items() if each < level} | {level: record}
        if found:
            self.warnings.append(f"no offset leads to {found} records: placed by their order")


class _Names:
    """Finds files by names whose case need not be right, and never outside one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._top = os.path.realpath(folder)
        self._listed: dict[Path, dict[str, str]] = {}

    def find(self, file_id: tuple[str, ...]) -> tuple[Path | None, str]:
        """Give the path, or None and what is wrong."""
        path = self._folder
        for name in file_id:
            if name in ("", ".", "..") or any(character in name for character in "/\\:\0"):
                return None, "leads outside the folder, or is no name of a file"
            known = self._names(path)
            entry = known.get(name) or known.get(name.casefold())
            if entry is None:
                return None, "is missing"
            path = path / entry
        if os.path.commonpath((self._top, os.path.realpath(path))) != self._top:
            return None, "leads outside the folder by a link"
        return (path, "") if path.is_file() else (None, "is no file")

    def _names(self, folder: Path) -> dict[str, str]:
        """The names in a folder by how they are written, and by how they are where case does not count."""
        if folder not in self._listed:
            try:
                names = sorted(os.listdir(folder))  # noqa: PTH208 - names, no paths
            except OSError:
                names = []
            self._listed[folder] = {name.casefold(): name for name in names} | {name: name for name in names}
        return self._listed[folder]


def _is_in_use(record: Record) -> bool:
    return bool(record.dataset.get("RecordInUseFlag") != 0)


def _place(record: Record, parent: Record | None, roots: list[Record]) -> None:
    record.parent = parent
    (roots if parent is None else parent.children).append(record)
