# The walk over data elements that the kernels share (PS3.5 Section 7).
#
# One pass, no recursion and no Python object: the walker looks at tags, VRs and lengths only; a defined
# length is stepped over, an undefined one is followed to its delimiter with an explicit stack.
#
# An element's header, by its encoding (PS3.5 Section 7.1):
#
#     explicit VR, short   group(2) element(2) VR(2) length(2)
#     explicit VR, long    group(2) element(2) VR(2) reserved(2) length(4)
#     implicit VR, items   group(2) element(2) length(4)

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from cursor cimport has, load16, load32, load_tag

cdef extern from "vr.h":
    enum:
        LAST_SHORT_VR "HOUNSFIELD_LAST_SHORT"
    uint32_t hounsfield_vr(uint8_t first, uint8_t second) noexcept nogil

cdef extern from "packed.h":
    enum:
        IMPLICIT_KIND "HOUNSFIELD_IMPLICIT"
        FLAG_UNDEFINED "HOUNSFIELD_FLAG_UNDEFINED"
        FLAG_IMPLICIT "HOUNSFIELD_FLAG_IMPLICIT"
        FLAG_CUT "HOUNSFIELD_FLAG_CUT"
        FLAG_UN_SEQUENCE "HOUNSFIELD_FLAG_UN_SEQUENCE"
    ctypedef struct RowKind "hounsfield_kind":
        uint16_t vr
        uint8_t flags
        uint8_t header
        uint8_t delimiter
    const RowKind* KINDS "hounsfield_kinds"
    uint32_t hounsfield_kind_of(uint16_t vr, uint8_t flags) noexcept nogil

cdef enum:
    UNDEFINED = 0xFFFFFFFF
    ITEM = 0xFFFEE000
    ITEM_DELIMITER = 0xFFFEE00D
    SEQUENCE_DELIMITER = 0xFFFEE0DD
    PIXEL_DATA = 0x7FE00010
    DEEPEST = 255
    SCRATCH_ROWS = 320
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

cdef packed struct Row:
    uint32_t tag
    uint32_t offset
    uint32_t length
    uint16_t vr
    uint8_t depth
    uint8_t flags

cdef struct PackedRow:      # see packed.h
    uint32_t tag
    uint32_t place          # offset << KIND_BITS | kind

cdef enum:
    KIND_BITS = 6
    KIND_MASK = (1 << KIND_BITS) - 1
    PACKED_END = 1 << (32 - KIND_BITS)

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
    PackedRow* packed   # the same rows
    bint packs          # whether every row could be packed
    void* block         # which holds both, when there are more than the scratch has room for
    uint64_t count
    uint64_t capacity
    uint64_t top        # rows before the top-level element in hand
    uint64_t position   # of that element, or of what follows the last one
    uint64_t at         # of the last header looked at
    bint ascending      # whether a tag can be found by bisection

cdef struct Scratch:
    PackedRow[SCRATCH_ROWS] packed
    Row[SCRATCH_ROWS] rows

cdef inline int vr_form(const uint8_t* at) noexcept nogil:
    """1 for a VR with a 16-bit length, 2 for one with a 32-bit length, 0 for what is no VR."""
    cdef uint32_t number = hounsfield_vr(at[0], at[1])
    return 0 if number == 0 else 1 if number <= LAST_SHORT_VR else 2


cdef inline void begin(Walk* walk, Scratch* scratch) noexcept nogil:
    """Make ready for a walk, which lives no longer than `scratch`; the caller frees walk.block at its end."""
    walk.packed, walk.rows, walk.capacity = scratch.packed, scratch.rows, SCRATCH_ROWS
    walk.block = NULL
    walk.count = 0
    walk.packs = True


cdef inline bint resize(Walk* walk, uint64_t capacity) noexcept nogil:
    cdef PackedRow* packed = <PackedRow*>malloc(capacity * (sizeof(PackedRow) + sizeof(Row)))
    cdef Row* rows = <Row*>(packed + capacity)
    if packed == NULL:
        return False
    memcpy(packed, walk.packed, walk.count * sizeof(PackedRow))
    memcpy(rows, walk.rows, walk.count * sizeof(Row))
    free(walk.block)
    walk.block = walk.packed = packed
    walk.rows, walk.capacity = rows, capacity
    return True


cdef inline Row* add_row(Walk* walk) noexcept nogil:
    if walk.count == walk.capacity and not resize(walk, walk.capacity * 2):
        return NULL
    walk.count += 1
    return walk.rows + (walk.count - 1)


cdef inline void pack_last(Walk* walk) noexcept nogil:
    """Pack the last row, if it can be."""
    cdef const Row* row = walk.rows + (walk.count - 1)
    cdef PackedRow* packed = walk.packed + (walk.count - 1)
    cdef uint32_t kind
    if walk.packs:
        kind = hounsfield_kind_of(row.vr, row.flags)
        packed.tag = row.tag
        packed.place = row.offset << KIND_BITS | kind
        walk.packs = kind != 0 and row.offset < PACKED_END


cdef inline bint fits(uint64_t value, uint32_t length, uint64_t end) noexcept nogil:
    return length == UNDEFINED or has(value, length, end)


cdef inline bint leads_to_element(
    const Source* source, const Level* level, const Header* header
) noexcept nogil:
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
        return False
    at = source.data + next_at
    tag = load_tag(at, level.big)
    if tag >> 16 == 0xFFFE:
        return tag == ITEM if header.length == UNDEFINED else level.delimited and tag == ITEM_DELIMITER
    return header.length != UNDEFINED and tag > header.tag and (
        vr_form(at + 4) != 0 or fits(next_at + 8, load32(at + 4, level.big), level.end))


cdef inline bint leads_near(const Source* source, const Level* level, const Header* header) noexcept nogil:
    """Whether that can be told only by bytes which are not at hand, but not far away."""
    cdef uint64_t next_at = header.value + header.length
    return (header.length < 0x10000 and source.size < source.whole and next_at < level.end
            and not has(next_at, 8, source.size))


cdef inline Status read_header(
    const Source* source, const Level* level, uint64_t position, Header* header
) noexcept nogil:
    """Read the header of the element or item at `position`; a whole one, or a status that says why not."""
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
    if (form != 0) != level.explicit:
        if leads_near(source, level, header):
            return MORE
        if leads_to_element(source, level, header):
            header.flags = FLAG_IMPLICIT
            return COMPLETE
    elif form == 0:
        header.flags = FLAG_IMPLICIT
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


cdef inline uint64_t walk_run(
    const uint8_t* data, uint64_t position, uint64_t reach, uint32_t before, uint32_t last_wanted,
    uint64_t most, bint explicit, Walk* walk,
) noexcept nogil:
    """Walk a run of the commonest elements, and stop before the first that is of another kind.

    Those of little endian and of the data set's VR mode, of defined length and all at hand, with rising tags.
    Most headers are nothing else, and this takes two thirds of the time that the walk of everything does.
    """
    cdef:
        Row* row = walk.rows + walk.count
        PackedRow* packed = walk.packed + walk.count
        Row* end = row + min(most, walk.capacity - walk.count)
        uint32_t tag, length, number
        uint64_t value
        const uint8_t* at
    while row < end and has(position, 12, reach):
        at = data + position
        tag = load_tag(at, False)
        if tag <= before or tag >= last_wanted or tag >> 16 == 0xFFFE:
            break
        number = hounsfield_vr(at[4], at[5])
        if (number != 0) != explicit:
            break
        if not explicit:
            number = IMPLICIT_KIND
            length = load32(at + 4, False)
            value = position + 8
        elif number <= LAST_SHORT_VR:
            length = load16(at + 6, False)
            value = position + 8
        else:
            length = load32(at + 8, False)
            value = position + 12
        if length > reach - value or length == UNDEFINED or value >= PACKED_END:
            break
        row.tag = before = tag
        row.offset = <uint32_t>value
        row.length = length
        row.vr = at[4] | <uint16_t>at[5] << 8 if explicit else 0
        row.depth = 0
        row.flags = 0 if explicit else FLAG_IMPLICIT
        row += 1
        packed.tag = tag
        packed.place = <uint32_t>value << KIND_BITS | number
        packed += 1
        position = value + length
    walk.count = row - walk.rows
    return position


cdef inline Status walk_elements(
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
        uint64_t position = top.start, value, reach = top.reach, visited = 0, count, run_most
        uint32_t tag, length, last = 0, run_end
        uint32_t last_wanted = stop_tag - 1 if stop_tag > 1 else UNDEFINED
        uint16_t vr
        uint8_t flags
        bint explicit = top.explicit, big = top.big, record, opens
        Row* row = NULL
        Kind kind
        Status status

    level[0] = top
    walk.ascending = walk.packs = not nested
    while True:
        if depth == 0:
            if not big and walk.ascending and level.kind == DATASET:
                count = walk.count
                run_end = min(last_wanted, stop_tag)
                run_most = max_elements - visited
                # two calls, for the compiler to make two loops of
                if explicit:
                    position = walk_run(data, position, reach, last, run_end, run_most, True, walk)
                else:
                    position = walk_run(data, position, reach, last, run_end, run_most, False, walk)
                if walk.count > count:
                    visited += walk.count - count
                    last = walk.rows[walk.count - 1].tag
            walk.position = position
            walk.top = walk.count
            if position == top.end:
                return COMPLETE
            if last >= last_wanted:
                return STOP_TAG
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
            header.tag = ITEM       # which stops nothing, until there is a tag
            status = read_header(source, level, position, &header)
            if depth == 0 and level.kind == DATASET and header.tag >= stop_tag and header.tag >> 16 != 0xFFFE:
                return STOP_TAG     # what stands behind need not be elements of this kind, or elements at all
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
            if depth == 0 or nested:
                walk.ascending = False
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
            walk.ascending = False

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
            pack_last(walk)

        if length == UNDEFINED:
            if kind == PIXELS and tag == PIXEL_DATA and depth == 0 and not fragments:
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


cdef inline void settle(const Source* source, Status status, Walk* walk) noexcept nogil:
    """Leave whole rows only, and of an element that the end of the source cuts what is there."""
    cdef Row* row
    if status == MORE:
        walk.count = walk.top
    elif status == TRUNCATED and walk.count > walk.top:
        walk.count = walk.top + 1
        row = walk.rows + walk.top
        row.flags |= FLAG_CUT
        walk.packs = False
        row.length = <uint32_t>(source.whole - row.offset)
