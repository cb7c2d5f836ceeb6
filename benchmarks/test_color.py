"""The kernel color against pydicom, NumPy, plain Python and memcpy of as many bytes as the result has.

Interleaving and YBR_FULL to RGB read and write as many as memcpy does; of YBR_FULL_422 a third less is read.
"""

import numpy as np
import pytest
from pydicom.pixels import convert_color_space

from hounsfield._kernels import color as kernel
from hounsfield._reference import color as reference

SIZES = {"15 MB": (2000, 2500, 3), "0.8 MB": (512, 512, 3)}
FEW = 3000  # pixels, for plain Python


@pytest.fixture(params=SIZES)
def pixels(request):
    return np.random.default_rng(7).integers(0, 256, SIZES[request.param], np.uint8)


def grouped(benchmark, name, pixels):
    benchmark.group = f"color: {name}, {pixels.nbytes / 1e6:.1f} MB"
    return np.ones_like(pixels)


# what the caches hold is copied three times as fast: no target is set there
def target_of(pixels):
    return ("at most", 2, "memcpy") if pixels.nbytes > 1e7 else ()


class TestInterleave:
    NAME = "planes to pixels, 8-bit"

    def test_kernel(self, row, benchmark, pixels):
        out = grouped(benchmark, self.NAME, pixels)
        planes = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
        row.here("hounsfield", kernel.interleave, planes, out, target=target_of(pixels))
        assert np.array_equal(out, pixels)

    def test_numpy(self, row, benchmark, pixels):
        out = grouped(benchmark, self.NAME, pixels)
        planes = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
        row.here("NumPy, copyto", reference.interleave_numpy, planes, out)
        assert np.array_equal(out, pixels)

    def test_memcpy(self, row, benchmark, pixels, floors):
        grouped(benchmark, self.NAME, pixels)
        row.repeated("memcpy", floors.memcpy(pixels.reshape(-1)))


class TestYbrFull:
    NAME = "YBR_FULL to RGB, 8-bit"

    def test_kernel(self, row, benchmark, pixels):
        out = grouped(benchmark, self.NAME, pixels)
        targets = [
            each for each in (target_of(pixels), ("faster", 10, "pydicom, convert_color_space")) if each
        ]
        row.here("hounsfield", kernel.ybr_full_to_rgb, pixels, out, target=targets)
        theirs = convert_color_space(pixels, "YBR_FULL", "RGB")
        assert np.abs(out.astype(np.int16) - theirs).max() <= 1  # in float32 it misses a few

    def test_numpy(self, row, benchmark, pixels):
        out, ours = grouped(benchmark, self.NAME, pixels), np.empty_like(pixels)
        row.here("NumPy, whole numbers", reference.ybr_full_to_rgb_numpy, pixels, out)
        kernel.ybr_full_to_rgb(pixels, ours)
        assert np.array_equal(out, ours)

    def test_pydicom(self, row, benchmark, pixels):
        grouped(benchmark, self.NAME, pixels)
        row.here("pydicom, convert_color_space", convert_color_space, pixels, "YBR_FULL", "RGB")

    def test_memcpy(self, row, benchmark, pixels, floors):
        grouped(benchmark, self.NAME, pixels)
        row.repeated("memcpy", floors.memcpy(pixels.reshape(-1)))


class TestYbrFull422:
    NAME = "YBR_FULL_422 to RGB, 8-bit"

    def test_kernel(self, row, benchmark, pixels):
        out = grouped(benchmark, self.NAME, pixels)
        packed = pixels.reshape(-1)[: pixels.size // 3 * 2]
        row.here("hounsfield", kernel.ybr_full_422_to_rgb, packed, out)

    def test_numpy(self, row, benchmark, pixels):
        out, ours = grouped(benchmark, self.NAME, pixels), np.empty_like(pixels)
        packed = pixels.reshape(-1)[: pixels.size // 3 * 2].copy()
        row.here("NumPy, whole numbers", reference.ybr_full_422_to_rgb_numpy, packed, out)
        kernel.ybr_full_422_to_rgb(packed, ours)
        assert np.array_equal(out, ours)

    def test_memcpy(self, row, benchmark, pixels, floors):
        grouped(benchmark, self.NAME, pixels)
        row.repeated("memcpy", floors.memcpy(pixels.reshape(-1)))


@pytest.mark.parametrize("implementation", [kernel, reference], ids=["hounsfield", "plain Python"])
def test_plain_python(benchmark, row, implementation, request):
    benchmark.group = f"color: YBR_FULL to RGB, {FEW} pixels"
    pixels = np.random.default_rng(7).integers(0, 256, (FEW, 3), np.uint8)
    out, expected = np.empty_like(pixels), np.empty_like(pixels)
    row.here(request.node.callspec.id, implementation.ybr_full_to_rgb, pixels, out)
    reference.ybr_full_to_rgb_numpy(pixels, expected)
    assert np.array_equal(out, expected)
