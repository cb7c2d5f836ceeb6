# What other kernels may cimport of ext/scan.pyx.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from walk cimport PackedRow, Row, Status, Walk

cdef extern from "file.h":
    ctypedef struct hounsfield_file:
        int descriptor
        size_t got
        uint64_t size
        uint64_t inode
        int64_t changed_us
        bint regular
    int hounsfield_read(hounsfield_file* file, uint8_t* out, uint64_t offset, size_t wanted) noexcept nogil
    bint hounsfield_is_same(const hounsfield_file* file) noexcept nogil
    void hounsfield_close(hounsfield_file* file) noexcept nogil

cdef enum:
    HEAD_BYTES = 65536
    DELIMITER_BYTES = 8


cdef class Table:
    cdef Row* rows              # at least one of these is NULL
    cdef PackedRow* packed
    cdef uint64_t count
    cdef uint64_t stopped       # where the walk ended
    cdef uint32_t last_length   # of the last packed row
    cdef Status code
    cdef bint rising            # whether a tag can be found by bisection

    cdef bint lookup(self, uint32_t tag, Row* row) noexcept
    cdef void row_at(self, uint64_t index, Row* row) noexcept


cdef tuple as_tuple(const Row* row)


# Which file it was, where its data set begins, and the first fragment of its pixel data: 0 if not known.
cdef struct Place:
    uint64_t size
    uint64_t inode
    int64_t changed_us
    uint64_t start
    uint64_t fragment
    uint64_t fragment_length


cdef tuple head_of_file(str path, uint32_t stop_tag, Place* place)
cdef bint fill_from_place(
    str path, const Place* place, uint64_t offset, uint8_t* out, uint64_t length) except *
cdef bint find_only(const uint8_t* data, uint64_t size, uint64_t* at, uint64_t* length) noexcept nogil
cdef bint ends_fragments(const uint8_t* data) noexcept nogil


# What was found of a file whose head was read.
cdef struct Head:
    hounsfield_file file
    uint64_t start          # of the data set
    uint64_t syntax         # of the value of Transfer Syntax UID
    uint32_t syntax_length
    bint explicit
    bint plain              # whether the walk found all that a reader needs
    Status status


# Reads into `data` as much of the file's head, HEAD_BYTES at most, as the walk asks for; gives 0, or errno.
cdef int read_and_walk(
    const char* path, uint8_t* data, uint32_t stop_tag, Head* head, Walk* walk
) noexcept nogil

# The same, and leaves the file open, unless there was an error.
cdef int open_and_walk(
    const char* path, uint8_t* data, uint32_t stop_tag, Head* head, Walk* walk
) noexcept nogil

cdef bint is_syntax(
    const uint8_t* value, uint32_t length, const char* uid, uint32_t uid_length
) noexcept nogil
