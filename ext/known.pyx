"""Images like others that were decoded before: from the header to the codec, and what is to do after it.

Whatever stands between a path and its codec has to be fetched into the caches that the codec of the last
image filled, line by line: of Python functions that is a good part of the time that a small image takes.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize, PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from cursor cimport load16, load32

from hounsfield._kernels.bits cimport bits_add, bits_mask
from hounsfield._kernels.header cimport (
    KEY_BYTES, Header, fill_from_fragment, fill_from_pixel_data, size_of_fragment, write_image_key,
)
from hounsfield._kernels.scan cimport DELIMITER_BYTES

from numpy import empty

from hounsfield.errors import DicomError, OptionError

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    object PyObject_Vectorcall(object function, PyObject** arguments, size_t given, object names)

__all__ = ["Encoded", "Known", "decode_known", "decode_like", "forget", "remember"]

cdef enum:
    MOST_KNOWN = 1024
    LONGEST_UID = 64
    MOST_SPARE = 1 << 22
    MOST_OPTIONS = 8
    TILE_PART_BYTES = 14    # SOT and SOD (ISO/IEC 15444-1 A.4.2)
    FIRST_SSIZ = 42         # of three bytes a component (A.5.1)
    SIGN = 0x80
    PART = 8192             # samples

cdef object EMPTY = empty
cdef tuple FAILURES = (DicomError, RuntimeError, ValueError)
cdef dict KNOWN = {}
cdef bytearray SPARE = None


@cython.auto_pickle(False)
cdef class Known:
    """Of what shape the samples of an image are that stand in the file as they are given, in little endian.

    Parameters
    ----------
    shape : tuple of int
        (rows, columns) or (rows, columns, samples).
    dtype : numpy.dtype
    mask : (int, int) or None
        Bits stored and the high bit, if samples are to be masked.
    """

    cdef tuple shape
    cdef object dtype
    cdef object count
    cdef uint64_t columns, samples
    cdef size_t itemsize
    cdef bint masks, is_signed
    cdef int up, down

    def __init__(self, tuple shape not None, dtype not None, tuple mask):
        cdef int bits
        self.shape, self.dtype, self.itemsize = shape, dtype, dtype.itemsize
        rows, self.columns = shape[:2]
        self.samples = shape[2] if len(shape) > 2 else 1
        self.count = rows * self.columns * self.samples
        self.masks, self.is_signed = mask is not None, dtype.kind == "i"
        if mask is not None:
            bits = 8 * dtype.itemsize
            stored, high = mask
            self.up, self.down = bits - 1 - high, bits - stored


@cython.auto_pickle(False)
cdef class Encoded(Known):
    """How an encapsulated image of one frame was decoded.

    Parameters
    ----------
    shape, dtype, mask
        As `Known`.
    codec : callable
        Takes the codestream, the array `out` and options.
    options : dict, optional
    view : numpy.dtype, optional
        How the codec sees the samples: it may have another sign.
    headers : bytes
        Those of the codestream, if all others that begin with them are like it; else b"".
    is_like : callable, optional
        Tells of a codestream whether it is like it, where that cannot be told by the headers.
    pad : int
        In how many of the last bytes its end marker may stand.
    has_tiles : bool
        Whether it is JPEG 2000.
    components : int
        Of JPEG 2000 whose errors show only by a last row of 0, which then is to be decoded as of the other
        sign, too: see `hounsfield.pixels.codecs`. 0 if they show by themselves.
    offset : int
        What is to be added to each sample of the other sign, modulo what its bytes hold.
    grey : int, optional
        The last sample, where it may show that some are missing.
    turned : bool
        Whether to begin with the other sign: the image had a last row of 0.
    """

    cdef object view
    cdef bytes headers
    cdef object is_like
    cdef Py_ssize_t pad
    cdef bint has_tiles
    cdef object codec
    cdef tuple names
    cdef tuple options
    cdef int components, grey
    cdef uint64_t offset
    cdef object other_view
    cdef bint turned    # also by an image since then

    def __init__(
        self, shape, dtype, mask, *, codec, options=None, view=None, bytes headers not None=b"", is_like=None,
        Py_ssize_t pad=0, bint has_tiles=False, int components=0, uint64_t offset=0, grey=None,
        bint turned=False,
    ):
        Known.__init__(self, shape, dtype, mask)
        options = options or {}
        if len(options) > MOST_OPTIONS:
            raise OptionError(f"{len(options)} options for a codec, where there is room for {MOST_OPTIONS}")
        view = dtype if view is None else view
        self.view = None if view == dtype else view
        self.headers, self.is_like, self.pad, self.has_tiles = headers, is_like, pad, has_tiles
        self.codec, self.names, self.options = codec, ("out", *options), tuple(options.values())
        self.components, self.offset, self.turned = components, offset, turned
        self.other_view = view.str.translate({ord("i"): "u", ord("u"): "i"})
        self.grey = -1 if grey is None else grey


def remember(Header header not None, Known known not None):
    """Keep how the only frame of a data set was decoded, if nothing was wrong with it."""
    key = key_of(header)
    if key is not None and not header._notes and len(KNOWN) < MOST_KNOWN:
        KNOWN[key] = known


def forget():
    """Forget all that was remembered; return how much that was."""
    count = len(KNOWN)
    KNOWN.clear()
    return count


cdef bytes key_of(Header header):
    """What all images with the same attributes and transfer syntax have in common; None if not at hand."""
    cdef uint8_t[KEY_BYTES + LONGEST_UID] key
    cdef Py_ssize_t length
    cdef const char* uid
    cdef uint32_t size = write_image_key(header, key)
    if size == 0 or header._syntax is None:
        return None
    uid = PyUnicode_AsUTF8AndSize(header._syntax.uid, &length)
    if length > LONGEST_UID:
        return None
    memcpy(key + size, uid, <size_t>length)
    return PyBytes_FromStringAndSize(<const char*>key, <Py_ssize_t>size + length)


cdef object room_for(Known known, max_pixels, out):
    """Give the caller's array, or a new one; None if it does not fit, or may not be so large."""
    if known.count > max_pixels:
        return None
    if out is None:
        return EMPTY(known.shape, known.dtype)
    flags = out.flags
    fits = out.shape == known.shape and out.dtype == known.dtype and flags.c_contiguous and flags.writeable
    return out if fits else None


def decode_known(Header header not None, max_pixels, out=None):
    """Decode the only frame of a file that is like one before; None if it is not, or anything is wrong.

    Parameters
    ----------
    header : Header
    max_pixels : int
    out : ndarray, optional
        Where to put the samples.

    Returns
    -------
    ndarray or None
        If None, `out` may hold anything.
    """
    cdef Known known
    cdef bytes key = key_of(header)
    cdef PyObject* found = NULL if key is None else PyDict_GetItem(KNOWN, key)
    if found == NULL:
        return None
    known = <Known>found
    if not isinstance(known, Encoded):
        samples = room_for(known, max_pixels, out)
        return samples if samples is not None and fill(known, header, samples) else None
    return decode_fragment(<Encoded>known, header, max_pixels, out)


def decode_like(Encoded known not None, data, samples):
    """Decode a frame as one before, if its headers are the same; False if not, or anything is wrong.

    Parameters
    ----------
    known : Encoded
    data : contiguous buffer
    samples : ndarray
        Writable and C-contiguous, of the other's shape and dtype. It may hold anything after a failure.
    """
    cdef Py_buffer view
    cdef Py_ssize_t size
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        size = size_of_like(known, <const uint8_t*>view.buf, view.len)
        return size >= 0 and decode(
            known, data if size == view.len else memoryview(data)[:size], samples, False
        )
    finally:
        PyBuffer_Release(&view)


cdef bint fill(Known known, Header header, samples) except *:
    """Read native pixel data."""
    cdef Py_buffer view
    PyObject_GetBuffer(samples, &view, PyBUF_WRITABLE)
    try:
        if not fill_from_pixel_data(header, <uint8_t*>view.buf, <uint64_t>view.len):
            return False
        finish(known, &view, False)
        return True
    finally:
        PyBuffer_Release(&view)


cdef object decode_fragment(Encoded known, Header header, max_pixels, out):
    """Decode the codestream of a file if it has the same headers as one before; else None."""
    cdef uint64_t size = size_of_fragment(header)
    cdef Py_ssize_t own
    cdef bytearray octets
    cdef uint8_t* start
    if size == 0:
        return None
    octets = take(<Py_ssize_t>size)
    try:
        start = <uint8_t*>PyByteArray_AS_STRING(octets)
        if not fill_from_fragment(header, start, size):
            return None
        own = size_of_like(known, start, <Py_ssize_t>size - DELIMITER_BYTES)
        if own < 0:
            return None
        samples = room_for(known, max_pixels, out)
        if samples is not None and decode(known, memoryview(octets)[:own], samples, True):
            return samples
        return None
    finally:
        keep(octets)


cdef bytearray take(Py_ssize_t size):
    """Room for a codestream: that of the last one, as fresh memory takes longer than reading a file to it."""
    global SPARE
    cdef bytearray octets = SPARE
    if octets is None or PyByteArray_GET_SIZE(octets) < size:
        return PyByteArray_FromStringAndSize(NULL, size)
    SPARE = None    # another thread takes its own
    return octets


cdef object keep(bytearray octets):
    global SPARE
    if PyByteArray_GET_SIZE(octets) <= MOST_SPARE:
        SPARE = octets


cdef Py_ssize_t size_of_like(Encoded known, const uint8_t* data, Py_ssize_t size) noexcept:
    """Size of a codestream without padding; -1 if it has other headers, or not the end it should have."""
    cdef Py_ssize_t behind = PyBytes_GET_SIZE(known.headers), end = size - 2
    cdef Py_ssize_t last = max(size - known.pad, behind)
    if behind == 0:
        return size
    while end >= last and (data[end] != 0xFF or data[end + 1] != 0xD9):
        end -= 1
    if end < last or memcmp(data, PyBytes_AS_STRING(known.headers), <size_t>behind):
        return -1
    if known.has_tiles and not is_one_tile_part(data + behind, end - behind):
        return -1
    return end + 2


cdef bint is_one_tile_part(const uint8_t* data, Py_ssize_t size) noexcept:
    """Whether this is one tile-part of an only tile, without markers of its own (ISO/IEC 15444-1 A.4.2)."""
    cdef uint32_t length
    if size < TILE_PART_BYTES:
        return False
    if load32(data, True) != 0xFF90000A or load16(data + 4, True) != 0 or load16(data + 12, True) != 0xFF93:
        return False
    if data[10] != 0 or data[11] > 1:   # its number, and how many there are, if that is told
        return False
    length = load32(data + 6, True)
    return length == 0 or length == <uint64_t>size


cdef bint decode(Encoded known, data, samples, bint is_ours) except *:
    """Decode a codestream to samples; False if anything is wrong. One that is ours alone may be changed."""
    cdef Py_buffer view
    cdef bint turned = known.turned
    PyObject_GetBuffer(samples, &view, PyBUF_WRITABLE)
    try:
        try:
            if known.is_like is not None and not known.is_like(data):
                return False
            if turned:
                data = with_other_sign(known, data, is_ours)
            call_as(known, data, samples, turned)
            if known.components and not has_last_row(known, &view):
                data, turned = with_other_sign(known, data, is_ours), not turned
                call_as(known, data, samples, turned)
                if not has_last_row(known, &view):
                    return False
                known.turned = turned
        except FAILURES:
            return False
        if known.grey >= 0 and sample_from_end(known, &view, 0) == known.grey:
            return False
        finish(known, &view, turned)
        return True
    finally:
        PyBuffer_Release(&view)


cdef object call_as(Encoded known, data, samples, bint turned):
    """Call the codec for samples of the sign they have, or of the other."""
    dtype = known.other_view if turned else known.view
    call(known, data, samples if dtype is None else samples.view(dtype))


cdef object with_other_sign(Encoded known, data, bint is_ours):
    """A codestream with the sign of its components turned: itself, or a copy."""
    cdef Py_buffer view
    cdef uint8_t* ssiz
    cdef int index
    stream = data if is_ours else bytearray(data)
    PyObject_GetBuffer(stream, &view, PyBUF_WRITABLE)
    try:
        ssiz = <uint8_t*>view.buf + FIRST_SSIZ
        for index in range(known.components):
            ssiz[3 * index] ^= SIGN
    finally:
        PyBuffer_Release(&view)
    return stream


cdef object call(Encoded known, data, out):
    """Call the codec. A dict of options would be made anew for each call."""
    cdef PyObject* arguments[2 + MOST_OPTIONS]
    cdef Py_ssize_t index
    arguments[0], arguments[1] = <PyObject*>data, <PyObject*>out
    for index in range(len(known.options)):
        arguments[2 + index] = <PyObject*>known.options[index]
    return PyObject_Vectorcall(known.codec, arguments, 1, known.names)


cdef inline int sample_from_end(Encoded known, const Py_buffer* view, uint64_t index) noexcept:
    """The last sample, or one before it."""
    cdef const uint8_t* at = <const uint8_t*>view.buf + view.len - (1 + index) * known.itemsize
    cdef uint16_t wide
    if known.itemsize == 1:
        return at[0]
    memcpy(&wide, at, 2)
    return wide


cdef bint has_last_row(Encoded known, const Py_buffer* view) noexcept:
    """Whether any is not 0 where a decoder writes last: of the last row, the last sample of each pixel."""
    cdef uint64_t index
    for index in range(known.columns):
        if sample_from_end(known, view, index * known.samples):
            return True
    return False


cdef void finish(Known known, Py_buffer* view, bint turned) noexcept:
    """Leave in each sample what is stored: of the sign that it has, and no more bits than there are."""
    cdef uint8_t* at = <uint8_t*>view.buf
    cdef size_t left = <size_t>view.len // known.itemsize if turned or known.masks else 0
    cdef size_t count
    while left:     # by parts, which the second loop finds in the first-level cache
        count = min(left, <size_t>PART)
        if turned:
            bits_add(at, count, known.itemsize, (<Encoded>known).offset)
        if known.masks:
            bits_mask(at, count, known.itemsize, known.up, known.down, known.is_signed)
        at += count * known.itemsize
        left -= count
