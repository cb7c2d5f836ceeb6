# What other kernels may cimport of ext/resize.pyx: its loops, on pointers and lengths that have been checked.
# resize_begin, resize_feed once or many times, with as many rows as there are, and resize_end.

from libc.stdint cimport uint32_t


cdef extern from "resize.h" nogil:
    enum:
        RESIZE_U1, RESIZE_I1, RESIZE_U2, RESIZE_I2, RESIZE_U4, RESIZE_I4, RESIZE_F4
    enum:
        RESIZE_DONE, RESIZE_NO_MEMORY
    enum:
        RESIZE_LONGEST, RESIZE_LONGEST_OUT, RESIZE_MOST_CHANNELS
    ctypedef struct resize_state:
        uint32_t row      # how many were fed
        uint32_t out_row  # how many are done
    int resize_begin(resize_state* state, int type, size_t rows, size_t columns, size_t channels,
                     size_t out_rows, size_t out_columns) noexcept
    void resize_feed(resize_state* state, const unsigned char* rows, ptrdiff_t stride, size_t count,
                     unsigned char* out, ptrdiff_t out_stride) noexcept
    void resize_end(resize_state* state) noexcept
