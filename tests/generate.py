"""DICOM files that nobody has, each with the samples it was made from, by encoders that are not ours.

The tests ask for them by the fixture `generated`; by hand, `python tests/generate.py -o FOLDER [NAME...]`
writes them, and `--help` tells the rest. Nothing is downloaded. The same encoders give the same bytes again.

    pydicom          writes the files, encapsulates, encodes RLE
    imagecodecs      JPEG, JPEG-LS (CharLS), JPEG 2000 (OpenJPEG), HTJ2K (OpenJPH), JPEG XL (libjxl)
    Pillow           JPEG 2000 in tiles (OpenJPEG), JPEG with restart markers (libjpeg-turbo)
    DCMTK            JPEG Lossless, lossy JPEG of 12 bits, JPEG-LS by interleave mode, RLE; its cases are
                     skipped where it is not installed
    PyAV (FFmpeg)    MPEG-2; H.264 (x264) and HEVC (x265)

No encoder at hand writes JPEG 2000 Part 2's own markers, for transforms over any number of components (see
README.md). The cases of these syntaxes are what Part 1 can say: one component a frame, and between three its
own transform.
"""

from __future__ import annotations

import argparse
import functools
import io
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG = "1.2.840.10008.1.2.4"


class Case(NamedTuple):
    """A file, and what is in it.

    Attributes
    ----------
    syntax : str
        UID of the transfer syntax.
    data : bytes
        The file.
    expected : ndarray
        What `pixel_array` is to be, in dtype and shape too; colour as RGB, palettes as indices.
    tolerance : int
        How far a sample may be from it: 0 for lossless syntaxes.
    mean : float
        How far all samples may be from it on average.
    palette : ndarray or None
        (entries, 3), the palette as it stands in the file after expansion.
    raw : ndarray or None
        The samples before any conversion of colour, where they are known and not `expected`.
    note : str
    """

    syntax: str
    data: bytes
    expected: np.ndarray
    tolerance: int = 0
    mean: float = 0.0
    palette: np.ndarray | None = None
    raw: np.ndarray | None = None
    note: str = ""


class UnavailableError(Exception):
    """An encoder is not installed."""


Make = Callable[..., Case]
CASES: dict[str, Callable[[], Case]] = {}


def cases(name: str, values: Sequence[Any] = ((),)) -> Callable[[Make], Make]:
    """Register a function once for each of values; they are its arguments, and fill the name's braces."""

    def register(make: Make) -> Make:
        for value in values:
            arguments = value if isinstance(value, tuple) else (value,)
            key = name.format(*arguments)
            assert key not in CASES, key
            CASES[key] = functools.partial(make, *arguments)
        return make

    return register


@functools.cache
def case(name: str) -> Case:
    """Make one; `UnavailableError` tells which encoder is missing."""
    return CASES[name]()


def names(*starts: str) -> list[str]:
    """Names of all cases, or of those that begin with one of these."""
    return [name for name in CASES if not starts or name.startswith(starts)]


# Pictures ---------------------------------------------------------------------------------------------------


def picture(
    bits: int = 8,
    samples: int = 1,
    frames: int = 1,
    *,
    rows: int = 29,
    columns: int = 37,
    signed: bool = False,
) -> np.ndarray:
    """Waves with noise on them and flat parts, over the full range: (frames, rows, columns, samples)."""
    random = np.random.default_rng(bits * 64 + samples * 8 + frames)
    y, x = np.mgrid[0:rows, 0:columns]
    waves = np.empty((frames, rows, columns, samples))
    for frame in range(frames):
        for sample in range(samples):
            waves[frame, :, :, sample] = np.sin(y / (5 + sample) + frame) * np.cos(x / (7 - sample) - frame)
    waves += random.normal(0, 0.01, waves.shape)
    waves[:, : rows // 4, : columns // 3] = -1
    waves[:, -(rows // 5) :, -(columns // 4) :] = 1
    span = (1 << bits) - 1
    values = np.clip(np.rint((waves + 1) / 2 * span), 0, span).astype(np.int64)
    values -= (1 << bits - 1) if signed else 0
    itemsize = next(size for size in (1, 2, 4) if size * 8 >= bits)
    return values.astype(f"{'i' if signed else 'u'}{itemsize}")


def smooth(samples: int = 3, frames: int = 1, *, rows: int = 32, columns: int = 40) -> np.ndarray:
    """A picture for lossy encoders: slow waves of 8 bits."""
    y, x = np.mgrid[0:rows, 0:columns]
    shift = np.arange(frames)[:, None, None, None]
    phase = np.arange(samples)
    return np.rint(128 + 80 * np.sin((y + x)[:, :, None] / 17 + phase + shift)).astype(np.uint8)


# Files ------------------------------------------------------------------------------------------------------


def dataset(
    array: np.ndarray, syntax: str = EXPLICIT, pixels: bytes | None = None, **attributes: Any
) -> Dataset:
    """A data set of pydicom's.

    Parameters
    ----------
    array : ndarray of shape (frames, rows, columns, samples)
    pixels : bytes
        Value of Pixel Data, encapsulated if the syntax is; by default the array's bytes.
    attributes
        Other values than those that go with the array; None for an element that is to be missing.
    """
    frames, rows, columns, samples = array.shape
    bits = array.dtype.itemsize * 8
    ds = Dataset()
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.SOPInstanceUID = "1.2.826.0.1.3680043.10.1"
    ds.StudyInstanceUID = ds.SeriesInstanceUID = "1.2.826.0.1.3680043.10.2"
    ds.SamplesPerPixel = samples
    ds.PhotometricInterpretation = "RGB" if samples == 3 else "MONOCHROME2"
    if samples > 1:
        ds.PlanarConfiguration = 0
    if frames > 1:
        ds.NumberOfFrames = frames
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated = bits
    ds.BitsStored = stored = attributes.pop("BitsStored", bits)
    ds.HighBit = stored - 1
    ds.PixelRepresentation = int(array.dtype.kind == "i")
    if array.dtype.kind != "f":
        if pixels is None:
            pixels = array.astype(array.dtype.newbyteorder("<")).tobytes()
        encapsulated = syntax != EXPLICIT
        ds.add_new("PixelData", "OB" if encapsulated or bits == 8 else "OW", pixels + bytes(len(pixels) % 2))
        ds["PixelData"].is_undefined_length = encapsulated
    for keyword, value in attributes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = syntax
    return ds


def written(ds: Dataset) -> bytes:
    """The file."""
    out = DicomBytesIO(b"")
    out.is_little_endian, out.is_implicit_VR = True, False
    out.write(bytes(128) + b"DICM")
    write_file_meta_info(out, ds.file_meta)  # dcmwrite refuses syntaxes that pydicom does not know
    write_dataset(out, ds)
    return out.getvalue()


def file(*arguments: Any, **attributes: Any) -> bytes:
    """A file of such a data set."""
    return written(dataset(*arguments, **attributes))


def shaped(array: np.ndarray) -> np.ndarray:
    """(frames, rows, columns, samples), without frames or samples where there is one."""
    drop = tuple(axis for axis in (0, 3) if array.shape[axis] == 1)
    return array.squeeze(drop)


def each_frame(array: np.ndarray, encode: Callable[[np.ndarray], bytes]) -> list[bytes]:
    """Encode every frame, which is given without an axis for a single sample."""
    return [bytes(encode(frame[:, :, 0] if frame.shape[2] == 1 else frame)) for frame in array]


def encapsulated(
    array: np.ndarray, syntax: str, encode: Callable[[np.ndarray], bytes], **attributes: Any
) -> bytes:
    """A file with a fragment a frame, and a right offset table."""
    return file(array, syntax, encapsulate(each_frame(array, encode)), **attributes)


def dcmtk(tool: str, options: Sequence[str], data: bytes) -> bytes:
    """Run one of DCMTK's encoders on a file."""
    if not shutil.which(tool):
        raise UnavailableError(f"DCMTK's {tool} is not installed: apt-get install dcmtk")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.dcm"), Path(folder, "out.dcm")
        source.write_bytes(data)
        subprocess.run([tool, *options, source, target], check=True, capture_output=True, timeout=60)
        return target.read_bytes()


# Uncompressed -----------------------------------------------------------------------------------------------


@cases("native-1bit-{}x{}x{}", [(3, 3, 7), (5, 3, 3), (2, 8, 8), (1, 1, 1)])
def one_bit(frames: int, rows: int, columns: int) -> Case:
    array = picture(1, 1, frames)[:, 4 : 4 + rows, 10 : 10 + columns]
    packed = np.packbits(array.ravel(), bitorder="little").tobytes()
    return Case(EXPLICIT, file(array, EXPLICIT, packed, BitsAllocated=1, BitsStored=1), shaped(array))


@cases("native-12bit-packed-{}", [1, 3])
def packed_12(frames: int) -> Case:
    """Two samples in three bytes: each cell begins at the lowest bit that is free (PS3.5-2004 Annex D)."""
    array = picture(12, 1, frames, rows=28)
    a, b = array.reshape(-1, 2).T
    packed = np.stack((a & 255, a >> 8 | (b & 15) << 4, b >> 4), axis=-1).astype(np.uint8).tobytes()
    return Case(EXPLICIT, file(array, EXPLICIT, packed, BitsAllocated=12, BitsStored=12), shaped(array))


@cases("native-{}", ["FloatPixelData", "DoubleFloatPixelData"])
def floats(keyword: str) -> Case:
    dtype = np.dtype(np.float32 if keyword == "FloatPixelData" else np.float64)
    array = np.random.default_rng(0).normal(size=(2, 5, 7, 1)).astype(dtype)
    array.flat[:3] = np.nan, np.inf, -0.0
    ds = dataset(array, **{keyword: array.tobytes()})
    del ds.BitsStored, ds.HighBit, ds.PixelRepresentation
    return Case(EXPLICIT, written(ds), shaped(array))


@cases("native-{}of{}-at{}-{}", [(6, 8, 7, "u"), (12, 16, 15, "u"), (12, 16, 11, "i"), (10, 16, 12, "i")])
def stored_bits(stored: int, allocated: int, high: int, kind: str) -> Case:
    """Samples with other things above and below them; not always in the lowest bits."""
    array = picture(stored, 1, 2, signed=kind == "i")
    cell = np.dtype(f"u{allocated // 8}")
    low = high + 1 - stored
    mask = np.array(((1 << stored) - 1) << low, cell)
    junk = np.random.default_rng(1).integers(0, 1 << allocated, array.shape, cell)
    cells = (array.astype(cell) << low & mask) | (junk & ~mask)
    data = file(cells.view(f"{kind}{cell.itemsize}"), BitsStored=stored, HighBit=high)
    return Case(EXPLICIT, data, shaped(array.astype(f"{kind}{cell.itemsize}")))


@cases("native-planar-{}", [8, 16])
def planar(bits: int) -> Case:
    array = picture(bits, 3, 2)
    planes = array.transpose(0, 3, 1, 2).tobytes()
    return Case(EXPLICIT, file(array, EXPLICIT, planes, PlanarConfiguration=1), shaped(array))


# YBR of RGB, in ten-thousandths, and what is added (PS3.3 C.7.6.3.1.2).
FULL = [(2990, 5870, 1140), (-1687, -3313, 5000), (5000, -4187, -813)], (0, 128, 128)
PARTIAL = [(2568, 5041, 979), (-1482, -2910, 4392), (4392, -3678, -714)], (16, 128, 128)


def rgb_of(ybr: np.ndarray, model: tuple[Any, Any], bits: int = 8) -> np.ndarray:
    """The RGB whose YBR this is: the standard's equations solved, rounded half up and clamped."""
    matrix, offset = model
    inverse = np.linalg.inv(np.array(matrix) / 10_000)
    rgb = (ybr - np.array(offset) * (1 << bits - 8)) @ inverse.T
    return np.clip(np.floor(rgb + 0.5), 0, (1 << bits) - 1).astype(ybr.dtype)


@cases("native-YBR_{}", ["FULL", "FULL_422", "PARTIAL_422"])
def native_ybr(kind: str) -> Case:
    """In 422, pairs of pixels share their chroma; YBR_PARTIAL_420 is for compressed data only."""
    ybr = picture(8, 3, 2, rows=6, columns=10)
    pixels = None
    if kind.endswith("422"):
        ybr[:, :, 1::2, 1:] = ybr[:, :, ::2, 1:]
        y, chroma = ybr[..., 0].reshape(2, 6, 5, 2), ybr[:, :, ::2, 1:]
        pixels = np.concatenate((y, chroma), axis=-1).tobytes()
    data = file(ybr, EXPLICIT, pixels, PhotometricInterpretation=f"YBR_{kind}")
    rgb = rgb_of(ybr, PARTIAL if kind.startswith("PARTIAL") else FULL)
    # 1: the factors are rounded to four digits, and decoders invert others than these
    return Case(EXPLICIT, data, rgb, tolerance=1, raw=ybr)


@cases("palette-segmented-{}", [8, 16])
def segmented_palette(bits: int) -> Case:
    """Look-up tables of discrete, linear and indirect segments (PS3.3 C.7.9.2)."""
    unit = 1 if bits == 8 else 257
    tables, entries = {}, []
    for number, colour in enumerate(("Red", "Green", "Blue")):
        low, high = 10 * number * unit, (10 * number + 100) * unit
        # four entries as they are, a hundred up to `high`, fifty down to `low`, these two again
        segments = [0, 4, high, high, low + unit, low, 1, 100, high, 1, 50, low, 2, 2, 0, 0]
        if bits == 8:
            segments += [0, 0]
        start, up = [high, high, low + unit, low], [low + unit * step for step in range(1, 101)]
        down = [high - 2 * unit * step for step in range(1, 51)]
        entries.append(start + up + down + start + up)
        tables[f"Segmented{colour}PaletteColorLookupTableData"] = np.array(
            segments, f"<u{bits // 8}"
        ).tobytes()
    table = np.array(entries, f"u{bits // 8}").T
    for colour in ("Red", "Green", "Blue"):
        tables[f"{colour}PaletteColorLookupTableDescriptor"] = [len(table), 0, bits]
    array = np.minimum(picture(16 if len(table) > 256 else 8), len(table) - 1)
    data = file(array, PhotometricInterpretation="PALETTE COLOR", **tables)
    return Case(EXPLICIT, data, shaped(array), palette=np.ascontiguousarray(table))


# Encapsulation ----------------------------------------------------------------------------------------------

JPEG_LS = f"{JPEG}.80"
RLE = "1.2.840.10008.1.2.5"


@cases("encapsulated-uncompressed-{}", ["u8", "i16", "rgb"])
def encapsulated_uncompressed(kind: str) -> Case:
    array = picture(16, 1, 3, signed=True) if kind == "i16" else picture(8, 3 if kind == "rgb" else 1, 3)
    syntax = f"{EXPLICIT}.98"
    return Case(syntax, encapsulated(array, syntax, np.ndarray.tobytes), shaped(array))


@cases("deflated-frame-{}", [1, 8, 16])
def deflated_frame(bits: int) -> Case:
    """Each frame deflated, without zlib's header; frames of one bit begin on a byte."""
    array = picture(bits, 1, 3)

    def deflate(frame: np.ndarray) -> bytes:
        octets = np.packbits(frame.ravel(), bitorder="little") if bits == 1 else frame
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(octets.tobytes()) + packer.flush()

    syntax = "1.2.840.10008.1.2.8.1"
    data = encapsulated(array, syntax, deflate, BitsAllocated=bits, BitsStored=bits)
    return Case(syntax, data, shaped(array))


def item(octets: bytes) -> bytes:
    octets += bytes(len(octets) % 2)
    return b"\xfe\xff\x00\xe0" + len(octets).to_bytes(4, "little") + octets


def items(table: Sequence[int], fragments: Sequence[bytes]) -> bytes:
    """Pixel Data of a Basic Offset Table, right or wrong, and fragments."""
    return b"".join(map(item, (np.array(table, "<u4").tobytes(), *fragments)))


def offsets(frames: Sequence[Sequence[bytes]]) -> list[int]:
    """Where the first fragment of each frame begins, from the end of the table (PS3.5 A.4)."""
    lengths = [sum(len(item(fragment)) for fragment in frame) for frame in frames]
    return [sum(lengths[:number]) for number in range(len(frames))]


TABLES = ["right", "empty", "zeros", "short", "beyond", "backwards", "between"]


@cases("fragments-{}-table-{}", [(count, table) for count in (1, 3) for table in TABLES])
def fragments(count: int, table: str) -> Case:
    """Frames in several fragments, behind offset tables that are right, missing or wrong.

    The frames are cut where they need no guess: JPEG-LS begins with SOI and ends with EOI.
    """
    array = picture(8, 1, 4)
    frames = [cut(frame, count) for frame in each_frame(array, imagecodecs.jpegls_encode)]
    right = offsets(frames)
    given = {
        "right": right,
        "empty": [],
        "zeros": [0] * 4,
        "short": right[:2],
        "beyond": [offset + 0x10000 for offset in right],
        "backwards": right[::-1],
        "between": [offset + 2 * (offset > 0) for offset in right],
    }[table]
    pixels = items(given, [fragment for frame in frames for fragment in frame])
    return Case(JPEG_LS, file(array, JPEG_LS, pixels), shaped(array))


def cut(frame: bytes, count: int) -> list[bytes]:
    """As many pieces, each of even length but the last."""
    step = len(frame) // count // 2 * 2
    return [frame[n * step : (n + 1) * step if n < count - 1 else None] for n in range(count)]


@cases("fragments-odd-{}", ["empty-first", "empty-last", "no-frame-count", "more-than-told", "one-frame-cut"])
def odd_fragments(kind: str) -> Case:
    """What writers leave behind: empty fragments, a Number of Frames that is missing or too small."""
    array = picture(8, 1, 1 if kind == "one-frame-cut" else 3)
    frames = each_frame(array, imagecodecs.jpegls_encode)
    attributes = {}
    if kind == "empty-first":
        frames.insert(0, b"")
    elif kind == "empty-last":
        frames.append(b"")
    elif kind == "no-frame-count":
        attributes = {"NumberOfFrames": None}
    elif kind == "more-than-told":
        attributes = {"NumberOfFrames": 2}
    else:
        frames = cut(frames[0], 5)
    note = "Number of Frames is wrong" if attributes else ""
    return Case(JPEG_LS, file(array, JPEG_LS, items([], frames), **attributes), shaped(array), note=note)


@cases(
    "extended-offsets-{}", ["right", "odd-lengths", "and-basic", "wrong-offsets", "wrong-lengths", "short"]
)
def extended_offsets(kind: str) -> Case:
    """Extended Offset Table and its lengths (PS3.3 C.7.6.3.1.8), right and wrong."""
    array = picture(8, 1, 4)
    frames = each_frame(array, imagecodecs.jpegls_encode)
    pixels, table, lengths = encapsulate_extended(frames)
    table, lengths = np.frombuffer(table, "<u8").copy(), np.frombuffer(lengths, "<u8").copy()
    if kind == "and-basic":  # which the standard forbids
        pixels = encapsulate(frames)
    elif kind == "odd-lengths":
        lengths[:] = [len(frame) for frame in frames]
    elif kind == "wrong-offsets":
        table[1:] += 1 << 40
    elif kind == "wrong-lengths":
        lengths[:] = 1 << 40
    elif kind == "short":
        table, lengths = table[:2], lengths[:2]
    tables = {"ExtendedOffsetTable": table.tobytes(), "ExtendedOffsetTableLengths": lengths.tobytes()}
    return Case(JPEG_LS, file(array, JPEG_LS, pixels, **tables), shaped(array))


# RLE --------------------------------------------------------------------------------------------------------


@cases("rle-pydicom-{}x{}", [(bits, samples) for bits in (8, 16) for samples in (1, 3)])
def rle_pydicom(bits: int, samples: int) -> Case:
    array = picture(bits, samples, 2)
    ds = dataset(array)
    ds.compress(RLE, encoding_plugin="pydicom", generate_instance_uid=False)
    return Case(RLE, written(ds), shaped(array))


@cases("rle-dcmtk-{}x{}", [(bits, samples) for bits in (8, 16, 32) for samples in (1, 3)])
def rle_dcmtk(bits: int, samples: int) -> Case:
    array = picture(bits, samples, 2)
    return Case(RLE, dcmtk("dcmcrle", [], file(array)), shaped(array))


@cases("rle-dcmtk-fragments")
def rle_fragments() -> Case:
    array = picture(16, 1, 2, rows=60, columns=60)
    return Case(RLE, dcmtk("dcmcrle", ["+fs", "1", "-ot"], file(array)), shaped(array))


# JPEG -------------------------------------------------------------------------------------------------------


@cases(
    "jpeg-lossless-dcmtk-sv{}-pt{}-{}x{}",
    [
        *((predictor, 0, 16, 1) for predictor in range(1, 8)),
        *((predictor, 0, 8, 3) for predictor in range(1, 8)),
        (1, 0, 8, 1),
        (7, 0, 12, 1),
        (1, 3, 16, 1),
        (4, 2, 12, 1),
        (1, 1, 8, 3),
    ],
)
def jpeg_lossless_dcmtk(predictor: int, shift: int, bits: int, samples: int) -> Case:
    array = picture(bits, samples, 2)
    options = ["+el", "+sv", str(predictor), "+pt", str(shift)]
    data = dcmtk("dcmcjpeg", options, file(array, BitsStored=bits))
    return Case(f"{JPEG}.57", data, shaped(array >> shift << shift))


@cases("jpeg-lossless-sv1-dcmtk-{}", ["u16", "i16", "u12", "rgb"])
def jpeg_lossless_sv1(kind: str) -> Case:
    """The syntax that hospitals store most: process 14, selection value 1."""
    bits = 8 if kind == "rgb" else int(kind[1:])
    array = picture(bits, 3 if kind == "rgb" else 1, 2, signed=kind[0] == "i")
    return Case(f"{JPEG}.70", dcmtk("dcmcjpeg", ["+e1"], file(array, BitsStored=bits)), shaped(array))


@cases("jpeg-lossless-turbo-{}bit-sv{}", [(bits, (bits - 1) % 7 + 1) for bits in range(2, 17)])
def jpeg_lossless_turbo(bits: int, predictor: int) -> Case:
    array = picture(bits, 1, 2)
    encode = functools.partial(
        imagecodecs.jpeg8_encode, lossless=True, predictor=predictor, bitspersample=bits
    )
    return Case(f"{JPEG}.57", encapsulated(array, f"{JPEG}.57", encode, BitsStored=bits), shaped(array))


@cases(
    "jpeg-lossless-restart-sv{}-of{}rows-{}bit", [(1, 1, 12), (1, 3, 16), (4, 2, 8), (6, 3, 12), (7, 1, 16)]
)
def jpeg_lossless_restart(predictor: int, rows: int, bits: int) -> Case:
    """Restart intervals of whole rows, joined from images of one interval each: no encoder at hand has them.

    Each begins as an image does (T.81 H.1.2.1), and the images are the same but for the sign of what they add
    to the middle grey, if the predictor rounds nothing: so they are coded by the same Huffman table.
    """
    one = np.maximum(picture(bits, 1, 1, rows=rows), 1)
    other = ((1 << bits) - one.astype(int)).astype(one.dtype) if predictor < 5 else one
    strips = [one, other]
    encode = functools.partial(
        imagecodecs.jpeg8_encode, lossless=True, predictor=predictor, bitspersample=bits
    )
    array = np.concatenate(strips * 5, axis=1)
    (head, first), (same, second) = (
        (stream[:at], stream[at:-2])
        for [stream] in (each_frame(strip, encode) for strip in strips)
        for at in [stream.index(b"\xff\xda") + 10]
    )
    assert head == same
    head = bytearray(head)
    size = head.index(b"\xff\xc3") + 5
    head[size : size + 2] = array.shape[1].to_bytes(2, "big")
    interval = rows * array.shape[2]
    stream = bytes(head[:2]) + b"\xff\xdd\0\4" + interval.to_bytes(2, "big") + bytes(head[2:])
    for number in range(10):
        stream += (first, second)[number % 2] + (bytes([0xFF, 0xD0 + number % 8]) if number < 9 else b"")
    data = file(array, f"{JPEG}.57", encapsulate([stream + b"\xff\xd9"]), BitsStored=bits)
    return Case(f"{JPEG}.57", data, shaped(array))


@cases("jpeg-baseline-restart-{}", ["grey", "rgb"])
def jpeg_baseline_restart(kind: str) -> Case:
    array = smooth(3 if kind == "rgb" else 1, 2)

    def encode(frame: np.ndarray) -> bytes:
        out = io.BytesIO()
        Image.fromarray(frame).save(out, "JPEG", quality=98, restart_marker_rows=1)
        return out.getvalue()

    photometric = {"PhotometricInterpretation": "YBR_FULL_422"} if kind == "rgb" else {}
    data = encapsulated(array, f"{JPEG}.50", encode, **photometric)
    return Case(f"{JPEG}.50", data, shaped(array), tolerance=8, mean=1.5)


@cases("jpeg-baseline-{}", ["grey", "rgb", "444", "422", "420"])
def jpeg_baseline(kind: str) -> Case:
    array = smooth(1 if kind == "grey" else 3, 2)
    if kind == "grey":
        options, photometric = {}, "MONOCHROME2"
    elif kind == "rgb":
        options, photometric = {"colorspace": "RGB", "outcolorspace": "RGB"}, "RGB"
    else:
        options = {"colorspace": "RGB", "outcolorspace": "YCBCR", "subsampling": kind}
        photometric = "YBR_FULL" if kind == "444" else "YBR_FULL_422"
    encode = functools.partial(imagecodecs.jpeg8_encode, level=98, **options)
    data = encapsulated(array, f"{JPEG}.50", encode, PhotometricInterpretation=photometric)
    return Case(f"{JPEG}.50", data, shaped(array), tolerance=8, mean=1.5)


@cases(
    "jpeg-{}-dcmtk-{}",
    [(process, bits) for process in ("extended", "spectral", "progressive") for bits in (8, 12)],
)
def jpeg_lossy_dcmtk(process: str, bits: int) -> Case:
    array = smooth(1, 2).astype(f"u{1 + (bits > 8)}") << (bits - 8)
    option, syntax = {"extended": ("+ee", ".51"), "spectral": ("+es", ".53"), "progressive": ("+ep", ".55")}[
        process
    ]
    data = dcmtk("dcmcjpeg", [option, "+q", "98", "+sr"], file(array, BitsStored=bits))
    return Case(f"{JPEG}{syntax}", data, shaped(array), tolerance=8 << bits - 8, mean=1.5 * (1 << bits - 8))


@cases(
    "jpegls-charls-{}bit-{}-near{}",
    [
        *((bits, "grey", 0) for bits in range(2, 17)),
        (8, "rgb", 0),
        (16, "rgb", 0),
        (8, "grey", 3),
        (12, "grey", 2),
        (8, "rgb", 2),
    ],
)
def jpegls_charls(bits: int, kind: str, near: int) -> Case:
    array = picture(bits, 3 if kind == "rgb" else 1, 2)
    syntax = f"{JPEG}.81" if near else f"{JPEG}.80"
    encode = functools.partial(imagecodecs.jpegls_encode, level=near)
    data = encapsulated(array, syntax, encode, BitsStored=bits)
    return Case(syntax, data, shaped(array), tolerance=near, mean=near)


@cases(
    "jpegls-dcmtk-{}-{}-near{}",
    [
        (interleave, bits, near)
        for interleave in ("line", "sample", "none")
        for bits in (8, 16)
        for near in (0, 3)
    ],
)
def jpegls_dcmtk(interleave: str, bits: int, near: int) -> Case:
    array = picture(bits, 3, 2)
    options = [f"+i{interleave[0]}", *(["+en", "+md", str(near)] if near else ["+el"])]
    syntax = f"{JPEG}.81" if near else f"{JPEG}.80"
    return Case(syntax, dcmtk("dcmcjpls", options, file(array)), shaped(array), tolerance=near, mean=near)


@cases("jpegls-dcmtk-i{}", [12, 16])
def jpegls_signed(bits: int) -> Case:
    """JPEG-LS tells no sign: it comes from the data set."""
    array = picture(bits, 1, 2, signed=True)
    return Case(f"{JPEG}.80", dcmtk("dcmcjpls", ["+el"], file(array, BitsStored=bits)), shaped(array))


# JPEG 2000, HTJ2K, JPEG XL ----------------------------------------------------------------------------------

KINDS = {
    "u8": (8, 1, False),
    "i8": (8, 1, True),
    "u12": (12, 1, False),
    "i12": (12, 1, True),
    "u16": (16, 1, False),
    "i16": (16, 1, True),
    "rgb": (8, 3, False),
    "rgb16": (16, 3, False),
}


def of_kind(kind: str, frames: int = 2, **size: int) -> tuple[np.ndarray, int]:
    bits, samples, signed = KINDS[kind]
    return picture(bits, samples, frames, signed=signed, **size), bits


@cases("jpeg2000-{}-{}-levels", [*((kind, 5) for kind in KINDS), ("u16", 0), ("u16", 1), ("rgb", 2)])
def jpeg2000(kind: str, levels: int) -> Case:
    array, bits = of_kind(kind)
    syntax = f"{JPEG}.90"
    encode = functools.partial(
        imagecodecs.jpeg2k_encode,
        codecformat="j2k",
        reversible=True,
        resolutions=levels + 1,
        bitspersample=bits,
    )
    photometric = {"PhotometricInterpretation": "YBR_RCT"} if kind.startswith("rgb") else {}
    return Case(syntax, encapsulated(array, syntax, encode, BitsStored=bits, **photometric), shaped(array))


@cases("jpeg2000-rgb-without-transform")
def jpeg2000_without_transform() -> Case:
    array = picture(8, 3, 2)
    syntax = f"{JPEG}.90"
    encode = functools.partial(imagecodecs.jpeg2k_encode, codecformat="j2k", reversible=True, mct=False)
    return Case(syntax, encapsulated(array, syntax, encode), shaped(array))


@cases("jpeg2000-{}-jp2", ["u8", "rgb"])
def jpeg2000_in_boxes(kind: str) -> Case:
    """In JP2's boxes, which DICOM forbids and some writers leave."""
    array, _ = of_kind(kind)
    syntax = f"{JPEG}.90"
    encode = functools.partial(imagecodecs.jpeg2k_encode, codecformat="jp2", reversible=True)
    photometric = {"PhotometricInterpretation": "YBR_RCT"} if kind == "rgb" else {}
    return Case(syntax, encapsulated(array, syntax, encode, **photometric), shaped(array))


@cases("jpeg2000-{}-tiles-{}", [(kind, size) for kind in ("u8", "rgb") for size in (16, 32)])
def jpeg2000_tiles(kind: str, size: int) -> Case:
    """Tiles that do not divide the image: 29 x 37 pixels."""
    array, _ = of_kind(kind)
    syntax = f"{JPEG}.90"

    def encode(frame: np.ndarray) -> bytes:
        out = io.BytesIO()
        tiles = {"tile_size": (size, size), "num_resolutions": 3, "mct": int(kind == "rgb")}
        Image.fromarray(frame).save(out, "JPEG2000", no_jp2=True, irreversible=False, **tiles)
        return out.getvalue()

    photometric = {"PhotometricInterpretation": "YBR_RCT"} if kind == "rgb" else {}
    return Case(syntax, encapsulated(array, syntax, encode, **photometric), shaped(array))


@cases("jpeg2000-lossy-{}", ["grey", "rgb"])
def jpeg2000_lossy(kind: str) -> Case:
    array = smooth(3 if kind == "rgb" else 1, 2)
    syntax = f"{JPEG}.91"
    encode = functools.partial(imagecodecs.jpeg2k_encode, level=60, codecformat="j2k", reversible=False)
    photometric = {"PhotometricInterpretation": "YBR_ICT"} if kind == "rgb" else {}
    data = encapsulated(array, syntax, encode, **photometric)
    return Case(syntax, data, shaped(array), tolerance=6, mean=1.5)


@cases(
    "jpeg2000-{}-components-{}-{}",
    [
        *((frames, kind, "lossless") for frames, kind in ((5, "u8"), (5, "i16"), (3, "u12"), (3, "rct"))),
        *((frames, kind, "lossy") for frames, kind in ((5, "u8"), (4, "u12"), (3, "ict"))),
    ],
)
def jpeg2000_components(frames: int, kind: str, loss: str) -> Case:
    """Part 2: one codestream for all frames, each a component (PS3.5 A.4.4).

    Of transforms between them there are those of Part 1, for three components.
    """
    between = kind in ("rct", "ict")
    array, bits = of_kind("u8" if between else kind, frames)
    syntax = f"{JPEG}.92" if loss == "lossless" else f"{JPEG}.93"
    stream = imagecodecs.jpeg2k_encode(
        array[..., 0],
        codecformat="j2k",
        planar=True,
        mct=between,
        bitspersample=bits,
        **({"reversible": True} if loss == "lossless" else {"reversible": False, "level": 60}),
    )
    step = 0 if loss == "lossless" else 1 << bits - 8
    data = file(array, syntax, items([], [bytes(stream)]), BitsStored=bits)
    return Case(syntax, data, shaped(array), tolerance=6 * step, mean=1.5 * step)


@cases(
    "htj2k-{}-{}-tile{}",
    [
        *((kind, syntax, 0) for kind in KINDS for syntax in ("201", "202")),
        ("u16", "201", 16),
        ("rgb", "202", 16),
    ],
)
def htj2k(kind: str, syntax: str, tile: int) -> Case:
    array, bits = of_kind(kind)
    encode = functools.partial(
        imagecodecs.htj2k_encode, reversible=True, **({"tile": (tile, tile)} if tile else {})
    )
    photometric = {"PhotometricInterpretation": "YBR_RCT"} if kind.startswith("rgb") else {}
    data = encapsulated(array, f"{JPEG}.{syntax}", encode, BitsStored=bits, **photometric)
    return Case(f"{JPEG}.{syntax}", data, shaped(array))


@cases("htj2k-lossy-{}", ["u8", "u16", "i16", "rgb"])
def htj2k_lossy(kind: str) -> Case:
    """Irreversible 9/7, of pictures that reach both ends of their range, where decoders wrap around."""
    array, bits = of_kind(kind)
    syntax = f"{JPEG}.203"
    encode = functools.partial(imagecodecs.htj2k_encode, level=0.01, reversible=False)
    photometric = {"PhotometricInterpretation": "YBR_ICT"} if kind == "rgb" else {}
    data = encapsulated(array, syntax, encode, BitsStored=bits, **photometric)
    step = 1 << bits - 8
    return Case(syntax, data, shaped(array), tolerance=8 * step, mean=1.5 * step)


@cases("jpegxl-lossless-{}", ["u8", "u12", "u16", "rgb", "rgb16"])
def jpegxl_lossless(kind: str) -> Case:
    array, bits = of_kind(kind)
    syntax = f"{JPEG}.110"
    encode = functools.partial(imagecodecs.jpegxl_encode, lossless=True, bitspersample=bits)
    return Case(syntax, encapsulated(array, syntax, encode, BitsStored=bits), shaped(array))


@cases("jpegxl-recompressed-{}", ["grey", "444", "420"])
def jpegxl_recompressed(kind: str) -> Case:
    """A JPEG that JPEG XL holds, and can give back to the byte."""
    array = smooth(1 if kind == "grey" else 3, 2)
    colour = {} if kind == "grey" else {"subsampling": kind}
    syntax = f"{JPEG}.111"

    def encode(frame: np.ndarray) -> bytes:
        return imagecodecs.jpegxl_encode_jpeg(imagecodecs.jpeg8_encode(frame, level=98, **colour))

    photometric = {} if kind == "grey" else {"PhotometricInterpretation": "YBR_FULL_422"}
    data = encapsulated(array, syntax, encode, **photometric)
    return Case(syntax, data, shaped(array), tolerance=8, mean=1.5)


@cases("jpegxl-{}", ["u8", "u16", "rgb"])
def jpegxl(kind: str) -> Case:
    array = smooth(3 if kind == "rgb" else 1, 2)
    step = 1
    if kind == "u16":
        array, step = array.astype(np.uint16) << 8, 256
    syntax = f"{JPEG}.112"
    encode = functools.partial(imagecodecs.jpegxl_encode, distance=0.3)
    return Case(
        syntax, encapsulated(array, syntax, encode), shaped(array), tolerance=10 * step, mean=1.5 * step
    )


# Video ------------------------------------------------------------------------------------------------------

ROUND_TRIP = {"mpeg2video": 6, "libx264": 4, "libx265": 3}  # of which 2 are the chroma between two samples


def clip(frames: int, bits: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Y, Cb and Cr of frames, the latter half as wide and high; squares at the top tell the number."""
    y, x = np.mgrid[0:50, 0:66]
    out = []
    for number in range(frames):
        luminance = 60 + (x + y) * 0.7 + number
        luminance[:8, :48] = np.repeat([235 if number >> bit & 1 else 16 for bit in range(6)], 8)
        chroma = 100 + x[::2, ::2] * 0.3 + number, 150 - y[::2, ::2] * 0.3
        out.append(
            tuple((plane * (1 << bits - 8)).astype(f"u{1 + (bits > 8)}") for plane in (luminance, *chroma))
        )
    return out


def encode_video(
    codec: str, container: str, planes: Sequence[Any], bits: int, options: dict[str, str]
) -> bytes:
    try:
        import av
    except ImportError as error:
        raise UnavailableError("PyAV is not installed: pip install av") from error
    rows, columns = planes[0][0].shape
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        stream = target.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = columns, rows
        stream.pix_fmt = "yuv420p" if bits == 8 else f"yuv420p{bits}le"
        stream.gop_size, stream.max_b_frames, stream.codec_context.thread_count = 8, 2, 1
        for number, frame in enumerate(planes):
            picture = av.VideoFrame(columns, rows, stream.pix_fmt)
            for plane, samples in zip(picture.planes, frame, strict=True):
                padded = np.zeros((plane.height, plane.line_size), np.uint8)
                padded[:, : plane.width * samples.itemsize] = samples.view(np.uint8)
                plane.update(padded)
            picture.pts = number
            target.mux(stream.encode(picture))
        target.mux(stream.encode())
    return out.getvalue()


VIDEO = {
    "mpeg2": ("mpeg2video", {"qmin": "1", "qmax": "2", "b": "8M"}),
    "h264": ("libx264", {"qp": "2"}),
    "h264-open": ("libx264", {"qp": "2", "x264-params": "open-gop=1"}),
    "hevc": ("libx265", {"x265-params": "lossless=1:log-level=none:pools=none:frame-threads=1"}),
    "hevc-closed": (
        "libx265",
        {"x265-params": "lossless=1:open-gop=0:log-level=none:pools=none:frame-threads=1"},
    ),
}


@cases(
    "video-{}-{}-{}",
    [
        ("mpeg2", "mpeg2video", "100"),
        ("mpeg2", "vob", "101"),
        ("mpeg2", "mpegts", "100.1"),
        ("mpeg2", "mpegts", "101.1"),
        ("h264", "mp4", "102"),
        ("h264-open", "mpegts", "103"),
        ("h264", "h264", "104"),
        ("h264-open", "mp4", "105"),
        ("h264-open", "h264", "106"),
        *(("h264", "mp4", f"{number}.1") for number in range(102, 107)),
        ("hevc", "hevc", "107"),
        ("hevc", "mpegts", "107"),
        ("hevc-closed", "mp4", "107"),
        ("hevc", "mp4", "108"),
    ],
)
def video(kind: str, container: str, syntax: str) -> Case:
    """Bidirectional pictures and several groups of them; the fragmentable syntaxes in three fragments."""
    codec, options = VIDEO[kind]
    bits = 10 if syntax == "108" else 8
    planes = clip(30, bits)
    stream = encode_video(codec, container, planes, bits, options)
    ybr = np.stack(
        [
            np.stack([y, *(chroma.repeat(2, 0).repeat(2, 1) for chroma in both)], axis=-1)
            for y, *both in planes
        ]
    )
    pixels = items([], cut(stream, 3 if syntax.endswith(".1") else 1))
    photometric = "YBR_PARTIAL_420"
    data = file(ybr, f"{JPEG}.{syntax}", pixels, BitsStored=bits, PhotometricInterpretation=photometric)
    scale = 1 << bits - 8
    rgb = rgb_of(ybr, PARTIAL, bits)
    return Case(f"{JPEG}.{syntax}", data, rgb, tolerance=ROUND_TRIP[codec] * scale, mean=1.0 * scale, raw=ybr)


# By hand ----------------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases whose names begin so; all by default")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="write NAME.dcm and NAME.npy here"
    )
    options = parser.parse_args()
    for name in names(*options.names):
        try:
            made = case(name)
        except UnavailableError as error:
            print(f"{name}: skipped: {error}")
            continue
        about = f"{made.syntax} {made.expected.dtype} {made.expected.shape} within {made.tolerance}"
        print(f"{name}: {len(made.data)} bytes, {about}")
        if options.output:
            options.output.mkdir(parents=True, exist_ok=True)
            (options.output / f"{name}.dcm").write_bytes(made.data)
            np.save(options.output / f"{name}.npy", made.expected)
    return 0


if __name__ == "__main__":
    sys.exit(main())
