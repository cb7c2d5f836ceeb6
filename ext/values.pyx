"""From the bytes of a value to a Python value (PS3.5 Section 6.2): the common case.

That is values which are as their VR says, and text in ASCII. All else, and all that is to be reported, is for
the decoders in Python.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy

from cursor cimport load16, load32, load64

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void* PyUnicode_DATA(object text)
    ctypedef struct PyTypeObject
    ctypedef object (*Maker)(PyTypeObject* kind, object arguments, PyObject* keywords)
    ctypedef struct PyTypeObject:
        Maker tp_new

cdef extern from "values.h":
    bint hounsfield_is_plain_text(const uint8_t* text, size_t size) noexcept nogil
    bint hounsfield_decimal(const uint8_t* text, size_t size, double* number) noexcept nogil
    bint hounsfield_integer(const uint8_t* text, size_t size, int64_t* number) noexcept nogil
    bint hounsfield_is_date(const uint8_t* text, size_t size) noexcept nogil
    bint hounsfield_is_time(const uint8_t* text, size_t size) noexcept nogil

__all__ = ["decode", "use"]

# VRs: the two letters, first in the low byte, as in a row.
cdef enum:
    VR_AE = 0x4541
    VR_AS = 0x5341
    VR_CS = 0x5343
    VR_DA = 0x4144
    VR_DS = 0x5344
    VR_FD = 0x4446
    VR_FL = 0x4C46
    VR_IS = 0x5349
    VR_LO = 0x4F4C
    VR_LT = 0x544C
    VR_OB = 0x424F
    VR_OD = 0x444F
    VR_OF = 0x464F
    VR_OL = 0x4C4F
    VR_OV = 0x564F
    VR_OW = 0x574F
    VR_PN = 0x4E50
    VR_SH = 0x4853
    VR_SL = 0x4C53
    VR_SS = 0x5353
    VR_ST = 0x5453
    VR_SV = 0x5653
    VR_TM = 0x4D54
    VR_UC = 0x4355
    VR_UI = 0x4955
    VR_UL = 0x4C55
    VR_UR = 0x5255
    VR_US = 0x5355
    VR_UT = 0x5455
    VR_UV = 0x5655


cdef type DECIMAL, PERSON_NAME, UID, DATE, TIME


def use(
    *, type decimal not None, type person_name not None, type uid not None, type date not None,
    type time not None,
):
    """Tell of which classes the values of DS, PN, UI, DA and TM are.

    `decimal` is a float with a slot `text`, the others are str.
    """
    global DECIMAL, PERSON_NAME, UID, DATE, TIME
    DECIMAL, PERSON_NAME, UID, DATE, TIME = decimal, person_name, uid, date, time


cdef inline object as_ascii(Bytes raw):
    text = PyUnicode_New(raw.size, 127)
    if raw.size:
        memcpy(PyUnicode_DATA(text), raw.at, <size_t>raw.size)
    return text


# Each makes one value of a piece of text, or gives NotImplemented.

cdef object code_of(Bytes raw):
    return as_ascii(raw)


cdef object text_of(Bytes raw):
    return as_ascii(stripped(raw))


cdef object title_of(Bytes raw):
    return as_ascii(stripped_twice(raw))


cdef object uid_of(Bytes raw):
    return UID(as_ascii(stripped_twice(raw)))


cdef object name_of(Bytes raw):
    while raw.size and raw.at[raw.size - 1] == c"=":    # empty component groups (PS3.5 Section 6.2.1.1)
        raw.size -= 1
    return PERSON_NAME(as_ascii(raw))


cdef object date_of(Bytes raw):
    raw = stripped(raw)
    if raw.size and not hounsfield_is_date(raw.at, <size_t>raw.size):
        return NotImplemented
    return DATE(as_ascii(raw))


cdef object time_of(Bytes raw):
    raw = stripped(raw)
    if raw.size and not hounsfield_is_time(raw.at, <size_t>raw.size):
        return NotImplemented
    return TIME(as_ascii(raw))


cdef object decimal_of(Bytes raw):
    cdef double number
    raw = without_spaces(raw)
    if not hounsfield_decimal(raw.at, <size_t>raw.size, &number):
        return NotImplemented
    value = (<PyTypeObject*>float).tp_new(<PyTypeObject*>DECIMAL, (number,), NULL)
    value.text = as_ascii(raw)
    return value


cdef object integer_of(Bytes raw):
    cdef int64_t number
    raw = without_spaces(raw)
    if not hounsfield_integer(raw.at, <size_t>raw.size, &number):
        return NotImplemented
    return number


ctypedef object (*Piece)(Bytes raw)


cdef object several(Bytes raw, Piece make):
    """One value, or a tuple of those that backslashes part."""
    cdef const uint8_t* found
    cdef list values = None
    cdef Bytes part
    while True:
        found = <const uint8_t*>memchr(raw.at, c"\\", <size_t>raw.size) if raw.size else NULL
        if found == NULL and values is None:
            return make(raw)
        part.at = raw.at
        part.size = raw.size if found == NULL else found - raw.at
        value = make(part)
        if value is NotImplemented:
            return value
        if values is None:
            values = []
        values.append(value)
        if found == NULL:
            return tuple(values)
        raw.at = found + 1
        raw.size -= part.size + 1


cdef object number_of(const uint8_t* at, uint16_t vr, bint big):
    cdef uint32_t bits32
    cdef uint64_t bits64
    cdef float single
    cdef double number
    if vr == VR_US:
        return load16(at, big)
    if vr == VR_SS:
        return <int16_t>load16(at, big)
    if vr == VR_UL:
        return load32(at, big)
    if vr == VR_SL:
        return <int32_t>load32(at, big)
    if vr == VR_UV:
        return load64(at, big)
    if vr == VR_SV:
        return <int64_t>load64(at, big)
    if vr == VR_FL:
        bits32 = load32(at, big)
        memcpy(&single, &bits32, 4)
        return <double>single
    bits64 = load64(at, big)
    memcpy(&number, &bits64, 8)
    return number


cdef object numbers_of(Bytes raw, uint16_t vr, Py_ssize_t size, bint big):
    cdef Py_ssize_t at
    if raw.size == size:
        return number_of(raw.at, vr, big)
    if raw.size == 0:
        return None
    if raw.size % size:
        return NotImplemented
    return tuple([number_of(raw.at + at, vr, big) for at in range(0, raw.size, size)])


cdef object value_of(Bytes raw, uint16_t vr, bint big):
    """The value that these bytes stand for, or NotImplemented where that takes more to tell."""
    if vr == VR_US or vr == VR_SS:
        return numbers_of(raw, vr, 2, big)
    if vr == VR_UL or vr == VR_SL or vr == VR_FL:
        return numbers_of(raw, vr, 4, big)
    if vr == VR_FD or vr == VR_UV or vr == VR_SV:
        return numbers_of(raw, vr, 8, big)
    if vr == VR_OB or vr == VR_OW or vr == VR_OF or vr == VR_OD or vr == VR_OL or vr == VR_OV:
        return PyBytes_FromStringAndSize(<const char*>raw.at, raw.size) if raw.size else None
    if not hounsfield_is_plain_text(raw.at, <size_t>raw.size):
        return NotImplemented
    raw = stripped(raw)
    if vr == VR_LO or vr == VR_SH or vr == VR_UC:
        return several(raw, text_of)
    if vr == VR_CS or vr == VR_AS:
        return several(raw, code_of)
    if vr == VR_UI:
        return several(stripped_twice(raw), uid_of)
    if vr == VR_PN:
        return several(raw, name_of)
    if vr == VR_DS or vr == VR_IS:
        raw = stripped_twice(raw)
        if not raw.size:
            return None
        return several(raw, decimal_of if vr == VR_DS else integer_of)
    if vr == VR_DA:
        return several(raw, date_of)
    if vr == VR_TM:
        return several(raw, time_of)
    if vr == VR_ST or vr == VR_LT or vr == VR_UT or vr == VR_UR:
        return as_ascii(raw)
    if vr == VR_AE:
        return several(stripped_twice(raw), title_of)
    return NotImplemented


def decode(str vr not None, bytes raw not None, bint big=False):
    """Give the value of `raw`, of a VR, or NotImplemented where the common case is not enough.

    Parameters
    ----------
    vr : str
        Two letters.
    raw : bytes
        As they stand in a file.
    big : bool
        Whether numbers are big endian.

    Notes
    -----
    PS3.5 Section 6.2. `hounsfield.elements.values.DECODERS` give the same values, and all others.
    """
    cdef Bytes given
    if len(vr) != 2 or not vr.isascii():
        return NotImplemented
    given.at, given.size = <const uint8_t*>PyBytes_AS_STRING(raw), PyBytes_GET_SIZE(raw)
    return value_of(given, <uint16_t>(ord(vr[0]) | ord(vr[1]) << 8), big)
