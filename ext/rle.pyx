"""RLE Lossless, PS3.5 Annex G: a frame's segments of PackBits to samples, and back."""

import sys

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc

from hounsfield._kernels.bits cimport bits_mask

from hounsfield.errors import OptionError, PixelDataError

__all__ = ["decode", "decode_frames", "encode"]

cdef extern from "rle.h" nogil:
    enum:
        RLE_HEADER, RLE_SEGMENTS
    uint64_t rle_bound(uint64_t rows, uint64_t columns) noexcept
    size_t rle_encode(
        const uint8_t* frame, size_t rows, size_t columns, unsigned samples, unsigned width, bint planar,
        uint8_t* out,
    ) noexcept


cdef bytes NATIVE = b"@=<" if sys.byteorder == "little" else b"@=>"
cdef tuple INTEGERS = tuple(code.encode() for code in "bBhHiIlLqQ")


# The shape of a frame's array; an array of one dimension is one row.
cdef struct Frame:
    size_t rows
    size_t columns
    unsigned samples
    unsigned width


cdef object take_shape(const Py_buffer* view, str name, bint planar, Frame* frame):
    cdef bytes code = b"B" if view.format == NULL else view.format
    cdef const Py_ssize_t* shape = view.shape
    if code.lstrip(NATIVE) not in INTEGERS:
        raise OptionError(f"{name} holds {code.decode()!r}, not integers in this machine's byte order")
    if not 1 <= view.ndim <= 3:
        raise OptionError(f"{name} has {view.ndim} dimensions; rows, columns and samples are possible")
    cdef Py_ssize_t samples = 1
    if view.ndim == 3:
        samples = shape[0] if planar else shape[2]
        shape += planar
    if not 1 <= samples <= 0xffff:
        raise OptionError(f"{name} has {samples} samples a pixel")
    frame.rows = 1 if view.ndim == 1 else <size_t>shape[0]
    frame.columns = <size_t>(shape[0] if view.ndim == 1 else shape[1])
    frame.samples = <unsigned>samples
    frame.width = <unsigned>view.itemsize


cdef object error_of(const rle_result* result, const Frame* frame):
    cdef unsigned wanted = frame.samples * frame.width
    if result.status == RLE_NO_HEADER:
        return PixelDataError(f"the RLE header of {result.wanted} bytes ends after {result.found}")
    if result.status == RLE_WRONG_COUNT:
        return PixelDataError(
            f"the RLE header tells of {result.found} segments; {frame.samples} x {frame.width} bytes a pixel "
            f"are {wanted}, and {RLE_SEGMENTS} the most there can be"
        )
    if result.status == RLE_WRONG_OFFSET:
        return PixelDataError(
            f"RLE segment {result.segment + 1} of {wanted} begins at byte {result.found} of {result.wanted}"
        )
    return PixelDataError(
        f"RLE segment {result.segment + 1} of {wanted} gives {result.found} bytes where {result.wanted} are "
        "needed"
    )


def decode(data, out, *, bint planar=False):
    """Decode a frame of RLE Lossless to `out` (PS3.5 Annex G).

    Tolerated is what leaves no doubt about a sample: segments that stand in another order, are of odd length,
    are padded, or give more than is needed; a last packet that claims more bytes than are left, where those
    left suffice; header entries of segments that are not there.

    Parameters
    ----------
    data : bytes-like, contiguous
        The frame's fragments, joined, with the header.
    out : ndarray of 1, 2, 4 or 8-byte integers, C-contiguous, writable, in this machine's byte order
        (rows, columns), (rows, columns, samples), or if `planar` (samples, rows, columns); bytes of one
        dimension for samples of one bit, which stay packed. Must not overlap `data`. After an error its
        content is undefined.
    planar : bool
        Whether `out` has one plane a sample.

    Returns
    -------
    int
        How many bytes, padding aside, the fullest segment gives beyond those needed: 0 in a well-formed
        frame.

    Raises
    ------
    PixelDataError
        The header is cut, has not one segment for each byte of a pixel, or an offset that leads outside; or
        a segment gives too few bytes.
    OptionError
        `out` is of another type or shape, or overlaps `data`.
    """
    cdef Py_buffer source
    cdef Py_buffer target
    cdef Frame frame
    cdef rle_result result
    PyObject_GetBuffer(data, &source, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &target, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE)
        try:
            take_shape(&target, "out", planar, &frame)
            if (<uint8_t*>source.buf < <uint8_t*>target.buf + target.len
                    and <uint8_t*>target.buf < <uint8_t*>source.buf + source.len):
                raise OptionError("out overlaps data")
            with nogil:
                rle_decode(
                    <const uint8_t*>source.buf, <size_t>source.len, <uint8_t*>target.buf,
                    frame.rows * frame.columns, frame.samples, frame.width, planar, &result,
                )
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&source)
    if result.status != RLE_DONE:
        raise error_of(&result, &frame)
    return result.excess


def decode_frames(list frames not None, out not None, int bits_stored, int high_bit, bint signed):
    """Decode frames that are as they should be, one after the other, without the GIL in between.

    Parameters
    ----------
    frames : list of bytes-like, contiguous
    out : ndarray of shape (frames, rows, columns) or (frames, rows, columns, samples)
        As for `decode`.
    bits_stored, high_bit, signed : int, int, bool
        What is above and below the stored bits is cleared, or holds the sign: see `hounsfield._kernels.bits`.

    Returns
    -------
    int
        How many of the first frames were decoded, up to one that is broken, or gives more than is needed.

    Raises
    ------
    OptionError
        As for `decode`; or there are other than `len(frames)` rows, or no such bits.
    """
    cdef Py_buffer target
    cdef Py_buffer inner
    cdef Frame frame
    cdef rle_result result
    cdef Py_buffer* sources
    cdef size_t count = <size_t>len(frames), held = 0, index = 0, size, pixels
    cdef int width
    cdef uint8_t* to
    sources = <Py_buffer*>malloc((count or 1) * sizeof(Py_buffer))
    if sources == NULL:
        raise MemoryError
    try:
        PyObject_GetBuffer(out, &target, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE)
        try:
            if target.ndim < 3 or <size_t>target.shape[0] != count:
                raise OptionError(f"out is of {target.ndim} axes, or not of {count} frames")
            inner = target
            inner.ndim -= 1
            inner.shape += 1
            take_shape(&inner, "out", False, &frame)
            width = <int>(8 * frame.width)
            if not 1 <= bits_stored <= high_bit + 1 <= width:
                raise OptionError(f"{bits_stored} stored bits up to bit {high_bit} of {width}")
            pixels = frame.rows * frame.columns
            size = pixels * frame.samples * frame.width
            to = <uint8_t*>target.buf
            for data in frames:
                PyObject_GetBuffer(data, sources + held, PyBUF_SIMPLE)
                held += 1
                if (<uint8_t*>sources[held - 1].buf < to + target.len
                        and to < <uint8_t*>sources[held - 1].buf + sources[held - 1].len):
                    raise OptionError("out overlaps the frames")
            with nogil:
                while index < held:
                    rle_decode(
                        <const uint8_t*>sources[index].buf, <size_t>sources[index].len, to, pixels,
                        frame.samples, frame.width, False, &result,
                    )
                    if result.status != RLE_DONE or result.excess:
                        break
                    if bits_stored < width:
                        bits_mask(to, pixels * frame.samples, frame.width, width - 1 - high_bit,
                                  width - bits_stored, signed)
                    to += size
                    index += 1
        finally:
            PyBuffer_Release(&target)
    finally:
        while held:
            held -= 1
            PyBuffer_Release(sources + held)
        free(sources)
    return index


def encode(frame, *, bint planar=False):
    """Encode a frame as RLE Lossless, each row by itself (PS3.5 Annex G).

    Parameters
    ----------
    frame : ndarray of 1, 2, 4 or 8-byte integers, C-contiguous, in this machine's byte order
        (rows, columns), (rows, columns, samples), or if `planar` (samples, rows, columns); one dimension is
        one row.
    planar : bool
        Whether `frame` has one plane a sample. The result is the same.

    Returns
    -------
    bytes
        Header and segments, for one fragment; its length is even.

    Raises
    ------
    OptionError
        `frame` is of another type or shape, has more than 15 bytes a pixel, or might become 4 GiB or more,
        where the header's offsets end.
    MemoryError
        There is no room for the result.
    """
    cdef Py_buffer source
    cdef Frame shape
    cdef uint64_t bound
    cdef size_t size
    cdef uint8_t* out
    PyObject_GetBuffer(frame, &source, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    try:
        take_shape(&source, "frame", planar, &shape)
        if shape.samples * shape.width > RLE_SEGMENTS:
            raise OptionError(
                f"frame has {shape.samples} x {shape.width} bytes a pixel, where RLE can hold {RLE_SEGMENTS}"
            )
        bound = RLE_HEADER + shape.samples * shape.width * rle_bound(shape.rows, shape.columns)
        if <uint64_t>source.len >> 32 or bound >> 32:
            raise OptionError(f"frame has {source.len} bytes: RLE's offsets end at 4 GiB")
        out = <uint8_t*>malloc(<size_t>bound)
        if out == NULL:
            raise MemoryError(f"no memory for {bound} bytes of encoded pixel data")
        try:
            with nogil:
                size = rle_encode(
                    <const uint8_t*>source.buf, shape.rows, shape.columns, shape.samples, shape.width, planar,
                    out,
                )
            return PyBytes_FromStringAndSize(<char*>out, <Py_ssize_t>size)
        finally:
            free(out)
    finally:
        PyBuffer_Release(&source)
