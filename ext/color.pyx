"""Colour (PS3.3 C.7.6.3.1.2 and C.7.6.3.1.3): planes to pixels, YBR to RGB.

Arrays are C-contiguous and may be of any shape but where one is told: what counts is their bytes.
"""

from cpython.buffer cimport PyBUF_ND, PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint8_t

from hounsfield.errors import OptionError

__all__ = [
    "interleave", "upsample_422", "ybr_full_422_to_rgb", "ybr_full_to_rgb", "ybr_partial_422_to_rgb",
]


cdef bint overlap(const Py_buffer* data, const Py_buffer* out) noexcept:
    cdef const uint8_t* first = <const uint8_t*>data.buf
    cdef const uint8_t* second = <const uint8_t*>out.buf
    return first < second + out.len and second < first + data.len


def interleave(planes, out):
    """Copy planes to pixels: (samples, ...) to (..., samples).

    Parameters
    ----------
    planes : C-contiguous array or bytes
    out : writable C-contiguous array of shape (..., samples)
        Its items are of 1, 2, 4 or 8 bytes; it has as many bytes as `planes`, and is apart from them in
        memory.

    Raises
    ------
    OptionError
        The sizes differ or are of another kind, or the two overlap.
    """
    cdef Py_buffer source, target
    cdef size_t samples, count
    PyObject_GetBuffer(planes, &source, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &target, PyBUF_ND | PyBUF_WRITABLE)
        try:
            if target.itemsize not in (1, 2, 4, 8) or target.ndim == 0:
                raise OptionError(f"out has {target.ndim} dimensions of items of {target.itemsize} bytes: "
                                  "one or more, of 1, 2, 4 or 8 bytes, can be interleaved")
            if source.len != target.len:
                raise OptionError(f"out has {target.len} bytes, the planes have {source.len}")
            if source.len == 0:
                return
            if overlap(&source, &target):
                raise OptionError("out overlaps the planes")
            samples = <size_t>target.shape[target.ndim - 1]
            count = <size_t>target.len // <size_t>target.itemsize // samples
            with nogil:
                color_interleave(<const uint8_t*>source.buf, <uint8_t*>target.buf, count, samples,
                                 <size_t>target.itemsize)
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&source)


cdef object convert_pixels(object data, object out, bint planar, int conversion):
    cdef Py_buffer source, target
    PyObject_GetBuffer(data, &source, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &target, PyBUF_WRITABLE)
        try:
            if source.len != target.len or source.len % 3:
                raise OptionError(f"{source.len} bytes to {target.len}: both must be as many, and 3 a pixel")
            if overlap(&source, &target) and (planar or source.buf != target.buf):
                raise OptionError("out overlaps the data")
            with nogil:
                if planar:
                    color_ybr_planes(<const uint8_t*>source.buf, <uint8_t*>target.buf,
                                     <size_t>target.len // 3, conversion)
                else:
                    color_ybr_pixels(<const uint8_t*>source.buf, <uint8_t*>target.buf,
                                     <size_t>target.len // 3, conversion)
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&source)


cdef object convert_422(object data, object out, int conversion):
    cdef Py_buffer source, target
    PyObject_GetBuffer(data, &source, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &target, PyBUF_WRITABLE)
        try:
            if source.len % 4 or source.len // 4 != target.len // 6 or target.len % 6:
                raise OptionError(f"{source.len} bytes to {target.len}: two pixels are 4 bytes, and become 6")
            if overlap(&source, &target):
                raise OptionError("out overlaps the data")
            with nogil:
                color_ybr_422(<const uint8_t*>source.buf, <uint8_t*>target.buf, <size_t>target.len // 3,
                              conversion)
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&source)


def ybr_full_to_rgb(data, out, *, bint planar=False):
    """Convert YBR_FULL of 8 bits to RGB: exactly as the standard has it, rounded half up and clamped.

    Parameters
    ----------
    data : C-contiguous array or bytes
        Pixels of Y, Cb and Cr, or, if `planar`, all of Y, all of Cb and all of Cr.
    out : writable C-contiguous array of as many bytes
        Pixels of red, green and blue; it may be `data` itself unless they are planes.

    Raises
    ------
    OptionError
        The sizes differ or are not three bytes a pixel, or the two overlap.
    """
    convert_pixels(data, out, planar, COLOR_FULL)


def ybr_full_422_to_rgb(data, out):
    """Convert YBR_FULL_422 of 8 bits, Y1 Y2 Cb Cr, to pixels of RGB, as `ybr_full_to_rgb` does.

    Parameters
    ----------
    data : C-contiguous array or bytes
    out : writable C-contiguous array of half as many bytes again, apart from `data` in memory

    Raises
    ------
    OptionError
        The sizes do not go together, or the two overlap.
    """
    convert_422(data, out, COLOR_FULL)


def ybr_partial_422_to_rgb(data, out):
    """Convert YBR_PARTIAL_422 of 8 bits, Y1 Y2 Cb Cr, to pixels of RGB; the rest as `ybr_full_422_to_rgb`.

    Y is from 16 to 235, Cb and Cr from 16 to 240 (ITU-R BT.601): exactly converted, rounded half up and
    clamped.
    """
    convert_422(data, out, COLOR_PARTIAL)


def upsample_422(data, out):
    """Give every pixel its chroma: Y1 Y2 Cb Cr of 8 bits becomes Y1 Cb Cr Y2 Cb Cr.

    The rest is as for `ybr_full_422_to_rgb`.
    """
    convert_422(data, out, COLOR_KEEP)
