# What other kernels may cimport of ext/rle.pyx.

from libc.stdint cimport uint8_t, uint64_t

cdef extern from "rle.h" nogil:
    enum:
        RLE_DONE, RLE_NO_HEADER, RLE_WRONG_COUNT, RLE_WRONG_OFFSET, RLE_SHORT
    ctypedef struct rle_result:
        int status
        unsigned segment
        uint64_t found
        uint64_t wanted
        uint64_t excess
    void rle_decode(
        const uint8_t* data, size_t size, uint8_t* out, size_t count, unsigned samples, unsigned width,
        bint planar, rle_result* result,
    ) noexcept
