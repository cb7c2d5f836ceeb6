# What other kernels may cimport of ext/bits.pyx: its loops, on pointers and lengths that have been checked.

from libc.stdint cimport int32_t, uint8_t, uint64_t


cdef extern from "bits.h" nogil:
    void bits_unpack_1(const uint8_t* data, size_t first, uint8_t* out, size_t count) noexcept
    void bits_unpack_12(const uint8_t* data, size_t first, uint8_t* out, size_t count) noexcept
    void bits_mask(uint8_t* samples, size_t count, size_t width, int up, int down, bint is_signed) noexcept
    void bits_extract(const uint8_t* samples, uint8_t* out, size_t count, size_t width, int bit) noexcept
    void bits_add(uint8_t* samples, size_t count, size_t width, uint64_t offset) noexcept
    void bits_clamp(
        const uint8_t* samples, uint8_t* out, size_t count, size_t width, int32_t offset, int shift,
        int32_t low, int32_t high
    ) noexcept
