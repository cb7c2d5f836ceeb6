/* YBR_FULL to RGB, 64 pixels at a time: for processors that put bytes in any order in one instruction.

   Compilers keep to the minimum and the maximum where packing clamps by itself, widen what could be unpacked, and
   write each plane to memory in between: the loops of color.h take nearly twice as long. */
#ifndef HOUNSFIELD_COLOR_WIDE_H
#define HOUNSFIELD_COLOR_WIDE_H

#include <stddef.h>
#include <stdint.h>

#include "portable.h"

enum { COLOR_LINE = 64 };
enum { COLOR_PIXELS, COLOR_PLANES, COLOR_HALVES };

#ifdef TARGET_BYTE_PERMUTE

#include <immintrin.h>

#define COLOR_WIDE TARGET_BYTE_PERMUTE static inline __attribute__((always_inline))

typedef struct {
    __m512i first, second, third;
} color_line;

/* ---- three samples a pixel, to planes and back ---- */

/* Which of 64 pixels have sample `s` in the 64 bytes `r` of their 192. */
COLOR_WIDE __mmask64 color_whose(int r, int s) {
    const int first = (64 * r - s + 2) / 3, behind = (64 * r + 63 - s) / 3 + 1;
    const uint64_t below = behind < 64 ? (UINT64_C(1) << behind) - 1 : ~UINT64_C(0);
    return below & ~((UINT64_C(1) << first) - 1);
}

/* Sample `s` of 64 pixels; `thirds` are 0, 3, 6 and so on, of which the lowest six bits count. */
COLOR_WIDE __m512i color_gather(const __m512i pixels[3], __m512i thirds, int s) {
    const __m512i order = _mm512_add_epi8(thirds, _mm512_set1_epi8((char)s));
    __m512i samples = _mm512_maskz_permutexvar_epi8(color_whose(0, s), order, pixels[0]);
    samples = _mm512_mask_permutexvar_epi8(samples, color_whose(1, s), order, pixels[1]);
    return _mm512_mask_permutexvar_epi8(samples, color_whose(2, s), order, pixels[2]);
}

/* The 64 bytes `r` of the 192 of 64 pixels; `whose` are the pixels that they belong to. */
COLOR_WIDE __m512i color_scatter(const color_line *line, __m512i whose, int r) {
    const uint64_t every_third[3] = {UINT64_C(0x9249249249249249), UINT64_C(0x2492492492492492),
                                     UINT64_C(0x4924924924924924)};
    __m512i out = _mm512_permutexvar_epi8(whose, line->first);
    out = _mm512_mask_permutexvar_epi8(out, every_third[(4 - r) % 3], whose, line->second);
    return _mm512_mask_permutexvar_epi8(out, every_third[(5 - r) % 3], whose, line->third);
}

/* ---- the conversion ---- */

/* 32 pixels as color_full has them, in numbers of 16 bits; but with 1.402 as 22970 / 2^14, and with chroma that
   still is 128 more where it is taken -11 and -23 times. */
COLOR_WIDE color_line color_full_words(__m512i y, __m512i cb256, __m512i cr256, __m512i chroma) {
    color_line rgb;
    const __m512i red = _mm512_add_epi16(_mm512_mulhi_epi16(cr256, _mm512_set1_epi16(22970)), _mm512_set1_epi16(32));
    const __m512i parts = _mm512_add_epi16(_mm512_mulhi_epi16(cb256, _mm512_set1_epi16(-1621)),
                                           _mm512_mulhi_epi16(cr256, _mm512_set1_epi16(19351)));
    const __m512i rest = _mm512_srai_epi16(_mm512_add_epi16(parts, _mm512_set1_epi16(1)), 9);
    const __m512i whole = _mm512_maddubs_epi16(chroma, _mm512_set1_epi16(-23 * 256 + (256 - 11)));
    const __m512i green = _mm512_add_epi16(_mm512_add_epi16(whole, rest), _mm512_set1_epi16((11 + 23) * 128 + 16));
    const __m512i blue = _mm512_add_epi16(_mm512_mulhi_epi16(cb256, _mm512_set1_epi16(-29884)), _mm512_set1_epi16(257));
    rgb.first = _mm512_add_epi16(y, _mm512_srai_epi16(red, 6));
    rgb.second = _mm512_add_epi16(y, _mm512_srai_epi16(green, 5));
    rgb.third = _mm512_add_epi16(_mm512_add_epi16(y, _mm512_srai_epi16(cb256, 7)), _mm512_srai_epi16(blue, 9));
    return rgb;
}

/* The halves of each 128 bits, and together again, clamped. */
COLOR_WIDE void color_full_line(color_line *line) {
    const __m512i zero = _mm512_setzero_si512(), middle = _mm512_set1_epi8((char)0x80);
    const __m512i y = line->first, cb = _mm512_xor_si512(line->second, middle);
    const __m512i cr = _mm512_xor_si512(line->third, middle);
    const color_line low =
        color_full_words(_mm512_unpacklo_epi8(y, zero), _mm512_unpacklo_epi8(zero, cb),
                         _mm512_unpacklo_epi8(zero, cr), _mm512_unpacklo_epi8(line->second, line->third));
    const color_line high =
        color_full_words(_mm512_unpackhi_epi8(y, zero), _mm512_unpackhi_epi8(zero, cb),
                         _mm512_unpackhi_epi8(zero, cr), _mm512_unpackhi_epi8(line->second, line->third));
    line->first = _mm512_packus_epi16(low.first, high.first);
    line->second = _mm512_packus_epi16(low.second, high.second);
    line->third = _mm512_packus_epi16(low.third, high.third);
}

/* ---- images ---- */

/* Y1 Y2 Cb Cr to planes; `fours` are 0, 0, 4, 4, 8, 8 and so on, of which the lowest six bits count. */
COLOR_WIDE color_line color_of_halves(const uint8_t *data, __m512i fours) {
    const __m512i low = _mm512_loadu_si512(data), high = _mm512_loadu_si512(data + 64);
    const __mmask64 upper = UINT64_C(0xffffffff00000000);
    const __m512i y = _mm512_add_epi8(fours, _mm512_set1_epi16(0x0100));
    const __m512i cb = _mm512_add_epi8(fours, _mm512_set1_epi8(2)), cr = _mm512_add_epi8(fours, _mm512_set1_epi8(3));
    color_line line;
    line.first = _mm512_mask_permutexvar_epi8(_mm512_permutexvar_epi8(y, low), upper, y, high);
    line.second = _mm512_mask_permutexvar_epi8(_mm512_permutexvar_epi8(cb, low), upper, cb, high);
    line.third = _mm512_mask_permutexvar_epi8(_mm512_permutexvar_epi8(cr, low), upper, cr, high);
    return line;
}

/* The first 64 pixels after 64 pixels, as many as there are `lines`; a plane has `count`. What is read is read before
   anything is written in its place. */
COLOR_WIDE void color_full_lines(const uint8_t *data, uint8_t *out, size_t lines, size_t count, int layout) {
    uint8_t order[5 * 64];
    for (int i = 0; i < 64; i++) order[i] = (uint8_t)(3 * i);
    for (int i = 0; i < 64; i++) order[64 + i] = (uint8_t)(i / 2 * 4);
    for (int i = 0; i < 192; i++) order[128 + i] = (uint8_t)(i / 3);
    const __m512i thirds = _mm512_loadu_si512(order), fours = _mm512_loadu_si512(order + 64);
    const __m512i whose[3] = {_mm512_loadu_si512(order + 128), _mm512_loadu_si512(order + 192),
                              _mm512_loadu_si512(order + 256)};
    for (size_t start = 0; start < lines * COLOR_LINE; start += COLOR_LINE, out += 3 * COLOR_LINE) {
        color_line line;
        if (layout == COLOR_PLANES) {
            line.first = _mm512_loadu_si512(data + start);
            line.second = _mm512_loadu_si512(data + count + start);
            line.third = _mm512_loadu_si512(data + 2 * count + start);
        } else if (layout == COLOR_HALVES) {
            line = color_of_halves(data + 2 * start, fours);
        } else {
            const uint8_t *at = data + 3 * start;
            const __m512i pixels[3] = {_mm512_loadu_si512(at), _mm512_loadu_si512(at + 64),
                                       _mm512_loadu_si512(at + 128)};
            line.first = color_gather(pixels, thirds, 0);
            line.second = color_gather(pixels, thirds, 1);
            line.third = color_gather(pixels, thirds, 2);
        }
        color_full_line(&line);
        _mm512_storeu_si512(out, color_scatter(&line, whose[0], 0));
        _mm512_storeu_si512(out + 64, color_scatter(&line, whose[1], 1));
        _mm512_storeu_si512(out + 128, color_scatter(&line, whose[2], 2));
    }
}

TARGET_BYTE_PERMUTE static void color_full_wide(const uint8_t *data, uint8_t *out, size_t lines, size_t count,
                                                int layout) {
    switch (layout) {
    case COLOR_PIXELS: color_full_lines(data, out, lines, count, COLOR_PIXELS); break;
    case COLOR_PLANES: color_full_lines(data, out, lines, count, COLOR_PLANES); break;
    case COLOR_HALVES: color_full_lines(data, out, lines, count, COLOR_HALVES); break;
    }
}

/* YBR_FULL to RGB of the first of `count` pixels; says of how many: whole lines, or none by a processor that cannot. */
static size_t color_full_first(const uint8_t *data, uint8_t *out, size_t count, int layout) {
    const size_t lines = HAS_BYTE_PERMUTE() ? count / COLOR_LINE : 0;
    if (lines) color_full_wide(data, out, lines, count, layout);
    return lines * COLOR_LINE;
}

#else

static size_t color_full_first(const uint8_t *data, uint8_t *out, size_t count, int layout) {
    (void)data, (void)out, (void)count, (void)layout;
    return 0;
}

#endif

#endif
