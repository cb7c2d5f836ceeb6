"""Stored samples to what they measure: rescale, Modality LUT, dose (PS3.3 C.11.1, C.7.6.16.2.9, C.8.8.3)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.display.groups import DatasetLike, by_frame, functional_group, items_of, number, numbers
from hounsfield.display.lut import ByteOrder, LookupTable, greatest_word, lookup_table
from hounsfield.errors import ElementError, OptionError
from hounsfield.outputs import target_of

__all__ = ["modality_lut", "modality_values", "rescale", "rescale_into"]

RESCALE_INTERCEPT, RESCALE_SLOPE, DOSE_GRID_SCALING = 0x0028_1052, 0x0028_1053, 0x3004_000E


def rescale(ds: DatasetLike, frame: int = 0) -> tuple[float, float]:
    """Give (slope, intercept) of a frame; (1, 0) where the data set has none.

    They are looked for in the frame's own Pixel Value Transformation Sequence, in the shared one, and in the
    data set. The slope of a dose is its Dose Grid Scaling.

    Raises
    ------
    ElementError
        If one is no finite number.
    """
    if scaling := numbers(ds, "DoseGridScaling", DOSE_GRID_SCALING):
        if not np.isfinite(scaling[0]):
            raise ElementError(f"Dose Grid Scaling {scaling[0]} is not finite", tag=DOSE_GRID_SCALING)
        return scaling[0], 0.0
    item = functional_group(ds, "PixelValueTransformationSequence", frame)
    slope = number(item, "RescaleSlope", RESCALE_SLOPE, 1.0)
    intercept = number(item, "RescaleIntercept", RESCALE_INTERCEPT, 0.0)
    if not np.isfinite(slope):
        raise ElementError(f"Rescale Slope {slope} is not finite", tag=RESCALE_SLOPE)
    if not np.isfinite(intercept):
        raise ElementError(f"Rescale Intercept {intercept} is not finite", tag=RESCALE_INTERCEPT)
    return slope, intercept


def modality_lut(ds: DatasetLike, *, byteorder: ByteOrder = "<") -> LookupTable | None:
    """Give the table of the Modality LUT Sequence, which replaces slope and intercept; None if none."""
    items = items_of(ds, "ModalityLUTSequence")
    if not items:
        return None
    return lookup_table(items[0], greatest=greatest_word(ds), byteorder=byteorder)


def modality_values(
    ds: DatasetLike,
    array: npt.NDArray[Any] | None = None,
    *,
    frame: int | None = None,
    out: Any = None,
    byteorder: ByteOrder = "<",
) -> npt.NDArray[np.float32]:
    """Give what the stored samples measure: Hounsfield units for CT, Dose Units, else what Rescale Type says.

    A Modality LUT Sequence is looked up; else it is ``stored * slope + intercept``, each frame with its own
    where the data set has functional groups, computed in float64 and rounded once; of a dose, ``stored *
    Dose Grid Scaling``. Without any of them the values are the stored ones.

    Parameters
    ----------
    ds : data set
        Anything with ``get(keyword)`` and ``pixel_array``.
    array : ndarray, shape (rows, columns) or (frames, rows, columns), optional
        Stored samples, where the caller has them already; ``ds.pixel_array`` otherwise.
    frame : int, optional
        The frame that `array` holds, from 0; all frames otherwise.
    out : array, optional
        Where to put the values: float32, C-contiguous, writable, of the shape of the stored samples.
    byteorder : {"<", ">"}
        Byte order of the tables in `ds`.

    Returns
    -------
    ndarray of float32
        Of the shape of the stored samples.

    Raises
    ------
    ElementError, MissingElementError
        If slope, intercept or table cannot be used.
    OptionError
        If there is no such frame, or `out` cannot be used.
    """
    stored = stored_samples(ds, array, frame)
    values = target_of(out, stored.shape, np.dtype(np.float32))
    if (table := modality_lut(ds, byteorder=byteorder)) is not None:
        values[...] = table(stored)
        return values
    for index, number_of_frame in frames_of(ds, stored, frame):
        rescale_into(values[index], stored[index], *rescale(ds, number_of_frame))
    return values


def stored_samples(ds: DatasetLike, array: npt.NDArray[Any] | None, frame: int | None) -> npt.NDArray[Any]:
    """Give the stored samples of one frame, or of all; `array` if the caller has them.

    How many frames there are is what the samples show, whatever Number of Frames says.
    """
    if array is not None:
        return np.asarray(array)
    stored = ds.pixel_array
    if frame is None:
        return stored
    frames = stored if _is_stack(ds, stored) else stored[np.newaxis]
    if not 0 <= frame < len(frames):
        raise OptionError(f"there is no frame {frame} among {len(frames)}, counted from 0")
    one: npt.NDArray[Any] = frames[frame]
    return one


def frames_of(ds: DatasetLike, stored: npt.NDArray[Any], frame: int | None) -> list[tuple[Any, int]]:
    """Give (index into `stored`, frame number) for each part that has parameters of its own."""
    if frame is not None or not by_frame(ds):
        return [(..., frame or 0)]
    if _is_stack(ds, stored):
        return [(number_of_frame, number_of_frame) for number_of_frame in range(len(stored))]
    described = len(items_of(ds, "PerFrameFunctionalGroupsSequence"))
    if described > 1:
        raise OptionError(
            f"an array of shape {stored.shape} is not all {described} frames; tell which frame it is"
        )
    return [(..., 0)]


def _is_stack(ds: DatasetLike, stored: npt.NDArray[Any]) -> bool:
    """Whether the first axis counts frames."""
    return stored.ndim > (3 if int(ds.get("SamplesPerPixel") or 1) > 1 else 2)


def rescale_into(
    values: npt.NDArray[np.float32], stored: npt.NDArray[Any], slope: float, intercept: float
) -> None:
    """Put ``stored * slope + intercept`` into `values`, rounded once; infinite where float32 ends."""
    short = stored.dtype.kind in "bui" and stored.dtype.itemsize <= 2
    whole = slope.is_integer() and intercept.is_integer() and abs(slope) * 2**16 + abs(intercept) <= 2**24
    if short and whole:  # integers below 2**24 are exact in float32, four times as fast
        values[...] = stored
        if slope != 1:
            values *= np.float32(slope)
        values += np.float32(intercept)
        return
    with np.errstate(over="ignore", invalid="ignore"):  # the kernels do not warn, either
        product = np.multiply(stored, slope, dtype=np.float64)
        np.add(product, intercept, out=values, casting="same_kind")
