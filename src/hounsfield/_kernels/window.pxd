# What other kernels may cimport of ext/window.pyx: its loops, on pointers and lengths that have been checked.

from libc.stdint cimport uint8_t


cdef extern from "window.h" nogil:
    enum:
        WINDOW_STREAMS
    enum:
        WINDOW_U1, WINDOW_I1, WINDOW_U2, WINDOW_I2, WINDOW_U4, WINDOW_I4, WINDOW_F4, WINDOW_F8
    enum:
        VOI_LINEAR, VOI_LINEAR_EXACT, VOI_SIGMOID
    enum:
        WINDOW_DONE, WINDOW_NO_MEMORY, WINDOW_TOO_LARGE, WINDOW_TOO_NARROW
    ctypedef struct window_map:
        int src_type
        int dst_type
        double top
        bint invert
    ctypedef struct window_plan:
        pass
    size_t window_size(int type) noexcept
    int window_fold(window_map* map, int function, double slope, double intercept, double center,
                    double width) noexcept
    int window_prepare(window_plan* plan, const window_map* map, size_t n) noexcept
    void window_part(const window_plan* plan, const uint8_t* src, uint8_t* dst, size_t n,
                     bint streams) noexcept
    void window_finish(window_plan* plan) noexcept
    int window_run(const window_map* map, const uint8_t* src, uint8_t* dst, size_t n) noexcept
