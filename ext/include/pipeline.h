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

/* Modality values, sample * slope + intercept: computed in float64 and rounded once, to float32 (PS3.3 C.11.1). */
static void pipeline_rescale(int type, const unsigned char *src, unsigned char *dst, size_t n, double slope,
                             double intercept) {
    double values[WINDOW_BLOCK];
    for (size_t start = 0; start < n; start += WINDOW_BLOCK) {
        const size_t m = n - start < WINDOW_BLOCK ? n - start : WINDOW_BLOCK;
        window_load(type, src + start * window_size(type), values, m, slope, intercept);
        pipeline_narrow(values, dst + start * sizeof(float), m);
    }
}

#endif
