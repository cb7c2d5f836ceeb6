"""Samples that are not whole bytes, or not all of their bytes (PS3.5 Section 8.1.1)."""

from cpython.buffer cimport PyBUF_ND, PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport INT32_MAX, int32_t, uint8_t

from hounsfield.errors import OptionError

__all__ = ["clamp", "extract", "mask", "unpack_12", "unpack_bits"]


cdef object check_width(Py_ssize_t width):
    if width not in (1, 2, 4, 8):
        raise OptionError(f"samples of {width} bytes: 1, 2, 4 and 8 are possible")


def unpack_bits(data, out, Py_ssize_t first_bit=0):
    """Unpack samples of one bit, the lowest bit of a byte first, to one byte each: 0 or 1.

    Parameters
    ----------
    data : C-contiguous array or bytes
    out : writable C-contiguous array of bytes
        As many samples as it has items are unpacked.
    first_bit : int
        Where in `data` the first sample is: frames need not begin on a byte.

    Raises
    ------
    OptionError
        `data` has fewer bits than that, the items of `out` are no bytes, or the two overlap.
    """
    cdef Py_buffer source, target
    PyObject_GetBuffer(data, &source, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &target, PyBUF_ND | PyBUF_WRITABLE)
        try:
            if target.itemsize != 1:
                raise OptionError(f"out has items of {target.itemsize} bytes: bits are unpacked to bytes")
            check_bits(&source, &target, first_bit, 1)
            with nogil:
                bits_unpack_1(<const uint8_t*>source.buf, <size_t>first_bit, <uint8_t*>target.buf,
                              <size_t>target.len)
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&source)


def unpack_12(data, out, Py_ssize_t first_bit=0):
    """Unpack samples of twelve bits, two in three bytes, the first in the lower bits, to 16 bits each.

    Parameters
    ----------
    data : C-contiguous array or bytes
    out : writable C-contiguous array of items of 2 bytes
        As many samples as it has items are unpacked.
    first_bit : int
        Where in `data` the first sample is: a multiple of 4.

    Raises
    ------
    OptionError
        `data` has fewer bits than that, `first_bit` is no multiple of 4, the items of `out` have another
        size, or the two overlap.
    """
    cdef Py_buffer source, target
    PyObject_GetBuffer(data, &source, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &target, PyBUF_ND | PyBUF_WRITABLE)
        try:
            if target.itemsize != 2:
                raise OptionError(f"out has items of {target.itemsize} bytes: 12 bits become 2")
            if first_bit % 4:
                raise OptionError(f"first_bit is {first_bit}, no multiple of 4")
            check_bits(&source, &target, first_bit, 12)
            with nogil:
                bits_unpack_12(<const uint8_t*>source.buf, <size_t>first_bit, <uint8_t*>target.buf,
                               <size_t>target.len // 2)
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&source)


cdef object check_bits(const Py_buffer* source, const Py_buffer* target, Py_ssize_t first_bit,
                       size_t bits):
    cdef size_t first = <size_t>first_bit
    cdef size_t count = <size_t>(target.len // target.itemsize)
    cdef size_t there = <size_t>source.len  # compared in bytes: a number of bits may overflow
    if first_bit < 0 or first // 8 > there or (first % 8 + count * bits + 7) // 8 > there - first // 8:
        raise OptionError(f"{count} samples of {bits} bits from bit {first_bit} on are not in {there} bytes")
    cdef const uint8_t* start = <const uint8_t*>source.buf
    cdef const uint8_t* to = <const uint8_t*>target.buf
    if start < to + target.len and to < start + source.len:
        raise OptionError("out overlaps the data")


def mask(samples, int bits_stored, int high_bit, *, bint signed=False):
    """Leave in each sample what is stored, in place: shifted down from the high bit, and its sign extended.

    Parameters
    ----------
    samples : writable C-contiguous array
        Of items of 1, 2, 4 or 8 bytes in the byte order of this machine.
    bits_stored : int
    high_bit : int
        Highest of the bits stored; above and below it may stand anything.
    signed : bool
        Whether the high bit is a sign.

    Raises
    ------
    OptionError
        The bits stored are not in the sample, or items of this size are not possible.
    """
    cdef Py_buffer target
    cdef int up
    PyObject_GetBuffer(samples, &target, PyBUF_ND | PyBUF_WRITABLE)
    try:
        check_width(target.itemsize)
        if not 0 < bits_stored <= high_bit + 1 <= 8 * target.itemsize:
            raise OptionError(f"{bits_stored} bits up to bit {high_bit} are not in a sample of "
                              f"{target.itemsize} bytes")
        up = <int>(8 * target.itemsize) - 1 - high_bit
        with nogil:
            bits_mask(<uint8_t*>target.buf, <size_t>(target.len // target.itemsize),
                      <size_t>target.itemsize, up, <int>(8 * target.itemsize) - bits_stored, signed)
    finally:
        PyBuffer_Release(&target)


def extract(samples, int bit, out):
    """Give one bit of each sample, 0 or 1: such as an overlay in the bits that are not stored (PS3.5 8.1.2).

    Parameters
    ----------
    samples : C-contiguous array
        Of items of 1, 2, 4 or 8 bytes in the byte order of this machine.
    bit : int
        Counted from 0, the lowest.
    out : writable C-contiguous array of bytes
        With as many items.

    Raises
    ------
    OptionError
        The bit is not in the sample, the sizes do not go together, or the two overlap.
    """
    cdef Py_buffer source, target
    PyObject_GetBuffer(samples, &source, PyBUF_ND)
    try:
        PyObject_GetBuffer(out, &target, PyBUF_ND | PyBUF_WRITABLE)
        try:
            check_width(source.itemsize)
            if not 0 <= bit < 8 * source.itemsize:
                raise OptionError(f"bit {bit} is not in a sample of {source.itemsize} bytes")
            if target.itemsize != 1 or target.len != source.len // source.itemsize:
                raise OptionError(f"out has {target.len} bytes for {source.len // source.itemsize} samples")
            check_bits(&source, &target, 0, 8 * <size_t>source.itemsize)
            with nogil:
                bits_extract(<const uint8_t*>source.buf, <uint8_t*>target.buf, <size_t>target.len,
                             <size_t>source.itemsize, bit)
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&source)


def clamp(samples, out, int bits_stored, *, bint signed=False, int32_t offset=0, int shift=0):
    """Give what stands in the higher bits of wide samples, and where no bits stored hold it the nearest.

    Parameters
    ----------
    samples : C-contiguous array of int32
    out : writable C-contiguous array
        With as many items, of 1, 2, 4 or 8 bytes.
    bits_stored : int
        Of the items of `out`; what has more than 32 bits is not possible.
    signed : bool
        Whether one of them is a sign.
    offset : int
        What is added to each sample, in 32 bits, before
    shift : int
        it is shifted down by so many bits.

    Raises
    ------
    OptionError
        The sizes do not go together, or the two overlap.
    """
    cdef Py_buffer source, target
    cdef int32_t low, high
    cdef int bits = bits_stored - signed
    PyObject_GetBuffer(samples, &source, PyBUF_ND)
    try:
        PyObject_GetBuffer(out, &target, PyBUF_ND | PyBUF_WRITABLE)
        try:
            check_width(target.itemsize)
            if source.itemsize != 4 or target.len // target.itemsize != source.len // 4:
                raise OptionError(f"out has {target.len // target.itemsize} items for {source.len} bytes")
            if not 0 < bits_stored <= min(8 * target.itemsize, 32) or not 0 <= shift < 32:
                raise OptionError(f"{bits_stored} bits of {target.itemsize} bytes, shifted by {shift}")
            check_bits(&source, &target, 0, 32)
            high = INT32_MAX if bits > 30 else (<int32_t>1 << bits) - 1
            low = -high - 1 if signed else 0
            with nogil:
                bits_clamp(<const uint8_t*>source.buf, <uint8_t*>target.buf, <size_t>source.len // 4,
                           <size_t>target.itemsize, offset, shift, low, high)
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&source)
