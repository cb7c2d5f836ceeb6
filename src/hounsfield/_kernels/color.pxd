# What other kernels may cimport of ext/color.pyx: its loops, on pointers and lengths that have been checked.

from libc.stdint cimport uint8_t


cdef extern from "color.h" nogil:
    enum:
        COLOR_KEEP, COLOR_FULL, COLOR_PARTIAL
    void color_interleave(const uint8_t* planes, uint8_t* out, size_t count, size_t samples,
                          size_t width) noexcept
    void color_ybr_pixels(const uint8_t* data, uint8_t* out, size_t count, int conversion) noexcept
    void color_ybr_planes(const uint8_t* data, uint8_t* out, size_t count, int conversion) noexcept
    void color_ybr_422(const uint8_t* data, uint8_t* out, size_t count, int conversion) noexcept
