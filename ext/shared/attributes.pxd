# Values of a header's elements, without a Python object, as far as they are as they nearly always are.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, strlen

from cursor cimport has, load16
from walk cimport FLAG_IMPLICIT, Row

from hounsfield._kernels.values cimport Bytes, stripped, stripped_twice, without_spaces

cdef extern from "values.h":
    bint hounsfield_is_plain_text(const uint8_t* text, size_t size) noexcept nogil
    bint hounsfield_decimal(const uint8_t* text, size_t size, double* number) noexcept nogil
    bint hounsfield_integer(const uint8_t* text, size_t size, int64_t* number) noexcept nogil

cdef enum:
    MOST_VALUES = 16
    VR_CS = 0x5343
    VR_DS = 0x5344
    VR_IS = 0x5349
    VR_SS = 0x5353
    VR_US = 0x5355


cdef struct Attributes:
    const uint8_t* data
    uint64_t size
    const Row* rows
    uint64_t count
    bint odd                    # whether something is not as it nearly always is


cdef inline const Row* find(const Attributes* image, uint32_t tag) noexcept nogil:
    cdef uint64_t low = 0, high = image.count, middle
    while low < high:
        middle = (low + high) >> 1
        if image.rows[middle].tag < tag:
            low = middle + 1
        else:
            high = middle
    return image.rows + low if low < image.count and image.rows[low].tag == tag else NULL


cdef inline Bytes value(Attributes* image, uint32_t tag, uint16_t vr) noexcept nogil:
    """The bytes of a value; none if it is not there, or not as it should be."""
    cdef Bytes raw
    cdef const Row* row = find(image, tag)
    raw.at, raw.size = NULL, 0
    if row == NULL:
        return raw
    if (row.flags & ~FLAG_IMPLICIT or (row.vr != 0 and row.vr != vr)
            or not has(row.offset, row.length, image.size)):
        image.odd = True
        return raw
    raw.at, raw.size = image.data + row.offset, row.length
    return raw


cdef inline int number(Attributes* image, uint32_t tag, int missing) noexcept nogil:
    """The value of an element of VR US with one value."""
    cdef Bytes raw = value(image, tag, VR_US)
    if raw.size == 2:
        return load16(raw.at, False)
    if raw.at != NULL or missing < 0:
        image.odd = True
    return missing


cdef inline Bytes text(Attributes* image, uint32_t tag, uint16_t vr) noexcept nogil:
    cdef Bytes raw = value(image, tag, vr)
    if raw.size and not hounsfield_is_plain_text(raw.at, <size_t>raw.size):
        image.odd = True
        raw.size = 0
    return stripped(raw)


cdef inline bint equals(Bytes raw, const char* word) noexcept nogil:
    return <size_t>raw.size == strlen(word) and memcmp(raw.at, word, <size_t>raw.size) == 0


cdef inline int decimals(Attributes* image, uint32_t tag, double* numbers) noexcept nogil:
    """The values of an element of VR DS, MOST_VALUES of them at most; returns how many there are."""
    cdef Bytes raw = stripped_twice(text(image, tag, VR_DS)), part
    cdef const uint8_t* end
    cdef int count = 0
    if raw.size == 0:
        return 0
    while count < MOST_VALUES:
        end = <const uint8_t*>memchr(raw.at, c"\\", <size_t>raw.size) if raw.size else NULL
        part.at = raw.at
        part.size = raw.size if end == NULL else end - raw.at
        raw.at += part.size + 1
        raw.size -= part.size + 1
        part = without_spaces(part)
        if not hounsfield_decimal(part.at, <size_t>part.size, numbers + count):
            break
        count += 1
        if end == NULL:
            return count
    image.odd = True
    return 0


cdef inline double decimal(Attributes* image, uint32_t tag, double missing) noexcept nogil:
    cdef double[MOST_VALUES] numbers
    return numbers[0] if decimals(image, tag, numbers) else missing
