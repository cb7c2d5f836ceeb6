"""The swap kernel against its plain-Python twin and NumPy."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield._kernels import swap as kernel
from hounsfield._reference import swap as reference
from hounsfield.errors import OptionError

WIDTHS = pytest.mark.parametrize("width", [2, 4, 8])


def numbers(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def swapped(octets, width):
    return octets.view(f"u{width}").byteswap().view(np.uint8)


@WIDTHS
def test_every_small_size(twin, width):
    module = twin("swap")
    for size in range(0, 200 * width, width):
        source = numbers(size)
        out = bytearray(size)
        module.swap(source, out, width)
        assert out == swapped(source, width).tobytes()
        module.swap_in_place(out, width)
        assert out == source.tobytes()


@WIDTHS
@pytest.mark.parametrize("size", [1 << 16, (1 << 20) + 8, 15_000_000])
def test_large(width, size):
    source = numbers(size)
    out = np.empty_like(source)
    kernel.swap(source, out, width)
    assert np.array_equal(out, swapped(source, width))
    kernel.swap_in_place(out, width)
    assert np.array_equal(out, source)


@WIDTHS
def test_numpy_baselines(width):
    source = numbers(1000 * width)
    out = np.empty_like(source)
    reference.swap_numpy(source, out, width)
    assert np.array_equal(out, swapped(source, width))
    reference.swap_in_place_numpy(out, width)
    assert np.array_equal(out, source)


@given(st.binary(max_size=300), st.sampled_from((2, 4, 8)), st.integers(0, 8), st.integers(0, 8))
def test_unaligned(data, width, before, to):
    """At any address, and not a byte beside the place."""
    data = data[: len(data) // width * width]
    source = memoryview(bytes(before) + data)[before:]
    out = bytearray(b"\xa5" * (to + len(data) + 9))
    kernel.swap(source, memoryview(out)[to : to + len(data)], width)
    expected = bytearray(len(data))
    reference.swap(data, expected, width)
    assert out == b"\xa5" * to + expected + b"\xa5" * 9
    kernel.swap_in_place(memoryview(out)[to : to + len(data)], width)
    assert out == b"\xa5" * to + data + b"\xa5" * 9


@WIDTHS
def test_of_any_buffer(as_buffer, width):
    source = numbers(80 * width).tobytes()
    out = bytearray(len(source))
    kernel.swap(as_buffer(source), out, width)
    assert out == swapped(np.frombuffer(source, np.uint8), width).tobytes()


@WIDTHS
def test_sizes_that_do_not_go_together(twin, width):
    module = twin("swap")
    for size, out in ((width, 0), (0, width), (width, 2 * width), (2 * width, width)):
        with pytest.raises(OptionError, match="bytes"):
            module.swap(bytes(size), bytearray(out), width)
    for size in {1, width - 1, width + 1, 8 * width + 1}:
        with pytest.raises(OptionError, match="bytes"):
            module.swap(bytes(size), bytearray(size), width)
        with pytest.raises(OptionError, match="bytes"):
            module.swap_in_place(bytearray(size), width)


@pytest.mark.parametrize("width", [0, 1, -2, 3, 6, 16, 1 << 20])
def test_other_widths(twin, width):
    with pytest.raises(OptionError):
        twin("swap").swap(bytes(48), bytearray(48), width)
    with pytest.raises(OptionError):
        twin("swap").swap_in_place(bytearray(48), width)


@pytest.mark.parametrize("shift", [-16, -7, -1, 0, 1, 2, 15])
def test_overlap(shift):
    whole = memoryview(bytearray(48))
    source, out = whole[16:32], whole[16 + shift : 32 + shift]
    if abs(shift) == 16:
        kernel.swap(source, out, 2)
    else:
        with pytest.raises(OptionError, match="overlaps"):
            kernel.swap(source, out, 2)


def test_neighbours_do_not_overlap():
    whole = memoryview(bytearray(range(32)))
    kernel.swap(whole[:16], whole[16:], 2)
    assert whole[16:] == swapped(np.arange(16, dtype=np.uint8), 2).tobytes()


def test_what_cannot_be_written(strided):
    for out in (bytes(8), memoryview(bytes(8)), strided(bytes(8))):
        with pytest.raises((BufferError, ValueError)):
            kernel.swap(bytes(8), out, 2)
        with pytest.raises((BufferError, ValueError)):
            kernel.swap_in_place(out, 2)
    with pytest.raises((BufferError, ValueError), match="contiguous"):
        kernel.swap(strided(bytes(8)), bytearray(8), 2)
    for missing in (None, 5):
        with pytest.raises(TypeError):
            kernel.swap(missing, bytearray(8), 2)


@pytest.mark.parametrize("count", [2, 8])
def test_threads(count):
    source = numbers(1 << 20)
    expected = swapped(source, 2)
    outs = [np.empty_like(source) for _ in range(count)]

    def work(out):
        for _ in range(10):
            kernel.swap(source, out, 2)

    threads = [threading.Thread(target=work, args=(out,)) for out in outs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(out, expected) for out in outs)
