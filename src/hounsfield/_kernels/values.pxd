# What other kernels may cimport of ext/values.pyx.

from libc.stdint cimport uint8_t, uint16_t


cdef struct Bytes:
    const uint8_t* at
    Py_ssize_t size


cdef object value_of(Bytes raw, uint16_t vr, bint big)
