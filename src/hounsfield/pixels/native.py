"""Samples of uncompressed pixel data (PS3.5 Section 8 and Annex A.1 to A.3, A.5)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield._kernels import bits, color
from hounsfield._kernels.swap import swap_in_place
from hounsfield.pixels.color import to_rgb, upsample
from hounsfield.pixels.layout import SUBSAMPLED, TO_RGB, Layout

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Buffer

    from hounsfield.sources import Source

__all__ = ["as_they_stand", "decode_native", "mask_of", "mask_unused"]

CHUNK = 1 << 20  # bytes that are read at a time, where they cannot be read to where they belong


def decode_native(
    source: Source,
    offset: int,
    length: int,
    layout: Layout,
    out: npt.NDArray[Any],
    first: int = 0,
    *,
    raw: bool = False,
    big_endian: bool = False,
    words: bool = False,
) -> None:
    """Read frames of uncompressed pixel data, and no others.

    Parameters
    ----------
    source : Source
    offset, length : int
        Where the pixel data begin in it, and their length in bytes; all of `first` and what follows it are
        there.
    layout : Layout
        That of `native_layout`; unless `raw`, `check_color` has nothing against it.
    out : ndarray, shape (count, rows, columns) or (count, rows, columns, samples)
        C-contiguous, of `Layout.dtype`: as many frames are read.
    first : int
        Number of the first frame, from 0.
    raw : bool
        Leave colours as they are stored, but each sample at its pixel.
    big_endian, words : bool
        Whether the transfer syntax is in big endian; whether the VR is OW.
    """
    reader = _FrameReader(source, offset, length, layout, big_endian, words)
    if as_they_stand(layout, raw) and not reader.swapped_words:
        octets = out.reshape(-1).view(np.uint8)
        source.read_into(offset + first * layout.frame_bits // 8, octets.data)
        if reader.swapped:
            swap_in_place(octets.data, layout.dtype.itemsize)
    else:
        step = max(1, CHUNK * 8 // layout.frame_bits)
        for start in range(0, len(out), step):
            part = out[start : start + step]
            data, bit = reader.read(first + start, len(part))
            _unpack(data, bit, layout, part, raw)
            if reader.swapped:
                swap_in_place(part.reshape(-1).view(np.uint8).data, layout.dtype.itemsize)
    mask_unused(layout, out)


def mask_of(layout: Layout) -> tuple[int, int] | None:
    """Bits stored and the high bit, where samples that were read as they stand may hold more."""
    unused = layout.bits_stored < 8 * layout.dtype.itemsize
    if unused and layout.keyword == "PixelData" and layout.bits_allocated > 1:
        return layout.bits_stored, layout.high_bit
    return None


def mask_unused(layout: Layout, out: npt.NDArray[Any]) -> None:
    """Leave only what is stored in samples that were read as they stand."""
    mask = mask_of(layout)
    if mask is not None:
        bits.mask(out, *mask, signed=layout.signed)


def as_they_stand(layout: Layout, raw: bool) -> bool:
    """Whether the samples in the file are those of the array, but for the order of their bytes."""
    photometric = layout.photometric_interpretation
    packed = layout.bits_allocated in (1, 12)
    return not (packed or layout.planar or photometric in SUBSAMPLED or (photometric in TO_RGB and not raw))


class _FrameReader:
    """Reads the bytes of frames as they are meant: of OW in big endian, two change places (PS3.5 A.3)."""

    def __init__(
        self, source: Source, offset: int, length: int, layout: Layout, big_endian: bool, words: bool
    ) -> None:
        whole = layout.bits_allocated in (8, 16, 32, 64)
        self._source, self._offset, self._length = source, offset, length
        self._bits = layout.frame_bits
        self.swapped = whole and layout.bits_allocated > 8 and big_endian == (sys.byteorder == "little")
        # packed samples are little endian words, put into words that may be swapped
        self.swapped_words = big_endian and words and not (whole and layout.bits_allocated > 8)

    def read(self, first: int, count: int) -> tuple[Buffer, int]:
        """Give bytes, and the bit that the first of `count` frames begins at."""
        start, bit = divmod(first * self._bits, 8)
        stop = start + (bit + count * self._bits + 7) // 8
        if not self.swapped_words:
            return self._source.read(self._offset + start, stop - start), bit
        odd = start % 2
        there = min(stop + stop % 2, self._length)
        octets = np.zeros(stop + stop % 2 - start + odd, np.uint8)
        self._source.read_into(self._offset + start - odd, octets.data[: there - start + odd])
        swap_in_place(octets.data, 2)
        return octets[odd : odd + stop - start].data, bit


def _unpack(data: Buffer, bit: int, layout: Layout, out: npt.NDArray[Any], raw: bool) -> None:
    """Put stored samples to their places."""
    if layout.bits_allocated in (1, 12):
        unpack = bits.unpack_bits if layout.bits_allocated == 1 else bits.unpack_12
        if not layout.planar:
            unpack(data, out, bit)
            return
        samples = np.empty(out.size, out.dtype)
        unpack(data, samples, bit)
        data = samples.data.cast("B")
    view = memoryview(data)
    size = len(view) // len(out)
    photometric = layout.photometric_interpretation
    for number, frame in enumerate(out):
        octets = view[number * size : (number + 1) * size]
        if photometric in TO_RGB and not raw:
            to_rgb(octets, photometric, frame, planar=layout.planar)
        elif photometric in SUBSAMPLED:
            upsample(octets, photometric, frame)
        elif layout.planar:
            color.interleave(octets, frame)
        else:
            frame.reshape(-1).view(np.uint8)[:] = octets
