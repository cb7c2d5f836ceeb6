"""Samples of uncompressed pixel data (PS3.5 Section 8 and Annex A.1 to A.3, A.5)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield._kernels.swap import swap_in_place
from hounsfield.elements.dataset import Dataset
from hounsfield.elements.element import Element
from hounsfield.errors import PixelDataError
from hounsfield.pixels.color import upsample_422, ybr_full_to_rgb
from hounsfield.pixels.layout import Layout, layout_of

__all__ = ["read_native"]


def read_native(ds: Dataset) -> npt.NDArray[Any]:
    """Read all frames, in colour as RGB.

    Returns
    -------
    ndarray
        Of `Layout.shape` and `Layout.dtype`, in the byte order of this machine, C-contiguous and the caller's
        own.

    Raises
    ------
    PixelDataError
        The pixel data are shorter than the attributes say, or the attributes make no sense.
    """
    layout = layout_of(ds)
    element = ds[layout.keyword]
    _check_length(ds, element, layout)
    if layout.bits_allocated == 1:
        return _read_bits(ds, element, layout)
    samples = _read_samples(ds, element, layout)
    if layout.photometric_interpretation == "YBR_FULL_422":
        samples = upsample_422(samples)
    frame = (layout.frames, layout.rows, layout.columns, layout.samples)
    if layout.planar and layout.photometric_interpretation != "YBR_FULL_422":
        planes = samples.reshape(layout.frames, layout.samples, layout.rows, layout.columns)
        samples = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
    samples = samples.reshape(frame)
    if layout.photometric_interpretation in ("YBR_FULL", "YBR_FULL_422"):
        if layout.bits_stored != 8 or layout.samples != 3:
            raise PixelDataError(
                f"{layout.photometric_interpretation} with {layout.samples} samples of "
                f"{layout.bits_stored} bits",
                file=ds._source.name,
                tag=element.tag,
            )
        samples = ybr_full_to_rgb(samples)
    return samples.reshape(layout.shape)


def _check_length(ds: Dataset, element: Element, layout: Layout) -> None:
    # Before anything is allocated: the attributes of a broken file ask for any amount.
    wanted, there = layout.native_bytes, element.length
    if there < wanted:
        cut = ", where the file ends" if element.is_cut else ""
        raise PixelDataError(
            f"{wanted} bytes of pixel data are needed for {layout.frames} x {layout.rows} x {layout.columns} "
            f"x {layout.samples} samples of {layout.bits_allocated} bits, {there} are there{cut}",
            file=ds._source.name,
            tag=element.tag,
            offset=element.offset,
        )
    if there > wanted + wanted % 2:
        ds._note_element(element.tag, f"{there - wanted} bytes follow the last frame and were left out")


def _read_samples(ds: Dataset, element: Element, layout: Layout) -> npt.NDArray[Any]:
    if layout.dtype.itemsize == 1:
        samples = _read_octets(ds, element, layout.native_bytes).view(layout.dtype)
    else:
        samples = np.empty(layout.native_bytes // layout.dtype.itemsize, layout.dtype)
        octets = samples.view(np.uint8)
        ds._source.read_into(element.offset, octets.data)
        if ds._encoding.big_endian == np.little_endian:
            swap_in_place(octets.data, layout.dtype.itemsize)
    unused = layout.bits_allocated - layout.bits_stored
    if unused and layout.keyword == "PixelData":
        # What stands above the stored bits may be anything (PS3.5 Section 8.1.1): shift it out, and the sign
        # in.
        np.left_shift(samples, unused, out=samples)
        np.right_shift(samples, unused, out=samples)
    return samples


def _read_octets(ds: Dataset, element: Element, wanted: int) -> npt.NDArray[np.uint8]:
    """Bytes as they are meant: OW in big endian has two of them swapped (PS3.5 Section 8.2 and A.3)."""
    octets = np.zeros(wanted + wanted % 2, np.uint8)
    ds._source.read_into(element.offset, octets.data[: min(len(octets), element.length)])
    if ds._encoding.big_endian and element.VR == "OW":
        swap_in_place(octets.data, 2)
    return octets[:wanted]


def _read_bits(ds: Dataset, element: Element, layout: Layout) -> npt.NDArray[Any]:
    """Samples of one bit, lowest bit first; frames need not begin on a byte (PS3.5 Section 8.1.1)."""
    packed = _read_octets(ds, element, layout.native_bytes)
    count = layout.frames * layout.rows * layout.columns * layout.samples
    return (
        np.unpackbits(packed, count=count, bitorder="little")
        .astype(layout.dtype, copy=False)
        .reshape(layout.shape)
    )
