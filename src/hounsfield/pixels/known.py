"""Images like others that were decoded before: what was settled for those is not asked again.

Between a path and its codec stand some fifty functions, each of which has to be fetched into the caches that
the codec of the last image filled: a good part of the time that a small image takes. What they decide follows
from the attributes that describe the samples, the transfer syntax, and the headers of the codestream.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hounsfield._kernels import bits
from hounsfield.errors import DicomError
from hounsfield.pixels.codecs import MARKS, Call, bare_call, last_row
from hounsfield.pixels.codestream import Codestream, headers_of, is_one_tile_part, parse
from hounsfield.pixels.codestream.model import END, PAD

if TYPE_CHECKING:
    import numpy.typing as npt

    from hounsfield.elements.dataset import Dataset
    from hounsfield.pixels.layout import Layout

__all__ = ["Known", "Native", "decode_known", "decode_like", "known_of", "remember"]

STOP = Codestream._fields.index("stop")
MOST_KNOWN = 1024


class Known(NamedTuple):
    """How an image of one frame was decoded.

    Attributes
    ----------
    shape, dtype
        Of the samples.
    view : numpy.dtype
        How the codec sees them: it may have another sign.
    headers : bytes
        Those of the codestream; b"" of JPEG XL, where they do not end at a byte.
    stream : Codestream
    has_tiles : bool
        Whether it is JPEG 2000.
    call : Call
    mask : tuple or None
        Bits stored and the high bit, if samples are to be masked.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    view: np.dtype[Any]
    headers: bytes
    stream: Codestream
    has_tiles: bool
    call: Call
    mask: tuple[int, int] | None


class Native(NamedTuple):
    """Of what shape the samples of an image are that stand in the file as they are given.

    In little endian; see `Known`.

    Attributes
    ----------
    shape, dtype
    mask : tuple or None
        Bits stored and the high bit, if samples are to be masked.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    mask: tuple[int, int] | None


_KNOWN: dict[tuple[bytes, str], Known | Native] = {}


def known_of(
    layout: Layout, stream: Codestream, data: memoryview, *, ybr_to_rgb: bool, mask: tuple[int, int] | None
) -> Known | None:
    """Say how a frame was decoded, if others like it can be in one call."""
    headers = b"" if stream.kind == "jpegxl" else headers_of(data, stream)
    call = bare_call(stream, layout.dtype.itemsize, ybr_to_rgb=ybr_to_rgb)
    if headers is None or call is None:
        return None
    view = np.dtype(f"{'i' if stream.signed else 'u'}{layout.dtype.itemsize}")
    has_tiles = stream.kind in ("jpeg2000", "htj2k")
    return Known(layout.frame_shape, layout.dtype, view, headers, stream, has_tiles, call, mask)


def remember(ds: Dataset, known: Known | Native) -> None:
    """Keep how the only frame of a data set was decoded, if nothing was wrong with it."""
    key, syntax = ds._image_key(), ds._syntax
    if key is not None and syntax is not None and not ds._notes and len(_KNOWN) < MOST_KNOWN:
        _KNOWN[key, syntax.uid] = known


def is_like(stream: Codestream, other: Codestream) -> bool:
    """Whether two say the same of themselves, but for where they end."""
    return stream[:STOP] == other[:STOP] and stream[STOP + 1 :] == other[STOP + 1 :]


def room_for(
    shape: tuple[int, ...], dtype: np.dtype[Any], max_pixels: int, out: npt.NDArray[Any] | None
) -> npt.NDArray[Any] | None:
    """Give the caller's array, or a new one; None if it does not fit, or may not be so large."""
    if prod(shape) > max_pixels:
        return None
    if out is None:
        return np.empty(shape, dtype)
    flags = out.flags
    fits = out.shape == shape and out.dtype == dtype and flags.c_contiguous and flags.writeable
    return out if fits else None


def decode_known(
    ds: Dataset, max_pixels: int, out: npt.NDArray[Any] | None = None
) -> npt.NDArray[Any] | None:
    """Decode the only frame of a file that is like one before; None if it is not, or anything is wrong.

    Few functions, and little in them: see above.
    """
    key, syntax = ds._image_key(), ds._syntax
    known = None if key is None or syntax is None else _KNOWN.get((key, syntax.uid))
    if known is None:
        return None
    if isinstance(known, Native):
        shape, dtype, mask = known
        samples = room_for(shape, dtype, max_pixels, out)
        if samples is None or not ds._fill_from_pixel_data(samples):
            return None
        if mask is not None:
            bits.mask(samples, *mask, signed=dtype.kind == "i")
        return samples
    found = ds._sole_fragment()
    if found is None:
        return None
    data, start, stop = found
    samples = room_for(known.shape, known.dtype, max_pixels, out)
    if samples is None or not decode_like(known, memoryview(data)[start:stop], samples):
        return None
    return samples


def decode_like(known: Known, data: memoryview, samples: npt.NDArray[Any]) -> bool:
    """Decode a frame as one before, if its headers are the same; False if not, or anything is wrong.

    `samples` has the shape and dtype of the other, and is C-contiguous; it may hold anything after a failure.
    """
    _, dtype, view, headers, stream, has_tiles, (codec, options, is_marked, grey), mask = known
    if headers:
        behind = len(headers)
        last = max(len(data) - PAD, behind)
        end = bytes(data[last:]).rfind(END)
        if end < 0 or bytes(data[:behind]) != headers:
            return False
        if has_tiles and not is_one_tile_part(data, behind, last + end):
            return False
        data = data[: last + end + len(END)]
    if is_marked:
        last_row(samples).fill(MARKS[0])
    try:
        if not headers and not is_like(parse(data), stream):
            return False
        codec(data, out=samples if dtype is view else samples.view(view), **options)
    except (DicomError, RuntimeError, ValueError):
        return False
    # One sample tells nearly always; comparing arrays takes 60 us where the caches hold other things.
    if is_marked and samples.item(-1) == MARKS[0] and (last_row(samples) == MARKS[0]).all():
        return False
    if grey is not None and samples.item(-1) == grey:
        return False
    if mask is not None:
        bits.mask(samples, *mask, signed=dtype.kind == "i")
    return True
