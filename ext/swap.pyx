"""Reverses the bytes of every 16, 32 or 64-bit value of a buffer: big endian to little endian and back."""

from libc.stdint cimport uint8_t

from hounsfield.errors import OptionError

__all__ = ["swap", "swap_in_place"]

cdef extern from "swap.h":
    void hounsfield_swap_copy16(const uint8_t* source, uint8_t* to, size_t count) noexcept nogil
    void hounsfield_swap_copy32(const uint8_t* source, uint8_t* to, size_t count) noexcept nogil
    void hounsfield_swap_copy64(const uint8_t* source, uint8_t* to, size_t count) noexcept nogil
    void hounsfield_swap_in_place16(uint8_t* data, size_t count) noexcept nogil
    void hounsfield_swap_in_place32(uint8_t* data, size_t count) noexcept nogil
    void hounsfield_swap_in_place64(uint8_t* data, size_t count) noexcept nogil


cdef void copy(const uint8_t* source, uint8_t* to, size_t size, int width) noexcept nogil:
    if width == 2:
        hounsfield_swap_copy16(source, to, size // 2)
    elif width == 4:
        hounsfield_swap_copy32(source, to, size // 4)
    else:
        hounsfield_swap_copy64(source, to, size // 8)


cdef void in_place(uint8_t* data, size_t size, int width) noexcept nogil:
    if width == 2:
        hounsfield_swap_in_place16(data, size // 2)
    elif width == 4:
        hounsfield_swap_in_place32(data, size // 4)
    else:
        hounsfield_swap_in_place64(data, size // 8)


cdef object check(size_t size, int width):
    if width not in (2, 4, 8):
        raise OptionError(f"width is {width}: 2, 4 or 8 bytes can be swapped")
    if size % <size_t>width:
        raise OptionError(f"{size} bytes are no whole number of values of {width} bytes")


def swap(const uint8_t[::1] source not None, uint8_t[::1] out not None, int width):
    """Copy `source` to `out`, the bytes of each value of `width` bytes reversed.

    Parameters
    ----------
    source : bytes-like, contiguous, any alignment
    out : writable bytes-like, contiguous, any alignment
        As long as `source`, and apart from it in memory.
    width : {2, 4, 8}
        Bytes a value.

    Raises
    ------
    OptionError
        The width is another, the sizes differ or are no multiple of it, or the two overlap.
    """
    cdef size_t size = <size_t>source.shape[0]
    check(size, width)
    if <size_t>out.shape[0] != size:
        raise OptionError(f"out has {out.shape[0]} bytes, source has {size}")
    if size == 0:
        return
    cdef const uint8_t* start = &source[0]
    cdef uint8_t* to = &out[0]
    if start < to + size and to < start + size:
        raise OptionError("out overlaps source: use swap_in_place")
    with nogil:
        copy(start, to, size, width)


def swap_in_place(uint8_t[::1] data not None, int width):
    """Reverse the bytes of each value of `width` bytes in `data`, a writable contiguous buffer.

    Raises
    ------
    OptionError
        The width is not 2, 4 or 8, or the size is no multiple of it.
    """
    cdef size_t size = <size_t>data.shape[0]
    check(size, width)
    if size:
        with nogil:
            in_place(&data[0], size, width)
