# What other kernels may cimport of ext/jpegll.pyx.

from libc.stdint cimport uint8_t


cdef extern from "jpegll.h" nogil:
    ctypedef struct jpegll_report:
        const char* what        # is wrong, or not supported
        size_t offset           # in the stream
        size_t rows_done
        bint scanning           # whether rows_done means something
        int precision
        int components
        size_t rows
        size_t columns


# Returns 0, or a status of jpegll.h for `error_of`.
cdef int decode_jpegll(
    const uint8_t* data, size_t size, void* out, size_t rows, size_t columns, size_t samples,
    size_t itemsize, jpegll_report* report,
) noexcept nogil


cdef object error_of(int status, const jpegll_report* report)
