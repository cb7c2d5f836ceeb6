"""Many files to rows of one array: open, read, scan, decode, rescale and window, all without the GIL.

Files of the common kind only: what is rare, broken or of another kind is left to the facade, which gives the
same values, and all errors.
"""

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset, strlen

from attributes cimport Attributes, find
from cursor cimport hounsfield_host_is_big
from image cimport (
    AUTOMATIC, Box, CROP, DISPLAY, GIVEN, Image, JPEG_LOSSLESS, LETTERBOX, MODALITY, NATIVE, NUMBERED,
    Options, RLE, Result, STORED, STRETCH, choose_window, describe,
)
from walk cimport FLAG_IMPLICIT, FRAGMENTS, PIXEL_DATA, Row, Scratch, Walk, begin

from hounsfield._kernels.bits cimport bits_mask
from hounsfield._kernels.jpegll cimport decode_jpegll, jpegll_report
from hounsfield._kernels.resize cimport (
    RESIZE_DONE, RESIZE_I1, RESIZE_I2, RESIZE_I4, RESIZE_LONGEST_OUT, RESIZE_U1, RESIZE_U2, RESIZE_U4,
    resize_begin, resize_end, resize_feed, resize_state,
)
from hounsfield._kernels.rle cimport RLE_DONE, rle_decode, rle_result
from hounsfield._kernels.scan cimport (
    HEAD_BYTES, Head, Table, find_only, hounsfield_close, hounsfield_is_same, hounsfield_read, is_syntax,
    open_and_walk,
)
from hounsfield._kernels.window cimport (
    VOI_LINEAR, VOI_LINEAR_EXACT, VOI_SIGMOID, WINDOW_DONE, WINDOW_F4, WINDOW_I1, WINDOW_I2, WINDOW_I4,
    WINDOW_STREAMS, WINDOW_U1, WINDOW_U2, WINDOW_U4, window_finish, window_fold, window_map, window_part,
    window_plan, window_prepare,
)

from hounsfield.errors import OptionError

cdef extern from "Python.h":
    bytes PyUnicode_EncodeFSDefault(object text)

cdef extern from "pipeline.h":
    double pipeline_clock() noexcept nogil
    void pipeline_rescale(
        int type, const uint8_t* src, uint8_t* dst, size_t n, double slope, double intercept, bint streams
    ) noexcept nogil
    bint pipeline_range(
        int type, const uint8_t* src, size_t n, int64_t pad_low, int64_t pad_high, int64_t* least,
        int64_t* most,
    ) noexcept nogil
    void pipeline_fill(uint8_t* out, const uint8_t* value, size_t size, size_t count) noexcept nogil

__all__ = ["decode_files", "decode_samples"]

cdef enum:
    PART = 131072               # bytes read at a time: they stay in the second-level cache
    MOST_ENCODED = 1 << 24      # bytes of a compressed frame that are read

cdef struct Room:               # for what is decoded, kept from file to file
    uint8_t* at
    size_t size

cdef struct Workspace:          # of one call
    uint8_t* head
    uint8_t* part
    Room encoded                # a frame's fragment
    Room frame
    Room resized                # in float32
    bint is_planned
    window_plan plan
    window_map map              # that the plan is for
    resize_state resizing
    Scratch scratch


cdef bint locate(const Head* head, Attributes* found, const Options* options, Image* image) noexcept nogil:
    """Find how the frame is stored, and if it is native where; False if that is for the facade."""
    cdef const Row* pixels = find(found, PIXEL_DATA)
    cdef const uint8_t* syntax = found.data + head.syntax
    cdef uint64_t wanted = image.frames * image.frame_bytes
    if pixels.flags & ~FLAG_IMPLICIT == 0:
        image.coding = NATIVE
        image.at = pixels.offset + options.frame * image.frame_bytes
        return wanted <= pixels.length <= wanted + wanted % 2 and (
            is_syntax(syntax, head.syntax_length, b"1.2.840.10008.1.2", 17)
            or is_syntax(syntax, head.syntax_length, b"1.2.840.10008.1.2.1", 19))
    if head.status != FRAGMENTS or image.frames != 1:
        return False
    if is_syntax(syntax, head.syntax_length, b"1.2.840.10008.1.2.5", 19):
        image.coding = RLE
        return True
    image.coding = JPEG_LOSSLESS
    return options.samples == 1 and image.width <= 2 and (
        is_syntax(syntax, head.syntax_length, b"1.2.840.10008.1.2.4.70", 22)
        or is_syntax(syntax, head.syntax_length, b"1.2.840.10008.1.2.4.57", 22))


cdef void fit_window(const Image* image, const uint8_t* samples, size_t count, Result* result) noexcept nogil:
    """Choose the window that cuts nothing off: see `hounsfield.display.voi.auto_window`."""
    cdef int64_t low, high
    cdef double least, most, first, last
    if not pipeline_range(type_of(image), samples, count, image.pad_low, image.pad_high, &low, &high):
        pipeline_range(type_of(image), samples, count, 1, 0, &low, &high)
    first = <double>low * image.slope + image.intercept
    last = <double>high * image.slope + image.intercept
    least, most = min(first, last), max(first, last)
    if least == most:
        result.function, result.center, result.width = VOI_LINEAR, least + 1.0, 1.0
    else:
        result.function = VOI_LINEAR_EXACT
        result.center, result.width = least / 2 + most / 2, most - least


cdef bint plan_window(
    const Image* image, const Options* options, const Result* result, Workspace* work
) noexcept nogil:
    """Make ready for the loops of the kernel window, unless they are since the image before."""
    cdef window_map map
    cdef double full
    cdef int status
    memset(&map, 0, sizeof(map))    # padding, too: maps are compared as bytes
    map.src_type = <int>WINDOW_F4 if options.resizes else type_of(image)
    map.dst_type = options.dst_type
    map.top = 255.0 if options.dst_type == WINDOW_U1 else 65535.0 if options.dst_type == WINDOW_U2 else 1.0
    if options.samples == 1:
        map.invert = image.inverted
        status = window_fold(
            &map, result.function, image.slope, image.intercept, result.center, result.width
        )
    else:       # colours: as many levels as there are bits
        full = <double>((<uint64_t>1 << image.bits_stored) - 1)
        status = window_fold(&map, VOI_LINEAR_EXACT, 1.0, 0.0, full / 2, full)
    if status != WINDOW_DONE:
        return False
    if work.is_planned:
        if memcmp(&map, &work.map, sizeof(map)) == 0:
            return True
        window_finish(&work.plan)
    work.is_planned = True
    memcpy(&work.map, &map, sizeof(map))
    return window_prepare(&work.plan, &map, options.rows * options.columns * options.samples) == WINDOW_DONE


cdef int type_of(const Image* image) noexcept nogil:
    if image.width == 1:
        return WINDOW_I1 if image.is_signed else WINDOW_U1
    if image.width == 2:
        return WINDOW_I2 if image.is_signed else WINDOW_U2
    return WINDOW_I4 if image.is_signed else WINDOW_U4


cdef int resize_type(const Image* image) noexcept nogil:
    if image.width == 1:
        return RESIZE_I1 if image.is_signed else RESIZE_U1
    if image.width == 2:
        return RESIZE_I2 if image.is_signed else RESIZE_U2
    return RESIZE_I4 if image.is_signed else RESIZE_U4


cdef uint8_t* room_for(Room* room, size_t size) noexcept nogil:
    """Room for so many bytes, which hold anything; NULL if there is none."""
    if room.size < size or room.at == NULL:
        free(room.at)
        room.at = <uint8_t*>malloc(size)
        room.size = size
    return room.at


cdef void mask(const Image* image, uint8_t* samples, size_t n) noexcept nogil:
    cdef int bits = <int>(8 * image.width)
    if image.bits_stored < bits:
        bits_mask(samples, n, image.width, bits - 1 - image.high_bit, bits - image.bits_stored,
                  image.is_signed)


cdef void convert(
    const Image* image, const Options* options, const Workspace* work, const uint8_t* samples, uint8_t* out,
    size_t n,
) noexcept nogil:
    """Turn samples, as they are stored or in float32 if they were resized, into values of the output."""
    if options.values == DISPLAY:
        window_part(&work.plan, samples, out, n, options.streams)
    elif options.values == MODALITY:
        pipeline_rescale(<int>WINDOW_F4 if options.resizes else type_of(image), samples, out, n, image.slope,
                         image.intercept, options.streams)
    else:
        memcpy(out, samples, n * options.itemsize)


cdef bint begin_resizing(const Image* image, const Options* options, Workspace* work) noexcept nogil:
    if not room_for(&work.resized, options.rows * options.columns * options.samples * sizeof(float)):
        return False
    return resize_begin(&work.resizing, resize_type(image), image.source.rows, image.source.columns,
                        options.samples, image.target.rows, image.target.columns) == RESIZE_DONE


cdef void feed(
    const Image* image, const Options* options, Workspace* work, const uint8_t* rows, size_t count
) noexcept nogil:
    """Resize whole rows of the image."""
    cdef size_t pixel = options.samples * image.width
    resize_feed(&work.resizing, rows + image.source.left * pixel, <ptrdiff_t>(image.columns * pixel), count,
                work.resized.at, <ptrdiff_t>(image.target.columns * options.samples * sizeof(float)))


cdef void end_resizing(
    const Image* image, const Options* options, Workspace* work, uint8_t* out
) noexcept nogil:
    """Turn what was resized into values of the output, within borders."""
    cdef const Box* box = &image.target
    cdef size_t row, n = box.columns * options.samples
    cdef size_t stride = options.columns * options.samples * options.itemsize
    resize_end(&work.resizing)
    if box.rows < options.rows or box.columns < options.columns:
        pipeline_fill(out, options.fill, options.itemsize, options.rows * options.columns * options.samples)
    out += box.top * stride + box.left * options.samples * options.itemsize
    for row in range(box.rows):
        convert(image, options, work, work.resized.at + row * n * sizeof(float), out + row * stride, n)


cdef bint read_in_parts(
    Head* head, const Image* image, const Options* options, Workspace* work, uint8_t* out
) noexcept nogil:
    """Read a native frame in parts that stay in the cache until they are values of the output."""
    cdef size_t n, left = image.rows * image.columns * options.samples, step = PART // image.width
    cdef uint64_t at = image.at
    cdef uint8_t* samples
    while left:
        n = 0 if at >= head.file.got else <size_t>((head.file.got - at) // image.width)
        if n:
            n = min(n, left)        # these came with the header
            samples = work.head + at
        else:
            n = min(step, left)
            samples = work.part
            if hounsfield_read(&head.file, samples, at, n * image.width):
                return False
        mask(image, samples, n)
        convert(image, options, work, samples, out, n)
        left -= n
        at += n * image.width
        out += n * options.itemsize
    return True


cdef bint read_rows(
    Head* head, const Image* image, const Options* options, Workspace* work, uint8_t* out
) noexcept nogil:
    """The same for a frame that is to be resized: the rows that are shown, some at a time."""
    cdef size_t row_size = image.columns * options.samples * image.width, left = image.source.rows, n
    cdef uint64_t at = image.at + image.source.top * row_size
    cdef bint done = True
    if row_size > PART or not begin_resizing(image, options, work):
        return False
    while left and done:
        n = min(left, PART // row_size)
        done = hounsfield_read(&head.file, work.part, at, n * row_size) == 0
        if done:
            mask(image, work.part, n * row_size // image.width)
            feed(image, options, work, work.part, n)
        left -= n
        at += n * row_size
    if done:
        end_resizing(image, options, work, out)
    else:
        resize_end(&work.resizing)
    return done


cdef bint read_whole(
    Head* head, uint64_t fragments, Image* image, const Options* options, Workspace* work, uint8_t* out,
    Result* result,
) noexcept nogil:
    """Decode a frame that is needed as a whole: it is compressed, or its samples tell the window."""
    cdef size_t count = image.rows * image.columns * options.samples
    cdef bint is_final = options.values == STORED and not options.resizes
    cdef uint8_t* frame = out if is_final else room_for(&work.frame, count * image.width)
    if frame == NULL:
        return False
    if image.coding == NATIVE:
        if hounsfield_read(&head.file, frame, image.at, count * image.width):
            return False
    elif not decode_fragment(head, fragments, image, options, work, frame):
        return False
    mask(image, frame, count)
    return is_final or finish(image, options, work, frame, out, result)


cdef bint decode_fragment(
    Head* head, uint64_t at, Image* image, const Options* options, Workspace* work, uint8_t* frame
) noexcept nogil:
    """Decode a frame that is one fragment, the only one."""
    cdef uint64_t size = head.file.size - at, start, length
    cdef size_t count = image.rows * image.columns
    cdef uint8_t* data
    cdef rle_result rle
    cdef jpegll_report jpeg
    if at >= head.file.size or size > MOST_ENCODED:
        return False
    data = room_for(&work.encoded, size)
    if data == NULL or hounsfield_read(&head.file, data, at, size):
        return False
    if not find_only(data, size, &start, &length):
        return False
    data += start
    if image.coding == RLE:
        # The number of segments is looked at first: where it makes no sense it may be another codestream.
        if length < 4 or data[0] > 15 or memcmp(data + 1, b"\0\0\0", 3):
            return False
        rle_decode(data, length, frame, count, <unsigned>options.samples, <unsigned>image.width, False, &rle)
        return rle.status == RLE_DONE
    if not is_whole_jpeg(data, length):
        return False
    if decode_jpegll(data, length, frame, image.rows, image.columns, 1, image.width, &jpeg):
        return False
    if jpeg.precision < image.bits_stored:
        image.bits_stored = jpeg.precision
    if jpeg.precision <= image.high_bit:
        image.high_bit = image.bits_stored - 1
    return True


cdef bint is_whole_jpeg(const uint8_t* data, uint64_t length) noexcept nogil:
    """Whether a stream begins with SOI and ends with EOI, a byte of padding aside."""
    if length > 4 and data[length - 1] == 0:
        length -= 1
    return (length > 4 and data[0] == 0xFF and data[1] == 0xD8 and data[2] == 0xFF
            and data[length - 2] == 0xFF and data[length - 1] == 0xD9)


cdef bint takes(const Options* options, const Image* image) noexcept nogil:
    """Whether stored values come as the output has them."""
    if options.resizes:
        return options.is_float
    if image.width != options.itemsize or options.is_float:
        return False
    return image.is_signed == options.is_signed or (
        options.is_signed and not options.is_whole and image.bits_stored < <int>(8 * image.width))


cdef bint prepare(
    Attributes* found, const Options* options, Image* image, Workspace* work, Result* result
) noexcept nogil:
    """Make ready to turn samples into values, if the window is known by now; False if the facade has to."""
    result.rows, result.columns = image.rows, image.columns
    if options.values == STORED:
        return takes(options, image)
    if options.values == MODALITY:
        return True
    if options.samples == 1:
        if not choose_window(found, options, image, result) or found.odd:
            return False
        if image.is_automatic:
            return True
    return plan_window(image, options, result, work)


cdef bint finish(
    const Image* image, const Options* options, Workspace* work, const uint8_t* frame, uint8_t* out,
    Result* result,
) noexcept nogil:
    """Turn the samples of a whole frame into values."""
    cdef size_t count = image.rows * image.columns * options.samples
    if image.is_automatic:
        fit_window(image, frame, count, result)
        if not plan_window(image, options, result, work):
            return False
    if not options.resizes:
        convert(image, options, work, frame, out, count)
        return True
    if not begin_resizing(image, options, work):
        return False
    feed(image, options, work, frame + image.source.top * image.columns * options.samples * image.width,
         image.source.rows)
    end_resizing(image, options, work, out)
    return True


cdef bint read_image(
    Head* head, uint64_t fragments, Image* image, const Options* options, Workspace* work, uint8_t* out,
    Result* result,
) noexcept nogil:
    """Turn a frame into values of the output, in parts if that can be."""
    if image.coding != NATIVE or image.is_automatic or (options.values == STORED and not options.resizes):
        return read_whole(head, fragments, image, options, work, out, result)
    if options.resizes:
        return read_rows(head, image, options, work, out)
    return read_in_parts(head, image, options, work, out)


cdef bint decode_file(
    const char* path, const Options* options, Workspace* work, uint8_t* out, Result* result
) noexcept nogil:
    cdef Head head
    cdef Walk walk
    cdef Attributes found
    cdef Image image
    cdef bint done = False
    memset(&head, 0, sizeof(head))
    begin(&walk, &work.scratch)
    if open_and_walk(path, work.head, 0xFFFFFFFF, &head, &walk):
        free(walk.block)
        return False
    if head.file.regular and head.plain and walk.ascending:
        found.data, found.size = work.head, head.file.got
        found.rows, found.count, found.odd = walk.rows, walk.count, False
        done = (describe(&found, options, False, &image) and locate(&head, &found, options, &image)
                and prepare(&found, options, &image, work, result)
                and read_image(&head, walk.position, &image, options, work, out, result)
                and hounsfield_is_same(&head.file))
    free(walk.block)
    hounsfield_close(&head.file)
    return done


cdef void decode_each(
    const char** paths, size_t count, const Options* options, Workspace* work, uint8_t* out,
    size_t row_size, Result* results,
) noexcept nogil:
    cdef size_t index
    cdef double start = pipeline_clock(), now
    for index in range(count):
        results[index].done = paths[index] != NULL and decode_file(
            paths[index], options, work, out + index * row_size, results + index
        )
        now = pipeline_clock()
        results[index].seconds = now - start
        start = now


cdef dict VALUES = {"display": DISPLAY, "modality": MODALITY, "stored": STORED}
cdef dict FUNCTIONS = {"LINEAR": VOI_LINEAR, "LINEAR_EXACT": VOI_LINEAR_EXACT, "SIGMOID": VOI_SIGMOID}
cdef dict FITS = {"letterbox": LETTERBOX, "crop": CROP, "stretch": STRETCH}
cdef tuple FUNCTION_NAMES = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
cdef tuple INTEGERS = (b"b", b"B", b"h", b"H", b"i", b"I", b"l", b"L")
cdef bytes NATIVE_ORDERS = b"@=>" if hounsfield_host_is_big() else b"@=<"


cdef object take_output(const Py_buffer* view, int axis, Options* options):
    """Look at the output, whose rows are along `axis`."""
    cdef bytes code = (b"B" if view.format == NULL else <bytes>view.format).lstrip(NATIVE_ORDERS)
    if not axis + 2 <= view.ndim <= axis + 3:
        raise OptionError(f"out has {view.ndim} axes: {'files, ' * axis}rows, columns and perhaps samples "
                          "are possible")
    if code not in (b"B", b"H", b"f") and (options.values != STORED or code not in INTEGERS):
        raise OptionError(f"out holds {code.decode()!r}, which these values do not fit")
    if options.values == MODALITY and code != b"f":
        raise OptionError("modality values are float32")
    options.dst_type = WINDOW_U1 if code == b"B" else WINDOW_U2 if code == b"H" else WINDOW_F4
    options.itemsize = <size_t>view.itemsize
    options.is_float = code == b"f"
    options.is_signed = code.islower()
    options.rows, options.columns = <size_t>view.shape[axis], <size_t>view.shape[axis + 1]
    options.samples = <size_t>view.shape[axis + 2] if view.ndim == axis + 3 else 1
    if options.rows > 0xFFFF or options.columns > 0xFFFF or options.samples > 0xFFFF:
        raise OptionError("out has more than 65535 rows, columns or samples a file")


cdef object take_options(
    const Py_buffer* view, int axis, str values, window, str function, str fit, bytes fill, Options* options
):
    """Check the arguments that both functions have."""
    memset(options, 0, sizeof(options[0]))
    if values not in VALUES or function not in FUNCTIONS:
        raise OptionError(f"values={values!r}, function={function!r}: "
                          f"{', '.join(VALUES)} and {', '.join(FUNCTIONS)} are possible")
    options.values, options.function = VALUES[values], FUNCTIONS[function]
    if window == "auto":
        options.choice = AUTOMATIC
    elif isinstance(window, int):
        options.choice, options.window = NUMBERED, window
        if options.window < 0:
            raise OptionError(f"window {window}: they are counted from 0")
    else:
        options.choice = GIVEN
        options.center, options.width = window
    take_output(view, axis, options)
    if fit is not None:
        if fit not in FITS or options.rows > RESIZE_LONGEST_OUT or options.columns > RESIZE_LONGEST_OUT:
            raise OptionError(f"fit {fit!r} to {options.rows} x {options.columns}: {', '.join(FITS)} are "
                              f"possible, and {RESIZE_LONGEST_OUT} x {RESIZE_LONGEST_OUT} at most")
        options.resizes, options.fit = True, FITS[fit]
    if fill is not None:
        if <size_t>PyBytes_GET_SIZE(fill) != options.itemsize or options.itemsize > 8:
            raise OptionError(f"fill has {len(fill)} bytes, an item of out {options.itemsize}")
        memcpy(options.fill, PyBytes_AS_STRING(fill), options.itemsize)


cdef bint goes_past_caches(const Options* options, size_t in_use) noexcept:
    # What is resized goes by rows, which are short.
    return in_use >= WINDOW_STREAMS and not options.resizes


cdef Workspace* make_workspace(size_t room) except NULL:
    """With so many bytes for what is read of a file."""
    cdef Workspace* work = <Workspace*>malloc(sizeof(Workspace) + room)
    if work == NULL:
        raise MemoryError
    memset(work, 0, sizeof(Workspace) - sizeof(Scratch))
    work.head = <uint8_t*>(work + 1)
    work.part = work.head + min(room, <size_t>HEAD_BYTES)
    return work


cdef void free_workspace(Workspace* work) noexcept:
    if work != NULL:
        window_finish(&work.plan)
        free(work.encoded.at)
        free(work.frame.at)
        free(work.resized.at)
        free(work)


def decode_files(
    list paths not None, out, *, str values not None="display", window=0, str function not None="LINEAR",
    frame=0, str fit=None, bytes fill=None, size_t in_use=0,
):
    """Decode one frame of each file into a row of an array, as far as they are of the common kind.

    That is: plain files (see `scan_file`) of one shape, grey or RGB, of 8, 16 or 32 bits, native or of one
    frame in one fragment of RLE Lossless or JPEG Lossless, with rescale and windows in the data set itself,
    and nothing wrong with them.

    Parameters
    ----------
    paths : list of str or None
        None for what is no file.
    out : writable C-contiguous array, shape (files, rows, columns) or (files, rows, columns, samples)
        Of uint8, uint16 or float32 for display values, float32 for modality values; for stored ones of any
        integers that hold them as they are in the file. Rows of files that were not decoded hold anything.
    values : {"display", "modality", "stored"}
    window : int, (center, width) or "auto"
        The file's own window of that number, or "auto" where it has none; or one in modality units.
    function : {"LINEAR", "LINEAR_EXACT", "SIGMOID"}
        VOI LUT Function of a window that is given.
    frame : int or None
        Of files with several, counted from 0. None leaves these to the facade, and for stored values all
        whose samples are not of the very type of `out`: a row is then what the whole file is.
    fit : {"letterbox", "crop", "stretch"}, optional
        How images of any size are resized to that of the output, in their values: before the window.
        By default they must have it.
    fill : bytes, optional
        An item of `out`, for the borders of a letterbox; zeros by default.
    in_use : int, optional
        How many bytes are written in all, here and elsewhere, to memory that is not new. Where the caches do
        not hold them, levels of 8 bits go past these; new memory is in them, as the system has cleared it.

    Returns
    -------
    list of None or (seconds, window, size)
        None for a file that is left to the facade, whatever the reason. The window is (center, width,
        function), or None where none applied; the size is that of the image in the file: (rows, columns).

    Raises
    ------
    OptionError
        An argument cannot be used.
    MemoryError
        There is no room for the buffers of one call.
    """
    cdef Options options
    cdef Workspace* work = NULL
    cdef Result* results = NULL
    cdef const char** names = NULL
    cdef Py_buffer view
    cdef size_t index, count = <size_t>len(paths), row_size
    cdef bytes name
    cdef list kept = [], found = []
    if frame is not None and not 0 <= frame < 1 << 31:
        raise OptionError(f"frame {frame}")
    PyObject_GetBuffer(out, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE)
    try:
        take_options(&view, 1, values, window, function, fit, fill, &options)
        options.is_whole = frame is None
        options.frame = frame or 0
        if <size_t>view.shape[0] != count:
            raise OptionError(f"out has {view.shape[0]} rows for {count} files")
        row_size = <size_t>view.len // count if count else 0
        options.streams = goes_past_caches(&options, in_use)
        work = make_workspace(HEAD_BYTES + PART)
        results = <Result*>malloc(count * sizeof(Result) or 1)
        names = <const char**>malloc(count * sizeof(char*) or 1)
        if results == NULL or names == NULL:
            raise MemoryError
        memset(results, 0, count * sizeof(Result))
        for index in range(count):
            names[index] = NULL
            path = paths[index]
            if path is not None:
                name = PyUnicode_EncodeFSDefault(path)
                if <size_t>PyBytes_GET_SIZE(name) == strlen(PyBytes_AS_STRING(name)):
                    kept.append(name)
                    names[index] = PyBytes_AS_STRING(name)
        with nogil:
            decode_each(names, count, &options, work, <uint8_t*>view.buf, row_size, results)
        for index in range(count):
            found.append(as_tuple(results + index) if results[index].done else None)
    finally:
        free_workspace(work)
        free(results)
        free(names)
        PyBuffer_Release(&view)
    return found


cdef tuple as_tuple(const Result* result):
    window = (result.center, result.width, FUNCTION_NAMES[result.function]) if result.has_window else None
    return result.seconds, window, (result.rows, result.columns)


def decode_samples(
    Table table not None, bytes data not None, samples, out, *, str values not None="display", window=0,
    str function not None="LINEAR", str fit=None, bytes fill=None, size_t in_use=0,
):
    """Turn samples that a codec has decoded into values, as `decode_files` does those that it decodes itself.

    Parameters
    ----------
    table, data
        The elements of a data set in little endian up to the pixel data, and the bytes they are in.
    samples : C-contiguous array
        Of one frame, as `Dataset.pixels` gives it.
    out : writable C-contiguous array, shape (rows, columns) or (rows, columns, samples)
    values, window, function, fit, fill, in_use
        As for `decode_files`.

    Returns
    -------
    None or (seconds, window, size)
        None where it is left to the facade.

    Raises
    ------
    OptionError
        An argument cannot be used.
    MemoryError
        There is no room for the buffers of one call.
    """
    cdef Options options
    cdef Py_buffer view
    cdef Py_buffer source
    cdef Attributes found
    cdef Image image
    cdef Result result
    cdef Workspace* work = NULL
    cdef Row* rows = NULL
    cdef uint64_t index
    cdef double start = pipeline_clock()
    memset(&result, 0, sizeof(result))
    PyObject_GetBuffer(samples, &source, PyBUF_C_CONTIGUOUS)
    try:
        PyObject_GetBuffer(out, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE)
        try:
            take_options(&view, 0, values, window, function, fit, fill, &options)
            if source.buf < view.buf + view.len and view.buf < source.buf + source.len:
                raise OptionError("out overlaps the samples")
            options.streams = goes_past_caches(&options, in_use)
            if not table.rising or (options.values == STORED and not options.resizes):
                return None
            work = make_workspace(0)
            rows = <Row*>malloc(table.count * sizeof(Row) or 1)
            if rows == NULL:
                raise MemoryError
            for index in range(table.count):
                table.row_at(index, rows + index)
            found.data, found.size = <const uint8_t*>PyBytes_AS_STRING(data), <uint64_t>PyBytes_GET_SIZE(data)
            found.rows, found.count, found.odd = rows, table.count, False
            with nogil:
                result.done = (
                    describe(&found, &options, True, &image) and image.frame_bytes == <uint64_t>source.len
                    and image.width == <size_t>source.itemsize
                    and prepare(&found, &options, &image, work, &result)
                    and finish(&image, &options, work, <const uint8_t*>source.buf, <uint8_t*>view.buf,
                               &result)
                )
        finally:
            PyBuffer_Release(&view)
    finally:
        free_workspace(work)
        free(rows)
        PyBuffer_Release(&source)
    result.seconds = pipeline_clock() - start
    return as_tuple(&result) if result.done else None
