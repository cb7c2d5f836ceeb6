"""Images made smaller by area averages and larger by bilinear interpolation, in their values."""

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)

from hounsfield.errors import OptionError

__all__ = ["resize"]

cdef dict TYPES = {
    ("B", 1): RESIZE_U1, ("b", 1): RESIZE_I1, ("H", 2): RESIZE_U2, ("h", 2): RESIZE_I2,
    ("I", 4): RESIZE_U4, ("i", 4): RESIZE_I4, ("L", 4): RESIZE_U4, ("l", 4): RESIZE_I4, ("f", 4): RESIZE_F4,
}


cdef int sample_type(const Py_buffer* array, str name) except -1:
    """Look at the type, and that pixels of a row follow one another."""
    cdef str letter = array.format.decode("ascii").lstrip("@=") if array.format != NULL else "B"
    cdef Py_ssize_t step = array.itemsize
    cdef int axis
    if (letter, array.itemsize) not in TYPES:
        raise OptionError(f"{name} has items {letter!r} of {array.itemsize} bytes: 8, 16 and 32-bit integers "
                          "and float32 in native byte order can be resized, to float32")
    if array.ndim not in (2, 3):
        raise OptionError(f"{name} has {array.ndim} axes: an image has rows, columns, and maybe channels")
    for axis in range(array.ndim):
        if array.shape[axis] == 0:
            raise OptionError(f"{name} has no samples")
    for axis in range(array.ndim - 1, 0, -1):
        if array.shape[axis] > 1 and array.strides[axis] != step:
            raise OptionError(f"{name} has gaps within its rows: pixels must follow one another")
        step *= array.shape[axis]
    return TYPES[letter, array.itemsize]


cdef bint overlap(const Py_buffer* samples, const Py_buffer* out) noexcept:
    """Whether their memory is entangled, from the first byte of each to the last."""
    cdef const char* low[2]
    cdef const char* high[2]
    cdef const Py_buffer* array
    cdef Py_ssize_t i, reach
    for i in range(2):
        array = samples if i == 0 else out
        reach = (array.shape[0] - 1) * array.strides[0]
        low[i] = <const char*>array.buf + (reach if reach < 0 else 0)
        high[i] = <const char*>array.buf + (reach if reach > 0 else 0) + array.len // array.shape[0]
    return low[0] < high[1] and low[1] < high[0]


def resize(samples, out):
    """Resize an image along each axis by itself: area average, bilinear, or as it is.

    With n samples along an axis of `samples` and m along that of `out`:

    * m < n: sample i is the mean of what lies in the box from i * n/m to (i + 1) * n/m, where sample j covers
      j to j + 1; one that lies in it in part counts in part.
    * m > n: sample i lies at (i + 0.5) * n/m - 0.5, and is interpolated between the two beside it; beyond
      the first and the last sample these go on (half-pixel centres, clamped edges).
    * m = n: as it is.

    The rounding rule: weights are whole numbers, what each axis needs of n/m being reduced by their greatest
    common divisor, and twice that where m > n. Products with these are added in float64, first down, then
    along the row, each from the first to the last; the sum is multiplied by ``1 / (D * E)``, where D and E
    are what the weights of either axis add up to, and rounded to float32. Of 8 and 16-bit samples the sums
    are exact. So an image of one value keeps it, and the result is the same bit for bit on every machine.

    A NaN or an infinity goes to all that it has a weight in.

    Parameters
    ----------
    samples : array of shape (rows, columns) or (rows, columns, channels)
        uint8, int8, uint16, int16, uint32, int32 or float32, in native byte order; it may be read-only, and a
        part of a larger image: between rows there may be gaps. At most 65535 rows and columns, 16 channels.
    out : writable float32 array of shape (rows, columns) or (rows, columns, channels)
        As many axes and channels; at most 32767 rows and columns. Apart from `samples` in memory; it may be
        a part of a larger array, too.

    Raises
    ------
    OptionError
        For another type or other shapes, and if the two overlap.
    MemoryError
        If there is no room for a few rows of samples.
    """
    cdef Py_buffer source, target
    cdef resize_state state
    cdef size_t channels
    cdef int type, status
    PyObject_GetBuffer(samples, &source, PyBUF_FORMAT | PyBUF_STRIDES)
    try:
        type = sample_type(&source, "samples")
        PyObject_GetBuffer(out, &target, PyBUF_FORMAT | PyBUF_STRIDES | PyBUF_WRITABLE)
        try:
            if sample_type(&target, "out") != RESIZE_F4:
                raise OptionError("out must be float32")
            channels = <size_t>source.shape[2] if source.ndim == 3 else 1
            if source.ndim != target.ndim or (source.ndim == 3 and source.shape[2] != target.shape[2]):
                raise OptionError("samples and out differ in their axes, or in their channels")
            if channels > RESIZE_MOST_CHANNELS:
                raise OptionError(f"samples have {channels} channels: at most {RESIZE_MOST_CHANNELS} can be "
                                  "resized")
            if max(source.shape[0], source.shape[1]) > RESIZE_LONGEST:
                raise OptionError(f"samples are {source.shape[0]} x {source.shape[1]}: more than "
                                  f"{RESIZE_LONGEST} rows or columns cannot be resized")
            if max(target.shape[0], target.shape[1]) > RESIZE_LONGEST_OUT:
                raise OptionError(f"out is {target.shape[0]} x {target.shape[1]}: at most "
                                  f"{RESIZE_LONGEST_OUT} rows and columns can be made")
            if overlap(&source, &target):
                raise OptionError("out overlaps samples")
            with nogil:
                status = resize_begin(&state, type, <size_t>source.shape[0], <size_t>source.shape[1],
                                      channels, <size_t>target.shape[0], <size_t>target.shape[1])
                if status == RESIZE_DONE:
                    resize_feed(&state, <const unsigned char*>source.buf, source.strides[0],
                                <size_t>source.shape[0], <unsigned char*>target.buf, target.strides[0])
                    resize_end(&state)
            if status == RESIZE_NO_MEMORY:
                raise MemoryError("no room for the rows of an image that is to be resized")
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&source)
