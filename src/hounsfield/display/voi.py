"""Which values of interest a file asks for, windows and VOI LUTs; automatic windows (PS3.3 C.11.2)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hounsfield.display.groups import DatasetLike, functional_group, items_of, number, numbers
from hounsfield.display.lut import ByteOrder, LookupTable, lookup_table
from hounsfield.display.modality import rescale
from hounsfield.elements.dataset import Dataset
from hounsfield.errors import ElementError

__all__ = ["Window", "auto_window", "file_windows", "value_range", "voi_alternatives"]

WINDOW_CENTER, WINDOW_WIDTH, VOI_LUT_FUNCTION = 0x0028_1050, 0x0028_1051, 0x0028_1056
PIXEL_PADDING_VALUE, PIXEL_PADDING_RANGE_LIMIT = 0x0028_0120, 0x0028_0121
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


class Window(NamedTuple):
    """A window in units of the modality values, and its VOI LUT Function."""

    center: float
    width: float
    function: str = "LINEAR"
    explanation: str = ""


def file_windows(ds: DatasetLike, frame: int = 0) -> tuple[Window, ...]:
    """Give the windows that the file has for a frame, in its order; none if it has none.

    They are looked for in the frame's own Frame VOI LUT Sequence, in the shared one, and in the data set. A
    width above 0 but below 1, which LINEAR does not allow, is taken as LINEAR_EXACT: such windows come with
    values whose range is about 1, where half a step would be wrong. Center and width of 0 are what some
    writers put where there is no window: such ones are left out.

    Raises
    ------
    ElementError
        If another width is 0 or less, a value is no finite number, or the function is none of the three.
    """
    item = functional_group(ds, "FrameVOILUTSequence", frame)
    centers = numbers(item, "WindowCenter", WINDOW_CENTER)
    widths = numbers(item, "WindowWidth", WINDOW_WIDTH)
    function = str(item.get("VOILUTFunction") or "LINEAR").strip().upper()
    if function not in FUNCTIONS:
        raise ElementError(f"VOI LUT Function {function!r} is unknown", tag=VOI_LUT_FUNCTION)
    explanations = item.get("WindowCenterWidthExplanation") or ()
    if isinstance(explanations, str):
        explanations = [explanations]
    windows = []
    for position, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if center == width == 0:
            if isinstance(item, Dataset):
                item._note_element(WINDOW_WIDTH, "0 with a Window Center of 0 is no window: left aside")
            continue
        if not np.isfinite(center):
            raise ElementError(f"Window Center {center} is not finite", tag=WINDOW_CENTER)
        if not 0 < width < np.inf:
            raise ElementError(f"Window Width {width} is not above 0", tag=WINDOW_WIDTH)
        kind = "LINEAR_EXACT" if function == "LINEAR" and width < 1 else function
        explanation = str(explanations[position]) if position < len(explanations) else ""
        windows.append(Window(center, width, kind, explanation))
    return tuple(windows)


def voi_alternatives(
    ds: DatasetLike, frame: int = 0, *, byteorder: ByteOrder = "<"
) -> tuple[LookupTable | Window, ...]:
    """Give all that the file offers for a frame: the tables of its VOI LUT Sequence, then its windows."""
    item = functional_group(ds, "FrameVOILUTSequence", frame)
    tables = items_of(item, "VOILUTSequence")
    greatest = _greatest_input(ds, frame) if tables else 0
    found = [lookup_table(table, greatest=greatest, byteorder=byteorder) for table in tables]
    return (*found, *file_windows(ds, frame))


def _greatest_input(ds: DatasetLike, frame: int) -> float:
    """The greatest modality value that there can be: the output of a Modality LUT is unsigned."""
    if items_of(ds, "ModalityLUTSequence"):
        return 0xFFFF
    slope, intercept = rescale(ds, frame)
    bits = min(int(ds.get("BitsStored") or 16), 16)
    signed = int(ds.get("PixelRepresentation") == 1)
    least, greatest = -signed << bits - signed, (1 << bits - signed) - 1
    return max(least * slope, greatest * slope) + intercept


def value_range(array: npt.NDArray[Any], ds: DatasetLike | None = None) -> tuple[float, float] | None:
    """Give the least and the greatest stored sample, leaving out NaN, infinities and padding.

    Padding is what equals Pixel Padding Value, or lies between it and Pixel Padding Range Limit (PS3.3
    C.7.5.1.1.2).

    Returns
    -------
    (float, float) or None
        None if no sample is left.
    """
    keep: Any = True
    if array.dtype.kind == "f":
        keep = np.isfinite(array)
    if ds is not None and (padding := _padding(ds, array.dtype)) is not None:
        keep = keep & ((array < padding[0]) | (array > padding[1]))
    if not np.any(keep) or array.size == 0:
        return None
    if keep is True:
        return float(array.min()), float(array.max())
    kept = array[keep]
    return float(kept.min()), float(kept.max())


def auto_window(extremes: tuple[float, float] | None) -> Window:
    """Give the window that shows the least modality value black, the greatest white, and cuts nothing off.

    Where all values are equal, or there are none, it shows black: its step is half a unit above them, and
    none is beyond it by how it was rounded.
    """
    least, greatest = extremes or (0.0, 0.0)
    if least == greatest:
        return Window(least + 1.0, 1.0)
    return Window(least / 2 + greatest / 2, greatest - least, "LINEAR_EXACT")


def _padding(ds: DatasetLike, dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """Give the least and the greatest padding value."""
    if dtype.kind == "f":
        prefix = "FloatPixelPadding" if dtype.itemsize == 4 else "DoubleFloatPixelPadding"
    else:
        prefix = "PixelPadding"
    ends = []
    for suffix, tag in (("Value", PIXEL_PADDING_VALUE), ("RangeLimit", PIXEL_PADDING_RANGE_LIMIT)):
        value = number(ds, prefix + suffix, tag, np.nan)
        # The VR may have been read as US for SS or the reverse: both stand for the same stored bits.
        if dtype.kind == "i" and value > np.iinfo(dtype).max:
            value -= 65536
        elif dtype.kind == "u" and value < 0:
            value += 65536
        ends.append(value)
    if np.isnan(ends[0]):
        return None
    limit = ends[0] if np.isnan(ends[1]) else ends[1]
    return min(ends[0], limit), max(ends[0], limit)
