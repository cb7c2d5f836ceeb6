# What the elements of a header say of a frame: how its samples are stored, where they go in the output, and
# which window applies. `hounsfield.pixels.layout` and `hounsfield.display` do all of it.

from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

from attributes cimport (
    Attributes, MOST_VALUES, VR_CS, VR_IS, VR_SS, VR_US, decimal, decimals, equals, find, hounsfield_integer,
    number, text, value,
)
from cursor cimport hounsfield_host_is_big, load16
from walk cimport PIXEL_DATA, Row

from hounsfield._kernels.values cimport Bytes, stripped_twice, without_spaces
from hounsfield._kernels.window cimport VOI_LINEAR, VOI_LINEAR_EXACT, VOI_SIGMOID

cdef enum:
    SAMPLES_PER_PIXEL = 0x00280002
    PHOTOMETRIC_INTERPRETATION = 0x00280004
    PLANAR_CONFIGURATION = 0x00280006
    NUMBER_OF_FRAMES = 0x00280008
    ROWS = 0x00280010
    COLUMNS = 0x00280011
    BITS_ALLOCATED = 0x00280100
    BITS_STORED = 0x00280101
    HIGH_BIT = 0x00280102
    PIXEL_REPRESENTATION = 0x00280103
    PIXEL_PADDING_VALUE = 0x00280120
    PIXEL_PADDING_RANGE_LIMIT = 0x00280121
    WINDOW_CENTER = 0x00281050
    WINDOW_WIDTH = 0x00281051
    RESCALE_INTERCEPT = 0x00281052
    RESCALE_SLOPE = 0x00281053
    VOI_LUT_FUNCTION = 0x00281056
    MODALITY_LUT_SEQUENCE = 0x00283000
    VOI_LUT_SEQUENCE = 0x00283010
    PRESENTATION_LUT_SHAPE = 0x20500020
    DOSE_GRID_SCALING = 0x3004000E
    SHARED_FUNCTIONAL_GROUPS = 0x52009229
    PER_FRAME_FUNCTIONAL_GROUPS = 0x52009230

cdef enum Values:
    DISPLAY, MODALITY, STORED

cdef enum Coding:
    NATIVE, RLE, JPEG_LOSSLESS

cdef enum Fit:
    LETTERBOX, CROP, STRETCH

cdef enum Choice:               # of a window
    GIVEN, NUMBERED, AUTOMATIC

cdef struct Options:            # what all files have in common
    Values values
    int dst_type                # of window.h; of stored values not used
    size_t itemsize             # of the output
    bint streams                # see decode_files
    bint is_signed
    bint is_float
    size_t rows
    size_t columns
    size_t samples
    bint resizes
    Fit fit
    uint8_t[8] fill
    uint64_t frame
    bint is_whole               # only files with one frame, as they are
    Choice choice
    int window
    int function
    double center
    double width

cdef struct Box:
    size_t top
    size_t left
    size_t rows
    size_t columns

cdef struct Image:
    Coding coding
    size_t rows
    size_t columns
    size_t width                # bytes a sample
    int bits_stored
    int high_bit
    bint is_signed
    bint inverted
    uint64_t frames
    uint64_t frame_bytes
    uint64_t at                 # in the file, of native pixel data the frame's first byte
    double slope
    double intercept
    bint is_automatic           # whether the window depends on the samples
    int64_t pad_low             # samples from here on are padding
    int64_t pad_high            # up to here
    Box source                  # what is shown
    Box target                  # and where

cdef struct Result:
    bint done
    bint has_window
    int function
    double center
    double width
    double seconds
    size_t rows                 # of the image in the file
    size_t columns


cdef inline bint find_room(const Options* options, Image* image) noexcept nogil:
    """Tell what of the image goes where: see `hounsfield.display.resizing`."""
    cdef size_t rows = image.rows, columns = image.columns
    image.source.top = image.source.left = image.target.top = image.target.left = 0
    image.source.rows, image.source.columns = rows, columns
    image.target.rows, image.target.columns = options.rows, options.columns
    if rows == 0 or columns == 0 or options.rows == 0 or options.columns == 0:
        return False
    if not options.resizes:
        return rows == options.rows and columns == options.columns
    if options.fit == LETTERBOX:
        put_in_middle(&image.target, rows, columns)
    elif options.fit == CROP:
        put_in_middle(&image.source, options.rows, options.columns)
    return True


cdef inline void put_in_middle(Box* box, uint64_t rows, uint64_t columns) noexcept nogil:
    """Make a box the largest one in its middle that has the proportions of rows to columns."""
    cdef size_t height = box.rows, width = box.columns
    if width * rows <= height * columns:
        box.rows = scaled(rows, width, columns, height)
    else:
        box.columns = scaled(columns, height, rows, width)
    box.top, box.left = (height - box.rows) // 2, (width - box.columns) // 2


cdef inline size_t scaled(uint64_t length, uint64_t by, uint64_t over, uint64_t most) noexcept nogil:
    return <size_t>min(max((2 * length * by + over) // (2 * over), <uint64_t>1), most)


cdef inline bint describe(
    Attributes* found, const Options* options, bint is_decoded, Image* image
) noexcept nogil:
    """Take from the attributes what the samples are; False if that is for the facade."""
    cdef double[MOST_VALUES] doses
    cdef Bytes raw
    cdef int samples, allocated
    cdef int64_t frames = 1
    if (find(found, PIXEL_DATA) == NULL or find(found, MODALITY_LUT_SEQUENCE)
            or find(found, SHARED_FUNCTIONAL_GROUPS) or find(found, PER_FRAME_FUNCTIONAL_GROUPS)):
        return False
    samples = number(found, SAMPLES_PER_PIXEL, -1)
    allocated = number(found, BITS_ALLOCATED, -1)
    image.bits_stored = number(found, BITS_STORED, -1)
    image.high_bit = number(found, HIGH_BIT, image.bits_stored - 1)
    image.is_signed = number(found, PIXEL_REPRESENTATION, -1) == 1
    image.rows, image.columns = <size_t>number(found, ROWS, 0), <size_t>number(found, COLUMNS, 0)
    if (not find_room(options, image)
            or samples != <int>options.samples or number(found, PIXEL_REPRESENTATION, -1) > 1
            or (allocated != 8 and allocated != 16 and allocated != 32)
            or not 1 <= image.bits_stored <= image.high_bit + 1 <= allocated):
        return False
    image.width = <size_t>allocated // 8
    if image.width > 1 and hounsfield_host_is_big():
        return False
    raw = text(found, NUMBER_OF_FRAMES, VR_IS)
    if raw.at != NULL:
        raw = without_spaces(stripped_twice(raw))
        if not hounsfield_integer(raw.at, <size_t>raw.size, &frames):
            return False
    if not (0 < frames <= 0x7FFFFFFF and options.frame < <uint64_t>frames):
        return False
    if options.is_whole and frames > 1:
        return False

    raw = text(found, PHOTOMETRIC_INTERPRETATION, VR_CS)
    image.inverted = equals(raw, b"MONOCHROME1")
    if samples == 1:
        if not image.inverted and not equals(raw, b"MONOCHROME2"):
            return False
    elif samples != 3:
        return False
    elif is_decoded:    # to RGB, whatever it was
        if not equals(raw, b"RGB") and (raw.size < 4 or memcmp(raw.at, b"YBR_", 4)):
            return False
    elif not equals(raw, b"RGB") or number(found, PLANAR_CONFIGURATION, -1) != 0:
        return False
    raw = text(found, PRESENTATION_LUT_SHAPE, VR_CS)
    if equals(raw, b"INVERSE"):
        image.inverted = True
    elif raw.size and not equals(raw, b"IDENTITY"):
        return False

    image.frames = <uint64_t>frames
    image.frame_bytes = image.rows * image.columns * options.samples * image.width
    image.is_automatic = False
    if decimals(found, DOSE_GRID_SCALING, doses):
        image.slope, image.intercept = doses[0], 0.0
    else:
        image.slope = decimal(found, RESCALE_SLOPE, 1.0)
        image.intercept = decimal(found, RESCALE_INTERCEPT, 0.0)
    return image.frame_bytes <= 0x40000000 and not found.odd


cdef inline bint choose_window(
    Attributes* found, const Options* options, Image* image, Result* result
) noexcept nogil:
    """Find the window that applies, or that it depends on the samples; False if that is for the facade."""
    cdef double[MOST_VALUES] centers
    cdef double[MOST_VALUES] widths
    cdef int index, count = 0
    cdef Bytes raw
    result.has_window = True
    result.function, result.center, result.width = options.function, options.center, options.width
    if options.choice == GIVEN:
        return True
    memset(centers, 0, sizeof(centers))
    memset(widths, 0, sizeof(widths))
    if options.choice == NUMBERED:
        if find(found, VOI_LUT_SEQUENCE):
            return False
        count = min(decimals(found, WINDOW_CENTER, centers), decimals(found, WINDOW_WIDTH, widths))
        raw = text(found, VOI_LUT_FUNCTION, VR_CS)
        if equals(raw, b"LINEAR_EXACT"):
            result.function = VOI_LINEAR_EXACT
        elif equals(raw, b"SIGMOID"):
            result.function = VOI_SIGMOID
        elif raw.size == 0 or equals(raw, b"LINEAR"):
            result.function = VOI_LINEAR
        else:
            return False
    for index in range(count):
        if not (isfinite(centers[index]) and isfinite(widths[index]) and widths[index] > 0):
            return False
    if options.window < count:
        result.center, result.width = centers[options.window], widths[options.window]
        if result.function == VOI_LINEAR and result.width < 1.0:
            result.function = VOI_LINEAR_EXACT
        return True
    if options.choice == NUMBERED and options.window > 0:
        return False
    image.is_automatic = True
    find_padding(found, image)
    return not found.odd


cdef inline void find_padding(Attributes* found, Image* image) noexcept nogil:
    """Find which samples do not count (PS3.3 C.7.5.1.1.2)."""
    cdef int64_t first, last
    image.pad_low, image.pad_high = 1, 0
    if find(found, PIXEL_PADDING_VALUE) == NULL:
        return
    first = last = padding(found, PIXEL_PADDING_VALUE, image)
    if find(found, PIXEL_PADDING_RANGE_LIMIT):
        last = padding(found, PIXEL_PADDING_RANGE_LIMIT, image)
    image.pad_low, image.pad_high = min(first, last), max(first, last)


cdef inline int64_t padding(Attributes* found, uint32_t tag, const Image* image) noexcept nogil:
    """A value that stands for stored bits, in VR US or SS, whichever of them it is."""
    cdef const Row* row = find(found, tag)
    cdef uint16_t vr = VR_SS if image.is_signed else VR_US
    cdef int64_t stored
    cdef Bytes raw
    if row.vr == VR_US or row.vr == VR_SS:
        vr = row.vr
    raw = value(found, tag, vr)
    if raw.size != 2:
        found.odd = True
        return 0
    stored = load16(raw.at, False)
    if vr == VR_SS and stored > 0x7FFF:
        stored -= 0x10000
    if image.is_signed and stored > (<int64_t>1 << (8 * image.width - 1)) - 1:
        stored -= 0x10000
    elif not image.is_signed and stored < 0:
        stored += 0x10000
    return stored
