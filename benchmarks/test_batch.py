"""Many files to one uint8 array, or a stream of them: beside the floor in C, other readers, and bare codecs.

The CT slices are one of pydicom's, enlarged to 512 x 512 and with noise of its own in each. Rows take turns.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate

import generate
import hounsfield as hu
from hounsfield._kernels import rle

SLICES = 300
CENTER, WIDTH, SLOPE, INTERCEPT = 40.0, 400.0, 1.0, -1024.0
SCALE = SLOPE * 255 / (WIDTH - 1)
OFFSET = (INTERCEPT - (CENTER - 0.5)) * 255 / (WIDTH - 1) + 127.5

PYDICOM = """
from pydicom import dcmread
def samples(path):
    ds = dcmread(path)
    return ds.pixel_array, float(ds.RescaleSlope), float(ds.RescaleIntercept)
"""
OF_PYDICOM = """
from pydicom import dcmread
from pydicom.pixels import apply_rescale, apply_windowing
def samples(path):
    ds = dcmread(path)
    return apply_windowing(apply_rescale(ds.pixel_array, ds), ds), 1, 0
"""
DICOMSDL = """
import dicomsdl
def samples(path):
    ds = dicomsdl.open(path)
    return ds.pixelData(storedvalue=True), ds.RescaleSlope, ds.RescaleIntercept
"""
LOOP = """
import numpy as np
from hounsfield._reference.window import window_numpy, window_textbook
paths, expected = {paths!r}, np.load({expected!r}, mmap_mode="r")
{reader}
out = np.empty(expected.shape, expected.dtype)
def batch():
    for row, path in zip(out, paths):
        stored, slope, intercept = samples(path)
        {work}
batch()
assert abs(out.astype(np.float32) - expected).max() <= {tolerance}
"""
WINDOWED = f"row[...] = {{}}(stored, slope=slope, intercept=intercept, center={CENTER}, width={WIDTH})"
LEVELS = f"row[...] = (stored - ({INTERCEPT} - 2**15)) * 255 / (2**16 - 1)"
IN_FLOAT32 = "np.multiply(stored, np.float32(slope), out=row); row += np.float32(intercept)"


def slices(count):
    small = dcmread(get_testdata_file("CT_small.dcm", download=False)).pixel_array
    image = np.kron(small, np.ones((4, 4), np.int16))
    random = np.random.default_rng(5)
    for _ in range(count):
        yield (image + random.normal(0, 12, image.shape)).astype(np.int16)


def header():
    """A CT header of some 260 elements, with what the window needs."""
    ds = dcmread(get_testdata_file("CT_small.dcm", download=False))
    ds.Rows = ds.Columns = 512
    ds.RescaleSlope, ds.RescaleIntercept = SLOPE, INTERCEPT
    ds.WindowCenter, ds.WindowWidth = CENTER, WIDTH
    del ds[0xFFFC, 0xFFFC]
    return ds


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder, ds, found = tmp_path_factory.mktemp("slices"), header(), []
    for number, samples in enumerate(slices(SLICES)):
        ds.PixelData = samples.tobytes()
        found.append(folder / f"{number:03}.dcm")
        ds.save_as(found[-1])
    return found


@pytest.fixture(scope="module")
def expected(paths, tmp_path_factory):
    """The file of the levels of all slices, rendered one by one."""
    file = tmp_path_factory.mktemp("expected") / "levels.npy"
    np.save(file, np.stack([hu.read(path).render() for path in paths]))
    return file


def peer(reader, work, paths, expected, tolerance):
    names = [str(path) for path in paths]
    setup = LOOP.format(reader=reader, work=work, paths=names, expected=str(expected), tolerance=tolerance)
    return setup, "batch()"


def levels_of(paths):
    """An array that is there, its pages too: to get fresh memory from the system is not what is measured."""
    return np.ones((len(paths), 512, 512), np.uint8)


@pytest.mark.benchmark(group="batch: 300 native CT slices of 512 x 512 to uint8, one thread")
def test_one_thread(row, floors, paths, expected):
    out, floor_out = levels_of(paths), levels_of(paths)
    floor = floors.batch(paths, floor_out, SCALE, OFFSET)
    reading = floors.read_samples(paths, 512 * 512)
    floor(1)
    hu.decode_batch(paths, out=out, threads=1)
    assert np.array_equal(out, np.load(expected, mmap_mode="r"))
    assert np.abs(floor_out.astype(np.int16) - out).max() <= 1
    row.race(
        "hounsfield",
        lambda: hu.decode_batch(paths, out=out, threads=1),
        {
            "C, nothing parsed": lambda: floor(1),
            "C, reading the samples": lambda: reading(1),
            "dicomsdl + NumPy": peer(DICOMSDL, WINDOWED.format("window_numpy"), paths, expected, 1),
            "hounsfield, fresh memory": lambda: hu.decode_batch(paths, threads=1),
        },
        target=[("at most", 1 / 0.8, "C, nothing parsed"), ("faster", 2.8, "dicomsdl + NumPy")],
    )


@pytest.mark.benchmark(group="batch: 100 of these slices to modality values in float32, one thread")
def test_float32(row, floors, paths, tmp_path):
    some = paths[:100]
    out, expected = np.ones((len(some), 512, 512), np.float32), tmp_path / "expected.npy"
    reading = floors.read_samples(some, 512 * 512)
    hu.decode_batch(some, values="modality", out=out, threads=1)
    np.save(expected, np.stack([hu.read(path).modality_values() for path in some]))
    assert np.array_equal(out, np.load(expected, mmap_mode="r"))
    row.race(
        "hounsfield",
        lambda: hu.decode_batch(some, values="modality", out=out, threads=1),
        {
            "C, reading the samples": lambda: reading(1),
            "dicomsdl + NumPy": peer(DICOMSDL, IN_FLOAT32, some, expected, 0),
            "pydicom + NumPy": peer(PYDICOM, IN_FLOAT32, some, expected, 0),
        },
        target=("faster", 1, "dicomsdl + NumPy"),
    )


@pytest.mark.benchmark(group="batch: the first 30 of these slices, one thread")
def test_slow_peers(row, paths, expected):
    few = paths[:30]
    out = levels_of(few)
    first = expected.parent / "first.npy"
    np.save(first, np.load(expected, mmap_mode="r")[:30])
    row.race(
        "hounsfield",
        lambda: hu.decode_batch(few, out=out, threads=1),
        {
            "pydicom + NumPy": peer(PYDICOM, WINDOWED.format("window_numpy"), few, first, 1),
            "pydicom + textbook formula": peer(PYDICOM, WINDOWED.format("window_textbook"), few, first, 2),
            "pydicom's own apply_windowing": peer(OF_PYDICOM, LEVELS, few, first, 1),
        },
        target=[("faster", 20, "pydicom + NumPy"), ("faster", 50, "pydicom + textbook formula")],
    )


@pytest.mark.benchmark(group="batch: 300 native CT slices, two threads")
def test_two_threads(row, floors, paths, expected):
    """The floor on two threads, half of the files each, tells what the machine gives."""
    out, floor_out = levels_of(paths), levels_of(paths)
    hu.decode_batch(paths, out=out, threads=2)
    assert np.array_equal(out, np.load(expected, mmap_mode="r"))
    half = len(paths) // 2
    whole = floors.batch(paths, floor_out, SCALE, OFFSET)
    halves = [
        floors.batch(paths[part], floor_out[part], SCALE, OFFSET) for part in (slice(half), slice(half, None))
    ]
    with ThreadPoolExecutor(2) as pool:
        row.race(
            "hounsfield, two threads",
            lambda: hu.decode_batch(paths, out=out, threads=2),
            {
                "one thread": lambda: hu.decode_batch(paths, out=out, threads=1),
                "C, nothing parsed, two threads": lambda: list(pool.map(lambda run: run(1), halves)),
                "C, one thread": lambda: whole(1),
            },
            target=("faster", 1.8, "one thread"),
        )


ONE_BY_ONE = """
import numpy as np
from hounsfield._reference.window import window_numpy as window
paths, expected = {paths!r}, np.load({expected!r}, mmap_mode="r")
{reader}
def arrays():
    for path in paths:
        stored, slope, intercept = samples(path)
        yield window(stored, slope=slope, intercept=intercept, center={center}, width={width})
assert all(abs(a.astype(np.int16) - b).max() <= 1 for a, b in zip(arrays(), expected, strict=True))
"""


def stream(paths, **options):
    for _ in hu.stream(paths, **options):
        pass


def one_by_one(paths):
    for path in paths:
        hu.read(path).render()


@pytest.mark.benchmark(group="stream: 300 native CT slices, one array after the other")
def test_stream(row, paths, expected):
    for threads in (1, 2):
        found = [item.array for item in hu.stream(paths, threads=threads)]
        assert np.array_equal(found, np.load(expected, mmap_mode="r"))
    out = levels_of(paths)
    row.race(
        "hounsfield, two threads",
        lambda: stream(paths, threads=2),
        {
            "one thread": lambda: stream(paths, threads=1),
            "one by one, without stream": lambda: one_by_one(paths),
            "decode_batch, two threads": lambda: hu.decode_batch(paths, out=out, threads=2),
            "decode_batch, one thread": lambda: hu.decode_batch(paths, out=out, threads=1),
            "resized to 224 x 224, two threads": lambda: stream(paths, threads=2, size=224),
            "resized to 224 x 224, one thread": lambda: stream(paths, threads=1, size=224),
        },
        target=[("faster", 1.4, "one thread"), ("at most", 1.3, "decode_batch, two threads")],
    )


@pytest.mark.benchmark(group="stream: the first 30 of these slices")
def test_stream_of_peer(row, paths, expected):
    few = paths[:30]
    first = expected.parent / "first.npy"
    np.save(first, np.load(expected, mmap_mode="r")[:30])
    names = [str(path) for path in few]
    setup = ONE_BY_ONE.format(reader=PYDICOM, paths=names, expected=str(first), center=CENTER, width=WIDTH)
    row.race(
        "hounsfield, one thread",
        lambda: stream(few, threads=1),
        {"pydicom + NumPy": (setup, "for _ in arrays(): pass")},
        target=("faster", 10, "pydicom + NumPy"),
    )


@pytest.mark.benchmark(group="batch: 300 native CT slices, resized to 224 x 224")
def test_resized(row, paths):
    out = np.ones((len(paths), 224, 224), np.uint8)
    row.race(
        "hounsfield",
        lambda: hu.decode_batch(paths, size=224, out=out, threads=1),
        {"as large as they are": lambda: hu.decode_batch(paths, threads=1)},
    )


@pytest.mark.benchmark(group="batch: 300 native CT slices, 1 % of them broken")
def test_broken_files(row, paths, tmp_path):
    """Cut in the pixel data, no DICOM, not there."""
    cut, text = tmp_path / "cut.dcm", tmp_path / "text.dcm"
    cut.write_bytes(paths[50].read_bytes()[:-1000])
    text.write_text("no DICOM" * 1000)
    mixed = list(paths)
    mixed[50], mixed[150], mixed[250] = cut, text, tmp_path / "missing.dcm"
    out = levels_of(paths)
    assert len(hu.decode_batch(mixed, out=out, threads=1, on_error="fill").errors) == 3
    row.race(
        "1 % broken",
        lambda: hu.decode_batch(mixed, out=out, threads=1, on_error="fill"),
        {"none": lambda: hu.decode_batch(paths, out=out, threads=1, on_error="fill")},
        target=("at most", 1.03, "none"),
    )


def unpack(data):
    return np.frombuffer(imagecodecs.dicomrle_decode(data, "<u2"), "<u2")


JPEG = generate.JPEG
CODECS = {
    "RLE": ("1.2.840.10008.1.2.5", rle.encode, unpack, 16),
    "JPEG Lossless": (
        f"{JPEG}.70",
        partial(imagecodecs.jpeg8_encode, lossless=True, predictor=1, bitspersample=16),
        imagecodecs.jpeg8_decode,
        16,
    ),
    "JPEG-LS": (f"{JPEG}.80", imagecodecs.jpegls_encode, imagecodecs.jpegls_decode, 16),
    "JPEG 2000": (
        f"{JPEG}.90",
        lambda samples: imagecodecs.jpeg2k_encode(samples.view(np.int16), codecformat="j2k", reversible=True),
        partial(imagecodecs.jpeg2k_decode, numthreads=1),
        6,  # a fortieth of a second each
    ),
    "HTJ2K": (
        f"{JPEG}.201",
        partial(imagecodecs.htj2k_encode, reversible=True),
        partial(imagecodecs.htj2k_decode, planar=False),
        128,  # of a millisecond each: the last ones of 16 would tell how evenly two threads end
    ),
}


@pytest.mark.parametrize("name", CODECS)
def test_compressed(row, benchmark, tmp_path, name):
    """Two threads, from files to levels, beside the bare codec on one, and on two: what the machine gives."""
    syntax, encode, decode, count = CODECS[name]
    benchmark.group = f"batch: {count} CT slices of 512 x 512, {name}, two threads"
    ds, streams, paths, levels = header(), [], [], []
    ds.file_meta.TransferSyntaxUID = syntax
    for number, samples in enumerate(slices(count)):
        unsigned = samples.view(np.uint16)
        streams.append(bytes(encode(unsigned)))
        assert np.array_equal(np.asarray(decode(streams[-1])).reshape(-1).view(np.int16), samples.reshape(-1))
        ds.PixelData = encapsulate([streams[-1]])
        ds["PixelData"].VR = "OB"
        paths.append(Path(tmp_path, f"{number}.dcm"))
        ds.save_as(paths[-1])
        levels.append(hu.render(samples, (CENTER, WIDTH), slope=SLOPE, intercept=INTERCEPT))
    out = levels_of(paths)
    assert np.array_equal(hu.decode_batch(paths, out=out, threads=2), np.stack(levels))
    assert len(os.sched_getaffinity(0)) > 1

    def bare():
        for stream in streams:
            decode(stream)

    with ThreadPoolExecutor(2) as pool:
        row.race(
            "hounsfield, two threads",
            lambda: hu.decode_batch(paths, out=out, threads=2),
            {
                "bare codec, one thread": bare,
                "bare codec, two threads": lambda: list(pool.map(decode, streams)),
                "hounsfield, one thread": lambda: hu.decode_batch(paths, out=out, threads=1),
            },
            target=("faster", 1.8, "bare codec, one thread"),
        )
