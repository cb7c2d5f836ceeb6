"""The kernel bits against NumPy, plain Python and memcpy of as many bytes as the result has."""

import numpy as np
import pytest

from hounsfield._kernels import bits as kernel
from hounsfield._reference import bits as reference

SIZE = 15_000_000  # bytes of the result
FEW = 8_000  # samples, for plain Python


@pytest.fixture(scope="module")
def octets():
    return np.random.default_rng(7).integers(0, 256, SIZE, np.uint8)


@pytest.fixture(scope="module")
def wide():
    return np.random.default_rng(7).integers(-9000, 140_000, SIZE // 4, np.int32)


@pytest.fixture(params=[0, 3], ids=["whole bytes", "within a byte"])
def first(request, benchmark):
    """A second frame seldom begins on a byte."""
    benchmark.group = f"bits: 1-bit samples from {request.node.callspec.id.rpartition('-')[2]}, 15 MB"
    return request.param


class TestOneBit:
    def test_kernel(self, row, octets, first):
        packed = octets[: SIZE // 8]
        out, expected = np.ones((2, SIZE - 8), np.uint8)
        row.here("hounsfield", kernel.unpack_bits, packed, out, first, target=("at most", 2, "memcpy"))
        reference.unpack_bits_numpy(packed, expected, first)
        assert np.array_equal(out, expected)

    def test_numpy(self, row, octets, first):
        out = np.ones(SIZE - 8, np.uint8)
        row.here("NumPy, unpackbits", reference.unpack_bits_numpy, octets[: SIZE // 8], out, first)

    @pytest.mark.usefixtures("first")
    def test_memcpy(self, row, octets, floors):
        row.repeated("memcpy", floors.memcpy(octets[: SIZE - 8]))


class TestTwelveBits:
    @pytest.fixture(autouse=True)
    def group(self, benchmark):
        benchmark.group = "bits: 12-bit samples, 15 MB"

    def test_kernel(self, row, octets):
        packed = octets[: SIZE * 3 // 4]
        out, expected = np.ones((2, SIZE // 2), np.uint16)
        row.here("hounsfield", kernel.unpack_12, packed, out)
        reference.unpack_12_numpy(packed, expected)
        assert np.array_equal(out, expected)

    def test_numpy(self, row, octets):
        out = np.ones(SIZE // 2, np.uint16)
        row.here("NumPy, shifts", reference.unpack_12_numpy, octets[: SIZE * 3 // 4], out)

    def test_memcpy(self, row, octets, floors):
        row.repeated("memcpy", floors.memcpy(octets))


class TestMask:
    """In place: 12 signed bits of 16."""

    @pytest.fixture(autouse=True)
    def group(self, benchmark):
        benchmark.group = "bits: 12 signed bits of 16 masked in place, 15 MB"

    def test_kernel(self, row, octets):
        samples, expected = octets.view(np.int16).copy(), octets.view(np.int16).copy()
        reference.mask_numpy(expected, 12, 11)
        kernel.mask(samples, 12, 11, signed=True)
        assert np.array_equal(samples, expected)
        row.here("hounsfield", lambda: kernel.mask(samples, 12, 11, signed=True))

    def test_numpy(self, row, octets):
        samples = octets.view(np.int16).copy()
        row.here("NumPy, shifts", reference.mask_numpy, samples, 12, 11)

    def test_memcpy(self, row, octets, floors):
        row.repeated("memcpy", floors.memcpy(octets))


class TestClamp:
    """Samples of 17 bits to 8, as of lossy HTJ2K."""

    @pytest.fixture(autouse=True)
    def group(self, benchmark):
        benchmark.group = "bits: 17 bits of 32 rounded to 8, 15 MB"

    def test_kernel(self, row, wide):
        out, expected = np.ones((2, wide.size), np.uint8)
        reference.clamp_numpy(wide.copy(), expected, 0, 255, 256, 9)
        row.here("hounsfield", lambda: kernel.clamp(wide, out, 8, offset=256, shift=9))
        assert np.array_equal(out, expected)

    def test_numpy(self, row, wide):
        row.here(
            "NumPy, by parts",
            reference.clamp_numpy,
            wide.copy(),
            np.ones(wide.size, np.uint8),
            0,
            255,
            256,
            9,
        )

    def test_memcpy(self, row, octets, floors):
        row.repeated("memcpy", floors.memcpy(octets))


@pytest.mark.parametrize("implementation", [kernel, reference], ids=["hounsfield", "plain Python"])
def test_plain_python(benchmark, row, implementation, request):
    benchmark.group = f"bits: {FEW} samples of 1 bit"
    packed = np.random.default_rng(7).integers(0, 256, FEW // 8, np.uint8)
    out = np.ones(FEW, np.uint8)
    row.here(request.node.callspec.id, implementation.unpack_bits, packed, out)
    assert np.array_equal(out, np.unpackbits(packed, bitorder="little"))
