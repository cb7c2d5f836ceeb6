"""What `load_series` and `load_volume` give: volumes, whose samples are decoded when they are asked for."""

from __future__ import annotations

import math
from collections import deque
from operator import itemgetter
from threading import local
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hounsfield.display.modality import modality_lut, rescale, rescale_into
from hounsfield.errors import DicomError, LimitError, MissingElementError, OptionError, raise_first
from hounsfield.outputs import array_of, target_of
from hounsfield.pixels.decode import Decoder
from hounsfield.pixels.plan import MAX_PIXELS
from hounsfield.processors import thread_count, together
from hounsfield.volumes.geometry import direction_of, to_ras
from hounsfield.volumes.planes import plain
from hounsfield.volumes.problems import counted

if TYPE_CHECKING:
    from hounsfield.facade import Dataset
    from hounsfield.pixels.layout import Layout
    from hounsfield.volumes.grouping import Stack
    from hounsfield.volumes.planes import Plane
    from hounsfield.volumes.problems import LeftOut, Problem

__all__ = ["Series", "SeriesList", "Volume"]

Array = npt.NDArray[Any]
DTYPES = np.dtype(np.float32), np.dtype(np.int16)


class Volume:
    """A stack of slices: samples (z, y, x), and where they are in the patient.

    ``array[k, j, i]`` is the value of the pixel in column i and row j of slice k, whose centre is
    ``affine @ (i, j, k, 1)``: x to the patient's left, y to the back, z to the head, in mm. Slices are
    sorted along their normal, the cross product of their row and column directions, so that the three axes
    of the array are right-handed.

    Nothing is decoded before `array` is asked for, and nothing but that is kept.

    Attributes
    ----------
    headers : list of Dataset
        Of each slice; the frames of a multi-frame image and the tiles of a mosaic have the same one.
    frames : list of int
        Which frame of that it is, or is a tile of.
    labels : dict
        What sets the volume apart from others of its series, by keyword: ``{"EchoTime": 4.9}``. Where every
        slice has a value of its own, trigger times for instance, it is their rank, from 0.
    problems : tuple of Problem
        What is not as it should be: gaps, duplicates, tilt ...
    threads : int
        How many slices to decode at a time, when `array` is asked for.

    Notes
    -----
    PS3.3 C.7.6.2.1.1, C.7.6.16.2.3 and C.7.6.16.2.4.
    """

    def __init__(
        self, stack: Stack, dtype: np.dtype[Any], threads: int, max_pixels: int = MAX_PIXELS
    ) -> None:
        self._planes: list[Plane] = stack.planes
        self._affine = stack.affine
        self._dtype = dtype
        self._max_pixels = max_pixels
        self._array: Array | None = None
        self.headers: list[Dataset] = [plane.ds for plane in stack.planes]
        self.frames: list[int] = [plane.frame for plane in stack.planes]
        self.labels: dict[str, Any] = stack.labels
        self.problems: tuple[Problem, ...] = tuple(stack.problems)
        self.threads = threads

    @property
    def warnings(self) -> tuple[str, ...]:
        """The problems as sentences."""
        return tuple(problem.text for problem in self.problems)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        return len(self._planes), *self._planes[0].size

    def __len__(self) -> int:
        return len(self._planes)

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.shape))
        parts = [f"{size} (z, y, x)"]
        if self._affine is not None:
            parts += [self.orientation, " x ".join(f"{each:.4g}" for each in self.spacing) + " mm"]
        parts += [f"{name} {value}" for name, value in self.labels.items()]
        parts += dict.fromkeys(problem.kind for problem in self.problems)
        return f"<Volume {', '.join(parts)}>"

    # Where it is

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """From (column, row, slice, 1) to mm: x to the patient's left, y to the back, z to the head (LPS).

        Returns
        -------
        ndarray of float64, shape (4, 4)
            Its columns are the steps to the next column, row and slice, and the centre of the first pixel of
            slice 0. The step to the next slice is the mean one, or where there are gaps, the mean of all
            others; `positions` has each slice's own.

        Raises
        ------
        MissingElementError
            The images have no geometry: see `problems`.
        """
        if self._affine is None:
            raise MissingElementError(
                f"no geometry: {self._planes[0].missing}", file=self._planes[0].ds.filename
            )
        return self._affine.copy()

    @property
    def affine_ras(self) -> npt.NDArray[np.float64]:
        """The same with x to the right and y to the front (RAS), as NIfTI and nibabel have it."""
        return to_ras(self.affine)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distances of voxels in z, y, x: the lengths of the steps that `affine` has; mm.

        Raises
        ------
        MissingElementError
            The images have no geometry.
        """
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0).tolist()
        return z, y, x

    @property
    def origin(self) -> tuple[float, float, float]:
        """Centre of ``array[0, 0, 0]`` in x, y, z; mm, LPS.

        Raises
        ------
        MissingElementError
            The images have no geometry.
        """
        x, y, z = self.affine[:3, 3].tolist()
        return x, y, z

    @property
    def direction(self) -> npt.NDArray[np.float64]:
        """Unit vectors along columns, rows and slices (x, y, z of the array), as columns; LPS.

        Those of a tilted stack are not at right angles.

        Raises
        ------
        MissingElementError
            The images have no geometry.
        """
        return direction_of(self.affine)

    @property
    def orientation(self) -> str:
        """Which plane of the body slices are in: "axial", "coronal" or "sagittal".

        Where they are turned by more than a degree, "oblique" stands before the one that is nearest.

        Raises
        ------
        MissingElementError
            The images have no geometry.
        """
        along = np.abs(np.cross(*self.direction.T[:2]))
        nearest = int(along.argmax())
        name = ("sagittal", "coronal", "axial")[nearest]
        return name if along[nearest] > math.cos(math.radians(1)) else f"oblique {name}"

    @property
    def positions(self) -> npt.NDArray[np.float64]:
        """Centre of the first pixel of each slice as the file has it: shape (slices, 3); mm, LPS.

        Raises
        ------
        MissingElementError
            The images have no geometry.
        """
        if self._affine is None:
            return self.affine
        return np.array([plane.position for plane in self._planes])

    # What is in it

    @property
    def array(self) -> Array:
        """Values of all voxels (z, y, x), decoded when first asked for and then kept: see `decode`."""
        if self._array is None:
            self._array = self.decode()
        return self._array

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.array(self.array, dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        """Give `array` to other libraries, as ``torch.from_dlpack(volume)`` does, without a copy."""
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def decode(
        self,
        dtype: npt.DTypeLike | None = None,
        *,
        out: Any = None,
        threads: int | None = None,
        max_pixels: int | None = None,
    ) -> Array:
        """Decode the values of all voxels into a new array, or `out`; nothing is kept.

        Parameters
        ----------
        dtype : {float32, int16}, optional
            By default that of `out`, or what `load_volume` was told.
        out : array, optional
            Where to put the values: writable, C-contiguous, of the volume's shape; an ndarray, or what gives
            one in its memory, like tensors of the CPU.
        threads : int, optional
            How many slices to decode at a time; by default what `load_volume` was told.
        max_pixels : int, optional
            Voxels to decode at most.

        Returns
        -------
        ndarray, shape (slices, rows, columns)
            What the samples measure, as `Dataset.modality_values` has it: Hounsfield units for CT. Each slice
            has its own slope and intercept, or Dose Grid Scaling. For int16 they have to be whole numbers
            that fit. Real World Value Mappings and the Maximum Fractional Value of segmentations are not
            applied.

        Raises
        ------
        OptionError
            `dtype` is int16, and a value is no whole number or does not fit; `out` or another argument cannot
            be used.
        LimitError
            More voxels than `max_pixels`.
        DicomError, OSError
            As `Dataset.pixels`.

        Notes
        -----
        PS3.3 C.11.1 and C.7.6.16.2.9. Beside the array, memory is taken for a slice a thread; for a mosaic,
        where there are some.
        """
        if out is not None:
            out = array_of(out)
        kind = np.dtype(dtype if dtype is not None else self._dtype if out is None else out.dtype)
        if kind not in DTYPES:
            raise OptionError(f"dtype is float32 or int16, unlike {kind}")
        threads = thread_count(self.threads if threads is None else threads)
        most = self._max_pixels if max_pixels is None else max_pixels
        if math.prod(self.shape) > most:
            size = " x ".join(map(str, self.shape))
            raise LimitError(f"{size} voxels are more than max_pixels={most}")
        target = target_of(out, self.shape, kind)
        _Filling(self._planes, target).run(min(threads, len(self)))
        return target


class _Filling:
    """Slices on their way into an array."""

    def __init__(self, planes: list[Plane], target: Array) -> None:
        self._jobs = deque(enumerate(planes))
        self._target = target
        self._own = local()
        self._failed: list[tuple[int, BaseException]] = []

    def run(self, threads: int) -> None:
        """Decode all slices; of several errors that of the first slice is raised."""
        together(self._work, threads)
        errors = [error for _, error in sorted(self._failed, key=itemgetter(0))]
        self._failed.clear()
        if errors:
            raise_first(errors)

    def _work(self) -> None:
        while not self._failed:
            try:
                number, plane = self._jobs.popleft()
            except IndexError:
                return
            try:
                self._fill(plane, self._target[number])
            except BaseException as error:  # one of another thread would be lost
                self._failed.append((number, error))

    def _fill(self, plane: Plane, out: Array) -> None:
        decoder: Decoder | None = getattr(self._own, "decoder", None)
        if decoder is None or self._own.ds is not plane.ds:
            decoder, self._own.ds = Decoder(plane.ds), plane.ds
            self._own.decoder, self._own.mosaic = decoder, None
        stored = self._stored(decoder, plane, out)
        try:
            if (table := modality_lut(plane.ds, byteorder=plane.ds._byteorder)) is not None:
                stored = table(stored)
            scale = _scale(plane)
            if out.dtype == np.float32:
                rescale_into(out, stored, *scale)
            else:
                _rescale_whole(out, stored, *scale)
        except DicomError as error:
            error.file = error.file or plane.name
            raise

    def _stored(self, decoder: Decoder, plane: Plane, out: Array) -> Array:
        """Decode a frame, or cut a tile from its mosaic, which is decoded once a thread."""
        if plane.tile is None:
            stored = self._room(decoder.layout, out)
            decoder.decode(plane.frame, out=stored)
            return stored
        if self._own.mosaic is None or self._own.frame != plane.frame:
            self._own.mosaic, self._own.frame = decoder.decode(plane.frame), plane.frame
        row, column = plane.tile.row, plane.tile.column
        rows, columns = out.shape
        return np.ascontiguousarray(self._own.mosaic[row : row + rows, column : column + columns])

    def _room(self, layout: Layout, out: Array) -> Array:
        """An array for the stored samples: the result's own memory, or else what the last slice had."""
        if out.dtype == np.int16 and layout.dtype.kind in "iu" and layout.dtype.itemsize == 2:
            return out.view(layout.dtype)
        room: Array | None = getattr(self._own, "room", None)
        if room is None or room.dtype != layout.dtype:
            room = self._own.room = np.empty(out.shape, layout.dtype)
        return room


def _scale(plane: Plane) -> tuple[float, float]:
    """Slope and intercept."""
    if plane.scale:
        slope, intercept = plane.scale
        return slope, intercept
    return rescale(plane.ds, plane.frame)


def _rescale_whole(out: Array, stored: Array, slope: float, intercept: float) -> None:
    """Put ``stored * slope + intercept`` into integers, in which there must be nothing to round or to cut."""
    if stored.dtype.kind not in "iu" or not slope.is_integer() or not intercept.is_integer():
        raise OptionError(
            f"dtype=int16: values are no whole numbers ({stored.dtype} x {slope} + {intercept})"
        )
    limits = np.iinfo(out.dtype)
    ends = [int(end) * int(slope) + int(intercept) for end in (stored.min(), stored.max())]
    if min(ends) < limits.min or max(ends) > limits.max:
        raise OptionError(f"dtype=int16: values from {min(ends)} to {max(ends)} do not fit")
    # Overflows on the way do not matter: what counts modulo 2**16 fits in the end.
    if out.ctypes.data != stored.ctypes.data:
        out[...] = stored.astype(out.dtype)
    if slope != 1:
        out *= np.array(int(slope) & 0xFFFF, np.uint16).view(np.int16)
    if intercept:
        out += np.array(int(intercept) & 0xFFFF, np.uint16).view(np.int16)


class Series:
    """The images of a series that are in volumes.

    Attributes
    ----------
    uid : str
        Series Instance UID.
    study_uid : str
    number : int or None
        Series Number.
    description : str
        Series Description.
    modality : str
    volumes : list of Volume
        In the order of their lowest Instance Numbers.
    problems : tuple of Problem
        What is not as it should be with the series; those of `volumes` have their own.
    left_out : tuple of LeftOut
        Which of its files and frames are in no volume, and why.
    """

    def __init__(
        self,
        header: Dataset,
        volumes: list[Volume],
        problems: list[Problem],
        left_out: list[LeftOut],
    ) -> None:
        number = plain(header, "SeriesNumber")
        self.uid = str(plain(header, "SeriesInstanceUID") or "")
        self.study_uid = str(plain(header, "StudyInstanceUID") or "")
        self.number: int | None = number if isinstance(number, int) else None
        self.description = str(plain(header, "SeriesDescription") or "")
        self.modality = str(plain(header, "Modality") or "")
        self.volumes = volumes
        self.problems = tuple(problems)
        self.left_out = tuple(left_out)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The problems as sentences, those of volumes too."""
        texts = [f"volume {at}: {text}" for at, each in enumerate(self.volumes) for text in each.warnings]
        return *(problem.text for problem in self.problems), *texts

    def __len__(self) -> int:
        return len(self.volumes)

    def __repr__(self) -> str:
        about = " ".join(filter(None, (self.modality, repr(self.description) if self.description else "")))
        volumes = counted(self.volumes, "volume")
        return f"<Series {about or 'without description'}, {volumes}, {self.uid}>"


class SeriesList(list[Series]):
    """Series in the order of their studies and Series Numbers.

    Attributes
    ----------
    left_out : tuple of LeftOut
        Files that are in no volume, and why; those of the series among them.
    problems : tuple of Problem
        What could not be read.
    """

    def __init__(self, series: list[Series], left_out: list[LeftOut], problems: list[Problem]) -> None:
        super().__init__(series)
        self.left_out = tuple(left_out)
        self.problems = tuple(problems)
