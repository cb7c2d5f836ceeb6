"""The kernel swap against plain Python, NumPy and memcpy."""

import numpy as np
import pytest

from hounsfield._kernels import swap as kernel
from hounsfield._reference import swap as reference

WIDTHS = {2: "16-bit", 4: "32-bit", 8: "64-bit"}
FEW = 60_000  # for plain Python


def data_of(size):
    return np.random.default_rng(7).integers(0, 256, size, dtype="u1")


def expected(source, width):
    return source.reshape(-1, width)[:, ::-1].reshape(-1)


@pytest.fixture(params=WIDTHS, ids=WIDTHS.get)
def width(request, benchmark):
    benchmark.group = f"swap: {WIDTHS[request.param]}, 15 MB"
    return request.param


@pytest.fixture(scope="module")
def source():
    return data_of(15_000_000)


def test_kernel(row, source, width):
    out = np.empty_like(source)
    row.here("hounsfield", kernel.swap, source, out, width, target=("at most", 1.2, "memcpy"))
    assert np.array_equal(out, expected(source, width))


def test_kernel_in_place(row, source, width):
    data = source.copy()
    kernel.swap_in_place(data, width)
    assert np.array_equal(data, expected(source, width))
    row.here("hounsfield, in place", kernel.swap_in_place, data, width, target=("at most", 1.2, "memcpy"))


def test_numpy(row, source, width):
    out = np.empty_like(source)
    row.here("NumPy, assignment", reference.swap_numpy, source, out, width)
    assert np.array_equal(out, expected(source, width))


def test_numpy_in_place(row, source, width):
    data = source.copy()
    reference.swap_in_place_numpy(data, width)
    assert np.array_equal(data, expected(source, width))
    row.here("NumPy, byteswap(inplace=True)", reference.swap_in_place_numpy, data, width)


@pytest.mark.usefixtures("width")
def test_memcpy(row, source, floors):
    row.repeated("memcpy", floors.memcpy(source))


@pytest.mark.parametrize("implementation", [kernel, reference], ids=["hounsfield", "plain Python"])
def test_plain_python(benchmark, row, implementation, request):
    benchmark.group = f"swap: 16-bit, {FEW // 1000} kB"
    source = data_of(FEW)
    out = np.empty_like(source)
    row.here(request.node.callspec.id, implementation.swap, source, out, 2)
    assert np.array_equal(out, expected(source, 2))
