/* Loops of the kernel window, written out for AVX-512: whole lines of 64 bytes of the output.

   Lines that stream are stored past the caches: one that is written whole need not be read first. */
#ifndef HOUNSFIELD_WINDOW_WIDE_H
#define HOUNSFIELD_WINDOW_WIDE_H

#include <stddef.h>
#include <stdint.h>

#include "portable.h"
#include "window_types.h"

enum { WINDOW_LINE = 64 };

typedef struct {
    size_t lead, lines, done; /* samples up to the first line, lines, samples up to the end of the last */
} window_share;

#ifdef TARGET_AVX512

#include <immintrin.h>

/* Which part of an output of n values is whole lines: none of one that is not aligned to its values. */
static window_share window_shares(const unsigned char *dst, size_t n, size_t width) {
    const size_t bytes = -(uintptr_t)dst % WINDOW_LINE, lead = bytes / width, per_line = WINDOW_LINE / width;
    window_share share = {n, 0, n};
    if (HAS_AVX512() && bytes % width == 0 && n >= lead + per_line) {
        share.lead = lead;
        share.lines = (n - lead) / per_line;
        share.done = lead + share.lines * per_line;
    }
    return share;
}

/* ---- 8 and 16-bit samples to 8-bit levels, in float32 ---- */

/* Sixteen samples as 32-bit integers. */
#define WINDOW_LOAD_u1(at) _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(at)))
#define WINDOW_LOAD_i1(at) _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(at)))
#define WINDOW_LOAD_u2(at) _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(at)))
#define WINDOW_LOAD_i2(at) _mm512_cvtepi16_epi32(_mm256_loadu_si256((const void *)(at)))

#define WINDOW_ALWAYS TARGET_AVX512 static inline __attribute__((always_inline))

/* What is packed saturates, so samples are not clamped; packing works within lanes of 128 bits, whence the order at
   the end. */
#define WINDOW_WIDE(NAME, TYPE)                                                                             \
    WINDOW_ALWAYS void window_wide_##NAME(const unsigned char *src, unsigned char *dst, size_t lines,      \
                                          const window_line *line, uint8_t complement, int streams,        \
                                          int is_centred) {                                                 \
        const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);     \
        const __m512i origin = _mm512_set1_epi32(line->origin);                                             \
        const __m512i flips = _mm512_set1_epi8((char)complement);                                           \
        const __m512 scale = _mm512_set1_ps(line->scale), offset = _mm512_set1_ps(line->offset);           \
        for (; lines > 0; lines--, src += WINDOW_LINE * sizeof(TYPE), dst += WINDOW_LINE) {                 \
            __m512i part[4];                                                                                \
            for (int i = 0; i < 4; i++) {                                                                   \
                __m512i sample = WINDOW_LOAD_##NAME(src + (size_t)i * 16 * sizeof(TYPE));                  \
                if (is_centred) sample = _mm512_sub_epi32(sample, origin);                                 \
                part[i] = _mm512_cvtps_epi32(_mm512_fmadd_ps(_mm512_cvtepi32_ps(sample), scale, offset));  \
            }                                                                                               \
            const __m512i first = _mm512_packs_epi32(part[0], part[1]);                                     \
            const __m512i second = _mm512_packs_epi32(part[2], part[3]);                                    \
            __m512i levels = _mm512_packus_epi16(first, second);                                            \
            levels = _mm512_xor_si512(_mm512_permutexvar_epi32(order, levels), flips);                      \
            if (streams) _mm512_stream_si512((void *)dst, levels);                                          \
            else _mm512_store_si512((void *)dst, levels);                                                  \
        }                                                                                                   \
    }

WINDOW_WIDE(u1, uint8_t)
WINDOW_WIDE(i1, int8_t)
WINDOW_WIDE(u2, uint16_t)
WINDOW_WIDE(i2, int16_t)

WINDOW_ALWAYS void window_wide_each(const window_map *map, const window_line *line, const unsigned char *src,
                                    unsigned char *dst, size_t lines, int streams, int is_centred) {
    const uint8_t complement = map->invert ? 0xFF : 0;
    switch (map->src_type) {
    case WINDOW_U1: window_wide_u1(src, dst, lines, line, complement, streams, is_centred); break;
    case WINDOW_I1: window_wide_i1(src, dst, lines, line, complement, streams, is_centred); break;
    case WINDOW_U2: window_wide_u2(src, dst, lines, line, complement, streams, is_centred); break;
    case WINDOW_I2: window_wide_i2(src, dst, lines, line, complement, streams, is_centred); break;
    }
}

TARGET_AVX512 static void window_narrow_lines(const window_map *map, const window_line *line,
                                              const unsigned char *src, unsigned char *dst, size_t lines,
                                              int streams) {
    if (line->origin == 0) window_wide_each(map, line, src, dst, lines, streams, 0);
    else window_wide_each(map, line, src, dst, lines, streams, 1);
    if (streams) _mm_sfence(); /* others may read them from now on */
}

/* Whole lines of 8-bit levels; see window_narrow. None of them where the processor has no AVX-512: what is made for it
   is not even entered, for compilers put its instructions before the loops. */
static void window_wide_narrow(const window_map *map, const window_line *line, const unsigned char *src,
                               unsigned char *dst, size_t lines, int streams) {
    if (lines) window_narrow_lines(map, line, src, dst, lines, streams);
}

/* ---- samples of any type to levels or values of any, in float64 ---- */

/* Eight samples. */
WINDOW_ALWAYS __m512d window_eight(int type, const unsigned char *at) {
    switch (type) {
    case WINDOW_U1: return _mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)at)));
    case WINDOW_I1: return _mm512_cvtepi32_pd(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)at)));
    case WINDOW_U2: return _mm512_cvtepi32_pd(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)at)));
    case WINDOW_I2: return _mm512_cvtepi32_pd(_mm256_cvtepi16_epi32(_mm_loadu_si128((const void *)at)));
    case WINDOW_U4: return _mm512_cvtepu32_pd(_mm256_loadu_si256((const void *)at));
    case WINDOW_I4: return _mm512_cvtepi32_pd(_mm256_loadu_si256((const void *)at));
    case WINDOW_F4: return _mm512_cvtps_pd(_mm256_castsi256_ps(_mm256_loadu_si256((const void *)at)));
    default: return _mm512_loadu_pd(at);
    }
}

typedef struct {
    __m512d scale, offset, top;
    __m512i complement;
    int clamps, inverts;
} window_constants;

/* The display value of eight samples. A NaN is the first operand, which a maximum does not take, and becomes 0. */
WINDOW_ALWAYS __m512d window_eight_values(int type, const unsigned char *at, const window_constants *by) {
    const __m512d y = _mm512_add_pd(_mm512_mul_pd(window_eight(type, at), by->scale), by->offset);
    return by->clamps ? _mm512_min_pd(_mm512_max_pd(y, _mm512_setzero_pd()), by->top) : y;
}

WINDOW_ALWAYS __m256 window_eight_floats(int type, const unsigned char *at, const window_constants *by) {
    const __m256 values = _mm512_cvtpd_ps(window_eight_values(type, at, by));
    return by->inverts ? _mm256_sub_ps(_mm256_set1_ps(1.0f), values) : values;
}

/* Sixteen levels, rounded half to even. */
WINDOW_ALWAYS __m512i window_levels(int type, const unsigned char *at, const window_constants *by) {
    const __m256i first = _mm512_cvtpd_epi32(window_eight_values(type, at, by));
    const __m256i second = _mm512_cvtpd_epi32(window_eight_values(type, at + 8 * window_size(type), by));
    return _mm512_xor_si512(_mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1), by->complement);
}

/* A line of the output. */
WINDOW_ALWAYS __m512i window_line_of(int type, int to, const unsigned char *at, const window_constants *by) {
    const size_t step = 16 * window_size(type);
    if (to == WINDOW_F4) {
        const __m256i first = _mm256_castps_si256(window_eight_floats(type, at, by));
        const __m256i second = _mm256_castps_si256(window_eight_floats(type, at + step / 2, by));
        return _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
    }
    if (to == WINDOW_U2) {
        const __m256i first = _mm512_cvtepi32_epi16(window_levels(type, at, by));
        const __m256i second = _mm512_cvtepi32_epi16(window_levels(type, at + step, by));
        return _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
    }
    __m512i line = _mm512_castsi128_si512(_mm512_cvtepi32_epi8(window_levels(type, at, by)));
    line = _mm512_inserti32x4(line, _mm512_cvtepi32_epi8(window_levels(type, at + step, by)), 1);
    line = _mm512_inserti32x4(line, _mm512_cvtepi32_epi8(window_levels(type, at + 2 * step, by)), 2);
    return _mm512_inserti32x4(line, _mm512_cvtepi32_epi8(window_levels(type, at + 3 * step, by)), 3);
}

WINDOW_ALWAYS void window_lines(int type, int to, const unsigned char *src, unsigned char *dst, size_t lines,
                                const window_constants *by, int streams) {
    const size_t step = WINDOW_LINE / window_size(to) * window_size(type);
    for (; lines > 0; lines--, src += step, dst += WINDOW_LINE) {
        const __m512i line = window_line_of(type, to, src, by);
        if (streams) _mm512_stream_si512((void *)dst, line);
        else _mm512_store_si512((void *)dst, line);
    }
}

#define WINDOW_WIDE_TO(NAME, TO)                                                                             \
    TARGET_AVX512 static void window_wide_to_##NAME(int type, const unsigned char *src, unsigned char *dst, \
                                                    size_t lines, const window_constants *by, int streams) { \
        switch (type) {                                                                                      \
        case WINDOW_U1: window_lines(WINDOW_U1, TO, src, dst, lines, by, streams); break;                    \
        case WINDOW_I1: window_lines(WINDOW_I1, TO, src, dst, lines, by, streams); break;                    \
        case WINDOW_U2: window_lines(WINDOW_U2, TO, src, dst, lines, by, streams); break;                    \
        case WINDOW_I2: window_lines(WINDOW_I2, TO, src, dst, lines, by, streams); break;                    \
        case WINDOW_U4: window_lines(WINDOW_U4, TO, src, dst, lines, by, streams); break;                    \
        case WINDOW_I4: window_lines(WINDOW_I4, TO, src, dst, lines, by, streams); break;                    \
        case WINDOW_F4: window_lines(WINDOW_F4, TO, src, dst, lines, by, streams); break;                    \
        case WINDOW_F8: window_lines(WINDOW_F8, TO, src, dst, lines, by, streams); break;                    \
        }                                                                                                    \
    }

WINDOW_WIDE_TO(u1, WINDOW_U1)
WINDOW_WIDE_TO(u2, WINDOW_U2)
WINDOW_WIDE_TO(f4, WINDOW_F4)

TARGET_AVX512 static void window_affine_lines(const window_map *map, int clamps, const unsigned char *src,
                                              unsigned char *dst, size_t lines, int streams) {
    window_constants by;
    by.scale = _mm512_set1_pd(map->scale);
    by.offset = _mm512_set1_pd(map->offset);
    by.top = _mm512_set1_pd(map->top);
    by.complement = _mm512_set1_epi32(map->invert ? -1 : 0);
    by.clamps = clamps;
    by.inverts = map->invert;
    switch (map->dst_type) {
    case WINDOW_U1: window_wide_to_u1(map->src_type, src, dst, lines, &by, streams); break;
    case WINDOW_U2: window_wide_to_u2(map->src_type, src, dst, lines, &by, streams); break;
    case WINDOW_F4: window_wide_to_f4(map->src_type, src, dst, lines, &by, streams); break;
    }
    if (streams) _mm_sfence();
}

/* Whole lines of sample * scale + offset, clamped to display values or, in float32, as it is. */
static void window_wide_affine(const window_map *map, int clamps, const unsigned char *src, unsigned char *dst,
                               size_t lines, int streams) {
    if (lines) window_affine_lines(map, clamps, src, dst, lines, streams);
}

#else

static window_share window_shares(const unsigned char *dst, size_t n, size_t width) {
    const window_share share = {n, 0, n};
    (void)dst, (void)width;
    return share;
}

static void window_wide_narrow(const window_map *map, const window_line *line, const unsigned char *src,
                               unsigned char *dst, size_t lines, int streams) {
    (void)map, (void)line, (void)src, (void)dst, (void)lines, (void)streams;
}

static void window_wide_affine(const window_map *map, int clamps, const unsigned char *src, unsigned char *dst,
                               size_t lines, int streams) {
    (void)map, (void)clamps, (void)src, (void)dst, (void)lines, (void)streams;
}

#endif

#endif
