"""The kernel window against plain Python, NumPy and memcpy, every output checked."""

import ctypes

import numpy as np
import pytest

from hounsfield._kernels import window as kernel
from hounsfield._reference import window as reference

OPTIONS = {"slope": 1.0, "intercept": -1024.0, "center": 40.0, "width": 400.0}
SIZES = {"radiograph 7.5 Mpx": 7_500_000, "CT slice 512x512": 512 * 512}


@pytest.fixture(params=SIZES)
def image(request, benchmark):
    benchmark.group = f"window int16 -> uint8, {request.param}"
    return np.random.default_rng(7).integers(0, 4096, SIZES[request.param], dtype="i2")


def into(window, image, dst_type="u1", **options):
    src, dst = image.view("u1"), np.empty(image.size * int(dst_type[1]), "u1")
    window(src, image.dtype.str[1:], dst, dst_type, **OPTIONS | options)
    return dst.view(dst_type)


def test_kernel(benchmark, image):
    src, dst = image.view("u1"), np.empty(image.size, "u1")
    benchmark(kernel.window, src, "i2", dst, "u1", **OPTIONS)
    assert np.array_equal(dst[:5000], into(reference.window, image[:5000]))


def test_memcpy(benchmark, image):
    """The floor: the same input, copied."""
    copy = np.empty_like(image)
    benchmark(ctypes.memmove, copy.ctypes.data, image.ctypes.data, image.nbytes)
    assert np.array_equal(copy, image)


def test_numpy_float32(benchmark, image):
    levels = benchmark(reference.window_numpy, image, **OPTIONS)
    assert np.abs(levels.astype("i2") - into(kernel.window, image)).max() <= 1


def test_numpy_textbook(benchmark, image):
    levels = benchmark(reference.window_textbook, image, **OPTIONS)
    assert np.abs(levels.astype("i2") - into(kernel.window, image)).max() <= 2


@pytest.mark.parametrize("window", [kernel.window, reference.window], ids=["kernel", "plain Python"])
def test_small(benchmark, window):
    benchmark.group = "window int16 -> uint8, 64x64"
    image = np.random.default_rng(7).integers(0, 4096, 4096, dtype="i2")
    src, dst = image.view("u1"), np.empty(image.size, "u1")
    benchmark(window, src, "i2", dst, "u1", **OPTIONS)
    assert np.array_equal(dst, into(reference.window, image))


@pytest.mark.parametrize(
    ("src_type", "dst_type", "function"),
    [
        ("u1", "u1", "LINEAR"),
        ("u2", "u1", "LINEAR"),
        ("i2", "u2", "LINEAR"),
        ("i2", "f4", "LINEAR"),
        ("i2", "u1", "SIGMOID"),
        ("i4", "u1", "LINEAR"),
        ("f4", "u1", "LINEAR"),
        ("f8", "u1", "LINEAR"),
    ],
)
def test_types(benchmark, src_type, dst_type, function):
    benchmark.group = "window, 7.5 Mpx, by type"
    image = np.random.default_rng(7).integers(0, 128, 7_500_000).astype(src_type)
    src, dst = image.view("u1"), np.empty(image.size * int(dst_type[1]), "u1")
    options = OPTIONS | {"intercept": 0.0, "function": function}
    benchmark(kernel.window, src, src_type, dst, dst_type, **options)
    assert np.array_equal(
        dst.view(dst_type)[:5000], into(reference.window, image[:5000], dst_type, **options)
    )
