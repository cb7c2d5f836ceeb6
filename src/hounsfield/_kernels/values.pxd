# What other kernels may cimport of ext/values.pyx.

from libc.stdint cimport uint8_t, uint16_t


cdef struct Bytes:
    const uint8_t* at
    Py_ssize_t size


cdef inline Bytes stripped(Bytes raw) noexcept nogil:
    """Without the spaces and null bytes at the end."""
    while raw.size and (raw.at[raw.size - 1] == 32 or raw.at[raw.size - 1] == 0):
        raw.size -= 1
    return raw


cdef inline Bytes stripped_twice(Bytes raw) noexcept nogil:
    """Without those at the beginning either."""
    raw = stripped(raw)
    while raw.size and (raw.at[0] == 32 or raw.at[0] == 0):
        raw.at += 1
        raw.size -= 1
    return raw


cdef inline Bytes without_spaces(Bytes raw) noexcept nogil:
    while raw.size and raw.at[raw.size - 1] == 32:
        raw.size -= 1
    while raw.size and raw.at[0] == 32:
        raw.at += 1
        raw.size -= 1
    return raw


cdef object value_of(Bytes raw, uint16_t vr, bint big)
