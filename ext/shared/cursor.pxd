# Every read of file bytes goes through `has` first: unsigned, and never as pos + n > end.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #include <stdint.h>

    static inline uint16_t hounsfield_swap16(uint16_t v) { return (uint16_t)(v << 8 | v >> 8); }
    static inline uint32_t hounsfield_swap32(uint32_t v) {
        return v << 24 | (v & 0xff00u) << 8 | (v >> 8 & 0xff00u) | v >> 24;
    }
    static inline uint64_t hounsfield_swap64(uint64_t v) {
        return (uint64_t)hounsfield_swap32((uint32_t)v) << 32 | hounsfield_swap32((uint32_t)(v >> 32));
    }
    static inline int hounsfield_host_is_big(void) {
        const uint16_t one = 1;
        return *(const uint8_t *)&one == 0;
    }
    """
    uint16_t hounsfield_swap16(uint16_t v) noexcept nogil
    uint32_t hounsfield_swap32(uint32_t v) noexcept nogil
    uint64_t hounsfield_swap64(uint64_t v) noexcept nogil
    bint hounsfield_host_is_big() noexcept nogil


cdef inline bint has(uint64_t position, uint64_t wanted, uint64_t end) noexcept nogil:
    """Whether `wanted` bytes stand between `position` and `end`."""
    return position <= end and wanted <= end - position


# Loads go through memcpy: file offsets are not aligned.
cdef inline uint16_t load16(const uint8_t* at, bint big) noexcept nogil:
    cdef uint16_t value
    memcpy(&value, at, 2)
    return hounsfield_swap16(value) if big != hounsfield_host_is_big() else value


cdef inline uint32_t load32(const uint8_t* at, bint big) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return hounsfield_swap32(value) if big != hounsfield_host_is_big() else value


cdef inline uint64_t load64(const uint8_t* at, bint big) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return hounsfield_swap64(value) if big != hounsfield_host_is_big() else value


cdef inline uint32_t load_tag(const uint8_t* at, bint big) noexcept nogil:
    """A tag is two 16-bit numbers, group first, in either byte order."""
    return <uint32_t>load16(at, big) << 16 | load16(at + 2, big)
