"""The kernels on processors that lack what this one has, by qemu-user (apt-get install qemu-user).

Which loops run is chosen when they are called: those for AVX-512 and AVX2, and those for any x86-64. This is
about what the compiler makes of them in a release: `ci/debug` and `ci/asan`, which cannot be emulated, leave
it out.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hounsfield

# 1,000 values are whole lines of 64 bytes and a rest.
WORK = """
import sys, zlib
import numpy as np
import hounsfield as hu
from hounsfield._kernels import bits, color, rle, swap

def see(name, array):
    print(name, zlib.crc32(np.ascontiguousarray(array)))

random = np.random.default_rng(1)
for kind in "u1 i1 u2 i2 u4 i4 f4 f8".split():
    samples = random.integers(0, 120, 1000).astype(kind)
    for dtype in "u1 u2 f4".split():
        for window in (40, 100), (40.25, 77.7):
            see(f"{kind} to {dtype}", hu.render(samples, window, slope=1.5, intercept=-3.0, dtype=dtype))
octets = random.integers(0, 256, 3072, np.uint8)
rgb = np.empty((1024, 3), np.uint8)
see("YBR_FULL", color.ybr_full_to_rgb(octets, rgb) or rgb)
see("YBR_FULL in planes", color.ybr_full_to_rgb(octets, rgb, planar=True) or rgb)
see("YBR_FULL_422", color.ybr_full_422_to_rgb(octets[:2048], rgb) or rgb)
see("planes", color.interleave(octets.reshape(3, 1024), rgb) or rgb)
for width in 2, 4, 8:
    out = np.empty_like(octets)
    see(f"swap {width}", swap.swap(octets, out, width) or out)
out = np.empty(8 * len(octets), np.uint8)
see("bits", bits.unpack_bits(octets, out) or out)
out = np.empty(len(octets) // 4, np.uint8)
see("clamp", bits.clamp(octets.view(np.int32), out, 8, shift=22) or out)
frame = np.repeat(octets.view(np.uint16)[:1024], 3).reshape(48, 64)
out = np.empty_like(frame)
see("RLE", rle.decode(rle.encode(frame), out) or out)
for values, window in ("stored", None), ("modality", None), ("display", (40, 400)):
    for size in None, (100, 100):
        batch = hu.decode_batch(sys.argv[1:], values=values, window=window, size=size)
        see(f"{values} {size}", batch.array)
"""


@pytest.fixture
def emulator():
    if platform.machine() != "x86_64":
        pytest.skip("this processor is no x86-64")
    found = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have qemu-user: apt-get install qemu-user")
        pytest.skip("qemu-user is not installed: apt-get install qemu-user")
    return found


def results(path, *before):
    """What WORK prints, run by the command before."""
    done = subprocess.run(
        [*before, sys.executable, "-u", "-c", WORK, path],
        env={**os.environ, "PYTHONPATH": str(Path(hounsfield.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-200:] + done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.mark.parametrize("processor", ["Nehalem", "Haswell"])
def test_results_are_those_of_this_processor(emulator, processor, pydicom_path):
    """The first has no AVX, the second AVX2; neither has AVX-512."""
    path = pydicom_path("CT_small.dcm")
    assert results(path, emulator, "-cpu", processor) == results(path)
