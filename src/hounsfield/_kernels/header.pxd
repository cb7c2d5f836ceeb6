# What other kernels may cimport of ext/header.pyx.

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from hounsfield._kernels.scan cimport Place, Table

cdef enum:
    IMAGE_ATTRIBUTES = 10
    LONGEST_IN_KEY = 64
    KEY_BYTES = 1 + IMAGE_ATTRIBUTES * (1 + LONGEST_IN_KEY)


cdef class Header:
    cdef public uint64_t _base
    cdef public object _data
    cdef public Table _table
    cdef public dict _values
    cdef public object _shared_context
    cdef public object _encoding
    cdef public object _syntax
    cdef public Header _parent
    cdef public list _more
    cdef public dict _notes
    cdef public object _options
    cdef public bint _examined
    cdef public bint _big

    # Found out when first asked for: the place of the frames, the decoded samples, the places of tiles.
    cdef public object _frame_index
    cdef public object _pixels
    cdef public object _tiling

    # What its sequences refer to instead of to it, which refers to them; and from there a weak way back.
    cdef public Header _stand_in
    cdef public object _stands_for

    # Of a plain file: what the objects that stand for it are made of when somebody asks.
    cdef readonly str _path
    cdef public object _opened      # the source; None as long as only the path is known
    cdef Place place
    cdef object meta
    cdef uint32_t meta_end
    cdef uint64_t tail_at
    cdef int tail_kind              # 0: there is none; 1: elements; 2: fragments


cdef uint32_t write_image_key(Header header, uint8_t* key) noexcept
cdef uint64_t size_of_fragment(Header header)
cdef bint fill_from_fragment(Header header, uint8_t* out, uint64_t size) except *
cdef bint fill_from_pixel_data(Header header, uint8_t* out, uint64_t size) except *
