"""Files to series and volumes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield.errors import DicomError, NotDicomError, OptionError, VolumeError
from hounsfield.facade import Dataset, read
from hounsfield.finding import archive_of, each_source, expand
from hounsfield.pixels.plan import MAX_PIXELS
from hounsfield.processors import thread_count
from hounsfield.sources import as_path, as_text, public_name
from hounsfield.volumes.grouping import stacks_of
from hounsfield.volumes.planes import Plane, UnusableError, planes_of
from hounsfield.volumes.problems import LeftOut, Problem
from hounsfield.volumes.volume import DTYPES, Series, SeriesList, Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import numpy.typing as npt

__all__ = ["load_series", "load_volume"]

MOST_LISTED = 20


def load_series(
    source: Any,
    *,
    dtype: npt.DTypeLike = np.float32,
    threads: int | None = 1,
    strict: bool = False,
    max_pixels: int = MAX_PIXELS,
    storage_options: Mapping[str, Any] | None = None,
) -> SeriesList:
    """Group images into series, and these into volumes; headers are read, no sample is decoded.

    Parameters
    ----------
    source : path, pattern, URL, bytes-like, file object, Dataset, table, or an iterable of these
        What `hounsfield.finding.expand` takes: files, folders, which are searched with all folders in them,
        patterns, URLs, archives, whose members that are compressed are held in memory as long as their data
        sets; or members by the names that they have here, ``"scans.zip::a.dcm"``; or data sets; or a table
        with a column `path`, such as `index` gives.
    dtype : {float32, int16}
        Of ``volume.array``.
    threads : int or None
        How many slices to decode at a time, when ``volume.array`` is asked for; None for one on each CPU.
    strict : bool
        Raise what else `problems` tell.
    max_pixels : int
        Voxels that a volume may have to be decoded.
    storage_options : mapping, optional
        For the file systems of URLs, as for `hounsfield.read`.

    Returns
    -------
    list of Series
        Each with its `volumes`, and `problems` that tell what is not as it should be. Its own `left_out` and
        `problems` tell of files that are in no volume, and why: not DICOM, broken, no images, colour.

        Images are in one volume if they have in common: series, size, orientation, pixel spacing, frame of
        reference, SOP class, image type, complex component, stack, segment, echo, temporal position, b-value,
        KVP and kernel; numbers that differ by rounding are the same, and what each place has its own of tells
        nothing. Of those at the same place along their normal, the first of these that differs, and has each
        value equally often at all places, tells which belong together; if none does, the order of the first
        that has as many values at each place: position in the plane, trigger time, cardiac phase, inversion
        time, flip angle, repetition time, respiratory phase, contrast phase, spin labelling, velocity
        encoding, gradient, slice thickness, reference time, acquisition number and time, content time, the
        dimensions of a multi-frame image and which image it is, Instance Number, SOP Instance UID. Fields of
        view beside each other are volumes, too; so are acquisition times and multi-frame images whose even
        stacks reach into each other; acquisitions at different places are one if they make one even stack;
        where volumes that differ would make one, `problems` of the series say so. A dose, segmentation,
        parametric map or image of nuclear medicine that has several frames has no volume in common with
        others. A mosaic of Siemens is taken apart, and a volume of its own: how many tiles it has, and which
        way they go, its private elements tell; if they do not, it has no geometry.

    Raises
    ------
    OptionError
        `dtype` or another argument cannot be used.
    VolumeError
        If `strict`: a problem.
    DicomError
        If `strict`: a file is broken.
    OSError
        What was given cannot be read, or, if `strict`, a file in a folder, an archive or of a pattern.

    Notes
    -----
    PS3.3 C.7.6.2.1.1 and C.7.6.16.2. Neither names of files nor their order matter.

    Examples
    --------
    >>> for series in hu.load_series("study/"):
    ...     for volume in series.volumes:
    ...         print(series.description, volume.shape, volume.spacing, volume.warnings)
    """
    kind = np.dtype(dtype)
    if kind not in DTYPES:
        raise OptionError(f"dtype is float32 or int16, unlike {kind}")
    threads = thread_count(threads)
    left_out: list[LeftOut] = []
    problems: list[Problem] = []
    gathered: dict[tuple[str, str], _Gathered] = {}
    for name, opened in _opened(source, storage_options):
        try:
            if isinstance(opened, Exception):
                raise opened
            series = gathered.setdefault(_series_of(opened), _Gathered(opened))
            series.add(opened, name)
        except UnusableError as why:
            series.left_out.append(LeftOut(name, str(why)))
        except NotDicomError:
            left_out.append(LeftOut(name, "not DICOM"))
        except (DicomError, OSError) as error:
            if strict:
                raise
            text = str(error) if name in str(error) else f"{name}: {error}"
            left_out.append(LeftOut(name, text))
            problems.append(Problem("unreadable", text, sources=(name,)))
        finally:
            del opened  # an error's traceback holds this frame, and all that was opened
    found = []
    for each in gathered.values():
        series_found = each.series(kind, threads, max_pixels)
        left_out.extend(series_found.left_out)
        if series_found.volumes:
            found.append(series_found)
    found.sort(key=lambda each: (each.study_uid, each.number is None, each.number or 0, each.uid))
    if strict:
        _be_strict(found)
    return SeriesList(found, left_out, problems)


def load_volume(
    source: Any,
    *,
    series: str | int | None = None,
    index: int | None = None,
    dtype: npt.DTypeLike = np.float32,
    threads: int | None = 1,
    strict: bool = False,
    max_pixels: int = MAX_PIXELS,
    storage_options: Mapping[str, Any] | None = None,
) -> Volume:
    """Give the one volume that images make, or that is chosen of several.

    Parameters
    ----------
    source : path, pattern, URL, bytes-like, file object, Dataset, table, or an iterable of these
        As `load_series` takes it.
    series : str or int, optional
        Its Series Instance UID, or which it is of those that `load_series` gives.
    index : int, optional
        Which of the series' volumes.
    dtype : {float32, int16}
        Of ``volume.array``.
    threads : int or None
        How many slices to decode at a time, when ``volume.array`` is asked for; None for one on each CPU.
    strict : bool
        Raise what else `volume.problems` tell.
    max_pixels : int
        Voxels that the volume may have to be decoded.
    storage_options : mapping, optional
        For the file systems of URLs, as for `hounsfield.read`.

    Returns
    -------
    Volume
        Its `problems` have those of its series, too, and of files that could not be read.

    Raises
    ------
    OptionError
        There are several volumes, or none: the message lists what there is, and how to choose.
    VolumeError
        If `strict`: a problem.
    DicomError, OSError
        As `load_series`.

    Examples
    --------
    >>> volume = hu.load_volume("ct/", threads=2)
    >>> volume.array, volume.spacing, volume.affine, volume.headers[0].PatientID
    >>> hu.load_volume("mr/", series="1.2.840...", index=1)
    """
    if isinstance(series, str) and _is_table(source) and "SeriesInstanceUID" in source.column_names:
        columns = (source.column(name).to_pylist() for name in ("path", "SeriesInstanceUID"))
        source = [path for path, uid in zip(*columns, strict=True) if uid == series]
    there = load_series(
        source, dtype=dtype, threads=threads, max_pixels=max_pixels, storage_options=storage_options
    )
    candidates = [
        (number, each, at, volume)
        for number, each in enumerate(there)
        if series is None or series in (number, each.uid)
        for at, volume in enumerate(each.volumes)
        if index is None or index == at
    ]
    if len(candidates) != 1:
        raise OptionError(_listing(there, len(candidates), series, index))
    _, chosen, _, volume = candidates[0]
    volume.problems = (*volume.problems, *chosen.problems, *there.problems)
    if strict:
        _raise(each for each in volume.problems if index is None or each.kind != "mixed-sizes")
    return volume


class _Gathered:
    """A series, file by file."""

    def __init__(self, header: Dataset) -> None:
        self.header = header
        self.left_out: list[LeftOut] = []
        self._planes: list[Plane] = []

    def add(self, ds: Dataset, name: str) -> None:
        self._planes += planes_of(ds, name)

    def series(self, dtype: np.dtype[Any], threads: int, max_pixels: int) -> Series:
        stacks, problems = stacks_of(self._planes)
        if not self.header.get("SeriesInstanceUID"):
            text = "files without Series Instance UID are taken for one series"
            problems.append(Problem("missing-uid", text))
        for problem in (*problems, *(each for stack in stacks for each in stack.problems)):
            self.left_out += [LeftOut(name, problem.text) for name in problem.sources]
        volumes = [Volume(stack, dtype, threads, max_pixels) for stack in stacks]
        header = volumes[0].headers[0] if volumes else self.header
        return Series(header, volumes, problems, self.left_out)


def _series_of(ds: Dataset) -> tuple[str, str]:
    return str(ds.get("StudyInstanceUID") or ""), str(ds.get("SeriesInstanceUID") or "")


def _opened(
    source: Any, storage_options: Mapping[str, Any] | None
) -> Iterator[tuple[str, Dataset | Exception]]:
    """Open each file, and give it with its name, or what is wrong with it.

    One of many in a folder, pattern or archive that cannot be read is no reason to stop.
    """
    for number, given in _each(source, storage_options):
        if isinstance(given, Dataset):
            yield given.filename or f"item {number}", given
            continue
        path = public_name(os.fsdecode(given)) if isinstance(given, str | os.PathLike) else None
        for origin in expand((given,), storage_options=storage_options):
            is_unnamed = path is None and origin.name.startswith("<")
            name = f"item {number}" if is_unnamed else origin.name
            try:
                ds = read(origin.open())
            except (DicomError, OSError) as error:
                if isinstance(error, OSError) and path in (None, origin.name):
                    raise
                yield name, error
                continue
            if ds.filename is None and not is_unnamed:  # a member of an archive, as bytes
                ds._source.name = name
            yield name, ds


def _each(source: Any, storage_options: Mapping[str, Any] | None) -> Iterator[tuple[int, Any]]:
    """Number what was given; members of an archive that were named come last, as it is opened once."""
    if _is_table(source):
        source = source.column("path").to_pylist()
    wanted: dict[str, dict[str, None]] = {}
    for number, given in enumerate([source] if isinstance(source, Dataset) else each_source(source)):
        path = as_path(os.fsdecode(given)) if isinstance(given, str | os.PathLike) else None
        archive = None if path is None else archive_of(path)
        if path is None or archive is None:
            yield number, path or given
        else:
            wanted.setdefault(archive, {})[as_text(path)] = None
    for archive, members in wanted.items():
        there = set()
        for origin in expand(archive, storage_options=storage_options):
            name = as_text(origin.name)
            there.add(name)
            if name in members or name == archive:  # that is broken
                yield 0, origin
        if archive not in there:
            yield from ((0, name) for name in members if name not in there)


def _is_table(source: Any) -> bool:
    return "path" in getattr(source, "column_names", ())


def _be_strict(found: list[Series]) -> None:
    for each in found:
        _raise((*each.problems, *(problem for volume in each.volumes for problem in volume.problems)))


def _raise(problems: Iterable[Problem]) -> None:
    texts = [problem.text for problem in problems]
    if texts:
        raise VolumeError("; ".join(texts))


def _listing(there: SeriesList, count: int, series: str | int | None, index: int | None) -> str:
    """What there is to choose from, and how."""
    asked = [
        f"{name}={value!r}" for name, value in (("series", series), ("index", index)) if value is not None
    ]
    what = f"{count} volumes" if count else "no volume"
    if asked:
        what += f" by {', '.join(asked)}"
    elif count:
        what += ", not one"
    lines = [f"{what}:"]
    choices = [
        f"  series={number} ({each.uid}, {each.modality} {each.description!r}), index={at}: {volume!r}"
        for number, each in enumerate(there)
        for at, volume in enumerate(each.volumes)
    ]
    if not choices:
        choices = [f"  {source}: {reason}" for source, reason in there.left_out] or ["  there are no files"]
    lines += choices[:MOST_LISTED]
    if len(choices) > MOST_LISTED:
        lines.append(f"  and {len(choices) - MOST_LISTED} more")
    return "\n".join(lines)
