"""A table of what is in files: a row for each file, a column for each attribute."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hounsfield.indexing.columns import arrow, parquet
from hounsfield.indexing.known import Known
from hounsfield.indexing.places import check, find
from hounsfield.indexing.reading import OK, Plan, batches, batches_of
from hounsfield.indexing.storage import Summary, legible, plan_of, write_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hounsfield.indexing.columns import Wanted

__all__ = ["Index", "index"]


class Index:
    """Makes tables of what is in DICOM files, and keeps them up to date; see `__call__`."""

    def __call__(
        self, sources: Any, tags: Iterable[Wanted] = (), *, below: bool = True, threads: int | None = None
    ) -> Any:
        """Give a table with a row for each file.

        Of each file only the head is read, up to the last element that is wanted: what stands out of order,
        behind a higher tag, is not found, as by `read` with `tags`.

        Parameters
        ----------
        sources : path, pattern, URL, bytes-like, binary file object or Origin, or iterable of such
            As `hounsfield.finding.expand` takes them: folders are searched, and archives that are given or
            matched are opened; nothing is extracted to disk.
        tags : iterable of keywords, tags and dotted paths
            Elements that are to have a column, too: "ConvolutionKernel", (0x0009, 0x1001) or
            "SharedFunctionalGroupsSequence.0.PixelMeasuresSequence.0.PixelSpacing". A path may end in the
            number of an item. Private elements whose block has another number in each file by their creator
            (PS3.5 Section 7.8.1): "0029xx10:SIEMENS CSA HEADER", or (0x0029, 0x10, "SIEMENS CSA HEADER").
        below : bool
            Whether folders in folders that are given are searched, too.
        threads : int, optional
            How many files to read at a time; by default one for each processor.

        Returns
        -------
        pyarrow.Table
            In the order of the files, which in folders is that of their names, with the columns

            path : string
                As it was given, or below the folder that was given; "scans.zip::folder/a.dcm" in archives.
            size : int64; mtime : timestamp in microseconds, UTC
                Bytes, and time of the last change, for members of archives that of the archive; null where
                there is no such file, or that cannot be told.
            status : string
                "ok"; "not DICOM"; "broken", of DICOM files that cannot be read; "unreadable", of files and
                folders that the operating system does not give.
            reason : string
                Why the status is not "ok"; null if it is.
            notes : string
                What was assumed or repaired, and which values are null because they do not fit their
                column; null where there was nothing of the kind.
            TransferSyntaxUID : string
                The one that was assumed where the file gives none.

            and one for each element of `hounsfield.indexing.columns.STANDARD` (patient, study, series,
            instance, image, geometry, window) and of `tags`. An empty value is null, as is one that is not
            there. The type is that of the VR that PS3.6 has for the element:

            ======================== =======================================================================
            VR                       type
            ======================== =======================================================================
            IS; DS                   int64; float64
            US, SS, UL, SL, UV, SV   uint16, int16, uint32, int32, uint64, int64; int32 for "US or SS"
            FL, FD                   float32, float64
            DA; TM                   date32; time64 in microseconds
            OB, OD, OF, OL, OV, OW   binary
            SQ, and items            string: in the DICOM JSON model (PS3.18 Annex F)
            AT                       string: eight hexadecimal digits
            all others, DT too       string, by Specific Character Set
            ======================== =======================================================================

            An element that may have several values has a list of these; where one has several that may not,
            a text has them parted by backslashes. Private elements are text, unless they were asked for by
            their creator, and that one's VR is known.

        Raises
        ------
        OptionError
            pyarrow is not installed (``hounsfield[index]``), or an argument cannot be used. What is wrong
            with a file is not raised: its row tells.
        OSError
            What was given by one name is not there, or may not be read.

        Notes
        -----
        PS3.5 Section 6.2, PS3.6.

        Examples
        --------
        >>> table = hu.index("archive/", tags=["ConvolutionKernel"])
        >>> table.group_by("SeriesInstanceUID").aggregate([("path", "count")])
        >>> hu.index.problems(table).to_pylist()
        """
        plan = Plan(tags)
        check(sources)
        rows = batches_of(plan, sources, below=below, threads=threads)
        return arrow().Table.from_batches(rows, plan.schema)

    def batches(
        self, sources: Any, tags: Iterable[Wanted] = (), *, below: bool = True, threads: int | None = None
    ) -> Iterator[Any]:
        """Give the same some hundred rows at a time, as pyarrow.RecordBatch: for more than memory holds."""
        plan = Plan(tags)
        check(sources)
        return batches_of(plan, sources, below=below, threads=threads)

    def update(self, table: Any, sources: Any, *, below: bool = True, threads: int | None = None) -> Any:
        """Give an index of files, of which one was made before: only what is new or has changed is read.

        Parameters
        ----------
        table : pyarrow.Table or path
            An index, or a Parquet file of one, with the columns that it was made with.
        sources, below, threads
            As for a new index. Paths have to be given as they were, relative or absolute. URLs of single
            files are read again: only listed ones tell when they were changed.

        Returns
        -------
        pyarrow.Table
            First the rows of the files that have the size and the time of the last change that they had, in
            their order; then those of the others. Rows of files that are not there any more are left out.

        Raises
        ------
        OptionError
            As for a new index; `table` is none, or lacks columns.
        OSError
            As for a new index; `table` cannot be read.
        """
        pa = arrow()
        check(sources)
        table = _table_of(table)
        plan = plan_of(table.schema)
        known = Known(table.select(["path", "size", "mtime"]).to_batches())
        places = known.changed(find(sources, below=below))
        new = pa.Table.from_batches(batches(plan, places, threads), plan.schema)
        return pa.concat_tables([table.cast(plan.schema).filter(pa.array(known.kept)), new])

    def write(
        self,
        sources: Any,
        out: str | os.PathLike[str],
        tags: Iterable[Wanted] = (),
        *,
        update: bool = False,
        below: bool = True,
        threads: int | None = None,
        progress: Callable[[int, int | None], object] | None = None,
    ) -> Summary:
        """Write an index to a Parquet file: of any number of files, in memory that does not grow with it.

        It is made in a folder beside it, NAME.partial, and takes its place when it is whole. Interrupted in
        any way, even by ``kill -9``, the same call goes on where that happened; what was changed in that
        folder since is made again.

        Parameters
        ----------
        sources, tags, below, threads
            As for a table; here sources are paths, patterns and URLs.
        out : path
            Of the Parquet file, which is replaced.
        update : bool
            Whether to keep the rows of the files that have not changed, as `update` does: `out` is an index
            with the columns of `tags`.
        progress : callable, optional
            Is told how many files have been read, and how many are to be: None while they are listed.

        Returns
        -------
        Summary
            ``.files``, ``.read``, ``.statuses`` and ``.reasons``: how many.

        Raises
        ------
        OptionError
            As for a table; the folder holds what was begun with other arguments, or does not say what, or
            another process is at it.
        OSError
            As for a table; the index cannot be written.
        """
        arrow()
        check(sources)
        given = [sources] if isinstance(sources, str | os.PathLike) else sources
        return write_index(given, out, tags, update=update, below=below, threads=threads, progress=progress)

    def problems(self, table: Any) -> Any:
        """Give the rows of an index whose status is not "ok": path, size, mtime, status and reason.

        The index is a table, or the path of a Parquet file of one, as for `update`.
        """
        chosen = _table_of(table).select(["path", "size", "mtime", "status", "reason"])
        return chosen.filter(import_module("pyarrow.compute").not_equal(chosen["status"], OK))


def _table_of(table: Any) -> Any:
    """Give an index, read from its Parquet file if it is the path of one."""
    if isinstance(table, str | os.PathLike):
        with legible(table):
            return parquet().ParquetFile(table).read()
    if not isinstance(table, arrow().Table):
        raise TypeError(f"an index is a pyarrow.Table, or the path of one, unlike {type(table).__name__}")
    return table


index = Index()
