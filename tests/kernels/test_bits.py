"""The bits kernel against its plain-Python twin and NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield._kernels import bits as kernel
from hounsfield._reference import bits as reference
from hounsfield.errors import OptionError

WIDTHS = (1, 2, 4, 8)


def noise(size, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size * np.dtype(dtype).itemsize, np.uint8).view(dtype)


class TestOneBit:
    def test_order(self, twin):
        out = np.full(16, 9, np.uint8)
        twin("bits").unpack_bits(b"\x01\xa0", out)
        assert out.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]

    def test_every_small_size_and_place(self):
        data = noise(40)
        every = np.unpackbits(data, bitorder="little")
        for first in range(20):
            for count in range(150):
                out = np.full(count + 8, 9, np.uint8)
                kernel.unpack_bits(data, out[:count], first)
                assert np.array_equal(out[:count], every[first : first + count])
                assert (out[count:] == 9).all()

    @given(st.binary(max_size=60), st.data())
    def test_as_the_twin(self, data, draw):
        first = draw.draw(st.integers(0, 8 * len(data)))
        count = draw.draw(st.integers(0, 8 * len(data) - first))
        ours, theirs = np.full((2, count), 9, np.uint8)
        kernel.unpack_bits(data, ours, first)
        reference.unpack_bits(data, theirs, first)
        assert np.array_equal(ours, theirs)

    @pytest.mark.parametrize("first", [0, 3, 8, 1001])
    def test_large(self, first):
        data = noise(1_000_000)
        expected, out = np.zeros((2, 7_990_000), np.uint8)
        reference.unpack_bits_numpy(data, expected, first)
        kernel.unpack_bits(data, out, first)
        assert np.array_equal(out, expected)

    @pytest.mark.parametrize(
        ("size", "count", "first"),
        [(0, 1, 0), (1, 9, 0), (1, 8, 1), (1, 1, 8), (2, 16, 1), (2, 0, 17), (1, 1, -1), (1, 1, 2**62)],
    )
    def test_too_few_bits(self, twin, size, count, first):
        with pytest.raises(OptionError, match="bits"):
            twin("bits").unpack_bits(bytes(size), np.zeros(count, np.uint8), first)

    def test_only_to_bytes(self, twin):
        with pytest.raises(OptionError, match="2 bytes"):
            twin("bits").unpack_bits(b"a", np.zeros(2, np.uint16))


class TestTwelveBits:
    def test_order(self, twin):
        out = np.zeros(4, np.uint16)
        twin("bits").unpack_12(b"\x12\x34\x56\x78\x9a\xbc", out)
        assert [f"{value:x}" for value in out] == ["412", "563", "a78", "bc9"]
        twin("bits").unpack_12(b"\x12\x34\x56\x78\x9a\xbc", out[:3], 4)
        assert [f"{value:x}" for value in out[:3]] == ["341", "856", "9a7"]

    @given(st.binary(max_size=90), st.data())
    def test_as_the_twin(self, data, draw):
        first = 4 * draw.draw(st.integers(0, 2 * len(data)))
        count = draw.draw(st.integers(0, (8 * len(data) - first) // 12))
        ours, theirs = np.full((2, count), 9, np.uint16)
        kernel.unpack_12(data, ours, first)
        reference.unpack_12(data, theirs, first)
        assert np.array_equal(ours, theirs)

    def test_large(self):
        data = noise(1_500_000)
        expected, out = np.zeros((2, 1_000_000), np.uint16)
        reference.unpack_12_numpy(data, expected)
        kernel.unpack_12(data, out)
        assert np.array_equal(out, expected)
        kernel.unpack_12(data, out[:-1], 12)
        assert np.array_equal(out[:-1], expected[1:])

    @pytest.mark.parametrize(
        ("size", "count", "first"), [(1, 1, 0), (2, 1, 8), (3, 2, 4), (3, 1, -4), (3, 1, 2**62)]
    )
    def test_too_few_bits(self, twin, size, count, first):
        with pytest.raises(OptionError, match="12 bits"):
            twin("bits").unpack_12(bytes(size), np.zeros(count, np.uint16), first)

    def test_only_to_words_and_from_half_bytes(self, twin):
        with pytest.raises(OptionError, match="1 bytes"):
            twin("bits").unpack_12(b"abc", np.zeros(2, np.uint8))
        with pytest.raises(OptionError, match="multiple of 4"):
            twin("bits").unpack_12(b"abc", np.zeros(1, np.uint16), 2)


class TestMask:
    @pytest.mark.parametrize("signed", [False, True])
    @pytest.mark.parametrize("width", WIDTHS)
    def test_every_place(self, width, signed):
        """All numbers of bits stored, at every high bit."""
        samples = noise(67, f"u{width}")
        for high_bit in range(8 * width):
            for stored in range(1, high_bit + 2):
                ours, theirs = samples.copy(), samples.copy()
                kernel.mask(ours, stored, high_bit, signed=signed)
                reference.mask(theirs, stored, high_bit, signed=signed)
                assert np.array_equal(ours, theirs)

    @pytest.mark.parametrize("kind", ["u", "i"])
    @pytest.mark.parametrize("width", WIDTHS)
    def test_numpy_baseline(self, width, kind):
        ours = noise(1000, f"{kind}{width}")
        theirs = ours.copy()
        kernel.mask(ours, 5, 6, signed=kind == "i")
        reference.mask_numpy(theirs, 5, 6)
        assert np.array_equal(ours, theirs)

    def test_values(self, twin):
        samples = np.array([0xF123, 0x0FFF, 0x8800], np.uint16)
        twin("bits").mask(samples, 12, 11)
        assert samples.tolist() == [0x123, 0xFFF, 0x800]
        samples = np.array([0xF123, 0x0FFF, 0x8800], np.int32).astype(np.int16)
        twin("bits").mask(samples, 12, 11, signed=True)
        assert samples.tolist() == [0x123, -1, -0x800]
        twin("bits").mask(samples, 4, 11, signed=True)
        assert samples.tolist() == [1, -1, -8]

    @pytest.mark.parametrize(("stored", "high_bit"), [(0, 7), (-1, 7), (9, 7), (17, 16), (16, 14), (1, -1)])
    def test_bits_that_are_not_there(self, twin, stored, high_bit):
        with pytest.raises(OptionError, match="bits up to bit"):
            twin("bits").mask(np.zeros(3, np.uint16), stored, high_bit)

    def test_other_items(self, twin):
        for dtype in ("S3", "c16"):
            with pytest.raises(OptionError, match="samples of"):
                twin("bits").mask(np.zeros(3, dtype), 1, 0)

    def test_what_cannot_be_written(self, strided):
        for samples in (b"abc", strided(b"abc")):
            with pytest.raises((BufferError, ValueError)):
                kernel.mask(samples, 1, 0)
        with pytest.raises(TypeError):
            kernel.mask(None, 1, 0)


class TestExtract:
    @pytest.mark.parametrize("width", WIDTHS)
    def test_every_bit(self, twin, width):
        samples = noise(45, f"u{width}")
        for bit in range(8 * width):
            out, expected = np.full((2, 45), 9, np.uint8)
            twin("bits").extract(samples, bit, out)
            reference.extract_numpy(samples, bit, expected)
            assert np.array_equal(out, expected)

    @pytest.mark.parametrize(
        ("bit", "out"),
        [(-1, np.zeros(3, "u1")), (16, np.zeros(3, "u1")), (0, np.zeros(2, "u1")), (0, np.zeros(4, "u1"))],
    )
    def test_what_does_not_go_together(self, twin, bit, out):
        with pytest.raises(OptionError):
            twin("bits").extract(np.zeros(3, np.uint16), bit, out)


class TestClamp:
    def test_values(self, twin):
        samples = np.array([-1000, -9, -8, 0, 7, 8, 2039, 2047, 2048, 100_000], np.int32)
        out = np.zeros(10, np.uint8)
        twin("bits").clamp(samples, out, 8, offset=8, shift=3)
        assert out.tolist() == [0, 0, 0, 1, 1, 2, 255, 255, 255, 255]
        twin("bits").clamp(samples, out, 8, signed=True, shift=4)
        assert out.view(np.int8).tolist() == [-63, -1, -1, 0, 0, 0, 127, 127, 127, 127]

    @pytest.mark.parametrize("signed", [False, True])
    @pytest.mark.parametrize("width", WIDTHS)
    def test_every_number_of_bits(self, width, signed):
        samples = noise(67, "i4")
        for stored in range(1, min(8 * width, 32) + 1):
            for shift, offset in ((0, 0), (32 - stored, 5), (9, 1 << 30), (31, -(1 << 31))):
                ours, theirs = np.zeros((2, 67), f"{'i' if signed else 'u'}{width}")
                kernel.clamp(samples, ours, stored, signed=signed, offset=offset, shift=shift)
                reference.clamp(samples, theirs, stored, signed=signed, offset=offset, shift=shift)
                assert np.array_equal(ours, theirs)

    def test_numpy_baseline(self):
        samples = np.random.default_rng(1).integers(-9000, 140_000, 100_000, np.int32)
        ours, theirs = np.zeros((2, 100_000), np.int16)
        kernel.clamp(samples, ours, 12, signed=True, offset=16, shift=5)
        reference.clamp_numpy(samples, theirs, -2048, 2047, 16, 5)
        assert np.array_equal(ours, theirs)

    @pytest.mark.parametrize(
        ("out", "stored", "shift"),
        [("u1", 9, 0), ("u1", 0, 0), ("u8", 33, 0), ("u2", 12, 32), ("u2", 12, -1), ("S3", 1, 0)],
    )
    def test_what_is_not_possible(self, twin, out, stored, shift):
        with pytest.raises(OptionError):
            twin("bits").clamp(np.zeros(3, np.int32), np.zeros(3, out), stored, shift=shift)

    def test_what_does_not_go_together(self, twin):
        for samples, out in ((np.zeros(3, "i4"), np.zeros(4, "u1")), (np.zeros(3, "i2"), np.zeros(3, "u1"))):
            with pytest.raises(OptionError, match="items for"):
                twin("bits").clamp(samples, out, 8)


def test_of_any_buffer(as_buffer):
    data = noise(99).tobytes()
    out = np.zeros(792, np.uint8)
    kernel.unpack_bits(as_buffer(data), out)
    assert np.array_equal(out, np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little"))
    ours, theirs = np.zeros((2, 66), np.uint16)
    kernel.unpack_12(as_buffer(data), ours)
    reference.unpack_12(data, theirs)
    assert np.array_equal(ours, theirs)


def test_overlap():
    whole = np.zeros(64, np.uint8)
    with pytest.raises(OptionError, match="overlap"):
        kernel.unpack_bits(whole[:8], whole[7:15])
    with pytest.raises(OptionError, match="overlap"):
        kernel.unpack_12(whole[:24], whole[16:32].view(np.uint16))
    with pytest.raises(OptionError, match="overlap"):
        kernel.extract(whole[:32], 0, whole[31:63])
    with pytest.raises(OptionError, match="overlap"):
        kernel.clamp(whole[:32].view(np.int32), whole[31:39], 8)
    kernel.unpack_bits(whole[:4], whole[4:36])
