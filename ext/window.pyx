"""Stored samples to display values in one pass: rescale, VOI window, inversion (PS3.3 C.11.1 and C.11.2)."""

from hounsfield.errors import OptionError

__all__ = ["window"]

cdef dict SRC_TYPES = {
    "u1": WINDOW_U1, "i1": WINDOW_I1, "u2": WINDOW_U2, "i2": WINDOW_I2,
    "u4": WINDOW_U4, "i4": WINDOW_I4, "f4": WINDOW_F4, "f8": WINDOW_F8,
}
cdef dict DST_TYPES = {"u1": WINDOW_U1, "u2": WINDOW_U2, "f4": WINDOW_F4}
cdef dict TOPS = {"u1": 255.0, "u2": 65535.0, "f4": 1.0}
cdef dict FUNCTIONS = {"LINEAR": VOI_LINEAR, "LINEAR_EXACT": VOI_LINEAR_EXACT, "SIGMOID": VOI_SIGMOID}


def window(
    const unsigned char[::1] src not None, str src_type not None,
    unsigned char[::1] dst not None, str dst_type not None, *,
    double slope=1.0, double intercept=0.0, double center, double width,
    str function not None="LINEAR", bint invert=False,
):
    """Turn stored samples into display values: rescale, VOI window and inversion in one pass.

    With ``x = sample * slope + intercept`` and ymax 255, 65535 or 1.0 by ``dst_type``, the functions are
    those of PS3.3 with ymin 0:

    * LINEAR (C.11.2.1.2.1): 0 for ``x <= c - 0.5 - (w-1)/2``, ymax for ``x > c - 0.5 + (w-1)/2``, else
      ``((x - (c - 0.5)) / (w-1) + 0.5) * ymax``. A width of 1 is a step.
    * LINEAR_EXACT (C.11.2.1.3.2): the same without the half steps, ``((x - c) / w + 0.5) * ymax``.
    * SIGMOID (C.11.2.1.3.1): ``ymax / (1 + exp(-4 * (x - c) / w))``.

    The rounding rule, in float64 throughout. A linear function is folded once, from left to right, into
    ``scale = slope * ymax / (w-1)`` and ``offset = (intercept - (c - 0.5)) * ymax / (w-1) + ymax / 2`` (with
    w and c in place of w-1 and c - 0.5 for LINEAR_EXACT); each sample then becomes ``sample * scale +
    offset``, rounded twice, not fused. The sigmoid and the step are evaluated as written, from the x above.
    The value is clamped to 0 .. ymax and rounded half to even to an integer, or to the nearest float32.
    Inversion is the exact complement after that: 255 - y, 65535 - y, or 1 - y in float32. Results are the
    same bit for bit on every machine (SIGMOID: with the same exp).

    A NaN becomes 0 (before inversion), infinities are clamped.

    Parameters
    ----------
    src : bytes-like
        Contiguous samples in native byte order, at any alignment; may be read-only.
    src_type : {"u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"}
        Type of a sample.
    dst : writable bytes-like
        Contiguous, at any alignment, with room for exactly as many values; must not overlap `src`.
    dst_type : {"u1", "u2", "f4"}
        Type of a display value.
    slope, intercept : float
        Rescale Slope and Rescale Intercept.
    center, width : float
        The window, in units of the rescaled value (Hounsfield units for CT). LINEAR wants ``width >= 1``, the
        others ``width > 0``.
    function : {"LINEAR", "LINEAR_EXACT", "SIGMOID"}
        VOI LUT Function (0028,1056).
    invert : bool
        Complement the display values, as MONOCHROME1 and the presentation LUT shape INVERSE ask for.

    Raises
    ------
    OptionError
        For an unknown type or function, sizes that do not fit each other, overlapping buffers, a parameter
        that is not finite or is beyond 1e100, or a width that the function does not allow.
    MemoryError
        If there is no room for a table of 65536 display values.
    """
    cdef window_map map
    cdef int status
    cdef size_t size = <size_t>src.shape[0], dst_size = <size_t>dst.shape[0], n
    cdef const unsigned char *first
    cdef unsigned char *target

    if src_type not in SRC_TYPES:
        raise OptionError(f"src_type {src_type!r} is none of {', '.join(SRC_TYPES)}")
    if dst_type not in DST_TYPES:
        raise OptionError(f"dst_type {dst_type!r} is none of {', '.join(DST_TYPES)}")
    map.src_type = SRC_TYPES[src_type]
    map.dst_type = DST_TYPES[dst_type]
    map.top = TOPS[dst_type]
    map.invert = invert
    if function not in FUNCTIONS:
        raise OptionError(f"function {function!r} is none of {', '.join(FUNCTIONS)}")
    status = window_fold(&map, FUNCTIONS[function], slope, intercept, center, width)
    if status == WINDOW_TOO_LARGE:
        raise OptionError(f"slope {slope}, intercept {intercept}, center {center} and width {width} must be "
                          "finite and within 1e100")
    if status == WINDOW_TOO_NARROW:
        raise OptionError(f"window width {width}: LINEAR needs 1 or more, the other functions more than 0")

    n = size // window_size(map.src_type)
    if n * window_size(map.src_type) != size:
        raise OptionError(f"src has {size} bytes, which is no whole number of {src_type} samples")
    if n * window_size(map.dst_type) != dst_size:
        raise OptionError(f"dst has {dst_size} bytes where {n} values of {dst_type} need "
                          f"{n * window_size(map.dst_type)}")
    if n == 0:
        return
    first = &src[0]
    target = &dst[0]
    if first < target + dst_size and target < first + size:
        raise OptionError("src and dst overlap")
    with nogil:
        status = window_run(&map, first, target, n)
    if status == WINDOW_NO_MEMORY:
        raise MemoryError("no memory for a table of display values")
