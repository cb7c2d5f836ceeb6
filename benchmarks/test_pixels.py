"""Whole files to pixels, syntax by syntax: beside the bare codec call, and beside other readers of DICOM.

The rows of a group take turns, all of them on one CPU: else GDCM and SimpleITK give JPEG 2000 two threads.
The last groups have all CPUs, for two threads over the frames of a file.
"""

import os
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate

import generate
import hounsfield as hu
from hounsfield._kernels import rle

JPEG = generate.JPEG
IMAGES = {  # file, and Bits Stored
    "CT": ("693_UNCR.dcm", 16),
    "MR": ("MR2_UNCR.dcm", 12),
    "MR, 16 bits": ("MR2_UNCR.dcm", 16),  # for encoders that cannot be told that there are fewer
    "MR, 8 bits": ("MR2_UNCR.dcm", 8),
    "US": ("US1_UNCR.dcm", 8),
}

# Of each peer the module, what is to be imported, and how it reads `path` best. GDCM gives no shape.
PEERS = {
    "pydicom": ("pydicom", "from pydicom.pixels import pixel_array", "pixel_array(path, decoding_plugin={})"),
    "GDCM": (
        "gdcm",
        """
import gdcm
def read():
    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    assert reader.Read()
    octets = reader.GetImage().GetBuffer().encode("utf-8", errors="surrogateescape")
    return np.frombuffer(octets, expected.dtype).reshape(expected.shape)
""",
        "read()",
    ),
    "SimpleITK": (
        "SimpleITK",
        "from SimpleITK import GetArrayFromImage, ReadImage",
        "GetArrayFromImage(ReadImage(path))",
    ),
    "dicomsdl": ("dicomsdl", "import dicomsdl", "dicomsdl.open(path).pixelData(storedvalue=True)"),
}

PLUGINS = {"": "pydicom", "gdcm": "gdcm", "pillow": "PIL", "pyjpegls": "jpeg_ls", "pylibjpeg": "pylibjpeg"}

UNKNOWN = "does not know the transfer syntax"
NO_JPEG_XL = dict.fromkeys(PEERS, UNKNOWN)
NO_HTJ2K = {"dicomsdl": UNKNOWN}
AS_STORED = {"GDCM": "leaves colours and planes as they are stored"}


@dataclass(frozen=True)
class Way:
    """How an image is stored, and how the bare codec decodes it.

    Attributes
    ----------
    image : str
    syntax : str
        UID of the transfer syntax.
    encode, decode : callable
        Of one frame; what `decode` gives is right but for the sign.
    plugin : str
        The decoding plugin by which pydicom is fastest among those that are right.
    but : dict
        Peers that are left out, and why.
    lossy : bool
        Samples may differ by 1 from those of the bare codec; else they are those that were encoded.
    attributes : dict
        Of the data set.
    target : tuple
        What ours is to reach, beside being ahead of every peer.
    """

    image: str
    syntax: str
    encode: Callable[[np.ndarray], bytes]
    decode: Callable[[bytes], Any]
    plugin: str = ""
    but: dict[str, str] = field(default_factory=dict)
    lossy: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)
    target: tuple[Any, ...] = ("at most", 1.05, "bare codec")


def encoder(codec: str, **options: Any) -> Callable[[np.ndarray], bytes]:
    return partial(getattr(imagecodecs, f"{codec}_encode"), **options)


def decoder(codec: str, **options: Any) -> Callable[[bytes], np.ndarray]:
    return partial(getattr(imagecodecs, f"{codec}_decode"), **options)


def signed(encode: Callable[[np.ndarray], bytes]) -> Callable[[np.ndarray], bytes]:
    return lambda frame: encode(frame.view(np.int16))


def deflate(frame: np.ndarray) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(frame.tobytes()) + packer.flush()


def inflate(data: bytes) -> np.ndarray:
    return np.frombuffer(imagecodecs.deflate_decode(data, raw=True, out=1024 * 1024 * 2), np.uint8)


def unpack(data: bytes, dtype: str, planes: int = 1) -> np.ndarray:
    """RLE by imagecodecs, which leaves colours in planes; interleaving is a part of it."""
    flat = np.frombuffer(imagecodecs.dicomrle_decode(data, dtype), dtype)
    return flat if planes == 1 else interleave(flat, planes)


def interleave(data: bytes | np.ndarray, planes: int = 3) -> np.ndarray:
    flat = np.frombuffer(data, np.uint8).reshape(planes, -1)
    out = np.empty(flat.shape[::-1], np.uint8)
    for plane in range(planes):  # 3 times as fast as a copy of the transposed array
        out[:, plane] = flat[plane]
    return out


def copy(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8).copy()


def copy_half(half: tuple[np.ndarray, np.ndarray]) -> None:
    np.copyto(half[1], half[0])


def planes_of(frame: np.ndarray) -> bytes:
    return np.moveaxis(frame, -1, 0).tobytes()


rgb = {"colorspace": "RGB", "outcolorspace": "RGB"}
ybr = {"colorspace": "RGB", "outcolorspace": "YCBCR", "subsampling": "422"}
jpeg, jpegls = decoder("jpeg8"), decoder("jpegls")
jpeg_ybr = decoder("jpeg8", colorspace="YCBCR", outcolorspace="RGB")
jpeg2000, htj2k = decoder("jpeg2k", numthreads=1), decoder("htj2k", planar=False)
jpegxl = decoder("jpegxl", numthreads=1)
lossless = partial(encoder, "jpeg8", lossless=True)
AHEAD = ("faster", 1, "bare codec")
LOSSY_HTJ2K = ("faster", 1.4, "bare codec")

WAYS = {
    "JPEG baseline (.50)": Way(
        "MR, 8 bits", f"{JPEG}.50", encoder("jpeg8", level=90), jpeg, "pillow", lossy=True
    ),
    "JPEG baseline (.50), 4:2:2": Way(
        "US",
        f"{JPEG}.50",
        encoder("jpeg8", level=90, **ybr),
        jpeg_ybr,
        "pillow",
        AS_STORED,
        lossy=True,
        attributes={"PhotometricInterpretation": "YBR_FULL_422"},
    ),
    "JPEG extended (.51), 8 bits": Way(
        "MR, 8 bits", f"{JPEG}.51", encoder("jpeg8", level=90), jpeg, "pillow", lossy=True
    ),
    "JPEG extended (.51), 12 bits": Way(
        "MR", f"{JPEG}.51", encoder("jpeg8", level=90, bitspersample=12), jpeg, "pylibjpeg", lossy=True
    ),
    "JPEG Lossless (.57), predictor 6": Way(
        "MR", f"{JPEG}.57", lossless(predictor=6, bitspersample=12), jpeg, "gdcm", target=AHEAD
    ),
    "JPEG Lossless (.70)": Way(
        "CT", f"{JPEG}.70", lossless(predictor=1, bitspersample=16), jpeg, "gdcm", target=AHEAD
    ),
    "JPEG Lossless (.70), colour": Way(
        "US", f"{JPEG}.70", lossless(predictor=1, **rgb), decoder("jpeg8", **rgb), "gdcm", target=AHEAD
    ),
    "JPEG-LS (.80)": Way("CT", f"{JPEG}.80", encoder("jpegls"), jpegls, "pyjpegls"),
    "JPEG-LS (.80), colour": Way("US", f"{JPEG}.80", encoder("jpegls"), jpegls, "pyjpegls"),
    "JPEG-LS near lossless (.81)": Way(
        "MR", f"{JPEG}.81", encoder("jpegls", level=2), jpegls, "pyjpegls", lossy=True
    ),
    "JPEG 2000 (.90)": Way(
        "CT",
        f"{JPEG}.90",
        signed(encoder("jpeg2k", codecformat="j2k", reversible=True)),
        jpeg2000,
        "pylibjpeg",
    ),
    "JPEG 2000 lossy (.91), colour": Way(
        "US",
        f"{JPEG}.91",
        encoder("jpeg2k", level=40, codecformat="j2k", reversible=False),
        jpeg2000,
        "pylibjpeg",
        lossy=True,
        attributes={"PhotometricInterpretation": "YBR_ICT"},
    ),
    "HTJ2K (.201)": Way(
        "MR, 16 bits", f"{JPEG}.201", encoder("htj2k", reversible=True), htj2k, "pylibjpeg", NO_HTJ2K
    ),
    "HTJ2K (.202), colour": Way(
        "US",
        f"{JPEG}.202",
        encoder("htj2k", reversible=True),
        htj2k,
        "pylibjpeg",
        NO_HTJ2K,
        attributes={"PhotometricInterpretation": "YBR_RCT"},
    ),
    "HTJ2K lossy (.203)": Way(
        "MR, 16 bits",
        f"{JPEG}.203",
        encoder("htj2k", level=0.0001, reversible=False),
        jpeg2000,
        "pylibjpeg",
        NO_HTJ2K,
        lossy=True,
        target=LOSSY_HTJ2K,
    ),
    "HTJ2K lossy (.203), colour": Way(
        "US",
        f"{JPEG}.203",
        encoder("htj2k", level=0.005, reversible=False),
        jpeg2000,
        "pylibjpeg",
        NO_HTJ2K,
        lossy=True,
        attributes={"PhotometricInterpretation": "YBR_ICT"},
        target=LOSSY_HTJ2K,
    ),
    "JPEG XL lossless (.110)": Way(
        "CT", f"{JPEG}.110", encoder("jpegxl", lossless=True), jpegxl, but=NO_JPEG_XL
    ),
    "JPEG XL (.112), colour": Way(
        "US", f"{JPEG}.112", encoder("jpegxl", level=90), jpegxl, but=NO_JPEG_XL, lossy=True
    ),
    "RLE": Way(
        "MR", "1.2.840.10008.1.2.5", rle.encode, partial(unpack, dtype="<u2"), "pylibjpeg", target=AHEAD
    ),
    "RLE, colour": Way(
        "US",
        "1.2.840.10008.1.2.5",
        rle.encode,
        partial(unpack, dtype="u1", planes=3),
        "pylibjpeg",
        target=AHEAD,
    ),
    "deflated frame": Way("MR", "1.2.840.10008.1.2.8.1", deflate, inflate, but=dict.fromkeys(PEERS, UNKNOWN)),
    "native": Way("CT", generate.EXPLICIT, np.ndarray.tobytes, copy, target=()),
    "native, colour": Way("US", generate.EXPLICIT, np.ndarray.tobytes, copy, target=()),
    "native, colour in planes": Way(
        "US",
        generate.EXPLICIT,
        planes_of,
        interleave,
        but=AS_STORED | {"dicomsdl": "raises an error"},
        attributes={"PlanarConfiguration": 1},
        target=(),
    ),
}

THREADED = {
    "small JPEGs": ("US", (240, 320), 120, WAYS["JPEG baseline (.50), 4:2:2"]),
    "JPEG Lossless": ("MR", (512, 512), 64, WAYS["JPEG Lossless (.57), predictor 6"]),
    "JPEG-LS": ("MR", (512, 512), 8, WAYS["JPEG-LS near lossless (.81)"]),
    "JPEG 2000": ("CT", (256, 256), 8, WAYS["JPEG 2000 (.90)"]),
    "HTJ2K": ("MR, 16 bits", (512, 512), 64, WAYS["HTJ2K (.201)"]),
    "HTJ2K lossy": ("MR, 16 bits", (512, 512), 64, WAYS["HTJ2K lossy (.203)"]),
    "JPEG XL": ("CT", (256, 256), 8, WAYS["JPEG XL lossless (.110)"]),
    "RLE": ("MR", (512, 512), 256, WAYS["RLE"]),
    "RLE, few": ("MR", (512, 512), 32, WAYS["RLE"]),
}


def image(name: str) -> tuple[np.ndarray, int]:
    """A frame, and its Bits Stored."""
    file, stored = IMAGES[name]
    frame = dcmread(get_testdata_file(file, download=False)).pixel_array
    if stored == 8 and frame.itemsize == 2:
        frame = (frame >> 2).astype(np.uint8)
    return frame, stored


def write(path: Path, way: Way, frames: np.ndarray, stored: int) -> list[bytes]:
    """Write a file of frames, and return them encoded."""
    unsigned = frames.view(f"u{frames.itemsize}")  # most codecs know no signs
    streams = [bytes(way.encode(frame)) for frame in unsigned]
    native = way.syntax == generate.EXPLICIT
    pixels = b"".join(streams) if native else encapsulate(streams)
    shape = (*frames.shape, 1)[:4]
    path.write_bytes(
        generate.file(frames.reshape(shape), way.syntax, pixels, BitsStored=stored, **way.attributes)
    )
    return streams


@pytest.fixture
def one_cpu() -> Iterator[None]:
    """This process, and those that it starts, have one CPU."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    yield
    os.sched_setaffinity(0, before)


def peers(way: Way, path: Path, expected: Path) -> dict[str, tuple[str, str]]:
    """Setup and statement of each peer that is installed, and can read this."""
    found = {}
    for name, (module, imports, statement) in PEERS.items():
        if name in way.but or not find_spec(module):
            continue
        if name == "pydicom" and not find_spec(PLUGINS[way.plugin]):
            continue
        call = statement.format(repr(way.plugin))
        setup = f"""
import numpy as np
path, expected = {str(path)!r}, np.load({str(expected)!r})
{imports}
result = {call}
assert result.dtype == expected.dtype
assert abs(result.reshape(expected.shape).astype(int) - expected).max() <= {int(way.lossy)}
"""
        found[name] = setup, call
    return found


@pytest.mark.usefixtures("one_cpu")
@pytest.mark.parametrize("name", WAYS)
def test_file_to_pixels(row, benchmark, tmp_path, name):
    way = WAYS[name]
    frame, stored = image(way.image)
    path, expected = tmp_path / "image.dcm", tmp_path / "expected.npy"
    (stream,) = write(path, way, frame[np.newaxis], stored)
    samples = way.decode(stream).view(frame.dtype).reshape(frame.shape)
    np.save(expected, samples)
    assert way.lossy or np.array_equal(samples, frame)

    bare = "a copy in memory" if way.syntax == generate.EXPLICIT else "bare codec"
    others = peers(way, path, expected)
    at = path.read_bytes().index(stream)

    def limit() -> Any:
        with path.open("rb", buffering=0) as file:
            return way.decode(memoryview(file.read())[at : at + len(stream)])

    assert np.array_equal(way.decode(stream), limit())
    ours = hu.read(path).pixel_array
    assert ours.dtype == samples.dtype
    assert abs(ours.astype(int) - samples).max() <= int(way.lossy)
    benchmark.group = (
        f"{name}: {way.image}, {frame.nbytes / 1e6:.1f} MB, encoded {frame.nbytes / len(stream):.1f} : 1"
    )
    target = [way.target] if way.target else []
    target += [("faster", 1, each) for each in others]
    rivals = {bare: lambda: way.decode(stream), "file.read() and that": limit, **others}
    row.race("hounsfield", lambda: hu.read(path).pixel_array, rivals, target=target)


@pytest.mark.parametrize("name", THREADED)
def test_two_threads(row, benchmark, tmp_path, name):
    """Into an array that is there: threads share the decoding, not the system's work for fresh memory.

    The bare codec on two threads and on one tells what the machine gives; and a copy of the samples, where
    decoding is as fast as memory. There are more frames where one takes a millisecond: of a few the last ones
    would tell how evenly two threads end.
    """
    source, (rows, columns), number, way = THREADED[name]
    frame, stored = image(source)
    places = [
        (y, x)
        for y in range(0, frame.shape[0] - rows + 1, rows)
        for x in range(0, frame.shape[1] - columns + 1, columns)
    ]
    frames = np.stack([frame[y : y + rows, x : x + columns] for y, x in islice(cycle(places), number)])
    path = tmp_path / "frames.dcm"
    streams = write(path, way, frames, stored)
    ds = hu.read(path)
    out = ds.pixels()
    assert np.array_equal(ds.pixels(threads=2), out)
    halves = tuple(zip(np.split(frames, 2), np.split(out, 2), strict=True))
    benchmark.group = f"threads: {name}, {number} frames of {frames.nbytes / number / 1e6:.2f} MB"
    with ThreadPoolExecutor(2) as pool:
        rivals = {
            "one thread": lambda: ds.pixels(out=out),
            "two threads, bare codec": lambda: list(pool.map(way.decode, streams)),
            "one thread, bare codec": lambda: list(map(way.decode, streams)),
            "two threads, a copy of the samples": lambda: list(pool.map(copy_half, halves)),
            "one thread, a copy of the samples": lambda: list(map(copy_half, halves)),
        }
        target = ("faster", 1.8, "one thread")
        row.race("two threads", lambda: ds.pixels(out=out, threads=2), rivals, target=target)
