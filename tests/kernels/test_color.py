"""The color kernel against its plain-Python twin, NumPy, and every colour there is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield._kernels import color as kernel
from hounsfield._reference import color as reference
from hounsfield.errors import OptionError


def noise(shape, dtype=np.uint8, seed=0):
    items = np.random.default_rng(seed).bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize)
    return np.frombuffer(items, dtype).reshape(shape).copy()


def every(y):
    """All pixels of one luma."""
    cb, cr = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    return np.stack((np.full_like(cb, y), cb, cr), axis=-1)


class TestInterleave:
    @pytest.mark.parametrize("samples", [1, 2, 3, 4, 5])
    @pytest.mark.parametrize("width", [1, 2, 4, 8])
    def test_every_small_size(self, twin, width, samples):
        for count in (0, 1, 2, 3, 15, 16, 17, 63, 64, 65, 130):
            planes = noise((samples, count), f"u{width}")
            out = np.zeros((count, samples), planes.dtype)
            twin("color").interleave(planes, out)
            assert np.array_equal(out, planes.T)

    @pytest.mark.parametrize("dtype", ["u1", "i2", "<u4", ">u2", "f4", "f8"])
    def test_large(self, dtype):
        planes = noise((3, 301, 997), "u1").astype(dtype)
        out, expected = np.zeros((2, 301, 997, 3), dtype)
        kernel.interleave(planes, out)
        reference.interleave_numpy(planes, expected)
        assert np.array_equal(out, expected)

    def test_of_any_buffer(self, as_buffer):
        planes = noise((3, 50), np.uint16)
        out = np.zeros((50, 3), np.uint16)
        kernel.interleave(as_buffer(planes.tobytes()), out)
        assert np.array_equal(out, planes.T)

    def test_what_does_not_go_together(self, twin):
        for size, out in (
            (6, np.zeros((3, 3), "u1")),
            (12, np.zeros((1, 3), "u1")),
            (48, np.zeros((1, 3), "c16")),
            (1, np.zeros((), "u1")),
        ):
            with pytest.raises(OptionError):
                twin("color").interleave(bytes(size), out)


class TestYbr:
    def test_every_pixel_of_ybr_full(self):
        """All 2^24: exact, and to the twin's one rule."""
        out, expected = np.zeros((2, 256, 256, 3), np.uint8)
        for y in range(256):
            pixels = every(y)
            kernel.ybr_full_to_rgb(pixels, out)
            reference.ybr_full_to_rgb_numpy(pixels, expected)
            assert np.array_equal(out, expected)

    def test_every_pixel_of_ybr_partial(self):
        out, expected = np.zeros((2, 256, 256, 3), np.uint8)
        for y in range(256):
            pixels = every(y)
            # pairs of neighbours with the same chroma, each pixel of them once
            packed = np.empty((256, 256, 4), np.uint8)
            packed[..., 0] = packed[..., 1] = y
            packed[..., 2:] = pixels[..., 1:]
            pairs = np.zeros((256, 256, 2, 3), np.uint8)
            kernel.ybr_partial_422_to_rgb(packed, pairs)
            reference.ybr_partial_to_rgb_numpy(pixels, expected)
            out[:] = pairs[:, :, 0]
            assert np.array_equal(out, expected)
            assert np.array_equal(pairs[:, :, 1], expected)

    @pytest.mark.parametrize("rule", [reference.full, reference.partial])
    def test_numpy_has_the_rule_of_the_equations(self, rule):
        pixels = noise((3000, 3))
        out = np.zeros_like(pixels)
        convert = {
            reference.full: reference.ybr_full_to_rgb_numpy,
            reference.partial: reference.ybr_partial_to_rgb_numpy,
        }
        convert[rule](pixels, out)
        assert out.tolist() == [list(rule(*pixel)) for pixel in pixels.tolist()]

    def test_black_grey_and_white(self, twin):
        out = np.zeros((4, 3), np.uint8)
        pixels = np.array([[0, 128, 128], [128, 128, 128], [255, 128, 128], [76, 85, 255]], np.uint8)
        twin("color").ybr_full_to_rgb(pixels, out)
        assert out.tolist() == [[0] * 3, [128] * 3, [255] * 3, [254, 0, 0]]
        twin("color").ybr_partial_422_to_rgb(bytes((16, 235, 128, 128, 126, 0, 128, 128)), out)
        assert out.tolist() == [[0] * 3, [255] * 3, [128] * 3, [0] * 3]

    @pytest.mark.parametrize("count", [0, 1, 2, 31, 32, 33, 511, 512, 513, 1100])
    def test_sizes_and_planes(self, count):
        pixels = noise((count, 3))
        expected = np.zeros_like(pixels)
        reference.ybr_full_to_rgb(pixels, expected)
        out = np.zeros((count + 1, 3), np.uint8)
        kernel.ybr_full_to_rgb(pixels, out[:count])
        assert np.array_equal(out[:count], expected)
        assert not out[count:].any()
        out[:] = 0
        kernel.ybr_full_to_rgb(np.ascontiguousarray(pixels.T), out[:count], planar=True)
        assert np.array_equal(out[:count], expected)
        assert not out[count:].any()
        kernel.ybr_full_to_rgb(pixels, pixels)
        assert np.array_equal(pixels, expected)

    @given(
        st.binary(max_size=300),
        st.sampled_from(("ybr_full_422_to_rgb", "ybr_partial_422_to_rgb", "upsample_422")),
    )
    def test_pairs_as_the_twin(self, data, name):
        data = data[: len(data) // 4 * 4]
        ours, theirs = np.zeros((2, len(data) // 2, 3), np.uint8)
        getattr(kernel, name)(data, ours)
        getattr(reference, name)(data, theirs)
        assert np.array_equal(ours, theirs)

    def test_many_pairs(self):
        data = noise(40_004)
        ours, theirs = np.zeros((2, 20_002, 3), np.uint8)
        kernel.upsample_422(data, ours)
        reference.upsample_422_numpy(data, theirs)
        assert np.array_equal(ours, theirs)
        kernel.ybr_full_422_to_rgb(data, ours)
        reference.ybr_full_422_to_rgb_numpy(data, theirs)
        assert np.array_equal(ours, theirs)

    def test_of_any_buffer(self, as_buffer):
        pixels = noise((55, 3))
        ours, theirs = np.zeros((2, 55, 3), np.uint8)
        reference.ybr_full_to_rgb(pixels, theirs)
        kernel.ybr_full_to_rgb(as_buffer(pixels.tobytes()), ours)
        assert np.array_equal(ours, theirs)
        kernel.ybr_full_to_rgb(as_buffer(pixels.T.tobytes()), ours, planar=True)
        assert np.array_equal(ours, theirs)

    def test_sizes_that_do_not_go_together(self, twin):
        for size, to in ((3, 6), (6, 3), (4, 4), (0, 3)):
            for planar in (False, True):
                with pytest.raises(OptionError, match="bytes"):
                    twin("color").ybr_full_to_rgb(bytes(size), np.zeros(to, np.uint8), planar=planar)
        for name in ("ybr_full_422_to_rgb", "ybr_partial_422_to_rgb", "upsample_422"):
            for size, to in ((4, 5), (4, 7), (5, 6), (8, 6), (4, 12), (2, 3), (0, 6)):
                with pytest.raises(OptionError, match="bytes"):
                    getattr(twin("color"), name)(bytes(size), np.zeros(to, np.uint8))


def test_overlap():
    whole = np.zeros(96, np.uint8)
    with pytest.raises(OptionError, match="overlap"):
        kernel.interleave(whole[:48], whole[47:95].reshape(16, 3))
    for planar, shift in ((False, 3), (True, 0), (True, 47)):
        with pytest.raises(OptionError, match="overlap"):
            kernel.ybr_full_to_rgb(whole[:48], whole[shift : shift + 48], planar=planar)
    with pytest.raises(OptionError, match="overlap"):
        kernel.upsample_422(whole[:32], whole[31:79])
    kernel.ybr_full_to_rgb(whole[:48], whole[48:])


def test_what_cannot_be_written(strided):
    for out in (bytes(6), strided(bytes(6)), memoryview(bytes(6))):
        for call in (kernel.interleave, kernel.ybr_full_to_rgb):
            with pytest.raises((BufferError, ValueError)):
                call(bytes(6), out)
    for call in (kernel.interleave, kernel.ybr_full_to_rgb):
        with pytest.raises((BufferError, ValueError)):
            call(strided(bytes(6)), bytearray(6))
        with pytest.raises(TypeError):
            call(None, bytearray(6))
