"""Reads the heads of many files, and gathers their values for the columns of a table, as Arrow lays them out.

Without the GIL, and without a Python object for any value. It takes files and values as nearly all are; what
is left is for `hounsfield.read`, which decodes all of it to the same.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memset, strlen

from cursor cimport has, load16, load_tag
from walk cimport (
    COMPLETE, DATASET, DEEPEST, FLAG_IMPLICIT, FRAGMENTS, Level, MORE, Row, STOP_TAG, Scratch, Source,
    Status, Walk, begin, walk_elements,
)

from hounsfield._kernels.scan cimport HEAD_BYTES, Head, read_and_walk

cdef extern from "Python.h":
    bytes PyUnicode_EncodeFSDefault(object text)

cdef extern from "apart.h":
    void hounsfield_apart(void (*work)(void*) noexcept nogil, void* argument) noexcept nogil

cdef extern from "values.h":
    bint hounsfield_is_plain_text(const uint8_t* text, size_t size) noexcept nogil
    bint hounsfield_decimal(const uint8_t* text, size_t size, double* number) noexcept nogil
    bint hounsfield_integer(const uint8_t* text, size_t size, int64_t* number) noexcept nogil
    bint hounsfield_is_time(const uint8_t* text, size_t size) noexcept nogil
    int hounsfield_pair(const uint8_t* text) noexcept nogil

cdef extern from "text.h":
    bint hounsfield_is_text(const uint8_t* text, size_t size) noexcept nogil
    bint hounsfield_is_utf8(const uint8_t* text, size_t size) noexcept nogil
    size_t hounsfield_latin1_to_utf8(const uint8_t* text, size_t size, uint8_t* out) noexcept nogil
    bint hounsfield_days(const uint8_t* text, size_t size, int32_t* days) noexcept nogil

from hounsfield.errors import OptionError

__all__ = ["UNUSUAL", "gather"]

cdef enum:
    PIXEL_REPRESENTATION = 0x00280103
    CHARACTER_SET = 0x00080005
    COLUMNS = 4096
    LONGEST_HEADER = 12     # bytes of an element before its value
    MOST_BEYOND = 1 << 16   # elements within the one behind those that are wanted
    FATE_UNUSUAL = -1
    VR_SS = 0x5353          # the two letters, first in the low byte
    VR_US = 0x5355

UNUSUAL = FATE_UNUSUAL

# What a column is made of.
cdef enum Form:
    ELSEWHERE       # nothing that is told here: only whether the element is there
    TEXT
    INTEGER         # written as text
    DECIMAL
    DATE
    TIME
    NUMBER          # binary
    EITHER_SHORT    # unsigned or signed, 16 bits; int32 here

# How the pieces of a text are trimmed, whose end is trimmed of spaces and null bytes before.
cdef enum Trim:
    AS_ONE = 1      # a backslash parts nothing
    PIECES = 2      # spaces and null bytes at the end of each
    BEGINNINGS = 4  # and at their beginnings
    EQUALS = 8      # the equals signs at the end of each: empty groups of names
    IN_SETS = 16    # Specific Character Set applies

cdef enum CharacterSet:
    ASCII
    LATIN1
    UTF8

cdef enum Outcome:      # of putting a value into a column
    DONE
    EMPTY
    LEFT            # for others to decode
    NO_ROOM

cdef struct Arena:
    uint8_t* at
    size_t size
    size_t capacity

cdef struct Piece:
    const uint8_t* at
    size_t size

cdef struct Column:
    uint32_t tag
    uint32_t last       # the same, or of a range of tags, any of which will do
    uint16_t vr
    Form form
    int trim
    size_t width        # bytes of a number
    bint several
    uint8_t* present    # a bit for each row
    uint64_t nulls
    Arena rows          # int32: where each row begins, in items if several, else in bytes
    Arena items         # int32: where each text of several begins, in bytes
    Arena data

cdef struct Left:
    int32_t row
    int32_t column


cdef inline bint reserve(Arena* arena, size_t more) noexcept nogil:
    cdef size_t capacity
    cdef void* grown
    if arena.capacity - arena.size >= more:
        return True
    capacity = 2 * arena.capacity + more + 256
    grown = realloc(arena.at, capacity)
    if grown == NULL:
        return False
    arena.at, arena.capacity = <uint8_t*>grown, capacity
    return True


cdef inline bint append(Arena* arena, const void* what, size_t size) noexcept nogil:
    if not reserve(arena, size):
        return False
    if size:
        memcpy(arena.at + arena.size, what, size)
    arena.size += size
    return True


cdef inline bint append_place(Arena* arena, size_t place) noexcept nogil:
    cdef int32_t value = <int32_t>place
    return append(arena, &value, 4)


cdef inline bint is_blank(uint8_t character) noexcept nogil:
    return character == 32 or character == 0


cdef inline Piece trimmed(Piece piece, int trim) noexcept nogil:
    if trim & PIECES:
        while piece.size and is_blank(piece.at[piece.size - 1]):
            piece.size -= 1
    if trim & BEGINNINGS:
        while piece.size and is_blank(piece.at[0]):
            piece.at += 1
            piece.size -= 1
    if trim & EQUALS:
        while piece.size and piece.at[piece.size - 1] == c"=":
            piece.size -= 1
    return piece


cdef inline bint next_piece(Piece* rest, Piece* piece) noexcept nogil:
    """Take off what stands before the next backslash; whether there was one."""
    cdef const uint8_t* found = <const uint8_t*>memchr(rest.at, c"\\", rest.size) if rest.size else NULL
    piece[0] = rest[0]
    if found == NULL:
        return False
    piece.size = <size_t>(found - rest.at)
    rest.at = found + 1
    rest.size -= piece.size + 1
    return True


cdef inline size_t put_piece(uint8_t* out, Piece piece, bint recode) noexcept nogil:
    if recode:
        return hounsfield_latin1_to_utf8(piece.at, piece.size, out)
    if piece.size:
        memcpy(out, piece.at, piece.size)
    return piece.size


cdef inline Outcome put_text(Column* column, Piece rest, CharacterSet characters) noexcept nogil:
    cdef Piece piece
    cdef Arena* data = &column.data
    cdef bint more = True, recode = False
    cdef size_t start = data.size, pieces = 0
    if not hounsfield_is_plain_text(rest.at, rest.size):
        if not column.trim & IN_SETS or characters == ASCII or not hounsfield_is_text(rest.at, rest.size):
            return LEFT
        recode = characters == LATIN1
        if not recode and not hounsfield_is_utf8(rest.at, rest.size):
            return LEFT
    rest = trimmed(rest, PIECES | column.trim & BEGINNINGS)
    if rest.size == 0:
        return EMPTY
    if not reserve(data, 2 * rest.size):
        return NO_ROOM
    while more:
        if column.trim & AS_ONE:
            piece, more = rest, False
        else:
            more = next_piece(&rest, &piece)
        data.size += put_piece(data.at + data.size, trimmed(piece, column.trim), recode)
        pieces += 1
        if column.several:
            if not append_place(&column.items, data.size):
                return NO_ROOM
        elif more:
            data.at[data.size] = c"\\"
            data.size += 1
    if data.size == start and pieces == 1:
        if column.several:
            column.items.size -= sizeof(int32_t)
        return EMPTY
    return DONE


cdef inline bint read_time(Piece piece, int64_t* time) noexcept nogil:
    """Microseconds since midnight; a leap second is for others."""
    cdef int64_t total, scale = 100000
    cdef size_t at
    if not hounsfield_is_time(piece.at, piece.size):
        return False
    total = hounsfield_pair(piece.at) * 3600
    if piece.size >= 4:
        total += hounsfield_pair(piece.at + 2) * 60
    if piece.size >= 6:
        if hounsfield_pair(piece.at + 4) > 59:
            return False
        total += hounsfield_pair(piece.at + 4)
    total *= 1000000
    for at in range(7, piece.size):
        total += (piece.at[at] - c"0") * scale
        scale //= 10
    time[0] = total
    return True


cdef inline bint put_value(Column* column, Piece piece) noexcept nogil:
    """Read a number, date or time, which is written as text, to the end of the column, which has room."""
    cdef uint8_t* out = column.data.at + column.data.size
    cdef int64_t whole = 0
    cdef int32_t days = 0
    cdef double number = 0
    if column.form == DATE:
        if not hounsfield_days(piece.at, piece.size, &days):
            return False
        memcpy(out, &days, 4)
    elif column.form == DECIMAL:
        if not hounsfield_decimal(piece.at, piece.size, &number):
            return False
        memcpy(out, &number, 8)
    else:
        if column.form == TIME:
            if not read_time(piece, &whole):
                return False
        elif not hounsfield_integer(piece.at, piece.size, &whole):
            return False
        memcpy(out, &whole, 8)
    column.data.size += column.width
    return True


cdef inline Outcome put_values(Column* column, Piece rest) noexcept nogil:
    cdef Piece piece
    cdef bint more = True
    cdef size_t start = column.data.size
    rest = trimmed(rest, PIECES if column.form == DATE or column.form == TIME else PIECES | BEGINNINGS)
    if rest.size == 0:
        return EMPTY
    if not reserve(&column.data, (rest.size + 1) * column.width):
        return NO_ROOM
    while more:
        more = next_piece(&rest, &piece)
        # Spaces stand around a number, dates and times have them behind: see `elements.values`.
        if column.form == INTEGER or column.form == DECIMAL:
            while piece.size and piece.at[piece.size - 1] == 32:
                piece.size -= 1
            while piece.size and piece.at[0] == 32:
                piece.at += 1
                piece.size -= 1
        else:
            piece = trimmed(piece, PIECES)
        if more and not column.several or not put_value(column, piece):
            column.data.size = start
            return LEFT
    return DONE


cdef inline Outcome put_numbers(Column* column, Piece rest, uint16_t vr) noexcept nogil:
    cdef size_t at, size = 2 if column.form == EITHER_SHORT else column.width
    cdef int32_t value
    if rest.size == 0:
        return EMPTY
    if rest.size % size or rest.size != size and not column.several:
        return LEFT
    if column.form == NUMBER:
        return DONE if append(&column.data, rest.at, rest.size) else NO_ROOM
    for at in range(0, rest.size, 2):
        value = load16(rest.at + at, False)
        if vr == VR_SS:
            value = <int16_t>value
        if not append(&column.data, &value, 4):
            return NO_ROOM
    return DONE


cdef CharacterSet character_set(const uint8_t* data, const Row* row) noexcept nogil:
    """Which of those that are read here Specific Character Set says; ASCII for any other."""
    cdef Piece term
    term.at, term.size = data + row.offset, row.length
    term = trimmed(term, PIECES)
    if term.size == 10 and memcmp(term.at, b"ISO_IR 100", 10) == 0:
        return LATIN1
    if term.size == 10 and memcmp(term.at, b"ISO_IR 192", 10) == 0:
        return UTF8
    return ASCII


cdef inline uint16_t short_vr(const uint8_t* data, const Walk* walk) noexcept nogil:
    """The VR, in implicit VR, of what is US or SS; 0 where that is not plain to see."""
    cdef const Row* row = walk.rows
    cdef const Row* end = row + walk.count
    while row < end and row.tag < PIXEL_REPRESENTATION:
        row += 1
    if row == end or row.tag != PIXEL_REPRESENTATION:
        return VR_US
    if row.length != 2 or row.flags & ~FLAG_IMPLICIT:
        return 0
    return VR_SS if load16(data + row.offset, False) else VR_US


cdef inline Outcome put(
    Column* column, const uint8_t* data, const Row* row, const Walk* walk, CharacterSet characters
) noexcept nogil:
    cdef uint16_t vr = row.vr
    cdef Piece raw
    raw.at, raw.size = data + row.offset, row.length
    if column.form == EITHER_SHORT:
        if vr == 0:
            vr = short_vr(data, walk)
        return put_numbers(column, raw, vr) if vr == VR_US or vr == VR_SS else LEFT
    if vr != column.vr and vr != 0:
        return LEFT
    if column.form == NUMBER:
        return put_numbers(column, raw, vr)
    if column.form == TEXT:
        return put_text(column, raw, characters)
    return LEFT if column.form == ELSEWHERE else put_values(column, raw)


cdef inline bint end_row(Column* column, int32_t row, Outcome outcome) noexcept nogil:
    """Note where the row ends, and whether it has a value."""
    if outcome == DONE:
        column.present[row >> 3] |= <uint8_t>(1 << (row & 7))
    else:
        column.nulls += 1
    if column.several:
        if column.form == TEXT:
            return append_place(&column.rows, column.items.size // sizeof(int32_t) - 1)
        return append_place(&column.rows, column.data.size // column.width)
    if column.form == TEXT:
        return append_place(&column.rows, column.data.size)
    if outcome != DONE and column.width:
        if not reserve(&column.data, column.width):
            return False
        memset(column.data.at + column.data.size, 0, column.width)
        column.data.size += column.width
    return True


cdef bint take_values(
    Column* columns, int32_t count, int32_t number, const uint8_t* data, const Head* head, const Walk* walk,
    Arena* left,
) noexcept nogil:
    """Put a file's values behind those of the columns, which are in the order of their tags."""
    cdef:
        const Row* row = walk.rows
        const Row* end = row + walk.count
        CharacterSet characters = ASCII
        Left one
        Outcome outcome
        int32_t index
    one.row = number
    for index in range(count):
        while row < end and row.tag < columns[index].tag:
            if row.tag == CHARACTER_SET and row.flags == row.flags & FLAG_IMPLICIT:
                if has(row.offset, row.length, head.file.got):
                    characters = character_set(data, row)
            row += 1
        if row == end or row.tag > columns[index].last:
            outcome = EMPTY
        elif row.flags & ~FLAG_IMPLICIT or not has(row.offset, row.length, head.file.got):
            outcome = LEFT
        else:
            outcome = put(columns + index, data, row, walk, characters)
        if outcome == LEFT:
            one.column = index
            if not append(left, &one, sizeof(Left)):
                return False
        if outcome == NO_ROOM or not end_row(columns + index, number, outcome):
            return False
    return True


# The files of a call, and what comes of them.
cdef struct Files:
    const char** names
    int32_t count
    uint32_t stop_tag
    int32_t columns_count
    Column* columns         # in the order of their tags
    Column* syntaxes
    int32_t* fates
    int64_t* sizes
    int64_t* times
    Arena left
    bint is_done


cdef bint stops_well(const uint8_t* data, const Head* head, const Walk* walk, Walk* beyond) noexcept nogil:
    """Whether the walk ended where a tag is beyond those that are wanted, and not where one is wrong.

    There must be a whole element with a higher tag than what is before it, and then a higher one, as far as
    they are at hand.
    """
    cdef Source source
    cdef Level top
    cdef Status status
    cdef uint32_t tag, after
    if head.status != STOP_TAG or not has(walk.position, LONGEST_HEADER, head.file.got):
        return True
    tag = load_tag(data + walk.position, False)
    if walk.count and tag <= walk.rows[walk.count - 1].tag:
        return False
    source.data, source.size, source.whole = data, head.file.got, head.file.size
    top.start, top.end, top.reach, top.row = walk.position, source.whole, source.size, 0
    top.kind, top.delimited, top.recorded, top.explicit, top.big = DATASET, False, True, head.explicit, False
    beyond.count = 0
    status = walk_elements(&source, top, tag + 1, False, False, MOST_BEYOND, DEEPEST, beyond)
    if status != STOP_TAG or not has(beyond.position, 4, source.size):
        return status == STOP_TAG or status == COMPLETE or status == MORE or status == FRAGMENTS
    after = load_tag(data + beyond.position, False)
    return after > tag and after >> 16 != 0xFFFE


cdef void gather_files(void* given) noexcept nogil:
    cdef:
        Files* files = <Files*>given
        uint8_t[HEAD_BYTES] data
        Head head
        Walk walk, beyond
        Scratch scratch, scratch_beyond
        Piece uid
        int32_t number, index
        int error
        bint is_done = True
        Outcome outcome
    begin(&walk, &scratch)
    begin(&beyond, &scratch_beyond)
    for number in range(files.count):
        files.fates[number] = FATE_UNUSUAL
        outcome = EMPTY
        if files.names[number] != NULL:
            memset(&head, 0, sizeof(head))
            error = read_and_walk(files.names[number], data, files.stop_tag, &head, &walk)
            if error:
                files.fates[number] = error
            else:
                files.sizes[number] = <int64_t>head.file.size
                files.times[number] = head.file.changed_us
                if head.plain and walk.ascending and stops_well(data, &head, &walk, &beyond):
                    uid.at, uid.size = data + head.syntax, head.syntax_length
                    outcome = put_text(files.syntaxes, uid, ASCII)
        if outcome == NO_ROOM or not end_row(files.syntaxes, number, outcome):
            is_done = False
        elif outcome == DONE:
            files.fates[number] = 0
            is_done = take_values(
                files.columns, files.columns_count, number, data, &head, &walk, &files.left
            )
        else:
            for index in range(files.columns_count):
                is_done = is_done and end_row(files.columns + index, number, EMPTY)
        if not is_done:
            break
    free(walk.block)
    free(beyond.block)
    files.is_done = is_done


# By the VR of a column's values, what it is made of, how texts are trimmed, and bytes of a number.
cdef dict FORMS = {
    "AE": (TEXT, PIECES | BEGINNINGS, 0),
    "AS": (TEXT, 0, 0),
    "CS": (TEXT, 0, 0),
    "DA": (DATE, 0, 4),
    "DS": (DECIMAL, 0, 8),
    "FD": (NUMBER, 0, 8),
    "FL": (NUMBER, 0, 4),
    "IS": (INTEGER, 0, 8),
    "LO": (TEXT, PIECES | IN_SETS, 0),
    "LT": (TEXT, AS_ONE | IN_SETS, 0),
    "PN": (TEXT, EQUALS | IN_SETS, 0),
    "SH": (TEXT, PIECES | IN_SETS, 0),
    "SL": (NUMBER, 0, 4),
    "SS": (NUMBER, 0, 2),
    "ST": (TEXT, AS_ONE | IN_SETS, 0),
    "SV": (NUMBER, 0, 8),
    "TM": (TIME, 0, 8),
    "UC": (TEXT, PIECES | IN_SETS, 0),
    "UI": (TEXT, PIECES | BEGINNINGS, 0),
    "UL": (NUMBER, 0, 4),
    "UR": (TEXT, AS_ONE, 0),
    "US": (NUMBER, 0, 2),
    "US or SS": (EITHER_SHORT, 0, 4),
    "UT": (TEXT, AS_ONE | IN_SETS, 0),
    "UV": (NUMBER, 0, 8),
}


cdef int describe(Column* column, uint32_t tag, str vr, bint several) except -1:
    """Say what a column is made of, by the VR of its values."""
    form, column.trim, column.width = FORMS.get(vr, (ELSEWHERE, 0, 0))
    column.form = <Form><int>form
    column.tag, column.several = tag, several and column.form != ELSEWHERE
    column.last = tag | 0xFF if vr == "creator" else tag
    column.vr = <uint16_t>(ord(vr[0]) | ord(vr[1]) << 8) if len(vr) == 2 else 0
    return 0


cdef bint begin_column(Column* column, size_t rows) noexcept:
    column.present = <uint8_t*>calloc((rows + 7) // 8 + 1, 1)
    if column.present == NULL:
        return False
    if (column.several or column.form == TEXT) and not append_place(&column.rows, 0):
        return False
    return not (column.several and column.form == TEXT) or append_place(&column.items, 0)


cdef void end_column(Column* column) noexcept:
    free(column.present)
    free(column.rows.at)
    free(column.items.at)
    free(column.data.at)


cdef object as_bytes(const void* at, size_t size):
    return PyBytes_FromStringAndSize(<const char*>at, <Py_ssize_t>size) if size else b""


cdef object column_as_bytes(const Column* column, Py_ssize_t rows):
    if column.form == ELSEWHERE or column.nulls == <uint64_t>rows:
        return None
    return (
        column.nulls,
        as_bytes(column.present, <size_t>(rows + 7) // 8) if column.nulls else None,
        as_bytes(column.rows.at, column.rows.size),
        as_bytes(column.items.at, column.items.size),
        as_bytes(column.data.at, column.data.size),
    )


def gather(list paths not None, list columns not None, uint32_t stop_tag, bint apart=False):
    """Read the heads of files, and give the values of some elements, column by column.

    Parameters
    ----------
    paths : list of str or None
        None is UNUSUAL.
    columns : list of (int, str, bool)
        Of each, in the order of the tags: tag, VR ("US or SS" is one, too), and whether rows have lists of
        values. Of VRs that are not read here, and of "", only whether the element is there is told; of
        "creator", whether this one is or any to the 256th of its group.
    stop_tag : int
        Higher than all of these; nothing is looked at from this tag on.
    apart : bool
        Whether other threads do the same now: files are opened by a thread with descriptors of its own.

    Returns
    -------
    fates : list of int
        Of each file 0, an errno, or UNUSUAL: `hounsfield.read` tells what it is. All but 0 have null rows.
    sizes, times : bytes
        int64: bytes of each file, and when it was last changed, in microseconds; -1 where unknown.
    left : list of (int, int)
        Row and number of the column of each value that is there, and is not read here, and is null.
    columns : list
        For each column, and before them for the transfer syntax, None if all of it is null, or buffers as
        Arrow has them: how many are null; a bit for each row, or None; where each row begins; where each text
        of several begins; and the values. Texts are UTF-8, several in one parted by backslashes; IS int64,
        DS float64, DA days (int32), TM microseconds (int64), numbers as their VR, "US or SS" int32.

    Raises
    ------
    MemoryError

    Notes
    -----
    PS3.5 Section 6.2. Values are what `hounsfield.elements.values` makes of them; an empty one is null.
    """
    cdef:
        Py_ssize_t number, lefts, count = len(paths), width = len(columns)
        list encoded = []
        Files files
        Column* all_columns = NULL
        Left* found
    if count > 1 << 20 or width > COLUMNS:
        raise OptionError(f"{count} files and {width} columns are too many at once")
    memset(&files, 0, sizeof(files))
    files.count, files.columns_count, files.stop_tag = <int32_t>count, <int32_t>width, stop_tag
    try:
        files.names = <const char**>calloc(count + 1, sizeof(char*))
        files.fates = <int32_t*>calloc(count + 1, sizeof(int32_t))
        files.sizes = <int64_t*>malloc(2 * (count + 1) * sizeof(int64_t))
        all_columns = <Column*>calloc(width + 1, sizeof(Column))
        if files.names == NULL or files.fates == NULL or files.sizes == NULL or all_columns == NULL:
            raise MemoryError
        memset(files.sizes, 0xFF, 2 * count * sizeof(int64_t))
        files.times, files.syntaxes, files.columns = files.sizes + count, all_columns, all_columns + 1
        describe(all_columns, 0, "UI", False)
        for number, (tag, vr, several) in enumerate(columns, 1):
            describe(all_columns + number, tag, vr, several)
        for number in range(width + 1):
            if not begin_column(all_columns + number, count):
                raise MemoryError
        for number, path in enumerate(paths):
            if path is None:
                continue
            try:
                name = PyUnicode_EncodeFSDefault(path)
            except UnicodeEncodeError:
                continue
            if strlen(PyBytes_AS_STRING(name)) == <size_t>PyBytes_GET_SIZE(name):
                encoded.append(name)
                files.names[number] = PyBytes_AS_STRING(name)
        with nogil:
            if apart:
                hounsfield_apart(gather_files, &files)
            else:
                gather_files(&files)
        if not files.is_done:
            raise MemoryError
        found = <Left*>files.left.at
        lefts = <Py_ssize_t>(files.left.size // sizeof(Left))
        return (
            [files.fates[number] for number in range(count)],
            as_bytes(files.sizes, count * sizeof(int64_t)),
            as_bytes(files.times, count * sizeof(int64_t)),
            [(found[number].row, found[number].column) for number in range(lefts)],
            [column_as_bytes(all_columns + number, count) for number in range(width + 1)],
        )
    finally:
        if all_columns != NULL:
            for number in range(width + 1):
                end_column(all_columns + number)
        free(all_columns)
        free(files.names)
        free(files.fates)
        free(files.sizes)
        free(files.left.at)
