"""The kernel window against plain Python, NumPy and memcpy."""

import numpy as np
import pytest

import hounsfield as hu
from hounsfield._kernels import window as kernel
from hounsfield._reference import window as reference

OPTIONS = {"slope": 1.0, "intercept": -1024.0, "center": 40.0, "width": 400.0}
SIZES = {"7.5 Mpx": 7_500_000, "512x512": 512 * 512}
REACH = [
    ("at most", 1.8, "memcpy of the input"),
    ("faster", 3, "NumPy, float32 in place"),
    ("faster", 20, "NumPy, textbook formula in float64"),
]


@pytest.fixture(params=SIZES)
def image(request, benchmark):
    benchmark.group = f"window: int16 to uint8, {request.param}"
    return np.random.default_rng(7).integers(0, 4096, SIZES[request.param], dtype="i2")


def windowed(window, image, dst_type="u1", **options):
    dst = np.empty(image.size * int(dst_type[1]), "u1")
    window(image.view("u1"), image.dtype.str[1:], dst, dst_type, **OPTIONS | options)
    return dst.view(dst_type)


def in_kernel(image, dst):
    kernel.window(image.view("u1"), "i2", dst, "u1", **OPTIONS)


def in_python(image, dst):
    reference.window(image.view("u1"), "i2", dst, "u1", **OPTIONS)


def test_kernel(row, image):
    dst = np.empty(image.size, "u1")
    row.here("hounsfield", in_kernel, image, dst, target=REACH if image.size > 1e6 else REACH[1:])
    assert np.array_equal(dst[:5000], windowed(reference.window, image[:5000]))


def test_render(row, image):
    """The same through the public function."""
    out = np.empty(image.size, "u1")
    arguments = {"window": (40, 400), "intercept": -1024.0, "out": out}
    row.here("hounsfield.render", lambda: hu.render(image, **arguments))
    assert np.array_equal(out, windowed(kernel.window, image))


def test_numpy_float32(row, image):
    levels = row.here("NumPy, float32 in place", lambda: reference.window_numpy(image, **OPTIONS))
    assert np.abs(levels.astype("i2") - windowed(kernel.window, image)).max() <= 1


def test_numpy_textbook(row, image):
    levels = row.here(
        "NumPy, textbook formula in float64", lambda: reference.window_textbook(image, **OPTIONS)
    )
    # another formula (no half steps, truncation), so another picture, by two levels at most
    assert np.abs(levels.astype("i2") - windowed(kernel.window, image)).max() <= 2


def test_memcpy(row, image, floors):
    row.repeated("memcpy of the input", floors.memcpy(image))


@pytest.mark.parametrize("name", ["hounsfield", "plain Python"])
def test_small(row, benchmark, name):
    benchmark.group = "window: int16 to uint8, 64x64"
    image = np.random.default_rng(7).integers(0, 4096, 4096, dtype="i2")
    dst = np.empty(image.size, "u1")
    row.here(name, in_kernel if name == "hounsfield" else in_python, image, dst)
    assert np.array_equal(dst, windowed(reference.window, image))


TYPES = [
    ("u1", "u1", "LINEAR"),
    ("u2", "u1", "LINEAR"),
    ("i2", "u2", "LINEAR"),
    ("i2", "f4", "LINEAR"),
    ("i2", "u1", "SIGMOID"),
    ("i4", "u1", "LINEAR"),
    ("f4", "u1", "LINEAR"),
    ("f8", "u1", "LINEAR"),
]


@pytest.mark.benchmark(group="window: other types, 7.5 Mpx")
@pytest.mark.parametrize(("src_type", "dst_type", "function"), TYPES)
def test_types(row, src_type, dst_type, function):
    image = np.random.default_rng(7).integers(0, 128, 7_500_000).astype(src_type)
    options = {"intercept": 0.0, "function": function}
    name = f"{src_type} to {dst_type}, {function}"
    levels = row.here(name, lambda: windowed(kernel.window, image, dst_type, **options))
    assert np.array_equal(levels[:5000], windowed(reference.window, image[:5000], dst_type, **options))
