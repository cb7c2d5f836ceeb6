"""One frame's codestream decoded, as what it is: the transfer syntax's UID has no say in it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hounsfield._kernels import bits, jpegll
from hounsfield.errors import DicomError, OptionError, PixelDataError, UnsupportedError
from hounsfield.pixels.codestream import Codestream
from hounsfield.pixels.codestream.jpeg import walk_scans
from hounsfield.pixels.codestream.model import END, Kind

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "ALLOWED",
    "Call",
    "bare_call",
    "decode",
    "inflate",
    "inflate_into",
    "last_row",
    "max_reduce",
    "mismatch",
]

SOF0, SOF1, SOF2, SOF3, SOF9, SOF10 = 0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA

# OpenJPEG 2.5 gives wrong samples in silence above this.
MAX_JPEG2000_PRECISION = 24
# Entropy-coded data that no image ends in by chance, and without a byte that could be taken for a marker.
NOISE = bytes.fromhex("b54a8ed16937c25bac1de473980f") * 16
# As many zeros as an arithmetic coder may leave out (D.1.8), but for images of one colour.
ZEROS = bytes(4)
# Of so few MCUs in a restart interval, one that lacks its data is much, and need not be grey.
FEW_UNITS = 4
# In SIZ, of three bytes a component: sign and precision (ISO/IEC 15444-1 A.5.1).
FIRST_SSIZ = 42


class Allowed(NamedTuple):
    """What a transfer syntax allows a codestream to be (PS3.5 Section A.4)."""

    kind: Kind
    sofs: tuple[int, ...] = (0,)
    lossless: bool = False
    predictor: int = 0


JPEG2000 = Allowed("jpeg2000")
JPEG2000_LOSSLESS = Allowed("jpeg2000", lossless=True)
HTJ2K_LOSSLESS = Allowed("htj2k", lossless=True)

ALLOWED: dict[str, Allowed] = {
    "1.2.840.10008.1.2.4.50": Allowed("jpeg", (SOF0,)),
    "1.2.840.10008.1.2.4.51": Allowed("jpeg", (SOF0, SOF1)),
    "1.2.840.10008.1.2.4.52": Allowed("jpeg", (SOF0, SOF1, SOF9)),
    "1.2.840.10008.1.2.4.53": Allowed("jpeg", (SOF2,)),
    "1.2.840.10008.1.2.4.54": Allowed("jpeg", (SOF10,)),
    "1.2.840.10008.1.2.4.55": Allowed("jpeg", (SOF2,)),
    "1.2.840.10008.1.2.4.56": Allowed("jpeg", (SOF10,)),
    "1.2.840.10008.1.2.4.57": Allowed("jpeg-lossless", (SOF3,)),
    "1.2.840.10008.1.2.4.70": Allowed("jpeg-lossless", (SOF3,), predictor=1),
    "1.2.840.10008.1.2.4.80": Allowed("jpeg-ls", (0xF7,), lossless=True),
    "1.2.840.10008.1.2.4.81": Allowed("jpeg-ls", (0xF7,)),
    "1.2.840.10008.1.2.4.90": JPEG2000_LOSSLESS,
    "1.2.840.10008.1.2.4.91": JPEG2000,
    "1.2.840.10008.1.2.4.92": JPEG2000_LOSSLESS,
    "1.2.840.10008.1.2.4.93": JPEG2000,
    "1.2.840.10008.1.2.4.110": Allowed("jpegxl", lossless=True),
    "1.2.840.10008.1.2.4.111": Allowed("jpegxl"),
    "1.2.840.10008.1.2.4.112": Allowed("jpegxl"),
    "1.2.840.10008.1.2.4.201": HTJ2K_LOSSLESS,
    "1.2.840.10008.1.2.4.202": HTJ2K_LOSSLESS,
    "1.2.840.10008.1.2.4.203": Allowed("htj2k"),
}


def mismatch(uid: str, stream: Codestream) -> str:
    """Say how a codestream differs from what its transfer syntax allows; "" if it does not.

    It is decoded all the same, as what it is.
    """
    allowed = ALLOWED.get(uid)
    if allowed is None:
        return f"a codestream ({stream.kind}) in a transfer syntax that has none"
    if stream.kind != allowed.kind:
        return f"the transfer syntax says {allowed.kind}, the codestream is {stream.kind}"
    if stream.sof not in allowed.sofs:
        return f"the transfer syntax allows no JPEG process SOF{stream.sof - SOF0}"
    if allowed.lossless and stream.lossless is False:
        return "the transfer syntax says lossless, the codestream is lossy"
    if allowed.predictor not in (0, stream.predictor):
        return f"the transfer syntax asks for predictor {allowed.predictor}, this is {stream.predictor}"
    return ""


def max_reduce(stream: Codestream) -> int:
    """How often `decode` can halve the image's size, because the codestream is made of such halves."""
    most = 0
    if stream.kind == "htj2k" and not _needs_openjpeg(stream):
        most = stream.levels if stream.precision <= 16 else 0
    elif stream.kind in ("jpeg2000", "htj2k") and _openjpeg_reduces() and stream.origin == (0, 0):
        # Of what begins elsewhere, imagecodecs 2026.10 takes the reduced size for another.
        most = stream.levels
    while most and _empties_tiles(stream, most):
        most -= 1
    return most


def _empties_tiles(stream: Codestream, reduce: int) -> bool:
    """Whether a tile has no samples left at 1/2^reduce of the size, where OpenJPH may crash."""
    for axis, size in enumerate((stream.rows, stream.columns)):
        begin, step, first = stream.origin[axis], stream.tile_size[axis], stream.tile_origin[axis]
        edges = np.arange(first, begin + size + step, step, dtype=np.int64)
        edges = -(-np.clip(edges, begin, begin + size) >> reduce)
        if (edges[1:] == edges[:-1]).any():
            return True
    return False


def decode(
    stream: Codestream,
    data: Buffer,
    out: npt.NDArray[Any],
    *,
    ybr_to_rgb: bool = False,
    reduce: int = 0,
) -> str:
    """Decode one frame.

    Parameters
    ----------
    stream : Codestream
        What `parse` found in the data.
    data : contiguous buffer
    out : ndarray of shape (rows, columns), or (rows, columns, components) where there are several
        C-contiguous integers in native byte order, wide enough for the precision. Samples come as the
        codestream has them, colours too, only JPEG 2000's component transform is undone, and its components
        are put in the order that boxes around it say. They are sign-extended where the codestream itself
        knows a sign, and never where only the data set does.
    ybr_to_rgb : bool
        Convert three components of YCbCr to RGB, in JPEG of kind "jpeg" only, where that costs nothing.
    reduce : int
        Decode at 1/2^reduce of the size, of shape `Codestream.reduced`, up to `max_reduce`.

    Returns
    -------
    str
        What was wrong with the stream but harmless, for a warning; "" for nothing.

    Raises
    ------
    PixelDataError
        The stream is broken or cut short, or not of the shape or precision of `out`.
    UnsupportedError
        Valid, but not for the decoders here.
    OptionError
        `out` is no array to decode into, or an option does not go with the codestream.
    """
    flags, dtype = out.flags, out.dtype
    if not (flags.c_contiguous and flags.writeable and dtype.isnative and dtype.kind in "iu"):
        raise OptionError(f"{out.dtype} array of shape {out.shape} cannot be decoded into")
    if ybr_to_rgb and (stream.kind != "jpeg" or stream.components != 3):
        raise OptionError(f"{stream.kind} of {stream.components} components is not converted to RGB")
    if reduce and not 0 <= reduce <= max_reduce(stream):
        raise OptionError(f"reduce={reduce} where 0 to {max_reduce(stream)} is possible")
    shape: tuple[int, ...] = stream.reduced(reduce)
    if stream.components > 1:
        shape = *shape, stream.components
    if shape != out.shape:
        raise PixelDataError(f"a codestream of shape {shape} for an image of {out.shape}")
    if stream.precision > 8 * out.itemsize:
        raise PixelDataError(f"samples of {stream.precision} bits for an image of {8 * out.itemsize}")
    frame = Frame(stream, memoryview(data).cast("B")[stream.start : stream.stop], out, ybr_to_rgb, reduce)
    try:
        note = DECODERS[stream.kind](frame)
    except DicomError:
        raise
    except NotImplementedError as error:
        raise UnsupportedError(f"{stream.kind}: {error}") from error
    except (RuntimeError, ValueError) as error:
        raise PixelDataError(f"{stream.kind}: {stream.flaw or error}") from error
    if stream.order:
        out[...] = out[..., stream.order]
    if stream.palette:
        note = f"{note}; " * bool(note) + "the palette in its boxes was not applied: these are indices"
    return note


class Call(NamedTuple):
    """What decodes a codestream that nothing is wrong with.

    Attributes
    ----------
    codec : callable
        Takes bytes, and the array `out`.
    options : dict
    components : int
        Whose samples are decoded as of the other sign, too, where the last row is 0: see `_pull`.
    offset : int
        What is to be added to them then, modulo what their bytes hold.
    grey : int or None
        The last sample, where it may show that some are missing; None where that would be an error.
    """

    codec: Callable[..., object]
    options: dict[str, Any]
    components: int = 0
    offset: int = 0
    grey: int | None = None


def bare_call(stream: Codestream, itemsize: int, *, ybr_to_rgb: bool) -> Call | None:
    """Give what `decode` calls for such codestreams as this; None if that is more than one call."""
    if itemsize != (1 if stream.precision <= 8 else 2):
        return None
    if stream.kind == "jpeg" and not (stream.restart_interval or _blurs_end(stream)):
        return Call(_codec("jpeg8_decode"), _spaces(stream, ybr_to_rgb), grey=1 << stream.precision - 1)
    if stream.kind == "jpeg-lossless":
        return Call(jpegll.decode, {})
    if stream.kind == "jpeg-ls" and stream.interleaved:
        return Call(_codec("jpegls_decode"), {})
    if stream.kind == "jpeg2000" and not stream.subsampled:
        return Call(_codec("jpeg2k_decode"), {"numthreads": 1})
    if stream.kind == "htj2k" and not (
        stream.subsampled or stream.uncommon or stream.start or not stream.lossless
    ):
        offset = _level(stream.precision, stream.signed) - _level(stream.precision, not stream.signed)
        return Call(
            _codec("htj2k_decode"),
            {"planar": False},
            components=stream.components if _loses_errors() else 0,
            offset=offset % (1 << 8 * itemsize),
        )
    if stream.kind == "jpegxl":
        return Call(_codec("jpegxl_decode"), {"numthreads": 1, "keeporientation": True})
    return None


def inflate_into(data: Buffer, out: npt.NDArray[Any]) -> None:
    """Inflate a frame where it belongs.

    Raises
    ------
    PixelDataError
        That is not what fills `out`, whatever is the matter: `inflate` tells.
    """
    try:
        size = len(_codec("deflate_decode")(data, raw=True, out=out.reshape(-1).view(np.uint8)))
    except RuntimeError as error:
        raise PixelDataError(f"deflated frame: {error}") from error
    if size != out.nbytes:
        raise PixelDataError(f"a deflated frame of {size} bytes, where {out.nbytes} are needed")


def inflate(data: Buffer, size: int) -> memoryview:
    """Inflate a frame of the Deflated Image Frame Compression transfer syntax (PS3.5 Section A.4.13).

    Parameters
    ----------
    data : contiguous buffer
        Raw deflate (RFC 1951), which padding may follow.
    size : int
        Bytes of the frame, as it would be in a native transfer syntax.

    Raises
    ------
    PixelDataError
        The data are broken, or give more or fewer bytes: more than one in excess, which would be padding.
    """
    octets = np.empty(size + 2, np.uint8)
    try:
        frame = _codec("deflate_decode")(data, raw=True, out=octets)
    except RuntimeError as error:
        if "SPACE" not in str(error):
            raise PixelDataError(f"deflated frame: {error}") from error
        frame = octets
    if len(frame) < size or len(frame) > size + size % 2:
        more = "more than " if len(frame) > size else ""
        raise PixelDataError(
            f"a deflated frame of {more}{min(len(frame), size + 1)} bytes, where {size} are needed"
        )
    return frame[:size].data


class Frame(NamedTuple):
    """What a decoder is given."""

    stream: Codestream
    view: memoryview
    out: npt.NDArray[Any]
    ybr_to_rgb: bool
    reduce: int

    @property
    def decoded(self) -> npt.NDArray[Any]:
        """Where imagecodecs can decode to: `out`, or an array beside it if that has wider samples."""
        precision = self.stream.precision
        itemsize = 1 if precision <= 8 else 2 if precision <= 16 else 4
        if self.out.itemsize == itemsize:
            return self.out
        return np.empty(self.out.shape, f"{'i' if self.stream.signed else 'u'}{itemsize}")

    def decode(self, codec: str, data: Buffer, **options: Any) -> None:
        """Decode into `out`."""
        decoded = self.decoded
        _codec(codec)(data, out=decoded, **options)
        if decoded is not self.out:
            self.out[...] = decoded


@cache
def _codec(name: str) -> Callable[..., npt.NDArray[Any]]:
    """A decoder of imagecodecs, which loads each library when it is first asked for."""
    import imagecodecs

    codec: Callable[..., npt.NDArray[Any]] = getattr(imagecodecs, name)
    return codec


def _spaces(stream: Codestream, ybr_to_rgb: bool) -> dict[str, str]:
    if stream.components == 3:
        # Said whatever the markers say: libjpeg would guess from them, and convert.
        return {"colorspace": "YCBCR", "outcolorspace": "RGB" if ybr_to_rgb else "YCBCR"}
    return {"colorspace": "CMYK", "outcolorspace": "CMYK"} if stream.components == 4 else {}


def _decode_jpeg(frame: Frame) -> str:
    stream = frame.stream
    spaces = _spaces(stream, frame.ybr_to_rgb)
    # An FF that was cut from its second byte would make a marker of what follows.
    data = frame.view if stream.terminated else bytes(frame.view).rstrip(b"\xff")
    frame.decode("jpeg8_decode", data, **spaces)
    is_arithmetic = stream.sof in (SOF9, SOF10)
    in_one_scan = stream.interleaved and stream.sof in (SOF0, SOF1, SOF3)
    # libjpeg fills up in silence what is missing: with grey, down to the last sample of a scan.
    grey = 1 << stream.precision - 1
    doubtful = not stream.terminated or not in_one_scan or _blurs_end(stream) or frame.out.item(-1) == grey
    # Behind a restart marker it goes on whatever is missing before it.
    if not doubtful and not stream.restart_interval:
        return ""
    scans = walk_scans(frame.view)
    if not doubtful:
        few = stream.kind != "jpeg" or stream.restart_interval <= FEW_UNITS
        doubtful = few or _has_grey_units(frame.out, *scans.last, grey)
    # If other data behind give other samples, some are missing: but an arithmetic coder leaves out zeros.
    note = ""
    if doubtful:
        parts = [bytes(frame.view[start:end]) for start, end in pairwise([0, *scans.ends, None])]
        noise = ZEROS + NOISE if is_arithmetic else NOISE
        other = _codec("jpeg8_decode")(noise.join(parts) + END, **spaces)
        if not np.array_equal(frame.out, other.reshape(frame.out.shape)):
            if not is_arithmetic:
                raise PixelDataError("the JPEG ends before its samples do", offset=stream.stop)
            note = (
                "the arithmetic JPEG ends before its samples do, unless nothing changes in the last of them"
            )
    if stream.terminated:
        return note or (
            "" if scans.are_all else "the progressive JPEG lacks scans, and is coarser than it was"
        )
    # What is missing from a restart marker on is grey whatever stands there.
    if not in_one_scan or stream.restart_interval:
        raise PixelDataError("the JPEG has no end, and its samples cannot be told to be all there")
    return "the JPEG has no end marker"


def _has_grey_units(
    out: npt.NDArray[Any], rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], grey: int
) -> bool:
    """Whether any of the MCUs that these pixels are in may have been filled up."""
    is_grey = out[rows, columns] == grey
    if out.ndim > 2:
        return bool(is_grey.all(axis=-1).any())
    # Of one component, a pixel may well be, but hardly a whole block.
    starts = zip((rows[is_grey] & ~7).tolist(), (columns[is_grey] & ~7).tolist(), strict=True)
    return any((out[row : row + 8, column : column + 8] == grey).all() for row, column in starts)


def _blurs_end(stream: Codestream) -> bool:
    """Whether libjpeg mixes the last pixel's colour with that of an MCU before, which keeps it from grey."""
    return stream.subsampled and 1 in (stream.rows % 8, stream.columns % 8)


def _decode_jpeg_lossless(frame: Frame) -> str:
    stream, out = frame.stream, frame.out
    samples = out if out.itemsize <= 2 else np.empty(out.shape, np.uint16)
    try:
        jpegll.decode(frame.view, samples)
    except UnsupportedError:
        note = _decode_jpeg(frame)
        # As by our kernel, what is beyond the precision is cut off: libjpeg leaves it.
        bits.mask(out, stream.precision, stream.precision - 1)
        return note
    if samples is not out:
        out[...] = samples
    return "" if stream.terminated else "the JPEG has no end marker"


def _decode_jpegls(frame: Frame) -> str:
    stream = frame.stream
    if not stream.terminated:
        # CharLS notices that data are missing, but not if that is less than a byte or so.
        raise PixelDataError("the JPEG-LS has no end, and its samples cannot be told to be all there")
    if stream.interleaved:
        frame.decode("jpegls_decode", frame.view)
    else:
        frame.out[...] = _codec("jpegls_decode")(frame.view)
    return ""


def _decode_jpeg2000(frame: Frame) -> str:
    stream = frame.stream
    if stream.subsampled:
        raise UnsupportedError("JPEG 2000 with subsampled components")
    if stream.late_style:
        raise UnsupportedError("JPEG 2000 with the style of a component before that of all")
    # OpenJPEG does not notice that a tile is missing.
    if stream.flaw:
        raise PixelDataError(f"the JPEG 2000 codestream is cut short: {stream.flaw}")
    if stream.precision > MAX_JPEG2000_PRECISION:
        raise UnsupportedError(f"JPEG 2000 with {stream.precision} bits")
    options = {"skipres": frame.reduce} if frame.reduce else {}
    data = frame.view if stream.terminated else bytes(frame.view) + END
    frame.decode("jpeg2k_decode", data, numthreads=1, **options)
    return "" if stream.terminated else "the JPEG 2000 codestream has no end marker"


def _decode_htj2k(frame: Frame) -> str:
    stream = frame.stream
    if _needs_openjpeg(stream):
        return _decode_jpeg2000(frame)
    if stream.subsampled:
        raise UnsupportedError("HTJ2K with subsampled components")
    # OpenJPH says nothing where data are missing.
    if stream.flaw:
        raise PixelDataError(f"the HTJ2K codestream is cut short: {stream.flaw}")
    if frame.reduce or not stream.lossless:
        _decode_clamped(frame)
    else:
        decoded = frame.decoded
        offset = _level(stream.precision, stream.signed) - _pull(frame, stream.precision, decoded)
        if offset:
            values = decoded.view(f"u{decoded.itemsize}")
            values += values.dtype.type(offset % (1 << 8 * decoded.itemsize))
        if decoded is not frame.out:
            frame.out[...] = decoded
    return "" if stream.terminated else "the HTJ2K codestream has no end marker"


def _decode_clamped(frame: Frame) -> None:
    """Decode as samples of 17 bits, round them, and clamp them to those there are.

    The 9/7 transform goes beyond the range, and so do the low frequencies of either that a reduced image is
    made of. OpenJPH does not clamp: at the nominal precision what is beyond comes out at the other end.
    """
    stream = frame.stream
    wide = np.empty(frame.out.shape, np.int32)
    # The 9/7 transform scales with the precision; the 5/3 only begins at the middle of another range.
    shift = 0 if stream.lossless else 17 - stream.precision
    offset = (_level(stream.precision, stream.signed) << shift) - _pull(frame, 17, wide)
    offset += 1 << shift >> 1
    bits.clamp(wide, frame.out, stream.precision, signed=stream.signed, offset=offset, shift=shift)


def _level(precision: int, signed: bool) -> int:
    """What a decoder adds to all samples but signed ones (ISO/IEC 15444-1 Annex G)."""
    return 0 if signed else 1 << precision - 1


def _pull(frame: Frame, precision: int, decoded: npt.NDArray[Any]) -> int:
    """Decode by OpenJPH, as samples of a precision and of either sign; say what was added to them.

    Before 2026.10, imagecodecs loses errors in the midst of an image: all rows that are left are 0, which may
    be the background. Samples that are told to have the other sign are what they are but for `_level`, so
    that 0 is in their middle, or the least there is. If the last row is that, it must not be so with both.
    """
    options = {"skipres": frame.reduce} if frame.reduce else {}
    data, stream = bytearray(frame.view), frame.stream
    for signed in (not stream.signed, stream.signed) if _loses_errors() else (stream.signed,):
        for ssiz in range(FIRST_SSIZ, FIRST_SSIZ + 3 * stream.components, 3):
            data[ssiz] = signed << 7 | precision - 1
        out = decoded.view(f"{'i' if signed else 'u'}{decoded.itemsize}")
        _codec("htj2k_decode")(data, planar=False, out=out, **options)
        if not _loses_errors() or last_row(decoded).any():
            return _level(precision, signed)
    raise PixelDataError("the HTJ2K data are broken")


def last_row(decoded: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What a decoder writes last."""
    return decoded[-1] if decoded.ndim == 2 else decoded[-1, :, -1]


def _decode_jpegxl(frame: Frame) -> str:
    frame.decode("jpegxl_decode", frame.view, numthreads=1, keeporientation=True)
    return ""


def _needs_openjpeg(stream: Codestream) -> bool:
    """Whether an HTJ2K codestream is one that OpenJPH gets wrong."""
    return stream.uncommon or stream.lossless is None or (not stream.lossless and stream.precision > 16)


@cache
def _loses_errors() -> bool:
    """Whether imagecodecs does not tell of errors in HTJ2K: see `_pull`."""
    import imagecodecs

    year, month = map(int, imagecodecs.__version__.split(".")[:2])
    return (year, month) < (2026, 10)


@cache
def _openjpeg_reduces() -> bool:
    return "skipres" in inspect.signature(_codec("jpeg2k_decode")).parameters


DECODERS: dict[Kind, Callable[[Frame], str]] = {
    "jpeg": _decode_jpeg,
    "jpeg-lossless": _decode_jpeg_lossless,
    "jpeg-ls": _decode_jpegls,
    "jpeg2000": _decode_jpeg2000,
    "htj2k": _decode_htj2k,
    "jpegxl": _decode_jpegxl,
}
