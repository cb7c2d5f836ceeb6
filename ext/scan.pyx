"""Finds where the data elements of a buffer or a file lie: a flat table of them (PS3.5 Section 7)."""

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_ND, PyBUF_SIMPLE, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset, strlen

from cursor cimport has, load16, load32, load_tag
from walk cimport (
    BAD_NESTING, BAD_VR, COMPLETE, DATASET, DEEPEST, FRAGMENTS, ITEM, KINDS, KIND_BITS, KIND_MASK, MORE,
    NO_MEMORY, OVERRUN, PIXEL_DATA, SEQUENCE, SEQUENCE_DELIMITER, STOP_TAG, TOO_DEEP, TOO_LARGE, TOO_MANY,
    Level, PackedRow, Row, RowKind, Scratch, Source, Status, Walk, begin, pack_last, resize, settle, vr_form,
    walk_elements,
)

import os

from hounsfield.errors import LimitError, OptionError, ParseError

cdef extern from "Python.h":
    bytes PyUnicode_EncodeFSDefault(object text)

cdef extern from "file.h":
    bint HOUNSFIELD_HAS_FILES
    int hounsfield_open(const char* path, hounsfield_file* file) noexcept nogil
    int hounsfield_descriptor(const char* path) noexcept nogil
    int hounsfield_look(hounsfield_file* file) noexcept nogil
    int hounsfield_extend(hounsfield_file* file, uint8_t* head, size_t wanted) noexcept nogil

__all__ = [
    "DEFAULT_MAX_DEPTH", "DEFAULT_MAX_ELEMENTS", "HAS_FILES", "Table", "only_fragment", "scan", "scan_file",
    "table_of",
]

cdef enum:
    DEFAULT_DEPTH = 128     # 64 sequences, each in an item of the one around it
    DEFAULT_ELEMENTS = 1 << 24

HAS_FILES = bool(HOUNSFIELD_HAS_FILES)
DEFAULT_MAX_DEPTH = DEFAULT_DEPTH
DEFAULT_MAX_ELEMENTS = DEFAULT_ELEMENTS


cdef dict VR_NAMES = {0: ""}


cdef inline str vr_name(uint16_t code):
    cdef str name = VR_NAMES.get(code)
    if name is None:
        name = chr(code & 0xFF) + chr(code >> 8)
        if code & 0x8080 == 0 and len(VR_NAMES) < 1024:
            VR_NAMES[code] = name
    return name


cdef tuple as_tuple(const Row* row):
    return row.tag, vr_name(row.vr), row.offset, row.length, row.depth, row.flags


cdef inline tuple tuple_at(Table table, uint64_t index):
    cdef Row row
    table.row_at(index, &row)
    return as_tuple(&row)


cdef dict MESSAGES = {
    BAD_VR: (ParseError, "no value representation and no sensible length where an element should start"),
    BAD_NESTING: (ParseError, "an item, a delimiter or an element where none of its kind may stand"),
    OVERRUN: (ParseError, "the length reaches past the end of the sequence or item around it"),
    TOO_DEEP: (
        LimitError,
        "sequences are nested too deep (64 are read): `until` the outermost one's tag reads what is before",
    ),
    TOO_MANY: (LimitError, "too many elements"),
    TOO_LARGE: (LimitError, "the data set is larger than 4 GiB without its pixel data"),
}


cdef inline void unpack(
    const PackedRow* packed, uint64_t index, uint64_t count, uint32_t last_length, Row* row
) noexcept:
    """Fill in one of the rows: its length is what there is up to the next one, but for the last."""
    cdef uint32_t place = packed[index].place, behind
    cdef const RowKind* kind = KINDS + (place & KIND_MASK)
    row.tag = packed[index].tag
    row.offset = place >> KIND_BITS
    row.vr, row.depth, row.flags, row.length = kind.vr, 0, kind.flags, last_length
    if index < count - 1:
        behind = packed[index + 1].place
        row.length = (behind >> KIND_BITS) - KINDS[behind & KIND_MASK].header - row.offset - kind.delimiter


cdef char* ROW_FORMAT = b"T{=I:tag:I:offset:I:length:2s:vr:B:depth:B:flags:}"


cdef class Table:
    """Where the elements of a buffer lie: one row an element, in the order of the bytes.

    A sequence of tuples (tag, vr, offset, length, depth, flags), and by the buffer protocol a structured
    array of 16 bytes a row, made for each view: ``numpy.asarray(table)``. The table itself holds 8 bytes a
    row (`packed.h`), unless it is nested, was cut down by `keep`, or has a row of a rare kind.

    tag is 0xGGGGEEEE; vr is two letters, or "" in implicit VR and for items; offset and length are those of
    the value, in bytes from the start of the buffer that was scanned.

    Attributes
    ----------
    status : {"complete", "stop", "fragments", "more", "truncated"}
        Why the scan ended: at the end of the data; before the stop tag; before the fragments of encapsulated
        pixel data, whose length is left as 0xFFFFFFFF; because the next element lies behind the bytes at
        hand; because the source ends inside an element.
    end : int
        Where it ended.
    ascending : bool
        Whether the rows are all of elements at the top, with tags that rise.
    """

    def __dealloc__(self):
        free(self.rows)
        free(self.packed)

    def __len__(self):
        return <Py_ssize_t>self.count

    def __sizeof__(self):
        row_size = sizeof(Row) if self.packed == NULL else sizeof(PackedRow)
        return object.__sizeof__(self) + self.count * row_size

    @property
    def status(self):
        return STATUS_NAMES[<int>self.code]

    @property
    def end(self):
        return self.stopped

    @property
    def ascending(self):
        return bool(self.rising)

    def __getitem__(self, Py_ssize_t index):
        if index < 0:
            index += <Py_ssize_t>self.count
        if index < 0 or index >= <Py_ssize_t>self.count:
            raise IndexError("row out of range")
        return tuple_at(self, <uint64_t>index)

    def __iter__(self):
        cdef uint64_t index
        for index in range(self.count):
            yield tuple_at(self, index)

    cdef void row_at(self, uint64_t index, Row* row) noexcept:
        if self.packed == NULL:
            row[0] = self.rows[index]
        else:
            unpack(self.packed, index, self.count, self.last_length, row)

    cdef bint lookup(self, uint32_t tag, Row* row) noexcept:
        """Give the first top-level element with this tag; whether there is one."""
        cdef uint64_t low = 0, high = self.count, middle
        cdef const Row* rows = self.rows
        cdef const PackedRow* packed = self.packed
        if self.rising:
            while low < high:
                middle = (low + high) >> 1
                if (rows[middle].tag if packed == NULL else packed[middle].tag) < tag:
                    low = middle + 1
                else:
                    high = middle
        elif packed == NULL:
            while low < high and (rows[low].tag != tag or rows[low].depth):
                low += 1
        else:
            while low < high and packed[low].tag != tag:
                low += 1
        if low == self.count or (rows[low].tag if packed == NULL else packed[low].tag) != tag:
            return False
        self.row_at(low, row)
        return True

    def find(self, uint32_t tag):
        """Row of the first top-level element with this tag, as ``table[i]`` gives it, or None."""
        cdef Row row
        return as_tuple(&row) if self.lookup(tag, &row) else None

    def keep(self, tuple tags not None):
        """Keep the rows with these tags, which must be in order, and forget the others."""
        cdef uint64_t index
        cdef Py_ssize_t next_wanted = 0
        cdef uint32_t wanted = 0
        cdef Walk walk
        cdef Scratch scratch
        cdef Row* row
        begin(&walk, &scratch)
        walk.packs, walk.position, walk.ascending = False, self.stopped, self.rising
        try:
            if self.count > walk.capacity and not resize(&walk, self.count):
                raise MemoryError
            for index in range(self.count):
                row = walk.rows + walk.count
                self.row_at(index, row)
                if self.rising:
                    while wanted < row.tag and next_wanted < len(tags):
                        wanted = tags[next_wanted]
                        next_wanted += 1
                    walk.count += wanted == row.tag
                else:
                    walk.count += row.tag in tags
            if walk.count < self.count:
                adopt(self, &walk)
        finally:
            free(walk.block)

    def __getbuffer__(self, Py_buffer* view, int flags):
        cdef Py_ssize_t* sizes      # shape, strides; the rows stand behind them
        if flags & PyBUF_WRITABLE:
            raise BufferError("a Table is read-only")
        sizes = <Py_ssize_t*>malloc(2 * sizeof(Py_ssize_t) + self.count * sizeof(Row))
        if sizes == NULL:
            raise MemoryError
        sizes[0], sizes[1] = <Py_ssize_t>self.count, sizeof(Row)
        copy_rows(self, <Row*>(sizes + 2))
        view.internal = sizes
        view.buf = sizes + 2
        view.obj = self
        view.len = <Py_ssize_t>(self.count * sizeof(Row))
        view.itemsize = sizeof(Row)
        view.readonly = 1
        view.ndim = 1
        view.format = ROW_FORMAT if flags & PyBUF_FORMAT else NULL
        view.shape = sizes if flags & PyBUF_ND else NULL
        view.strides = sizes + 1 if flags & PyBUF_STRIDES == PyBUF_STRIDES else NULL
        view.suboffsets = NULL

    def __releasebuffer__(self, Py_buffer* view):
        free(view.internal)

    def __reduce__(self):
        rows = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>(self.count * sizeof(Row)))
        copy_rows(self, <Row*>PyBytes_AS_STRING(rows))
        return table_of, (rows, <int>self.code, self.stopped, bool(self.rising))


def only_fragment(const unsigned char[::1] data not None):
    """Find the fragment of encapsulated pixel data that have just one, and an offset table of 0 or nothing.

    Parameters
    ----------
    data : contiguous buffer
        From the item of the Basic Offset Table on (PS3.5 Annex A.4), up to the delimiter or further.

    Returns
    -------
    tuple or None
        Where the fragment begins and its length, in bytes; None where there are several, or something else.
    """
    cdef uint64_t at, length
    if not find_only(&data[0] if data.shape[0] else NULL, <uint64_t>data.shape[0], &at, &length):
        return None
    return at, length


cdef bint find_only(const uint8_t* data, uint64_t size, uint64_t* at, uint64_t* length) noexcept nogil:
    """Find what `only_fragment` finds; whether it is there."""
    if not find_first(data, size, at, length) or not has(at[0], length[0] + DELIMITER_BYTES, size):
        return False
    return ends_fragments(data + at[0] + length[0])


cdef bint find_first(const uint8_t* data, uint64_t size, uint64_t* at, uint64_t* length) noexcept nogil:
    """Find the first fragment, behind an offset table of 0 or nothing, which may not be in the data."""
    cdef uint32_t table
    if size < 24:
        return False
    table = load32(data + 4, False)
    if load_tag(data, False) != ITEM or (table != 0 and (table != 4 or load32(data + 8, False) != 0)):
        return False
    at[0] = 16 + table
    length[0] = load32(data + 12 + table, False)
    return load_tag(data + 8 + table, False) == ITEM and length[0] != 0


cdef bint ends_fragments(const uint8_t* data) noexcept nogil:
    """Whether the delimiter behind fragments stands here: DELIMITER_BYTES."""
    return load_tag(data, False) == SEQUENCE_DELIMITER and load32(data + 4, False) == 0


cdef void copy_rows(Table table, Row* rows) noexcept:
    cdef uint64_t index
    for index in range(table.count):
        table.row_at(index, rows + index)


cdef int adopt(Table table, Walk* walk) except -1:
    """Copy a walk's rows into the table, packed if they can be: tables live as long as their data sets."""
    cdef uint64_t size = walk.count * (sizeof(PackedRow) if walk.packs else sizeof(Row))
    cdef void* kept = malloc(size or 1)
    if kept == NULL:
        raise MemoryError
    memcpy(kept, <void*>walk.packed if walk.packs else <void*>walk.rows, size)
    free(table.rows)
    free(table.packed)
    table.rows = NULL if walk.packs else <Row*>kept
    table.packed = <PackedRow*>kept if walk.packs else NULL
    table.last_length = walk.rows[walk.count - 1].length if walk.count else 0
    table.count, table.stopped, table.rising = walk.count, walk.position, walk.ascending
    return 0


def table_of(bytes rows not None, int code, uint64_t end, bint ascending):
    """Make a Table of what another had, for pickling: the bytes of its rows, its status and its end."""
    cdef Table table = Table.__new__(Table)
    cdef Walk walk
    cdef Scratch scratch
    cdef Row row
    cdef uint64_t index, size = <uint64_t>PyBytes_GET_SIZE(rows), count = size // sizeof(Row)
    if size % sizeof(Row) or not 0 <= code < len(STATUS_NAMES):
        raise OptionError("these are not the rows of a table")
    begin(&walk, &scratch)
    try:
        if count > walk.capacity and not resize(&walk, count):
            raise MemoryError
        memcpy(walk.rows, PyBytes_AS_STRING(rows), size)
        for index in range(count):
            walk.count = index + 1
            pack_last(&walk)
        for index in range(count):
            if walk.packs:
                unpack(walk.packed, index, count, walk.rows[count - 1].length, &row)
                walk.packs = memcmp(&row, walk.rows + index, sizeof(Row)) == 0
        walk.position, walk.ascending = end, ascending
        adopt(table, &walk)
        table.code = <Status>code
    finally:
        free(walk.block)
    return table


cdef tuple STATUS_NAMES = ("complete", "stop", "fragments", "more", "truncated")


def scan(
    object data not None, uint64_t start=0, stop=None, *, whole=None, bint explicit=True, bint big=False,
    bint items=False, bint nested=False, bint fragments=False, uint32_t stop_tag=0xFFFFFFFF,
    uint64_t max_elements=DEFAULT_ELEMENTS, int max_depth=DEFAULT_DEPTH,
):
    """Walk the data elements in data[start:stop] into a Table.

    Parameters
    ----------
    data : bytes-like, contiguous
    start, stop : int
        Where to begin and end, in bytes.
    whole : int, optional
        Size of the source, if `data` is only its first part: running out of data then ends the scan with
        status "more" instead of "truncated".
    explicit, big : bool
        Explicit or implicit VR, big or little endian.
    items : bool
        The bytes are the value of a sequence or of encapsulated pixel data: rows are its items.
    nested : bool
        Give rows for what sequences hold, too (depth > 0), as far as the bytes alone tell that they are
        sequences: by VR SQ, or by an undefined length. Else only top-level elements have rows.
    fragments : bool
        Walk on through top-level encapsulated pixel data instead of stopping before its fragments.
    stop_tag : int
        Stop before the first top-level element with this tag or a higher one. Behind an element with the tag
        just below, whatever follows: it need not be an element.
    max_elements, max_depth : int
        Caps on the elements and items looked at, and on their nesting (255 at most).

    Raises
    ------
    ParseError, LimitError
        The bytes are no data elements, or a cap was reached; with tag and offset.

    Notes
    -----
    PS3.5 Section 7; encapsulated pixel data Annex A.4; UN of undefined length Section 6.2.2 note 2. Elements
    in the wrong VR mode for the data set are read by what their bytes say. Rows hold 32-bit offsets: a scan
    stops at 4 GiB with LimitError.
    """
    cdef:
        Source source
        Level top
        uint64_t size
        Py_buffer buffer
        Table table = Table.__new__(Table)
        Walk walk
        Scratch scratch
        Status status

    begin(&walk, &scratch)
    # Not a typed memoryview: that costs as much as walking fifty elements.
    PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE)
    try:
        size = <uint64_t>buffer.len
        if stop is not None:
            size = min(size, <uint64_t>stop)
        source.data = <const uint8_t*>buffer.buf
        source.size = size
        source.whole = size if whole is None else <uint64_t>whole
        if source.whole < size or start > size or not 0 <= max_depth <= DEEPEST:
            raise OptionError(
                f"start {start}, stop {size}, whole {source.whole}, max_depth {max_depth} do not fit"
            )
        top.start, top.end, top.reach, top.row = start, source.whole, size, 0
        top.kind = SEQUENCE if items else DATASET
        top.delimited, top.recorded, top.explicit, top.big = False, True, explicit, big
        with nogil:
            status = walk_elements(&source, top, stop_tag, nested, fragments, max_elements, max_depth, &walk)
            settle(&source, status, &walk)
        if status == NO_MEMORY:
            raise MemoryError
        if status >= BAD_VR:
            error, message = MESSAGES[status]
            tag = load_tag(source.data + walk.at, big) if has(walk.at, 4, size) else None
            raise error(message, offset=walk.at, tag=tag)
        adopt(table, &walk)
        table.code = status
    finally:
        free(walk.block)
        PyBuffer_Release(&buffer)
    return table


cdef enum:
    FIRST_BYTES = 8192      # enough for most headers: 16 KiB take half as long again
    NEXT_BYTES = 16384      # enough for nearly all
    DATA_SET_START = 132    # behind a preamble of 128 bytes and the prefix "DICM" (PS3.10 Section 7.1)
    TRANSFER_SYNTAX_UID = 0x00020010
    AFTER_META = 0x00030000
    FLOAT_PIXEL_DATA = 0x7FE00008
    DOUBLE_FLOAT_PIXEL_DATA = 0x7FE00009
    AFTER_PIXELS = 0x7FE00011


cdef bint is_pixels(uint32_t tag) noexcept nogil:
    return tag == PIXEL_DATA or tag == FLOAT_PIXEL_DATA or tag == DOUBLE_FLOAT_PIXEL_DATA


cdef bint is_curve_or_overlay(uint32_t tag) noexcept nogil:
    return tag >> 24 == 0x50 or tag >> 24 == 0x60


cdef bint is_syntax(
    const uint8_t* value, uint32_t length, const char* uid, uint32_t uid_length
) noexcept nogil:
    """Whether a UID is this one, its padding aside."""
    if length == uid_length + 1 and value[uid_length] == 0:
        length = uid_length
    return length == uid_length and memcmp(value, uid, length) == 0


cdef void walk_head(const uint8_t* data, uint32_t stop_tag, Head* head, Walk* walk) noexcept nogil:
    """Walk what was read of a Part 10 file, up to the pixel data or the stop tag.

    head.plain tells whether that found all that a reader needs; head.status MORE, that more bytes might help.
    """
    cdef Source source
    cdef Level top
    cdef uint64_t index
    cdef uint32_t tag
    cdef Row* row = NULL
    cdef const uint8_t* value
    head.status = COMPLETE
    walk.count = 0
    source.data, source.size, source.whole = data, head.file.got, head.file.size
    if source.size < DATA_SET_START + 8 or memcmp(data + DATA_SET_START - 4, b"DICM", 4):
        return
    top.start, top.end, top.reach, top.row = DATA_SET_START, source.whole, source.size, 0
    top.kind, top.delimited, top.recorded, top.explicit, top.big = DATASET, False, True, True, False
    head.status = walk_elements(&source, top, AFTER_META, False, False, DEFAULT_ELEMENTS, DEFAULT_DEPTH, walk)
    if head.status != STOP_TAG:
        return
    head.start = walk.position
    if not walk.ascending:
        return              # of elements that stand there twice the first counts
    for index in range(walk.count):
        if walk.rows[index].tag >> 16 != 2:
            return
        if walk.rows[index].tag == TRANSFER_SYNTAX_UID:
            row = walk.rows + index
    if row == NULL or row.length < 17:
        return
    value = data + row.offset
    head.syntax, head.syntax_length = row.offset, row.length
    if (is_syntax(value, row.length, b"1.2.840.10008.1.2.2", 19)
            or is_syntax(value, row.length, b"1.2.840.10008.1.2.1.99", 22)
            or is_syntax(value, row.length, b"1.2.840.10008.1.2.4.95", 22)
            or is_syntax(value, row.length, b"1.2.840.10008.1.2.4.205", 23)):
        return              # big endian or deflated
    head.explicit = not is_syntax(value, row.length, b"1.2.840.10008.1.2", 17)
    # Group 0008 first, and a VR just where there should be one: the data set is written as it says.
    if not has(head.start, 8, source.size) or load16(data + head.start, False) != 8:
        return
    if (vr_form(data + head.start + 4) != 0) != head.explicit:
        return
    walk.count = 0
    top.start, top.explicit = head.start, head.explicit
    stop_tag = min(stop_tag, <uint32_t>AFTER_PIXELS)
    head.status = walk_elements(&source, top, stop_tag, False, False, DEFAULT_ELEMENTS, DEFAULT_DEPTH, walk)
    head.plain = head.status == COMPLETE or head.status == STOP_TAG or head.status == FRAGMENTS
    if head.status == MORE and walk.top:
        tag = walk.rows[walk.top - 1].tag
        if is_pixels(tag):
            walk.count = walk.top
            head.plain = True
        elif is_curve_or_overlay(tag) and walk.position > source.size:
            # reading on only to step over it would cost more than reading it does when it is wanted
            walk.count = walk.top - 1
            walk.position = walk.at
            head.plain = True


cdef int open_and_walk(
    const char* path, uint8_t* data, uint32_t stop_tag, Head* head, Walk* walk
) noexcept nogil:
    """Open a file and read as much of its head as the walk asks for; 0, or errno and then it is not open."""
    cdef size_t wanted = FIRST_BYTES
    cdef int error = hounsfield_open(path, &head.file)
    if error:
        return error
    while head.file.regular:
        error = hounsfield_extend(&head.file, data, wanted)
        if error:
            hounsfield_close(&head.file)
            break
        walk_head(data, stop_tag, head, walk)
        if head.plain or head.status != MORE or wanted == HEAD_BYTES:
            break
        wanted = NEXT_BYTES if wanted < NEXT_BYTES else HEAD_BYTES
    return error


cdef int read_and_walk(
    const char* path, uint8_t* data, uint32_t stop_tag, Head* head, Walk* walk
) noexcept nogil:
    """The same, and close the file again."""
    cdef int error = open_and_walk(path, data, stop_tag, head, walk)
    if not error:
        hounsfield_close(&head.file)
    return error


cdef bint fill_from_place(
    str path, const Place* place, uint64_t offset, uint8_t* out, uint64_t length
) except *:
    """Read bytes of a file to `out`; False if it is not the one that it was, or whatever is the matter."""
    cdef:
        bytes name = PyUnicode_EncodeFSDefault(path)
        const char* c_name = name
        hounsfield_file file
        bint done = False
    memset(&file, 0, sizeof(file))
    with nogil:
        file.descriptor = hounsfield_descriptor(c_name)
        if file.descriptor >= 0:
            # It is looked at only now: a file that is the one that it was has not changed in between.
            if hounsfield_read(&file, out, offset, <size_t>length) == 0 and hounsfield_look(&file) == 0:
                done = (file.size == place.size and file.inode == place.inode
                        and file.changed_us == place.changed_us)
            hounsfield_close(&file)
    return done


cdef tuple head_of_file(str path, uint32_t stop_tag, Place* place):
    """What `scan_file` gives, with the numbers in `place`: data, syntax and table; or None."""
    cdef:
        bytes name = PyUnicode_EncodeFSDefault(path)
        const char* c_name = name
        uint8_t[HEAD_BYTES] buffer
        uint8_t* data = buffer
        Head head
        Table table = Table.__new__(Table)
        Walk walk
        Scratch scratch
        uint64_t needed
        Row* last
        int error
    if strlen(c_name) != <size_t>PyBytes_GET_SIZE(name):
        raise OptionError("a path holds no null byte", file=path)
    begin(&walk, &scratch)
    memset(&head, 0, sizeof(head))
    try:
        with nogil:
            error = read_and_walk(c_name, data, stop_tag, &head, &walk)
        if error:
            raise OSError(error, os.strerror(error), path)
        if not head.file.regular:
            raise OptionError("is not a regular file: read it, and pass the bytes", file=path)
        if not head.plain:
            return None
        needed = head.file.got
        if walk.count:
            last = walk.rows + walk.count - 1
            needed = last.offset
            if not is_pixels(last.tag) and has(last.offset, last.length, head.file.got):
                needed += last.length
        adopt(table, &walk)
        table.code = head.status
    finally:
        free(walk.block)
    place.size, place.inode, place.changed_us = head.file.size, head.file.inode, head.file.changed_us
    place.start = head.start
    if (head.status != FRAGMENTS or walk.position > head.file.got
            or not find_first(data + walk.position, head.file.got - walk.position, &place.fragment,
                              &place.fragment_length)):
        place.fragment = 0
    else:
        place.fragment += walk.position
    return (
        PyBytes_FromStringAndSize(<char*>data, <Py_ssize_t>needed),
        PyBytes_FromStringAndSize(<char*>data + head.syntax, head.syntax_length),
        table,
    )


def scan_file(str path not None, uint32_t stop_tag=0xFFFFFFFF):
    """Read the head of a DICOM file and scan it, all in one go and without the GIL.

    Only files of the plain kind: with the prefix DICM, little endian, not deflated, and with a header of at
    most 64 KiB up to the pixel data, or up to `stop_tag`, that is what its transfer syntax says.

    Returns
    -------
    None, if the file is of another kind; else a tuple of
    identity : (int, int, int)
        Size in bytes, inode, and time of the last change in nanoseconds.
    data : bytes
        The file's first bytes, without what was read of the pixel data.
    start : int
        Where the data set begins.
    syntax : bytes
        The value of Transfer Syntax UID.
    table : Table
        The elements up to the pixel data, or up to a curve or an overlay (groups 50xx and 60xx) that reaches
        behind what was read; `Table.end` is where the file goes on behind them, or where the fragments of
        encapsulated ones begin.

    Raises
    ------
    OSError
        As the operating system has it.
    OptionError
        A pipe, a socket or a device; a null byte in the path.

    Notes
    -----
    PS3.10 Section 7. Only where `HAS_FILES` is true: it needs POSIX.
    """
    cdef Place place
    found = head_of_file(path, stop_tag, &place)
    if found is None:
        return None
    data, syntax, table = found
    return (place.size, place.inode, place.changed_us), data, place.start, syntax, table
