/* Colour, PS3.3 C.7.6.3.1.2 and C.7.6.3.1.3: planes to pixels, chroma for every pixel, YBR to RGB, palettes.

   Pixels are converted in blocks that stay in the first-level cache: split into planes, converted plane by plane,
   merged again. Each of the three is a loop that vectorises, which one loop over pixels of three bytes does less
   well. A block is read before it is written: out may be the very memory of the data. */
#ifndef HOUNSFIELD_COLOR_H
#define HOUNSFIELD_COLOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "color_wide.h"
#include "portable.h"

enum { COLOR_BLOCK = 256 };
enum { COLOR_KEEP, COLOR_FULL, COLOR_PARTIAL };

/* A function of the loop NAME_loop, chosen when it is called. */
#ifdef TARGET_BYTE_PERMUTE
#define COLOR_CHOSEN(NAME, PARAMETERS, ARGUMENTS)                                                            \
    TARGET_CLONES static void NAME##_common PARAMETERS { NAME##_loop ARGUMENTS; }                            \
    TARGET_BYTE_PERMUTE static void NAME##_permute PARAMETERS { NAME##_loop ARGUMENTS; }                     \
    static void NAME PARAMETERS {                                                                            \
        if (HAS_BYTE_PERMUTE())                                                                              \
            NAME##_permute ARGUMENTS;                                                                        \
        else                                                                                                 \
            NAME##_common ARGUMENTS;                                                                         \
    }
#else
#define COLOR_CHOSEN(NAME, PARAMETERS, ARGUMENTS)                                                            \
    static void NAME PARAMETERS { NAME##_loop ARGUMENTS; }
#endif

/* ---- planes to pixels ---- */

#define COLOR_INTERLEAVE(BITS)                                                                               \
    static inline void color_merge##BITS##_loop(const uint8_t *RESTRICT first, const uint8_t *RESTRICT second, \
                                                const uint8_t *RESTRICT third, uint8_t *RESTRICT out,        \
                                                size_t count) {                                              \
        for (size_t i = 0; i < count; i++) {                                                                 \
            uint##BITS##_t a, b, c;                                                                          \
            memcpy(&a, first + i * sizeof a, sizeof a);                                                      \
            memcpy(&b, second + i * sizeof b, sizeof b);                                                     \
            memcpy(&c, third + i * sizeof c, sizeof c);                                                      \
            memcpy(out + (3 * i + 0) * sizeof a, &a, sizeof a);                                              \
            memcpy(out + (3 * i + 1) * sizeof b, &b, sizeof b);                                              \
            memcpy(out + (3 * i + 2) * sizeof c, &c, sizeof c);                                              \
        }                                                                                                    \
    }                                                                                                        \
    COLOR_CHOSEN(color_merge##BITS,                                                                          \
                 (const uint8_t *RESTRICT first, const uint8_t *RESTRICT second,                             \
                  const uint8_t *RESTRICT third, uint8_t *RESTRICT out, size_t count),                       \
                 (first, second, third, out, count))                                                         \
    static void color_spread##BITS(const uint8_t *RESTRICT plane, uint8_t *RESTRICT out, size_t count,       \
                                   size_t samples) {                                                         \
        for (size_t i = 0; i < count; i++)                                                                   \
            memcpy(out + i * samples * (BITS / 8), plane + i * (BITS / 8), BITS / 8);                        \
    }                                                                                                        \
    static void color_interleave##BITS(const uint8_t *RESTRICT planes, uint8_t *RESTRICT out, size_t count,  \
                                       size_t samples) {                                                     \
        const size_t size = count * (BITS / 8);                                                              \
        if (samples == 3) {                                                                                  \
            color_merge##BITS(planes, planes + size, planes + 2 * size, out, count);                         \
        } else {                                                                                             \
            for (size_t s = 0; s < samples; s++)                                                             \
                color_spread##BITS(planes + s * size, out + s * (BITS / 8), count, samples);                 \
        }                                                                                                    \
    }

COLOR_INTERLEAVE(8)
COLOR_INTERLEAVE(16)
COLOR_INTERLEAVE(32)
COLOR_INTERLEAVE(64)

#undef COLOR_INTERLEAVE

/* (samples, count) to (count, samples); width: bytes a sample, 1, 2, 4 or 8. */
static void color_interleave(const uint8_t *planes, uint8_t *out, size_t count, size_t samples, size_t width) {
    switch (width) {
    case 1: color_interleave8(planes, out, count, samples); break;
    case 2: color_interleave16(planes, out, count, samples); break;
    case 4: color_interleave32(planes, out, count, samples); break;
    case 8: color_interleave64(planes, out, count, samples); break;
    }
}

/* ---- pixels to planes ---- */

TARGET_CLONES static void color_split(const uint8_t *RESTRICT data, uint8_t *RESTRICT y, uint8_t *RESTRICT cb,
                                      uint8_t *RESTRICT cr, size_t count) {
    for (size_t i = 0; i < count; i++) {
        y[i] = data[3 * i];
        cb[i] = data[3 * i + 1];
        cr[i] = data[3 * i + 2];
    }
}

/* Y1 Y2 Cb Cr: two pixels. */
TARGET_CLONES static void color_split_422(const uint8_t *RESTRICT data, uint8_t *RESTRICT y,
                                          uint8_t *RESTRICT cb, uint8_t *RESTRICT cr, size_t pairs) {
    for (size_t i = 0; i < pairs; i++) {
        y[2 * i] = data[4 * i];
        y[2 * i + 1] = data[4 * i + 1];
        cb[2 * i] = cb[2 * i + 1] = data[4 * i + 2];
        cr[2 * i] = cr[2 * i + 1] = data[4 * i + 3];
    }
}

/* ---- YBR to RGB, rounded half up and clamped ---- */

static inline uint8_t color_clamp(int32_t value) {
    value = value > 0 ? value : 0;
    return (uint8_t)(value < 255 ? value : 255);
}

static inline uint8_t color_clamp16(int16_t value) {
    value = value > 0 ? value : 0;
    return (uint8_t)(value < 255 ? value : 255);
}

/* The high half of a product, which is rounded downwards. */
static inline int16_t color_high(int16_t a, int16_t b) { return (int16_t)((int32_t)a * b >> 16); }

/* Whole numbers of 16 bits, and right for every colour, which a test proves. What the chroma adds to Y is rounded by
   itself, as Y is whole: with cb and cr from -128 to 127

       red    1.402 cr                  = cr + 0.402 cr                        0.402 as 13173 / 2^15
       green  -0.34413 cb - 0.71413 cr  = (-11 cb - 23 cr) / 32 + a small rest, of -1621 and 19351 / 2^22
       blue   1.772 cb                  = 2 cb - 0.228 cb                      0.228 as 29884 / 2^17

   color_high has chroma times 256, so that the products keep 7, 14 and 9 bits below the point. A 1 more than half is
   added where a product that is rounded downwards would miss a half. */
TARGET_CLONES static void color_full(uint8_t *RESTRICT first, uint8_t *RESTRICT second, uint8_t *RESTRICT third,
                                     size_t count) {
    for (size_t i = 0; i < count; i++) {
        const int16_t y = first[i], cb = (int16_t)(second[i] - 128), cr = (int16_t)(third[i] - 128);
        const int16_t cb256 = (int16_t)(cb * 256), cr256 = (int16_t)(cr * 256);
        const int16_t red = (int16_t)(color_high(cr256, 13173) + 64);
        const int16_t rest = (int16_t)(color_high(cb256, -1621) + color_high(cr256, 19351) + 1);
        const int16_t green = (int16_t)(-11 * cb - 23 * cr + (rest >> 9) + 16);
        const int16_t blue = (int16_t)(color_high(cb256, -29884) + 257);
        first[i] = color_clamp16((int16_t)(y + cr + (red >> 7)));
        second[i] = color_clamp16((int16_t)(y + (green >> 5)));
        third[i] = color_clamp16((int16_t)(y + 2 * cb + (blue >> 9)));
    }
}

/* Studio range: Y from 16 to 235, Cb and Cr from 16 to 240; stretched by 255/219 and 255/224 it is YBR_FULL. All over
   the common denominator; 1024 times that is added, so that the division rounds downwards. */
static void color_partial(uint8_t *RESTRICT first, uint8_t *RESTRICT second, uint8_t *RESTRICT third,
                          size_t count) {
    const int64_t whole = (int64_t)219 * 224 * 587000, luma = (int64_t)255 * 224 * 587000,
                  chroma = (int64_t)255 * 219;
    for (size_t i = 0; i < count; i++) {
        const int64_t y = luma * (first[i] - 16) + whole / 2 + 1024 * whole;
        const int64_t cb = chroma * (second[i] - 128), cr = chroma * (third[i] - 128);
        first[i] = color_clamp((int32_t)((y + 587 * 1402 * cr) / whole) - 1024);
        second[i] = color_clamp((int32_t)((y - 114 * 1772 * cb - 299 * 1402 * cr) / whole) - 1024);
        third[i] = color_clamp((int32_t)((y + 587 * 1772 * cb) / whole) - 1024);
    }
}

static void color_convert(uint8_t *RESTRICT y, uint8_t *RESTRICT cb, uint8_t *RESTRICT cr, size_t count,
                          int conversion) {
    if (conversion == COLOR_FULL) color_full(y, cb, cr, count);
    if (conversion == COLOR_PARTIAL) color_partial(y, cb, cr, count);
}

static size_t color_block(size_t left) { return left < COLOR_BLOCK ? left : COLOR_BLOCK; }

/* Pixels of three bytes, out maybe the same memory as data. */
static void color_ybr_pixels(const uint8_t *data, uint8_t *out, size_t count, int conversion) {
    uint8_t y[COLOR_BLOCK], cb[COLOR_BLOCK], cr[COLOR_BLOCK];
    const size_t done = conversion == COLOR_FULL ? color_full_first(data, out, count, COLOR_PIXELS) : 0;
    for (size_t start = done, n; start < count; start += n) {
        n = color_block(count - start);
        color_split(data + 3 * start, y, cb, cr, n);
        color_convert(y, cb, cr, n, conversion);
        color_merge8(y, cb, cr, out + 3 * start, n);
    }
}

/* Three planes, each of `count` bytes. */
static void color_ybr_planes(const uint8_t *data, uint8_t *out, size_t count, int conversion) {
    uint8_t y[COLOR_BLOCK], cb[COLOR_BLOCK], cr[COLOR_BLOCK];
    const size_t done = conversion == COLOR_FULL ? color_full_first(data, out, count, COLOR_PLANES) : 0;
    for (size_t start = done, n; start < count; start += n) {
        n = color_block(count - start);
        memcpy(y, data + start, n);
        memcpy(cb, data + count + start, n);
        memcpy(cr, data + 2 * count + start, n);
        color_convert(y, cb, cr, n, conversion);
        color_merge8(y, cb, cr, out + 3 * start, n);
    }
}

/* Two pixels in four bytes; count is even. */
static void color_ybr_422(const uint8_t *data, uint8_t *out, size_t count, int conversion) {
    uint8_t y[COLOR_BLOCK], cb[COLOR_BLOCK], cr[COLOR_BLOCK];
    const size_t done = conversion == COLOR_FULL ? color_full_first(data, out, count, COLOR_HALVES) : 0;
    for (size_t start = done, n; start < count; start += n) {
        n = color_block(count - start);
        color_split_422(data + 2 * start, y, cb, cr, n / 2);
        color_convert(y, cb, cr, n, conversion);
        color_merge8(y, cb, cr, out + 3 * start, n);
    }
}

#endif
