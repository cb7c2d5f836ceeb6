"""Stored samples to display values: what a person or a model sees (PS3.4 N.2)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield._kernels.window import window as window_kernel
from hounsfield.display.groups import DatasetLike
from hounsfield.display.lut import ByteOrder, LookupTable, apply_palette
from hounsfield.display.modality import frames_of, modality_lut, rescale, stored_samples
from hounsfield.display.presets import preset
from hounsfield.display.voi import Window, auto_window, value_range, voi_alternatives
from hounsfield.errors import OptionError
from hounsfield.outputs import array_of, target_of

__all__ = ["WindowLike", "render", "render_dataset", "rendered"]

WindowLike = str | Sequence[float]
Array = npt.NDArray[Any]

OUT_TYPES = ("u1", "u2", "f4")


def render(
    array: npt.ArrayLike,
    window: WindowLike = "auto",
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
    invert: bool = False,
    function: str = "LINEAR",
    dtype: npt.DTypeLike | None = None,
    out: Any = None,
) -> Array:
    """Window an array for display, with the formulas of PS3.3 C.11.2.1.2 and C.11.2.1.3.

    Parameters
    ----------
    array : array_like of numbers or booleans, any shape and layout
        Stored samples. 8, 16 and 32-bit integers, float32 and float64 are taken as they are, float16 as
        float32, and other numbers as float64. A NaN becomes 0 (before inversion), infinities are clamped.
    window : str or (center, width)
        Name of a preset (see `hounsfield.display.presets`), a center and a width in units of the rescaled
        values, or "auto": from the least to the greatest finite value, which become 0 and the maximum.
    slope, intercept : float
        What turns samples into rescaled values (Hounsfield units for CT).
    invert : bool
        Return the exact complement.
    function : {"LINEAR", "LINEAR_EXACT", "SIGMOID"}
        VOI LUT Function. With "auto", LINEAR means LINEAR_EXACT.
    dtype : {uint8, uint16, float32}, optional
        Type of the result, which ranges to 255, 65535 or 1.0; that of `out`, or uint8.
    out : array, optional
        Where to put the result: C-contiguous, writable, of the shape of `array`, not overlapping it.

    Returns
    -------
    ndarray
        `out` as an array, or a new one of the shape of `array`. Rounded half to even; the kernel `window`
        states the exact rule.

    Raises
    ------
    OptionError
        If an argument cannot be used.
    TypeError
        If `array` holds no real numbers.
    """
    samples = np.asarray(array)
    _check_numbers(samples)
    target = _target(samples.shape, dtype, out)
    return _windowed(
        samples, target, _window(window, function, samples, slope, intercept), slope, intercept, invert
    )


def render_dataset(
    ds: DatasetLike,
    window: WindowLike | int | None = None,
    *,
    index: int = 0,
    frame: int | None = None,
    invert: bool | None = None,
    function: str = "LINEAR",
    dtype: npt.DTypeLike | None = None,
    out: Any = None,
    array: Array | None = None,
    byteorder: ByteOrder = "<",
) -> Array:
    """Render a data set as the grayscale pipeline of PS3.4 N.2 does: modality LUT, VOI LUT, presentation
    shape.

    Slope, intercept and the file's windows are each frame's own where the data set has functional groups.
    MONOCHROME1 and the presentation LUT shape INVERSE invert after the VOI LUT. Colour images (RGB) have no
    VOI LUT: `window` does not apply to them, 8-bit ones are returned as they are, and others are scaled by
    their Bits Stored to `dtype`. PALETTE COLOR becomes RGB.

    Parameters
    ----------
    ds : data set
        Anything with ``get(keyword)`` and ``pixel_array``.
    window : str, (center, width) or int, optional
        Name of a preset, a center and a width, or "auto": from the least to the greatest modality value of
        what is rendered, padding left out. None is the file's own, and an int the file's n-th (see `index`).
    index : int
        Which of the file's alternatives to take, from 0: the tables of its VOI LUT Sequence come first, then
        its windows. A file that has none of them is rendered with "auto".
    frame : int, optional
        The one frame to render, from 0; all of them otherwise.
    invert : bool, optional
        Overrides what the data set asks for; for colour, the complement is taken if True.
    function : {"LINEAR", "LINEAR_EXACT", "SIGMOID"}
        VOI LUT Function of a window that the caller gives; the file's windows come with their own.
    dtype : {uint8, uint16, float32}, optional
        Type of the result, which ranges to 255, 65535 or 1.0; that of `out`, or uint8.
    out : array, optional
        Where to put the result: C-contiguous, writable, of the result's shape.
    array : ndarray, optional
        Stored samples (RGB for colour) of what is to be rendered, where the caller has them already.
    byteorder : {"<", ">"}
        Byte order of the tables in `ds`.

    Returns
    -------
    ndarray, shape (rows, columns) or (frames, rows, columns), and (..., 3) for colour
        Display values.

    Raises
    ------
    OptionError
        If an argument cannot be used.
    ElementError, MissingElementError
        If an element that the pipeline needs cannot be used; the error names its tag.
    """
    if isinstance(window, int | np.integer):
        index, window = int(window), None
    stored = stored_samples(ds, array, frame)
    return rendered(
        ds,
        stored,
        window,
        index=index,
        frame=frame,
        invert=invert,
        function=function,
        dtype=dtype,
        out=out,
        byteorder=byteorder,
    )[0]


def rendered(
    ds: DatasetLike,
    stored: Array,
    window: WindowLike | None,
    *,
    index: int = 0,
    frame: int | None = None,
    invert: bool | None = None,
    function: str = "LINEAR",
    dtype: npt.DTypeLike | None = None,
    out: Any = None,
    byteorder: ByteOrder = "<",
    resize: Callable[[Array], Array] | None = None,
) -> tuple[Array, LookupTable | Window | None]:
    """Do what `render_dataset` does, and tell what window or VOI LUT the first frame has; None for colour.

    `resize` is what one frame, in values that are to be windowed or looked up, or in colours, passes through
    before it is.
    """
    _check_numbers(stored)
    photometric = str(ds.get("PhotometricInterpretation") or "MONOCHROME2").strip()
    if photometric == "PALETTE COLOR" or int(ds.get("SamplesPerPixel") or 1) > 1:
        return _color(ds, stored, photometric, bool(invert), dtype, out, byteorder, resize), None

    if invert is None:
        shape = str(ds.get("PresentationLUTShape") or "").strip()
        invert = photometric == "MONOCHROME1" or shape == "INVERSE"
    parts = frames_of(ds, stored, frame)
    table = modality_lut(ds, byteorder=byteorder)
    rescales = [(1.0, 0.0) if table else rescale(ds, number) for _, number in parts]

    chosen: list[LookupTable | Window | None] = [None] * len(parts)
    if window is None:
        chosen = [
            _alternative(voi_alternatives(ds, number, byteorder=byteorder), index) for _, number in parts
        ]
    elif not _is_auto(window):
        chosen = [_window(window, function, stored, 1.0, 0.0)] * len(parts)
    if None in chosen:
        auto = _auto(ds, stored, parts, rescales, table, function)
        chosen = [auto if voi is None else voi for voi in chosen]
    if resize is not None and chosen[0] is not None:
        samples = resize(stored if table is None else table(stored))
        target = _target(samples.shape, dtype, out)
        _gray(samples, target, None, *rescales[0], chosen[0], invert)
        return target, chosen[0]
    target = _target(stored.shape, dtype, out)
    if all(pair == (rescales[0], chosen[0]) for pair in zip(rescales, chosen, strict=True)):
        parts = [(..., parts[0][1])]

    for (where, _), (slope, intercept), voi in zip(parts, rescales, chosen, strict=False):
        # An ellipsis gives a view, even of an array that has no dimensions left.
        if voi is not None:
            _gray(stored[where], target[where], table, slope, intercept, voi, invert)
    return target, chosen[0] if chosen else None


def _gray(
    samples: Array,
    target: Array,
    table: LookupTable | None,
    slope: float,
    intercept: float,
    voi: LookupTable | Window,
    invert: bool,
) -> None:
    """Take samples through modality LUT or rescale, and VOI LUT or window, into the target."""
    if table is None and isinstance(voi, Window):
        _windowed(samples, target, voi, slope, intercept, invert)
        return
    kind = samples.dtype
    if kind.kind in "iu" and kind.itemsize <= 2 and samples.size > 2**16:
        # Each value once, then one look-up a sample.
        index = np.dtype(f"u{kind.itemsize}")
        values = np.arange(2 ** (8 * kind.itemsize)).astype(index)
        levels = np.empty(values.shape, target.dtype)
        _gray(values.view(kind.newbyteorder("=")), levels, table, slope, intercept, voi, invert)
        np.take(
            levels, samples.astype(kind.newbyteorder("="), copy=False).view(index), out=target, mode="clip"
        )
        return
    if table is not None:
        samples = table(samples)
    if isinstance(voi, Window):
        _windowed(samples, target, voi, slope, intercept, invert)
    else:
        _looked_up(samples, target, voi, slope, intercept, invert)


def _auto(
    ds: DatasetLike,
    stored: Array,
    parts: list[tuple[Any, int]],
    rescales: list[tuple[float, float]],
    table: LookupTable | None,
    function: str,
) -> Window:
    """Give one window for all parts, so that frames compare; padding counts if there is nothing else."""
    ends: list[float] = []
    for padded in (ds, None):
        for (where, _), (slope, intercept) in zip(parts, rescales, strict=True):
            extremes = value_range(stored[where], padded)
            if extremes is not None and table is not None:
                ends_of_table = np.clip(np.rint(extremes) - table.first, 0, len(table.entries) - 1)
                low, high = ends_of_table.astype(np.intp).tolist()
                inside = table.entries[low : high + 1]
                extremes = float(inside.min()), float(inside.max())
            if extremes is not None:
                ends += (value * slope + intercept for value in extremes)
        if ends:
            break
    return _with_function(auto_window((min(ends), max(ends)) if ends else None), function)


def _with_function(window: Window, function: str) -> Window:
    return window if function == "LINEAR" else window._replace(function=function)


def _alternative(alternatives: tuple[LookupTable | Window, ...], index: int) -> LookupTable | Window | None:
    if not alternatives and index == 0:
        return None
    if not 0 <= index < len(alternatives):
        raise OptionError(f"the file has {len(alternatives)} windows and VOI LUTs, and none of index {index}")
    return alternatives[index]


def _is_auto(window: WindowLike) -> bool:
    return isinstance(window, str) and window.strip().lower() == "auto"


def _window(window: WindowLike, function: str, samples: Array, slope: float, intercept: float) -> Window:
    if _is_auto(window):
        extremes = value_range(samples)
        if extremes is not None:
            ends = [value * slope + intercept for value in extremes]
            extremes = min(ends), max(ends)
        return _with_function(auto_window(extremes), function)
    if isinstance(window, str):
        return Window(*preset(window), function)
    try:
        center, width = (float(value) for value in window)
    except (TypeError, ValueError) as error:
        raise OptionError(f"window {window!r} is no name and no (center, width)") from error
    return Window(center, width, function)


def _windowed(
    samples: Array, target: Array, window: Window, slope: float, intercept: float, invert: bool
) -> Array:
    kind = samples.dtype
    if kind.kind == "b":
        wanted = "u1"
    elif kind.str[1:] in ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"):
        wanted = kind.str[1:]
    else:
        wanted = "f4" if kind.str[1:] == "f2" else "f8"
    native = np.ascontiguousarray(samples, wanted)
    window_kernel(
        native.reshape(-1).view(np.uint8).data,
        wanted,
        target.reshape(-1).view(np.uint8).data,
        target.dtype.str[1:],
        slope=slope,
        intercept=intercept,
        center=window.center,
        width=window.width,
        function=window.function,
        invert=invert,
    )
    return target


def _looked_up(
    samples: Array, target: Array, table: LookupTable, slope: float, intercept: float, invert: bool
) -> None:
    """Apply a VOI LUT to modality values, rounded half to even, and scale its outputs to the target."""
    levels = np.empty(len(table.entries), target.dtype)
    full = 2**table.bits - 1
    _windowed(table.entries, levels, Window(full / 2, full, "LINEAR_EXACT"), 1.0, 0.0, invert)
    display = LookupTable(table.first, levels, table.bits)
    target[...] = display(np.multiply(samples, slope, dtype=np.float64) + intercept)


def _color(
    ds: DatasetLike,
    stored: Array,
    photometric: str,
    invert: bool,
    dtype: npt.DTypeLike | None,
    out: Any,
    byteorder: ByteOrder,
    resize: Callable[[Array], Array] | None,
) -> Array:
    bits = int(ds.get("BitsStored") or 8 * stored.dtype.itemsize)
    if photometric == "PALETTE COLOR":
        stored, bits = apply_palette(ds, stored, byteorder=byteorder)
    full = 2**bits - 1
    if resize is not None:
        stored = resize(stored)
    target = _target(stored.shape, dtype, out)
    return _windowed(stored, target, Window(full / 2, full, "LINEAR_EXACT"), 1.0, 0.0, invert)


def _check_numbers(samples: Array) -> None:
    if samples.dtype.kind not in "buif":
        raise TypeError(f"array of {samples.dtype}: integers, floats or booleans are needed")


def _target(shape: tuple[int, ...], dtype: npt.DTypeLike | None, out: Any) -> Array:
    """Give the array for the result: the caller's, or a new one."""
    if out is not None:
        out = array_of(out)
    kind = np.dtype(dtype if dtype is not None else np.uint8 if out is None else out.dtype)
    if kind.str[1:] not in OUT_TYPES or not kind.isnative:
        raise OptionError(f"results are uint8, uint16 or float32, not {kind}")
    return target_of(out, shape, kind)
