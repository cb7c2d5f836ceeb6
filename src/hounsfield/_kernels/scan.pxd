# What other kernels may cimport of ext/scan.pyx.

from libc.stdint cimport uint32_t, uint64_t

from walk cimport PackedRow, Row, Status


cdef class Table:
    cdef Row* rows              # at least one of these is NULL
    cdef PackedRow* packed
    cdef uint64_t count
    cdef uint64_t stopped       # where the walk ended
    cdef uint32_t last_length   # of the last packed row
    cdef Status code
    cdef bint rising            # whether a tag can be found by bisection

    cdef bint lookup(self, uint32_t tag, Row* row) noexcept
    cdef void row_at(self, uint64_t index, Row* row) noexcept


cdef tuple as_tuple(const Row* row)
