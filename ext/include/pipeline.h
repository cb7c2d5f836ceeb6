/* What the kernel pipeline does to a part of an image beyond the loops of other kernels. */
#ifndef HOUNSFIELD_PIPELINE_H
#define HOUNSFIELD_PIPELINE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "portable.h"
#include "window.h"

/* Seconds of a clock that is never set back, where there is one. */
static double pipeline_clock(void) {
    struct timespec now;
#ifdef CLOCK_MONOTONIC
    clock_gettime(CLOCK_MONOTONIC, &now);
#else
    timespec_get(&now, TIME_UTC);
#endif
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

TARGET_CLONES static void pipeline_narrow(const double *RESTRICT values, unsigned char *RESTRICT out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float value = (float)values[i];
        memcpy(out + i * sizeof value, &value, sizeof value);
    }
}

static void pipeline_rescale_loop(int type, const unsigned char *src, unsigned char *dst, size_t n, double slope,
                                  double intercept) {
    double values[WINDOW_BLOCK];
    for (size_t start = 0; start < n; start += WINDOW_BLOCK) {
        const size_t m = n - start < WINDOW_BLOCK ? n - start : WINDOW_BLOCK;
        window_load(type, src + start * window_size(type), values, m, slope, intercept);
        pipeline_narrow(values, dst + start * sizeof(float), m);
    }
}

/* Modality values, sample * slope + intercept: computed in float64 and rounded once, to float32 (PS3.3 C.11.1). */
static void pipeline_rescale(int type, const unsigned char *src, unsigned char *dst, size_t n, double slope,
                             double intercept, int streams) {
    const size_t size = window_size(type), width = sizeof(float);
    const window_map map = {
        .src_type = type, .dst_type = WINDOW_F4, .shape = WINDOW_AFFINE, .scale = slope, .offset = intercept};
    const window_share share = window_affine_shares(dst, n, width);
    pipeline_rescale_loop(type, src, dst, share.lead, slope, intercept);
    window_wide_affine(&map, 0, src + share.lead * size, dst + share.lead * width, share.lines, streams);
    pipeline_rescale_loop(type, src + share.done * size, dst + share.done * width, n - share.done, slope, intercept);
}

/* The least and the greatest sample, of those that are not from pad_low to pad_high. */
#define PIPELINE_RANGE(NAME, TYPE)                                                                             \
    TARGET_CLONES static void pipeline_range_##NAME(const unsigned char *RESTRICT src, size_t n,              \
                                                    int64_t pad_low, int64_t pad_high, int64_t *least,        \
                                                    int64_t *most) {                                          \
        int64_t low = INT64_MAX, high = INT64_MIN;                                                             \
        for (size_t i = 0; i < n; i++) {                                                                       \
            TYPE sample;                                                                                       \
            memcpy(&sample, src + i * sizeof sample, sizeof sample);                                           \
            const int64_t value = (int64_t)sample;                                                             \
            const int counts = (value < pad_low) | (value > pad_high);                                         \
            low = counts && value < low ? value : low;                                                         \
            high = counts && value > high ? value : high;                                                      \
        }                                                                                                      \
        *least = low;                                                                                          \
        *most = high;                                                                                          \
    }

PIPELINE_RANGE(u1, uint8_t)
PIPELINE_RANGE(i1, int8_t)
PIPELINE_RANGE(u2, uint16_t)
PIPELINE_RANGE(i2, int16_t)
PIPELINE_RANGE(u4, uint32_t)
PIPELINE_RANGE(i4, int32_t)

/* Whether there is any such sample. */
static int pipeline_range(int type, const unsigned char *src, size_t n, int64_t pad_low, int64_t pad_high,
                          int64_t *least, int64_t *most) {
    switch (type) {
    case WINDOW_U1: pipeline_range_u1(src, n, pad_low, pad_high, least, most); break;
    case WINDOW_I1: pipeline_range_i1(src, n, pad_low, pad_high, least, most); break;
    case WINDOW_U2: pipeline_range_u2(src, n, pad_low, pad_high, least, most); break;
    case WINDOW_I2: pipeline_range_i2(src, n, pad_low, pad_high, least, most); break;
    case WINDOW_U4: pipeline_range_u4(src, n, pad_low, pad_high, least, most); break;
    default: pipeline_range_i4(src, n, pad_low, pad_high, least, most); break;
    }
    return *least <= *most;
}

/* `count` times the value of `size` bytes. */
static void pipeline_fill(unsigned char *out, const unsigned char *value, size_t size, size_t count) {
    for (size_t i = 0; i < count; i++) memcpy(out + i * size, value, size);
}

#endif
