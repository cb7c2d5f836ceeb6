"""JPEG Lossless: SOF3 streams, Huffman-coded (ITU-T T.81 process 14), straight into the caller's array."""

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDES, PyBuffer_IsContiguous, PyBuffer_Release, PyObject_GetBuffer,
)
from libc.stdint cimport uint8_t

from hounsfield.errors import OptionError, PixelDataError, UnsupportedError

__all__ = ["decode"]

cdef extern from "jpegll.h" nogil:
    int JPEGLL_DONE, JPEGLL_BROKEN, JPEGLL_UNSUPPORTED, JPEGLL_MISFIT
    int jpegll_decode(
        const uint8_t* data, size_t size, void* out, size_t rows, size_t columns, size_t samples,
        size_t itemsize, jpegll_report* report,
    ) noexcept


cdef int decode_jpegll(
    const uint8_t* data, size_t size, void* out, size_t rows, size_t columns, size_t samples,
    size_t itemsize, jpegll_report* report,
) noexcept nogil:
    return jpegll_decode(data, size, out, rows, columns, samples, itemsize, report)


cdef object error_of(int status, const jpegll_report* report):
    if status == JPEGLL_UNSUPPORTED:
        return UnsupportedError(f"JPEG Lossless: {report.what.decode()}", offset=report.offset)
    if status == JPEGLL_BROKEN:
        done = f" ({report.rows_done} of {report.rows} rows are there)" if report.scanning else ""
        return PixelDataError(f"JPEG Lossless: {report.what.decode()}{done}", offset=report.offset)
    if status == JPEGLL_MISFIT:
        return OptionError(
            f"out does not fit the stream's frame: {report.rows} rows, {report.columns} columns, "
            f"{report.components} components of {report.precision} bits"
        )
    return MemoryError("no memory for a row of a JPEG stream")


def decode(const uint8_t[::1] data not None, object out not None):
    """Decode a JPEG Lossless stream: transfer syntaxes 1.2.840.10008.1.2.4.57 and .70 (PS3.5 8.2.1, A.4.1).

    The stream's SOF3 marker says that it is one: 1 or 3 components without sub-sampling, 2 to 16 bits,
    predictors 1 to 7, point transform, restart intervals of whole rows, components interleaved or a scan
    each. The samples are given as they are stored: colour, sign and Bits Stored are for the caller to look
    at. Differences are added modulo 2^16 (T.81 H.1.2.1), and what is beyond the precision is cut off. Nothing
    behind the last sample is looked at; the EOI marker may be missing.

    Parameters
    ----------
    data : bytes-like
        The stream, from its SOI marker on; may be read-only.
    out : numpy.ndarray
        Writable and C-contiguous, (rows, columns) or (rows, columns, 3) as the frame header says, of 16-bit
        integers in native byte order, or of 8-bit ones where the precision is 8 or less. Must not overlap
        `data`. After an error it may hold the rows that were decoded until then.

    Raises
    ------
    PixelDataError
        The stream is broken or cut short. The error has the byte offset within it, and says how many rows
        there were.
    UnsupportedError
        It may be right, but is not of the kind above: another process, 2 or 4 components, sub-sampling ...
    OptionError
        `out` is not as said.
    MemoryError
        There is no room for the tables and a few rows.
    """
    cdef Py_buffer view
    cdef jpegll_report report
    cdef int status
    cdef size_t size = <size_t>data.shape[0], samples
    cdef const uint8_t* start
    if size == 0:
        raise PixelDataError("JPEG Lossless: no SOI marker", offset=0)
    start = &data[0]
    PyObject_GetBuffer(out, &view, PyBUF_FORMAT | PyBUF_STRIDES)
    try:
        # NumPy writes "=" before what is not aligned.
        if (view.readonly or not PyBuffer_IsContiguous(&view, b"C") or view.ndim not in (2, 3)
                or view.format.removeprefix(b"=") not in (b"B", b"b", b"H", b"h")):
            raise OptionError("out is no writable C-contiguous array of 2 or 3 axes of 8 or 16-bit integers")
        if start < <uint8_t*>view.buf + view.len and <uint8_t*>view.buf < start + size:
            raise OptionError("out overlaps data")
        samples = <size_t>view.shape[2] if view.ndim == 3 else 1
        with nogil:
            status = decode_jpegll(
                start, size, view.buf, <size_t>view.shape[0], <size_t>view.shape[1], samples,
                <size_t>view.itemsize, &report,
            )
    finally:
        PyBuffer_Release(&view)
    if status != JPEGLL_DONE:
        raise error_of(status, &report)
