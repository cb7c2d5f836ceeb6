/* Loops of the kernel window, written out for AVX2 or AVX-512: whole lines of 64 bytes of the output.

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

#ifdef TARGET_AVX2

#include <immintrin.h>

/* Which part of an output of n values is whole lines: none if it is not aligned to its values. */
static window_share window_lines_of(const unsigned char *dst, size_t n, size_t width) {
    const size_t bytes = -(uintptr_t)dst % WINDOW_LINE, lead = bytes / width, per_line = WINDOW_LINE / width;
    window_share share = {n, 0, n};
    if (bytes % width == 0 && n >= lead + per_line) {
        share.lead = lead;
        share.lines = (n - lead) / per_line;
        share.done = lead + share.lines * per_line;
    }
    return share;
}

/* The same for the loops below: no lines where the processor has not what they are made for. Such a function is not
   even to be entered, for compilers put its instructions before the loops. */
static window_share window_narrow_shares(const unsigned char *dst, size_t n) {
    const window_share none = {n, 0, n};
    return HAS_AVX2() ? window_lines_of(dst, n, 1) : none;
}

static window_share window_affine_shares(const unsigned char *dst, size_t n, size_t width) {
    const window_share none = {n, 0, n};
    return HAS_AVX512() ? window_lines_of(dst, n, width) : none;
}

#define WINDOW_ALWAYS_256 TARGET_AVX2 static inline __attribute__((always_inline))
#define WINDOW_ALWAYS_512 TARGET_AVX512 static inline __attribute__((always_inline))

/* ---- 8 and 16-bit samples to 8-bit levels, in float32: vectors of 256 bits, or of 512 ---- */

/* Samples as 32-bit integers. */
#define WINDOW_LOAD_256_u1(at) _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(at)))
#define WINDOW_LOAD_256_i1(at) _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(at)))
#define WINDOW_LOAD_256_u2(at) _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(at)))
#define WINDOW_LOAD_256_i2(at) _mm256_cvtepi16_epi32(_mm_loadu_si128((const void *)(at)))
#define WINDOW_LOAD_512_u1(at) _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(at)))
#define WINDOW_LOAD_512_i1(at) _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(at)))
#define WINDOW_LOAD_512_u2(at) _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(at)))
#define WINDOW_LOAD_512_i2(at) _mm512_cvtepi16_epi32(_mm256_loadu_si256((const void *)(at)))

/* Packing works within lanes of 128 bits: the order that undoes it. */
#define WINDOW_ORDER_256 _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)
#define WINDOW_ORDER_512 _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
#define WINDOW_PERMUTED_256(levels, order) _mm256_permutevar8x32_epi32(levels, order)
#define WINDOW_PERMUTED_512(levels, order) _mm512_permutexvar_epi32(order, levels)

/* What is packed saturates, so samples are not clamped. */
#define WINDOW_WIDE(V, NAME, TYPE)                                                                           \
    WINDOW_ALWAYS_##V void window_wide_##V##_##NAME(const unsigned char *src, unsigned char *dst,           \
                                                    size_t lines, const window_line *line,                  \
                                                    uint8_t complement, int streams, int is_centred) {      \
        const size_t each = V / 8;                                                                           \
        const __m##V##i order = WINDOW_ORDER_##V, origin = _mm##V##_set1_epi32(line->origin);               \
        const __m##V##i flips = _mm##V##_set1_epi8((char)complement);                                       \
        const __m##V scale = _mm##V##_set1_ps(line->scale), offset = _mm##V##_set1_ps(line->offset);        \
        for (size_t left = lines * (WINDOW_LINE / each); left > 0; left--) {                                 \
            __m##V##i part[4];                                                                               \
            for (int i = 0; i < 4; i++, src += each / 4 * sizeof(TYPE)) {                                    \
                __m##V##i sample = WINDOW_LOAD_##V##_##NAME(src);                                           \
                if (is_centred) sample = _mm##V##_sub_epi32(sample, origin);                                \
                const __m##V value = _mm##V##_fmadd_ps(_mm##V##_cvtepi32_ps(sample), scale, offset);        \
                part[i] = _mm##V##_cvtps_epi32(value);                                                      \
            }                                                                                                \
            const __m##V##i first = _mm##V##_packs_epi32(part[0], part[1]);                                 \
            const __m##V##i second = _mm##V##_packs_epi32(part[2], part[3]);                                \
            __m##V##i levels = WINDOW_PERMUTED_##V(_mm##V##_packus_epi16(first, second), order);            \
            levels = _mm##V##_xor_si##V(levels, flips);                                                     \
            if (streams) _mm##V##_stream_si##V((void *)dst, levels);                                        \
            else _mm##V##_store_si##V((void *)dst, levels);                                                 \
            dst += each;                                                                                     \
        }                                                                                                    \
    }

#define WINDOW_NARROW_LINES(V, TARGET)                                                                       \
    WINDOW_WIDE(V, u1, uint8_t)                                                                              \
    WINDOW_WIDE(V, i1, int8_t)                                                                               \
    WINDOW_WIDE(V, u2, uint16_t)                                                                             \
    WINDOW_WIDE(V, i2, int16_t)                                                                              \
                                                                                                             \
    WINDOW_ALWAYS_##V void window_wide_##V(int type, const window_line *line, const unsigned char *src,     \
                                           unsigned char *dst, size_t lines, uint8_t complement,            \
                                           int streams, int is_centred) {                                    \
        switch (type) {                                                                                      \
        case WINDOW_U1: window_wide_##V##_u1(src, dst, lines, line, complement, streams, is_centred); break; \
        case WINDOW_I1: window_wide_##V##_i1(src, dst, lines, line, complement, streams, is_centred); break; \
        case WINDOW_U2: window_wide_##V##_u2(src, dst, lines, line, complement, streams, is_centred); break; \
        case WINDOW_I2: window_wide_##V##_i2(src, dst, lines, line, complement, streams, is_centred); break; \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    TARGET static void window_narrow_lines_##V(const window_map *map, const window_line *line,              \
                                               const unsigned char *src, unsigned char *dst, size_t lines,  \
                                               int streams) {                                                \
        const uint8_t complement = map->invert ? 0xFF : 0;                                                   \
        if (line->origin == 0) window_wide_##V(map->src_type, line, src, dst, lines, complement, streams, 0); \
        else window_wide_##V(map->src_type, line, src, dst, lines, complement, streams, 1);                  \
        if (streams) _mm_sfence(); /* others may read them from now on */                                    \
    }

WINDOW_NARROW_LINES(256, TARGET_AVX2)
WINDOW_NARROW_LINES(512, TARGET_AVX512)

/* Whole lines of 8-bit levels, if any; see window_narrow. */
static void window_wide_narrow(const window_map *map, const window_line *line, const unsigned char *src,
                               unsigned char *dst, size_t lines, int streams) {
    if (lines == 0) return;
    if (HAS_AVX512()) window_narrow_lines_512(map, line, src, dst, lines, streams);
    else window_narrow_lines_256(map, line, src, dst, lines, streams);
}

/* ---- samples of any type to levels or values of any, in float64: vectors of 512 bits ---- */

/* Eight samples. */
WINDOW_ALWAYS_512 __m512d window_eight(int type, const unsigned char *at) {
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
WINDOW_ALWAYS_512 __m512d window_eight_values(int type, const unsigned char *at, const window_constants *by) {
    const __m512d y = _mm512_add_pd(_mm512_mul_pd(window_eight(type, at), by->scale), by->offset);
    return by->clamps ? _mm512_min_pd(_mm512_max_pd(y, _mm512_setzero_pd()), by->top) : y;
}

WINDOW_ALWAYS_512 __m256 window_eight_floats(int type, const unsigned char *at, const window_constants *by) {
    const __m256 values = _mm512_cvtpd_ps(window_eight_values(type, at, by));
    return by->inverts ? _mm256_sub_ps(_mm256_set1_ps(1.0f), values) : values;
}

/* Sixteen levels, rounded half to even. */
WINDOW_ALWAYS_512 __m512i window_levels(int type, const unsigned char *at, const window_constants *by) {
    const __m256i first = _mm512_cvtpd_epi32(window_eight_values(type, at, by));
    const __m256i second = _mm512_cvtpd_epi32(window_eight_values(type, at + 8 * window_size(type), by));
    return _mm512_xor_si512(_mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1), by->complement);
}

/* A line of the output. */
WINDOW_ALWAYS_512 __m512i window_line_of(int type, int to, const unsigned char *at, const window_constants *by) {
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

WINDOW_ALWAYS_512 void window_lines(int type, int to, const unsigned char *src, unsigned char *dst, size_t lines,
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

/* Whole lines, if any, of sample * scale + offset, clamped to display values or, in float32, as it is. */
static void window_wide_affine(const window_map *map, int clamps, const unsigned char *src, unsigned char *dst,
                               size_t lines, int streams) {
    if (lines) window_affine_lines(map, clamps, src, dst, lines, streams);
}

#else

static window_share window_narrow_shares(const unsigned char *dst, size_t n) {
    const window_share none = {n, 0, n};
    (void)dst;
    return none;
}

static window_share window_affine_shares(const unsigned char *dst, size_t n, size_t width) {
    const window_share none = {n, 0, n};
    (void)dst, (void)width;
    return none;
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
