"""Walks a buffer of data elements and fills a flat table of where each value lies (PS3.5 Section 7).

One pass, no recursion and no Python object per element. The walker looks at tags, VRs and lengths only;
a defined length is stepped over, an undefined one is followed to its delimiter with an explicit stack.

An element's header, by its encoding (PS3.5 Section 7.1):

    explicit VR, short   group(2) element(2) VR(2) length(2)
    explicit VR, long    group(2) element(2) VR(2) reserved(2) length(4)
    implicit VR, items   group(2) element(2) length(4)
"""

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_ND, PyBUF_SIMPLE, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc

from cursor cimport has, load16, load32, load_tag

from hounsfield.errors import LimitError, OptionError, ParseError

__all__ = ["DEFAULT_MAX_DEPTH", "DEFAULT_MAX_ELEMENTS", "Table", "scan"]

DEFAULT_MAX_DEPTH = 64
DEFAULT_MAX_ELEMENTS = 1 << 24

cdef enum:
    UNDEFINED = 0xFFFFFFFF
    ITEM = 0xFFFEE000
    ITEM_DELIMITER = 0xFFFEE00D
    SEQUENCE_DELIMITER = 0xFFFEE0DD
    PIXEL_DATA = 0x7FE00010
    DEEPEST = 255
    FIRST_CAPACITY = 320
    VR_SQ = 0x5153          # the two letters, first in the low byte
    VR_UN = 0x4E55

# Why a scan stopped; from BAD_VR on, an error.
cdef enum Status:
    COMPLETE        # at the end of the data, or behind the delimiter of a run of items
    STOP_TAG        # before the first tag at or above stop_tag
    FRAGMENTS       # before the fragments of encapsulated pixel data
    MORE            # the data are the first part of a larger source, and the next element lies behind them
    TRUNCATED       # the source ends inside an element
    BAD_VR
    BAD_NESTING
    OVERRUN
    TOO_DEEP
    TOO_MANY
    TOO_LARGE
    NO_MEMORY

# Bits of Row.flags.
cdef enum:
    FLAG_UNDEFINED = 1    # the length was given as undefined; `length` is what was found
    FLAG_IMPLICIT = 2     # the element itself is written in implicit VR
    FLAG_CUT = 4          # the source ends inside the value
    FLAG_UN_SEQUENCE = 8  # UN of undefined length: the value is implicit VR little endian (PS3.5 6.2.2 note 2)

cdef packed struct Row:
    uint32_t tag
    uint32_t offset
    uint32_t length
    uint16_t vr
    uint8_t depth
    uint8_t flags

cdef struct Source:
    const uint8_t* data
    uint64_t size       # bytes at hand
    uint64_t whole      # bytes there are in the source

cdef struct Header:
    uint64_t value
    uint32_t tag
    uint32_t length
    uint16_t vr
    uint8_t flags

cdef enum Kind:
    DATASET         # holds elements
    SEQUENCE        # holds items that hold elements
    PIXELS          # holds items that hold opaque bytes

cdef struct Level:
    uint64_t start
    uint64_t end        # its own, or that of what is around it when only a delimiter tells
    uint64_t reach      # how far of that the data go
    uint64_t row        # whose length is known when the delimiter comes
    Kind kind
    bint delimited
    bint recorded
    bint explicit
    bint big

cdef struct Walk:
    Row* rows
    uint64_t count
    uint64_t capacity
    uint64_t top        # rows before the top-level element in hand
    uint64_t position   # of that element, or of what follows the last one
    uint64_t at         # of the last header looked at
    bint ascending      # whether a tag can be found by bisection

# By the two letters of a VR: 1 for a 16-bit length, 2 for reserved bytes and a 32-bit length, 0 for no VR.
cdef uint8_t[26][26] VR_FORM

cdef void fill_vr_forms() noexcept:
    cdef bytes vr
    for vr in b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split():
        VR_FORM[vr[0] - 65][vr[1] - 65] = 1
    for vr in b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split():
        VR_FORM[vr[0] - 65][vr[1] - 65] = 2

fill_vr_forms()


cdef inline int vr_form(const uint8_t* at) noexcept nogil:
    cdef unsigned int first = at[0] - 65u, second = at[1] - 65u
    if first > 25 or second > 25:
        return 0
    return VR_FORM[first][second]


cdef bint resize(Walk* walk, uint64_t capacity) noexcept nogil:
    cdef Row* rows = <Row*>realloc(walk.rows, capacity * sizeof(Row))
    if rows != NULL:
        walk.rows, walk.capacity = rows, capacity
    return rows != NULL


cdef inline Row* add_row(Walk* walk) noexcept nogil:
    if walk.count == walk.capacity and not resize(walk, walk.capacity * 2):
        return NULL
    walk.count += 1
    return walk.rows + (walk.count - 1)


cdef inline bint fits(uint64_t value, uint32_t length, uint64_t end) noexcept nogil:
    return length == UNDEFINED or has(value, length, end)


cdef bint leads_to_element(const Source* source, const Level* level, const Header* header) noexcept nogil:
    """Whether a length, read one of two ways, leads to something that looks like the next element."""
    cdef uint64_t next_at = header.value + header.length
    cdef uint32_t tag
    cdef const uint8_t* at
    if header.length == UNDEFINED:
        next_at = header.value
    elif not has(header.value, header.length, level.end):
        return False
    if next_at == level.end:
        return True
    if not has(next_at, 8, source.size):
        return header.length < 0x10000 and source.size < source.whole
    at = source.data + next_at
    tag = load_tag(at, level.big)
    if tag >> 16 == 0xFFFE:
        return tag == ITEM if header.length == UNDEFINED else level.delimited and tag == ITEM_DELIMITER
    return header.length != UNDEFINED and tag > header.tag and (
        vr_form(at + 4) != 0 or fits(next_at + 8, load32(at + 4, level.big), level.end))


cdef Status read_header(const Source* source, const Level* level, uint64_t position, Header* header) noexcept nogil:
    """Read the element header or the item header at `position`; a whole one, or a status that says why not."""
    cdef const uint8_t* at
    cdef int form
    if not has(position, 8, source.size):
        return MORE if has(position, 8, source.whole) else TRUNCATED
    if not has(position, 8, level.end):
        return OVERRUN
    at = source.data + position
    header.tag = load_tag(at, level.big)
    header.vr = 0
    header.flags = 0
    header.length = load32(at + 4, level.big)
    header.value = position + 8
    if header.tag >> 16 == 0xFFFE:
        return COMPLETE

    # Implicit VR in the middle of explicit, and the reverse, as some writers leave it: the VR's two letters
    # decide, or their absence, if the length they go with leads somewhere.
    form = vr_form(at + 4)
    header.flags = FLAG_IMPLICIT
    if level.explicit:
        if form or not leads_to_element(source, level, header):
            header.flags = 0
    elif form and not leads_to_element(source, level, header):
        header.flags = 0
    if header.flags:
        return COMPLETE

    if form == 0:
        if not (65 <= at[4] <= 90 and 65 <= at[5] <= 90):
            return BAD_VR
        form = 2        # PS3.5 Section 6.2: VRs yet to come have a 32-bit length
    header.vr = at[4] | <uint16_t>at[5] << 8
    if form == 1:
        header.length = load16(at + 6, level.big)
        return COMPLETE
    if not has(position, 12, source.size):
        return MORE if has(position, 12, source.whole) else TRUNCATED
    if not has(position, 12, level.end):
        return OVERRUN
    header.length = load32(at + 8, level.big)
    header.value = position + 12
    return COMPLETE


cdef Status walk_elements(
    const Source* source, Level top, uint32_t stop_tag, bint nested, bint fragments,
    uint64_t max_elements, int max_depth, Walk* walk,
) noexcept nogil:
    """Fill walk.rows with the elements of `top`, which starts at top.start."""
    # What the loop needs of every element is in locals: stores to rows may alias anything behind a pointer.
    cdef:
        Level[DEEPEST + 1] levels
        Level* level = levels
        Level* inner
        Header header
        const uint8_t* data = source.data
        const uint8_t* at
        int depth = 0, form
        uint64_t position = top.start, value, reach = top.reach, visited = 0
        uint32_t tag, length, last = 0
        uint16_t vr
        uint8_t flags
        bint explicit = top.explicit, big = top.big, record, opens
        Row* row = NULL
        Kind kind
        Status status

    level[0] = top
    walk.ascending = not nested
    while True:
        if depth == 0:
            walk.position = position
            walk.top = walk.count
            if position == top.end:
                return COMPLETE
        elif not level.delimited and position == level.end:
            depth -= 1
            level -= 1
            reach, explicit, big = level.reach, level.explicit, level.big
            continue
        walk.at = position
        visited += 1
        if visited > max_elements:
            return TOO_MANY

        form = 0
        if explicit and has(position, 12, reach):
            at = data + position
            tag = load_tag(at, big)
            if tag >> 16 != 0xFFFE:     # an item's length can look like a VR
                form = vr_form(at + 4)
        if form:
            vr = at[4] | <uint16_t>at[5] << 8
            flags = 0
            if form == 1:
                length = load16(at + 6, big)
                value = position + 8
            else:
                length = load32(at + 8, big)
                value = position + 12
        else:
            status = read_header(source, level, position, &header)
            if status != COMPLETE:
                return status
            tag, length, value, vr, flags = header.tag, header.length, header.value, header.vr, header.flags
        if value >= UNDEFINED:
            return TOO_LARGE

        kind = SEQUENCE     # what the value holds, if it is opened
        opens = False       # whether it must be, though its length is known
        if tag >> 16 != 0xFFFE:
            if level.kind != DATASET:
                return BAD_NESTING
            if depth == 0:
                if tag >= stop_tag:
                    return STOP_TAG
                if tag <= last and walk.count:
                    walk.ascending = False
                last = tag
            if vr == VR_SQ:
                opens = nested
            elif length == UNDEFINED:
                if vr == VR_UN:
                    flags |= FLAG_UN_SEQUENCE
                elif vr or tag == PIXEL_DATA:
                    kind = PIXELS
        elif tag == ITEM:
            if level.kind == DATASET and depth or level.kind == PIXELS and length == UNDEFINED:
                return BAD_NESTING
            kind = DATASET
            opens = nested and level.kind == SEQUENCE
        elif depth:
            if not level.delimited:
                return BAD_NESTING
            if not (tag == ITEM_DELIMITER if level.kind == DATASET else tag == SEQUENCE_DELIMITER):
                return BAD_NESTING
            if level.recorded:
                walk.rows[level.row].length = <uint32_t>(position - level.start)
            position = value
            depth -= 1
            level -= 1
            reach, explicit, big = level.reach, level.explicit, level.big
            continue
        elif level.kind == SEQUENCE and tag == SEQUENCE_DELIMITER:
            walk.position = value
            return COMPLETE
        else:
            length = 0          # a stray delimiter becomes a row, for the caller to report

        record = depth == 0 or nested
        if record:
            row = add_row(walk)
            if row == NULL:
                return NO_MEMORY
            row.tag = tag
            row.offset = <uint32_t>value
            row.length = length
            row.vr = vr
            row.depth = <uint8_t>depth
            row.flags = flags | (FLAG_UNDEFINED if length == UNDEFINED else 0)

        if length == UNDEFINED:
            if kind == PIXELS and depth == 0 and not fragments:
                walk.position = value
                return FRAGMENTS
        elif not has(value, length, reach):
            # behind the bytes at hand, or behind where it may be
            if not has(value, length, level.end):
                return TRUNCATED if level.end == source.whole else OVERRUN
            if depth or opens:
                return MORE
            walk.position = value + length
            walk.top = walk.count
            return COMPLETE if walk.position == top.end else MORE
        elif not opens:
            position = value + length
            continue

        if depth == max_depth:
            return TOO_DEEP
        inner = level + 1
        inner.end = level.end if length == UNDEFINED else value + length
        inner.delimited = length == UNDEFINED
        depth += 1
        level = inner
        level.kind = kind
        level.start = value
        level.row = walk.count - 1
        level.recorded = record
        level.explicit = explicit = explicit and not flags & FLAG_UN_SEQUENCE
        level.big = big = big and not flags & FLAG_UN_SEQUENCE
        level.reach = reach = min(level.end, source.size)
        position = value


cdef void settle(const Source* source, Status status, Walk* walk) noexcept nogil:
    """Leave whole rows only, and of an element that the end of the source cuts what is there."""
    cdef Row* row
    if status == MORE:
        walk.count = walk.top
    elif status == TRUNCATED and walk.count > walk.top:
        walk.count = walk.top + 1
        row = walk.rows + walk.top
        row.flags |= FLAG_CUT
        row.length = <uint32_t>(source.whole - row.offset)


cdef dict VR_NAMES = {0: ""}


cdef inline str vr_name(uint16_t code):
    cdef str name = VR_NAMES.get(code)
    if name is None:
        name = chr(code & 0xFF) + chr(code >> 8)
        if code & 0x8080 == 0 and len(VR_NAMES) < 1024:
            VR_NAMES[code] = name
    return name


cdef dict MESSAGES = {
    BAD_VR: (ParseError, "no value representation and no sensible length where an element should start"),
    BAD_NESTING: (ParseError, "an item, a delimiter or an element where none of its kind may stand"),
    OVERRUN: (ParseError, "the length reaches past the end of the sequence or item around it"),
    TOO_DEEP: (LimitError, "sequences are nested too deep"),
    TOO_MANY: (LimitError, "too many elements"),
    TOO_LARGE: (LimitError, "the data set is larger than 4 GiB without its pixel data"),
}


cdef char* ROW_FORMAT = b"T{=I:tag:I:offset:I:length:2s:vr:B:depth:B:flags:}"


cdef class Table:
    """Where the elements of a buffer lie: one row an element, in the order of the bytes.

    A sequence of tuples (tag, vr, offset, length, depth, flags), and by the buffer protocol a structured
    array of 16 bytes a row: ``numpy.asarray(table)``.

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
    """

    cdef Walk walk
    cdef Status code
    cdef Py_ssize_t[1] shape
    cdef Py_ssize_t[1] strides

    def __cinit__(self):
        self.walk.rows = NULL

    def __dealloc__(self):
        free(self.walk.rows)

    def __len__(self):
        return <Py_ssize_t>self.walk.count

    @property
    def status(self):
        return STATUS_NAMES[<int>self.code]

    @property
    def end(self):
        return self.walk.position

    def __getitem__(self, Py_ssize_t index):
        if index < 0:
            index += <Py_ssize_t>self.walk.count
        if index < 0 or index >= <Py_ssize_t>self.walk.count:
            raise IndexError("row out of range")
        cdef Row* row = self.walk.rows + index
        return row.tag, vr_name(row.vr), row.offset, row.length, row.depth, row.flags

    def find(self, uint32_t tag):
        """Row of the first top-level element with this tag, as ``table[i]`` gives it, or None."""
        cdef uint64_t low = 0, high = self.walk.count, middle
        cdef Row* row
        if self.walk.ascending:
            while low < high:
                middle = (low + high) >> 1
                if self.walk.rows[middle].tag < tag:
                    low = middle + 1
                else:
                    high = middle
        else:
            while low < high and (self.walk.rows[low].tag != tag or self.walk.rows[low].depth):
                low += 1
        if low == self.walk.count or self.walk.rows[low].tag != tag:
            return None
        row = self.walk.rows + low
        return tag, vr_name(row.vr), row.offset, row.length, row.depth, row.flags

    def __getbuffer__(self, Py_buffer* view, int flags):
        if flags & PyBUF_WRITABLE:
            raise BufferError("a Table is read-only")
        self.shape[0] = <Py_ssize_t>self.walk.count
        self.strides[0] = sizeof(Row)
        view.buf = self.walk.rows
        view.obj = self
        view.len = <Py_ssize_t>(self.walk.count * sizeof(Row))
        view.itemsize = sizeof(Row)
        view.readonly = 1
        view.ndim = 1
        view.format = ROW_FORMAT if flags & PyBUF_FORMAT else NULL
        view.shape = self.shape if flags & PyBUF_ND else NULL
        view.strides = self.strides if flags & PyBUF_STRIDES == PyBUF_STRIDES else NULL
        view.suboffsets = NULL
        view.internal = NULL

    def __releasebuffer__(self, Py_buffer* view):
        pass


cdef tuple STATUS_NAMES = ("complete", "stop", "fragments", "more", "truncated")


def scan(
    object data not None, uint64_t start=0, stop=None, *, whole=None, bint explicit=True, bint big=False,
    bint items=False, bint nested=False, bint fragments=False, uint32_t stop_tag=0xFFFFFFFF,
    uint64_t max_elements=DEFAULT_MAX_ELEMENTS, int max_depth=DEFAULT_MAX_DEPTH,
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
        Stop before the first top-level element with this tag or a higher one.
    max_elements, max_depth : int
        Caps on the elements and items looked at, and on their nesting (255 at most).

    Raises
    ------
    ParseError, LimitError
        The bytes are no data elements, or a cap was reached; with tag and offset.

    Notes
    -----
    PS3.5 Section 7; encapsulated pixel data Annex A.4; UN of undefined length Section 6.2.2 note 2. Elements in
    the wrong VR mode for the data set are read by what their bytes say. Rows hold 32-bit offsets: a scan stops at
    4 GiB with LimitError.
    """
    cdef:
        Source source
        Level top
        uint64_t size
        Py_buffer buffer
        Table table = Table.__new__(Table)
        Walk* walk = &table.walk
        Status status

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
            raise OptionError(f"start {start}, stop {size}, whole {source.whole}, max_depth {max_depth} do not fit")
        top.start, top.end, top.reach, top.row = start, source.whole, size, 0
        top.kind = SEQUENCE if items else DATASET
        top.delimited, top.recorded, top.explicit, top.big = False, True, explicit, big
        if not resize(walk, FIRST_CAPACITY):
            raise MemoryError
        with nogil:
            status = walk_elements(&source, top, stop_tag, nested, fragments, max_elements, max_depth, walk)
            settle(&source, status, walk)
        if status == NO_MEMORY:
            raise MemoryError
        if status >= BAD_VR:
            error, message = MESSAGES[status]
            tag = load_tag(source.data + walk.at, big) if has(walk.at, 4, size) else None
            raise error(message, offset=walk.at, tag=tag)
    finally:
        PyBuffer_Release(&buffer)
    table.code = status
    if walk.count < walk.capacity:
        resize(walk, walk.count or 1)       # tables live as long as their data sets
    return table
