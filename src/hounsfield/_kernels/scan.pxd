# What other kernels may cimport of ext/scan.pyx.

from libc.stdint cimport uint32_t, uint64_t

from walk cimport Row, Status, Walk


cdef class Table:
    cdef Walk walk
    cdef Status code
    cdef Py_ssize_t[1] shape
    cdef Py_ssize_t[1] strides

    cdef bint lookup(self, uint32_t tag, Row* row) noexcept
    cdef void row_at(self, uint64_t index, Row* row) noexcept


cdef tuple as_tuple(const Row* row)
