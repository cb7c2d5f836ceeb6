/* Stored samples to display values, PS3.3 C.11.2.1.2 and C.11.2.1.3: the loops of the kernel window.

   window_exact states the rule, in float64, for every type; it works on blocks that stay in the first-level
   cache. window_affine does the same to a line without a block between, where there is AVX-512.
   window_narrow (8 and 16-bit samples to 8-bit levels) computes in float32 and 16-bit integers, several times
   faster, and only after it has shown for this very window that no sample can come out different, without an origin
   or, where float32 has not digits enough for that, with one. GCC makes
   vectors of its loop for every instruction set; for AVX2 it is written out, which is twice as fast again.
   window_table evaluates the rule once for every 8 or 16-bit sample value and looks the result up: it pays
   for the sigmoid, but not for a line, which vectorises. */
#ifndef HOUNSFIELD_WINDOW_H
#define HOUNSFIELD_WINDOW_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "portable.h"
#include "window_types.h"
#include "window_wide.h"

enum { WINDOW_BLOCK = 512 };
enum { WINDOW_STREAMS = 1 << 22 }; /* bytes of an output that goes past the caches: it would not stay there */

#define WINDOW_LARGEST 1e100 /* with all parameters below it no product of theirs overflows */

/* Put a window into the form that the loops want; src_type, dst_type, top and invert are there already. */
static int window_fold(window_map *map, int function, double slope, double intercept, double center, double width) {
    /* Written so that a NaN fails. */
    if (!(fabs(slope) <= WINDOW_LARGEST && fabs(intercept) <= WINDOW_LARGEST && fabs(center) <= WINDOW_LARGEST
          && width <= WINDOW_LARGEST))
        return WINDOW_TOO_LARGE;
    if (!(width >= (function == VOI_LINEAR ? 1.0 : 1.0 / WINDOW_LARGEST))) return WINDOW_TOO_NARROW;
    map->shape = WINDOW_AFFINE;
    if (function == VOI_LINEAR && width > 1.0) {
        map->scale = slope * map->top / (width - 1.0);
        map->offset = (intercept - (center - 0.5)) * map->top / (width - 1.0) + map->top / 2.0;
    } else if (function == VOI_LINEAR_EXACT) {
        map->scale = slope * map->top / width;
        map->offset = (intercept - center) * map->top / width + map->top / 2.0;
    } else {
        map->shape = function == VOI_LINEAR ? WINDOW_STEP : WINDOW_SIGMOID;
        map->scale = slope;
        map->offset = intercept;
        map->center = function == VOI_LINEAR ? center - 0.5 : center;
        map->width = width;
    }
    return WINDOW_DONE;
}

/* ---- the rule, in float64 ---- */

#define WINDOW_LOAD(NAME, TYPE)                                                                             \
    TARGET_CLONES static void window_load_##NAME(const unsigned char *RESTRICT src, double *RESTRICT y,    \
                                                 size_t n, double scale, double offset) {                  \
        for (size_t i = 0; i < n; i++) {                                                                    \
            TYPE sample;                                                                                    \
            memcpy(&sample, src + i * sizeof sample, sizeof sample); /* it may be unaligned */              \
            y[i] = (double)sample * scale + offset;                                                         \
        }                                                                                                   \
    }

WINDOW_LOAD(u1, uint8_t)
WINDOW_LOAD(i1, int8_t)
WINDOW_LOAD(u2, uint16_t)
WINDOW_LOAD(i2, int16_t)
WINDOW_LOAD(u4, uint32_t)
WINDOW_LOAD(i4, int32_t)
WINDOW_LOAD(f4, float)
WINDOW_LOAD(f8, double)

TARGET_CLONES static void window_step(double *y, size_t n, double center, double top) {
    for (size_t i = 0; i < n; i++) y[i] = y[i] > center ? top : 0.0;
}

static void window_sigmoid(double *y, size_t n, double center, double width, double top) {
    for (size_t i = 0; i < n; i++) y[i] = top / (1.0 + exp(-4.0 * (y[i] - center) / width));
}

/* A NaN fails the first comparison and becomes 0. */
static inline double window_clamp(double y, double top) {
    y = y > 0.0 ? y : 0.0;
    return y < top ? y : top;
}

/* 2^52 is added: the sum's last bit is worth 1, so the addition rounds half to even and leaves the level in
   the low bits. The complement of all bits of a level is top - level. */
#define WINDOW_STORE(NAME, TYPE)                                                                            \
    TARGET_CLONES static void window_store_##NAME(const double *RESTRICT y, unsigned char *RESTRICT dst,   \
                                                  size_t n, double top, int invert) {                      \
        const uint64_t complement = invert ? ~(uint64_t)0 : 0;                                              \
        for (size_t i = 0; i < n; i++) {                                                                    \
            const double sum = window_clamp(y[i], top) + 4503599627370496.0;                                \
            uint64_t bits;                                                                                  \
            memcpy(&bits, &sum, sizeof bits);                                                               \
            const TYPE level = (TYPE)(bits ^ complement);                                                   \
            memcpy(dst + i * sizeof level, &level, sizeof level);                                           \
        }                                                                                                   \
    }

WINDOW_STORE(u1, uint8_t)
WINDOW_STORE(u2, uint16_t)

TARGET_CLONES static void window_store_f4(const double *RESTRICT y, unsigned char *RESTRICT dst, size_t n,
                                          double top, int invert) {
    for (size_t i = 0; i < n; i++) {
        float level = (float)window_clamp(y[i], top);
        level = invert ? 1.0f - level : level;
        memcpy(dst + i * sizeof level, &level, sizeof level);
    }
}

static void window_load(int type, const unsigned char *src, double *y, size_t n, double scale, double offset) {
    switch (type) {
    case WINDOW_U1: window_load_u1(src, y, n, scale, offset); break;
    case WINDOW_I1: window_load_i1(src, y, n, scale, offset); break;
    case WINDOW_U2: window_load_u2(src, y, n, scale, offset); break;
    case WINDOW_I2: window_load_i2(src, y, n, scale, offset); break;
    case WINDOW_U4: window_load_u4(src, y, n, scale, offset); break;
    case WINDOW_I4: window_load_i4(src, y, n, scale, offset); break;
    case WINDOW_F4: window_load_f4(src, y, n, scale, offset); break;
    case WINDOW_F8: window_load_f8(src, y, n, scale, offset); break;
    }
}

static void window_exact(const window_map *map, const unsigned char *src, unsigned char *dst, size_t n) {
    double y[WINDOW_BLOCK];
    const size_t src_size = window_size(map->src_type), dst_size = window_size(map->dst_type);
    for (size_t start = 0; start < n; start += WINDOW_BLOCK) {
        const size_t m = n - start < WINDOW_BLOCK ? n - start : WINDOW_BLOCK;
        const unsigned char *in = src + start * src_size;
        unsigned char *out = dst + start * dst_size;
        window_load(map->src_type, in, y, m, map->scale, map->offset);
        if (map->shape == WINDOW_STEP) window_step(y, m, map->center, map->top);
        if (map->shape == WINDOW_SIGMOID) window_sigmoid(y, m, map->center, map->width, map->top);
        switch (map->dst_type) {
        case WINDOW_U1: window_store_u1(y, out, m, map->top, map->invert); break;
        case WINDOW_U2: window_store_u2(y, out, m, map->top, map->invert); break;
        case WINDOW_F4: window_store_f4(y, out, m, map->top, map->invert); break;
        }
    }
}

/* The same, for a line, past the caches if it `streams`. */
static void window_affine(const window_map *map, const unsigned char *src, unsigned char *dst, size_t n,
                          int streams) {
    const size_t size = window_size(map->src_type), width = window_size(map->dst_type);
    const window_share share = window_affine_shares(dst, n, width);
    window_exact(map, src, dst, share.lead);
    window_wide_affine(map, 1, src + share.lead * size, dst + share.lead * width, share.lines, streams);
    window_exact(map, src + share.done * size, dst + share.done * width, n - share.done);
}

/* ---- 8 and 16-bit samples to 8-bit levels, in float32 ---- */

/* Samples and levels are clamped as 16-bit integers: half the vectors that floats would take, and a minimum
   that GCC vectorises for every target, while that of floats has to mind NaNs and signed zeros. 1.5 * 2^23 is
   added to round, as above; the low 16 bits of the sum are then the level, signed. */
#define WINDOW_NARROW(NAME, TYPE)                                                                           \
    TARGET_CLONES static void window_narrow_##NAME(const unsigned char *RESTRICT src,                      \
                                                   unsigned char *RESTRICT dst, size_t n, TYPE low,        \
                                                   TYPE high, int32_t origin, float scale, float offset,   \
                                                   uint8_t complement) {                                   \
        for (size_t i = 0; i < n; i++) {                                                                    \
            TYPE sample;                                                                                    \
            memcpy(&sample, src + i * sizeof sample, sizeof sample);                                        \
            sample = sample > low ? sample : low;                                                           \
            sample = sample < high ? sample : high;                                                         \
            const float y = (float)(sample - origin) * scale + offset;                                      \
            const float sum = y + 12582912.0f;                                                              \
            uint32_t bits;                                                                                  \
            memcpy(&bits, &sum, sizeof bits);                                                               \
            int16_t level = (int16_t)bits;                                                                  \
            level = level > 0 ? level : 0;                                                                  \
            level = level < 255 ? level : 255;                                                              \
            dst[i] = (uint8_t)level ^ complement;                                                           \
        }                                                                                                   \
    }

WINDOW_NARROW(u1, uint8_t)
WINDOW_NARROW(i1, int8_t)
WINDOW_NARROW(u2, uint16_t)
WINDOW_NARROW(i2, int16_t)

static void window_narrow_loop(const window_map *map, const window_line *line, const unsigned char *src,
                               unsigned char *dst, size_t n) {
    const uint8_t complement = map->invert ? 0xFF : 0;
    const int32_t low = line->low, high = line->high, origin = line->origin;
    const float scale = line->scale, offset = line->offset;
    switch (map->src_type) {
    case WINDOW_U1:
        window_narrow_u1(src, dst, n, (uint8_t)low, (uint8_t)high, origin, scale, offset, complement);
        break;
    case WINDOW_I1:
        window_narrow_i1(src, dst, n, (int8_t)low, (int8_t)high, origin, scale, offset, complement);
        break;
    case WINDOW_U2:
        window_narrow_u2(src, dst, n, (uint16_t)low, (uint16_t)high, origin, scale, offset, complement);
        break;
    case WINDOW_I2:
        window_narrow_i2(src, dst, n, (int16_t)low, (int16_t)high, origin, scale, offset, complement);
        break;
    }
}

/* Up to the first whole line of the output, whole lines, and the rest. */
static void window_narrow_run(const window_map *map, const window_line *line, const unsigned char *src,
                              unsigned char *dst, size_t n, int streams) {
    const size_t size = window_size(map->src_type);
    const window_share share = window_narrow_shares(dst, n);
    window_narrow_loop(map, line, src, dst, share.lead);
    window_wide_narrow(map, line, src + share.lead * size, dst + share.lead, share.lines, streams);
    window_narrow_loop(map, line, src + share.done * size, dst + share.done, n - share.done);
}

/* The stored samples first, first + 1, ... as the bytes that an image of this type would have. */
static void window_samples(int type, int32_t first, unsigned char *samples, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint16_t wide = (uint16_t)(first + (int32_t)i);
        const uint8_t narrow = (uint8_t)wide;
        if (window_size(type) == 2) memcpy(samples + 2 * i, &wide, 2);
        else samples[i] = narrow;
    }
}

/* Compares the rule and both loops for every sample from low to high. All are monotone, so where the ends are at the
   first and the last level, or are the ends of the type, no other sample needs a look. */
static int window_line_agrees(const window_map *map, const window_line *line, int32_t least, int32_t most) {
    unsigned char samples[2 * WINDOW_BLOCK], expected[WINDOW_BLOCK], room[WINDOW_BLOCK + WINDOW_LINE];
    unsigned char *got = room + -(uintptr_t)room % WINDOW_LINE;
    const unsigned char at_low = (map->scale > 0.0) == !map->invert ? 0 : 255, at_high = 255 - at_low;
    for (int32_t first = line->low; first <= line->high; first += WINDOW_BLOCK) {
        const int32_t left = line->high - first + 1;
        const size_t n = left < WINDOW_BLOCK ? (size_t)left : WINDOW_BLOCK;
        window_samples(map->src_type, first, samples, WINDOW_BLOCK);
        window_exact(map, samples, expected, n);
        window_narrow_loop(map, line, samples, got, n);
        if (memcmp(expected, got, n) != 0) return 0;
        window_wide_narrow(map, line, samples, got, window_narrow_shares(got, WINDOW_BLOCK).lines, 0);
        if (memcmp(expected, got, n) != 0) return 0;
        if (first == line->low && first > least && expected[0] != at_low) return 0;
        if (n == (size_t)left && line->high < most && expected[n - 1] != at_high) return 0;
    }
    return 1;
}

static int32_t window_nearest(double sample, int32_t least, int32_t most) {
    return sample > least ? sample < most ? (int32_t)floor(sample) : most : least;
}

/* Find how to do it in float32, for n samples; 0 if that does not do for this window or the proof does not pay. */
static int window_narrow(const window_map *map, window_line *line, size_t n) {
    const int is_signed = map->src_type == WINDOW_I1 || map->src_type == WINDOW_I2;
    const int32_t values = window_size(map->src_type) == 2 ? 65536 : 256;
    const int32_t least = is_signed ? -values / 2 : 0, most = least + values - 1;
    const double scale = map->scale;

    /* Beyond these a step outside the window would leave the 16 bits of a level, or a sample far from it the 32 bits
       that the wide loop, which does not clamp samples, has for its level. */
    if (scale == 0.0 || fabs(scale) > 8192.0 || fabs(map->offset) > 1e9) return 0;
    const double reach = 128.0 / fabs(scale), middle = (127.5 - map->offset) / scale;
    line->low = window_nearest(middle - reach - 1.0, least, most);
    line->high = window_nearest(middle + reach + 2.0, least, most);
    if (n / 4 < (size_t)(line->high - line->low)) return 0; /* where the proof and exact cost the same */
    line->scale = (float)scale;
    line->origin = 0;
    line->offset = (float)map->offset;
    if (window_line_agrees(map, line, least, most)) return 1;
    line->origin = window_nearest(middle, least, most);
    line->offset = (float)(line->origin * scale + map->offset);
    return line->origin != 0 && window_line_agrees(map, line, least, most);
}

/* ---- every sample value once ---- */

#define WINDOW_LOOK_UP(NAME, INDEX, TYPE)                                                                   \
    static void window_look_up_##NAME(const unsigned char *RESTRICT src, unsigned char *RESTRICT dst,      \
                                      size_t n, const TYPE *RESTRICT table) {                              \
        for (size_t i = 0; i < n; i++) {                                                                    \
            INDEX sample;                                                                                   \
            memcpy(&sample, src + i * sizeof sample, sizeof sample);                                        \
            memcpy(dst + i * sizeof *table, &table[sample], sizeof *table);                                 \
        }                                                                                                   \
    }

WINDOW_LOOK_UP(u1_u1, uint8_t, uint8_t)
WINDOW_LOOK_UP(u1_u2, uint8_t, uint16_t)
WINDOW_LOOK_UP(u1_f4, uint8_t, uint32_t)
WINDOW_LOOK_UP(u2_u1, uint16_t, uint8_t)
WINDOW_LOOK_UP(u2_u2, uint16_t, uint16_t)
WINDOW_LOOK_UP(u2_f4, uint16_t, uint32_t)

static unsigned char *window_table(const window_map *map) {
    const size_t size = window_size(map->src_type), values = size == 2 ? 65536 : 256;
    const size_t width = window_size(map->dst_type);
    unsigned char *table = malloc(values * (width + size)), *samples = table + values * width;
    if (table == NULL) return NULL;
    window_samples(map->src_type, 0, samples, values); /* a signed one stands at its two's complement */
    window_exact(map, samples, table, values);
    return table;
}

static void window_look_up(const window_map *map, const unsigned char *table, const unsigned char *src,
                           unsigned char *dst, size_t n) {
    const int wide = window_size(map->src_type) == 2;
    const void *levels = table;
    switch (map->dst_type) {
    case WINDOW_U1: (wide ? window_look_up_u2_u1 : window_look_up_u1_u1)(src, dst, n, levels); break;
    case WINDOW_U2: (wide ? window_look_up_u2_u2 : window_look_up_u1_u2)(src, dst, n, levels); break;
    case WINDOW_F4: (wide ? window_look_up_u2_f4 : window_look_up_u1_f4)(src, dst, n, levels); break;
    }
}

/* ---- the fastest of the three ways, found once for all parts of an image and for images like it ---- */

typedef struct {
    window_map map;
    window_line line;
    int in_float32;
    unsigned char *table; /* NULL where it is not looked up */
} window_plan;

/* `n` is how many samples there will be in all. window_finish is to follow, also where there was no memory. */
static int window_prepare(window_plan *plan, const window_map *map, size_t n) {
    plan->map = *map;
    plan->in_float32 = 0;
    plan->table = NULL;
    if (map->src_type > WINDOW_I2) return WINDOW_DONE;
    const size_t values = window_size(map->src_type) == 2 ? 65536 : 256;
    if (map->shape == WINDOW_SIGMOID && n > values + values / 4) {
        plan->table = window_table(map);
        return plan->table == NULL ? WINDOW_NO_MEMORY : WINDOW_DONE;
    }
    plan->in_float32 =
        map->shape == WINDOW_AFFINE && map->dst_type == WINDOW_U1 && window_narrow(map, &plan->line, n);
    return WINDOW_DONE;
}

/* A part of an image whose output `streams` past the caches, or does not. */
static void window_part(const window_plan *plan, const unsigned char *src, unsigned char *dst, size_t n,
                        int streams) {
    if (plan->table != NULL) window_look_up(&plan->map, plan->table, src, dst, n);
    else if (plan->in_float32) window_narrow_run(&plan->map, &plan->line, src, dst, n, streams);
    else if (plan->map.shape == WINDOW_AFFINE) window_affine(&plan->map, src, dst, n, streams);
    else window_exact(&plan->map, src, dst, n);
}

static void window_finish(window_plan *plan) {
    free(plan->table);
    plan->table = NULL;
}

/* Levels of 16 bits stay in the caches: of samples that come from memory, past them they took 1.5 times as long. */
static int window_run(const window_map *map, const unsigned char *src, unsigned char *dst, size_t n) {
    window_plan plan;
    const int status = window_prepare(&plan, map, n);
    const int streams = map->dst_type != WINDOW_U2 && n * window_size(map->dst_type) >= WINDOW_STREAMS;
    if (status == WINDOW_DONE) window_part(&plan, src, dst, n, streams);
    window_finish(&plan);
    return status;
}

#endif
