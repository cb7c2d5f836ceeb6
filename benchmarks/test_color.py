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


def race(row, benchmark, name, kernel_call, peers, pixels, floors, targets=()):
    """Ours, the peers and memcpy, in turns."""
    benchmark.group = f"color: {name}, {pixels.nbytes / 1e6:.1f} MB"
    memcpy = floors.memcpy(pixels.reshape(-1))
    if pixels.nbytes > 1e7:  # what the caches hold is copied three times as fast: no target is set there
        targets = [("at most", 2, "memcpy"), *targets]
    row.race("hounsfield", kernel_call, {**peers, "memcpy": lambda: memcpy(1)}, target=list(targets))


def test_interleave(row, benchmark, pixels, floors):
    planes = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
    out, theirs = np.ones_like(pixels), np.ones_like(pixels)
    race(
        row,
        benchmark,
        "planes to pixels, 8-bit",
        lambda: kernel.interleave(planes, out),
        {"NumPy, copyto": lambda: reference.interleave_numpy(planes, theirs)},
        pixels,
        floors,
    )
    assert np.array_equal(out, pixels)
    assert np.array_equal(theirs, pixels)


def test_ybr_full(row, benchmark, pixels, floors):
    out, theirs = np.ones_like(pixels), np.ones_like(pixels)
    kernel.ybr_full_to_rgb(pixels, out)
    reference.ybr_full_to_rgb_numpy(pixels, theirs)
    assert np.array_equal(out, theirs)
    as_floats = convert_color_space(pixels, "YBR_FULL", "RGB")
    assert np.abs(out.astype(np.int16) - as_floats).max() <= 1  # in float32 it misses a few
    race(
        row,
        benchmark,
        "YBR_FULL to RGB, 8-bit",
        lambda: kernel.ybr_full_to_rgb(pixels, out),
        {
            "NumPy, whole numbers": lambda: reference.ybr_full_to_rgb_numpy(pixels, theirs),
            "pydicom, convert_color_space": lambda: convert_color_space(pixels, "YBR_FULL", "RGB"),
        },
        pixels,
        floors,
        [("faster", 10, "pydicom, convert_color_space")],
    )


def test_ybr_full_422(row, benchmark, pixels, floors):
    packed = pixels.reshape(-1)[: pixels.size // 3 * 2].copy()
    out, theirs = np.ones_like(pixels), np.ones_like(pixels)
    kernel.ybr_full_422_to_rgb(packed, out)
    reference.ybr_full_422_to_rgb_numpy(packed, theirs)
    assert np.array_equal(out, theirs)
    race(
        row,
        benchmark,
        "YBR_FULL_422 to RGB, 8-bit",
        lambda: kernel.ybr_full_422_to_rgb(packed, out),
        {"NumPy, whole numbers": lambda: reference.ybr_full_422_to_rgb_numpy(packed, theirs)},
        pixels,
        floors,
    )


@pytest.mark.parametrize("implementation", [kernel, reference], ids=["hounsfield", "plain Python"])
def test_plain_python(benchmark, row, implementation, request):
    benchmark.group = f"color: YBR_FULL to RGB, {FEW} pixels"
    pixels = np.random.default_rng(7).integers(0, 256, (FEW, 3), np.uint8)
    out, expected = np.empty_like(pixels), np.empty_like(pixels)
    row.here(request.node.callspec.id, implementation.ybr_full_to_rgb, pixels, out)
    reference.ybr_full_to_rgb_numpy(pixels, expected)
    assert np.array_equal(out, expected)
