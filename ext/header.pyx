"""What a data set has at hand: its bytes, where elements are in them, and the values decoded so far.

It is the base of `hounsfield.Dataset`, and serves what is asked for most: elements of the header's first
bytes, with values that need no look elsewhere. All else is for the methods of the Python class.
"""

from weakref import ref

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem, PyDict_SetItem
from cpython.object cimport PyObject, PyObject_GenericSetAttr
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from cursor cimport has
from walk cimport COMPLETE, FLAG_IMPLICIT, FRAGMENTS, PIXEL_DATA, Row

from hounsfield._kernels.scan cimport (
    DELIMITER_BYTES, Place, Table, as_tuple, ends_fragments, fill_from_place, head_of_file,
)
from hounsfield._kernels.values cimport Bytes, value_of

cdef extern from "file.h":
    bint HOUNSFIELD_HAS_FILES

cdef extern from "Python.h":
    object PyOS_FSPath(object path)
    str PyUnicode_DecodeFSDefaultAndSize(const char* text, Py_ssize_t size)
    ctypedef struct PyTypeObject
    ctypedef object (*Maker)(PyTypeObject* kind, object arguments, PyObject* keywords)
    ctypedef struct PyTypeObject:
        Maker tp_new

__all__ = ["Field", "Header", "Keyword", "fields", "open_file", "use"]

cdef enum:
    CHARACTER_SET = 0x00080005
    LUT_DESCRIPTOR = 0x00283002
    RED_DESCRIPTOR = 0x00281101
    BLUE_DESCRIPTOR = 0x00281103
    ROWS = 0x00280010
    BEHIND_PREFIX = 132     # of a Part 10 file (PS3.10 Section 7.1)
    MOST_CODES = 16384
    MOST_IN_ONE_GO = 1 << 24

# What says how the samples of pixel data are laid out (PS3.3 C.7.6.3.1), with its VR.
cdef uint32_t[IMAGE_ATTRIBUTES] IMAGE_TAGS = [
    0x00280002,     # Samples per Pixel
    0x00280004,     # Photometric Interpretation
    0x00280006,     # Planar Configuration
    0x00280008,     # Number of Frames
    ROWS,
    0x00280011,     # Columns
    0x00280100,     # Bits Allocated
    0x00280101,     # Bits Stored
    0x00280102,     # High Bit
    0x00280103,     # Pixel Representation
]
cdef uint16_t VR_CS = c'C' | c'S' << 8, VR_IS = c'I' | c'S' << 8, VR_US = c'U' | c'S' << 8

cdef tuple CONTEXTS
cdef object DICTIONARY_VR, DEFAULTS
cdef Table NO_ELEMENTS = Table.__new__(Table)
cdef dict CODES = {}        # from tags to the codes of the VRs that the dictionary has for them


def use(*, dictionary_vr, tuple contexts not None, defaults):
    """Tell where things are to be looked up.

    Parameters
    ----------
    dictionary_vr : callable
        Gives the VR for a tag, for elements written without one.
    contexts : (dict, dict)
        From values of Specific Character Set that are as they should be to contexts, of little and of big
        endian data sets. b"" stands for none.
    defaults : object
        The options of a data set without any.
    """
    global DICTIONARY_VR, CONTEXTS, DEFAULTS
    DICTIONARY_VR, CONTEXTS, DEFAULTS = dictionary_vr, contexts, defaults


cdef uint16_t code_of_tag(uint32_t tag) except? 1:
    """The VR that the dictionary has for a tag, or 0 if it has none, or several."""
    cdef object key = tag
    cdef PyObject* known = PyDict_GetItem(CODES, key)
    cdef str vr
    cdef uint16_t code
    if known != NULL:
        return <uint16_t>(<object>known)
    vr = DICTIONARY_VR(key)
    code = <uint16_t>(ord(vr[0]) | ord(vr[1]) << 8) if len(vr) == 2 else 0
    if len(CODES) < MOST_CODES:
        CODES[key] = code
    return code


cdef class Header:
    """What a data set has at hand: the bytes of its header, where its elements are, values decoded so far.

    Attributes are those of `hounsfield.elements.dataset.Dataset`, which is made from it.
    """

    def __cinit__(self, *_, **__):
        self._values = {}
        self._table = NO_ELEMENTS
        self._options = DEFAULTS

    def __setattr__(self, name, value):
        try:
            PyObject_GenericSetAttr(self, name, value)
        except AttributeError:
            if name[:1].isupper():
                raise AttributeError(f"data sets are read-only: {name} cannot be set") from None
            raise

    @property
    def _identity(self):
        return self.place.size, self.place.inode, self.place.changed_us

    @property
    def _tail(self):
        """Where the data go on behind the pixel data, and whether fragments stand there; or None."""
        return (self.tail_at, self.tail_kind == 2) if self.tail_kind else None

    @_tail.setter
    def _tail(self, tail):
        self.tail_kind = 0
        if tail is not None:
            self.tail_at, fragments = tail
            self.tail_kind = 2 if fragments else 1

    @property
    def _meta(self):
        """Bytes with the file meta information, and from where to where it stands in them; or None."""
        return (self._data, BEHIND_PREFIX, self.meta_end) if self.meta_end else self.meta

    @_meta.setter
    def _meta(self, meta):
        self.meta_end, self.meta = 0, meta

    def _value(self, uint32_t tag, *default):
        """The value for a tag; without such an element the default, or else MissingElementError."""
        key = tag
        found = found_value(self, tag, key)
        return self._load(key, *default) if found is NotImplemented else found

    def _make_stand_in(self):
        """Make `_stand_in`, of all that is known of where things are, and of nothing decoded."""
        cdef type kind = type(self)
        cdef Header other = <Header?>(<PyTypeObject*>kind).tp_new(<PyTypeObject*>kind, (), NULL)
        if self._notes is None:
            self._notes = {}
        other._base, other._data, other._table, other._more = self._base, self._data, self._table, self._more
        other._encoding, other._big, other._syntax = self._encoding, self._big, self._syntax
        other._parent, other._notes, other._options = self._parent, self._notes, self._options
        other._shared_context = self._shared_context
        other._path, other._opened, other.place = self._path, self._opened, self.place
        other.meta, other.meta_end = self.meta, self.meta_end
        other.tail_at, other.tail_kind = self.tail_at, self.tail_kind
        other._stands_for = ref(self)
        self._stand_in = other

    def _image_key(self):
        """The bytes of what says how the pixel data are laid out, the same for all images that say the same.

        None where they are not all at hand, as they were written, before the pixel data.
        """
        cdef uint8_t[KEY_BYTES] key
        cdef uint32_t size = write_image_key(self, key)
        return PyBytes_FromStringAndSize(<const char*>key, <Py_ssize_t>size) if size else None


cdef uint32_t write_image_key(Header header, uint8_t* key) noexcept:
    """Write what `Header._image_key` gives, KEY_BYTES at most; how many, or 0 for None."""
    cdef const uint8_t* data
    cdef uint32_t tag, size = 1
    cdef int index
    cdef uint16_t vr
    cdef Row row
    if header._more or header._parent is not None or header._options is not DEFAULTS:
        return 0
    if not (header._table.lookup(PIXEL_DATA, &row) and header._table.lookup(ROWS, &row)):
        return 0
    if type(header._data) is not bytes:
        return 0
    data = <const uint8_t*>PyBytes_AS_STRING(header._data)
    key[0] = header._big
    for index in range(IMAGE_ATTRIBUTES):
        tag = IMAGE_TAGS[index]
        if not header._table.lookup(tag, &row):
            key[size] = 0xFF
            size += 1
            continue
        vr = VR_CS if tag == 0x00280004 else VR_IS if tag == 0x00280008 else VR_US
        if row.length > LONGEST_IN_KEY or row.vr not in (0, vr) or not is_at_hand(header, &row):
            return 0
        key[size] = <uint8_t>row.length
        memcpy(key + size + 1, data + row.offset, row.length)
        size += 1 + row.length
    return size


cdef uint64_t size_of_fragment(Header header):
    """Of the only fragment of a plain file that nobody read from, and what is to be the delimiter behind it.

    0 if there are more, or if it is no such file.
    """
    cdef uint64_t size = header.place.fragment_length + DELIMITER_BYTES
    if header._path is None or header._opened is not None or header.place.fragment == 0:
        return 0
    if size > MOST_IN_ONE_GO or not has(header.place.fragment, size, header.place.size):
        return 0
    return size


cdef bint fill_from_fragment(Header header, uint8_t* out, uint64_t size) except *:
    """Read as many bytes as `size_of_fragment` said; False if no delimiter is behind the fragment."""
    if not fill_from_place(header._path, &header.place, header.place.fragment, out, size):
        return False
    return ends_fragments(out + size - DELIMITER_BYTES)


cdef bint fill_from_pixel_data(Header header, uint8_t* out, uint64_t size) except *:
    """Read native pixel data in little endian, of as many bytes as there is room for or padded by one.

    False if that is not what there is in a plain file that nobody read from; `out` then holds anything.
    """
    cdef Row row
    if header._path is None or header._opened is not None or header._big:
        return False
    if not header._table.lookup(PIXEL_DATA, &row) or row.flags & ~FLAG_IMPLICIT:
        return False
    if not has(row.offset, row.length, header.place.size) or row.length < size:
        return False
    if row.length - size > (size & 1):
        return False
    return fill_from_place(header._path, &header.place, row.offset, out, size)


cdef inline bint is_at_hand(Header header, const Row* row):
    """Whether the whole of a value is in the first bytes, as it was written."""
    if row.flags & ~FLAG_IMPLICIT or type(header._data) is not bytes:
        return False
    return has(row.offset, row.length, <uint64_t>PyBytes_GET_SIZE(header._data))


cdef object settle_context(Header header):
    """Find byte order and character set, mostly at once."""
    cdef PyObject* known = NULL
    cdef dict contexts = CONTEXTS[header._big]
    cdef Row row
    if header._options is DEFAULTS:
        if header._table.lookup(CHARACTER_SET, &row):
            if is_at_hand(header, &row):
                terms = PyBytes_FromStringAndSize(PyBytes_AS_STRING(header._data) + row.offset, row.length)
                known = PyDict_GetItem(contexts, terms)
        elif not header._more and header._parent is None:
            known = PyDict_GetItem(contexts, b"")
    header._shared_context = <object>known if known != NULL else header._find_context()


cdef object common_value(Header header, const Row* row):
    """The value of a row of the header's own table, or NotImplemented."""
    cdef uint16_t vr = row.vr
    cdef Bytes raw
    if not is_at_hand(header, row):
        return NotImplemented
    if row.tag == LUT_DESCRIPTOR or RED_DESCRIPTOR <= row.tag <= BLUE_DESCRIPTOR:
        return NotImplemented
    if vr == 0:
        vr = code_of_tag(row.tag)
    if header._shared_context is None:
        settle_context(header)
    raw.at, raw.size = <const uint8_t*>PyBytes_AS_STRING(header._data) + row.offset, row.length
    return value_of(raw, vr, header._big)


cdef inline object found_value(Header header, uint32_t tag, object key):
    """The value for a tag, decoded before or now, or NotImplemented; `key` is the tag as Python has it."""
    cdef PyObject* known = PyDict_GetItem(header._values, key)
    cdef Row row
    if known != NULL:
        return <object>known
    if not header._table.lookup(tag, &row):
        return NotImplemented
    value = common_value(header, &row)
    if value is not NotImplemented:
        PyDict_SetItem(header._values, key, value)
    return value


@cython.auto_pickle(False)
cdef class Keyword:
    """A keyword of the standard as an attribute of data sets."""

    cdef uint32_t tag
    cdef object key

    def __init__(self, uint32_t tag):
        self.tag = self.key = tag

    def __get__(self, header, kind):
        if header is None:
            return self
        value = found_value(<Header?>header, self.tag, self.key)
        return (<Header>header)._load(self.key) if value is NotImplemented else value


cdef class Field:
    """An element of a data set: its row, and in which run of bytes it was found."""

    cdef readonly Header _dataset
    cdef readonly uint32_t _number
    cdef Row row

    def __init__(self, Header dataset not None, tuple row not None, uint32_t number):
        """Take a row as a Table gives it; `number` 0 is the header's own, others are of `_more`."""
        cdef str vr
        self._dataset, self._number = dataset, number
        self.row.tag, vr, self.row.offset, self.row.length, self.row.depth, self.row.flags = row
        self.row.vr = <uint16_t>(ord(vr[0]) | ord(vr[1]) << 8) if vr else 0

    @property
    def _row(self):
        return as_tuple(&self.row)

    @property
    def _tag(self):
        return self.row.tag

    @property
    def value(self):
        """The decoded value; see `Dataset`."""
        cdef object key = self.row.tag
        cdef PyObject* known
        if self._dataset is None:
            raise TypeError("elements are made by data sets")
        known = PyDict_GetItem(self._dataset._values, key)
        if known != NULL:
            return <object>known
        if self._number == 0:
            value = common_value(self._dataset, &self.row)
            if value is not NotImplemented:
                PyDict_SetItem(self._dataset._values, key, value)
                return value
        return self._dataset._load(key)


def fields(type kind not None, Header header not None, Table table not None, uint32_t number):
    """Make a `Field`, of the class `kind`, of each row of a table."""
    cdef uint64_t index
    cdef Field field
    for index in range(table.count):
        field = <Field?>(<PyTypeObject*>kind).tp_new(<PyTypeObject*>kind, (), NULL)
        field._dataset, field._number = header, number
        table.row_at(index, &field.row)
        yield field


cdef str path_of(source):
    """The path that a source is; None if it is none, or may be a URL."""
    if not isinstance(source, str):
        if not hasattr(source, "__fspath__"):
            return None
        source = PyOS_FSPath(source)
        if isinstance(source, bytes):
            return PyUnicode_DecodeFSDefaultAndSize(PyBytes_AS_STRING(source), PyBytes_GET_SIZE(source))
    elif "://" in source:
        return None
    return source if type(source) is str else str.__str__(source)


def open_file(type kind not None, source, syntaxes, uint32_t stop_tag=0xFFFFFFFF):
    """Make a `Header`, of the class `kind`, of a file as nearly all are, in one go; None of all else.

    Parameters
    ----------
    kind : type
    source : path or anything else
    syntaxes : mapping
        Gives (transfer syntax, encoding) by the value of Transfer Syntax UID.
    stop_tag : int
        See `scan_file`, which says what files are of the plain kind, too, and what is raised.
    """
    cdef Header header
    cdef Table table
    cdef Place place
    cdef str path = path_of(source) if HOUNSFIELD_HAS_FILES else None
    found = None if path is None else head_of_file(path, stop_tag, &place)
    if found is None:
        return None
    header = <Header?>(<PyTypeObject*>kind).tp_new(<PyTypeObject*>kind, (), NULL)
    header._data, syntax, table = found
    header._table, header._path, header.place = table, path, place
    header.meta_end = <uint32_t>place.start
    header._syntax, header._encoding = syntaxes[syntax]
    if table.code != COMPLETE:
        header.tail_at = table.stopped
        header.tail_kind = 2 if table.code == FRAGMENTS else 1
    return header
