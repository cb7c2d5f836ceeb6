/* Images made smaller or larger, in float32: the loops of the kernel resize.

   Every sample of the result is a sum of samples with whole numbers as weights, over what these add up to: how
   much of each lies below a box (area average, where an axis shrinks), or how near the two neighbours are
   (bilinear, where it grows). Of 8 and 16-bit samples the sums are exact; of others they are float64.

   Rows of the source come one after the other, each is read once, and what is kept between two of them is a
   row of sums: an image can be resized while it is being read. Down a column comes first, as this is a loop
   along whole rows; then along the row, of which there are fewer by then. */
#ifndef HOUNSFIELD_RESIZE_H
#define HOUNSFIELD_RESIZE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "portable.h"

enum { RESIZE_U1, RESIZE_I1, RESIZE_U2, RESIZE_I2, RESIZE_U4, RESIZE_I4, RESIZE_F4 };
enum { RESIZE_DONE = 0, RESIZE_NO_MEMORY = -1 };

/* With axes up to these no weights add up to more than 65535, and no sum of 16-bit samples leaves 32 bits. */
enum { RESIZE_LONGEST = 65535, RESIZE_LONGEST_OUT = 32767, RESIZE_MOST_CHANNELS = 16 };
enum { RESIZE_BLOCK = 512 };

/* Lengths are in units in which a sample and a box are both whole. */
typedef struct {
    uint32_t length, out_length;
    uint32_t box, sample;
} resize_axis;

typedef struct {
    uint32_t first, last;         /* the samples that one of the result is made of, both inclusive */
    uint32_t head, middle, tail;  /* the weights of the first, of those between, and of the last if it is another */
} resize_span;

typedef struct {
    int type;
    size_t channels;
    resize_axis down, across;
    size_t taps;                  /* the most samples that one of the result is made of, along the row */
    double scale;                 /* 1 over the sum of the weights */
    double *line;                 /* the sums of a row; then zeros, for taps that are not needed */
    double *weights;              /* along the row: those of all first taps, of all second ones ... */
    void *sums;                   /* a row's sums while they are added up: 32-bit integers, or line itself */
    int32_t *first;               /* where in line the first tap is */
    unsigned char *previous;      /* the last row that was fed, where the next one needs it */
    uint32_t row, out_row;        /* how many were fed, and are done */
} resize_state;

static size_t resize_size(int type) { return type <= RESIZE_I1 ? 1 : type <= RESIZE_I2 ? 2 : 4; }

static resize_axis resize_along(size_t length, size_t out_length) {
    uint32_t common = (uint32_t)length, other = (uint32_t)out_length;
    while (other != 0) {
        const uint32_t rest = common % other;
        common = other;
        other = rest;
    }
    const resize_axis axis = {(uint32_t)length, (uint32_t)out_length, (uint32_t)length / common,
                              (uint32_t)out_length / common};
    return axis;
}

/* What the weights of each span add up to. */
static uint32_t resize_total(const resize_axis *axis) {
    return axis->box >= axis->sample ? axis->box : 2 * axis->sample;
}

static resize_span resize_span_of(const resize_axis *axis, uint32_t i) {
    const uint64_t box = axis->box, sample = axis->sample, unit = 2 * sample;
    resize_span span;
    if (box >= sample) {
        const uint64_t start = i * box, end = start + box;
        span.first = (uint32_t)(start / sample);
        span.last = (uint32_t)((end - 1) / sample);
        span.head = (uint32_t)((span.first + 1) * sample - start);
        span.middle = (uint32_t)sample;
        span.tail = (uint32_t)(end - span.last * sample);
        return span;
    }
    /* How far the centre is beyond that of the first sample, doubled to be whole. */
    const uint64_t centre = (2 * (uint64_t)i + 1) * box, beyond = centre > sample ? centre - sample : 0;
    span.first = (uint32_t)(beyond / unit);
    span.tail = span.first + 1 < axis->length ? (uint32_t)(beyond % unit) : 0;
    span.last = span.first + (span.tail != 0);
    span.head = (uint32_t)unit - span.tail;
    span.middle = 0;
    return span;
}

/* Lays out what is needed along a row. */
static void resize_lay_out(resize_state *state) {
    const size_t channels = state->channels, n = state->across.out_length * channels;
    for (uint32_t i = 0; i < state->across.out_length; i++) {
        const resize_span span = resize_span_of(&state->across, i);
        const uint32_t count = span.last - span.first + 1;
        for (size_t c = 0; c < channels; c++) {
            state->first[i * channels + c] = (int32_t)(span.first * channels + c);
            for (uint32_t k = 0; k < state->taps; k++)
                state->weights[k * n + i * channels + c] =
                    k >= count ? 0 : k == 0 ? span.head : k + 1 < count ? span.middle : span.tail;
        }
    }
}

/* Axes must be between 1 and the longest, and channels; resize_end frees what this took. */
static int resize_begin(resize_state *state, int type, size_t rows, size_t columns, size_t channels,
                        size_t out_rows, size_t out_columns) {
    const size_t width = columns * channels, n = out_columns * channels, is_whole = type <= RESIZE_I2;
    state->type = type;
    state->channels = channels;
    state->down = resize_along(rows, out_rows);
    state->across = resize_along(columns, out_columns);
    state->scale = 1.0 / ((double)resize_total(&state->down) * (double)resize_total(&state->across));
    state->row = state->out_row = 0;

    const size_t box = state->across.box, sample = state->across.sample;
    state->taps = box >= sample ? (box + sample - 2) / sample + 1 : 2;
    const size_t padded = width + state->taps * channels;
    state->line = calloc(padded * sizeof(double) + state->taps * n * sizeof(double)
                         + is_whole * width * sizeof(uint32_t) + n * sizeof(int32_t)
                         + width * resize_size(type), 1);
    if (state->line == NULL) return RESIZE_NO_MEMORY;
    state->weights = state->line + padded;
    uint32_t *sums = (uint32_t *)(state->weights + state->taps * n);
    state->sums = is_whole ? (void *)sums : state->line;
    state->first = (int32_t *)(sums + is_whole * width);
    state->previous = (unsigned char *)(state->first + n);
    resize_lay_out(state);
    return RESIZE_DONE;
}

static void resize_end(resize_state *state) { free(state->line); }

/* ---- down ---- */

#define RESIZE_DOWN(NAME, TYPE, SUM)                                                                        \
    TARGET_CLONES static void resize_set_##NAME(const unsigned char *RESTRICT src, SUM *RESTRICT sums,     \
                                                size_t n, SUM weight) {                                    \
        for (size_t i = 0; i < n; i++) {                                                                    \
            TYPE sample;                                                                                    \
            memcpy(&sample, src + i * sizeof sample, sizeof sample); /* it may be unaligned */              \
            sums[i] = (SUM)sample * weight;                                                                 \
        }                                                                                                   \
    }                                                                                                       \
    TARGET_CLONES static void resize_add_##NAME(const unsigned char *RESTRICT src, SUM *RESTRICT sums,     \
                                                size_t n, SUM weight) {                                    \
        for (size_t i = 0; i < n; i++) {                                                                    \
            TYPE sample;                                                                                    \
            memcpy(&sample, src + i * sizeof sample, sizeof sample);                                        \
            sums[i] += (SUM)sample * weight;                                                                \
        }                                                                                                   \
    }

RESIZE_DOWN(u1, uint8_t, uint32_t)
RESIZE_DOWN(i1, int8_t, int32_t)
RESIZE_DOWN(u2, uint16_t, uint32_t)
RESIZE_DOWN(i2, int16_t, int32_t)
RESIZE_DOWN(u4, uint32_t, double)
RESIZE_DOWN(i4, int32_t, double)
RESIZE_DOWN(f4, float, double)

#define RESIZE_CALL(DO, NAME, SUM) resize_##DO##_##NAME(src, (SUM *)state->sums, n, (SUM)weight)
#define RESIZE_BY_TYPE(DO)                                                                                  \
    switch (state->type) {                                                                                  \
    case RESIZE_U1: RESIZE_CALL(DO, u1, uint32_t); break;                                                   \
    case RESIZE_I1: RESIZE_CALL(DO, i1, int32_t); break;                                                    \
    case RESIZE_U2: RESIZE_CALL(DO, u2, uint32_t); break;                                                   \
    case RESIZE_I2: RESIZE_CALL(DO, i2, int32_t); break;                                                    \
    case RESIZE_U4: RESIZE_CALL(DO, u4, double); break;                                                     \
    case RESIZE_I4: RESIZE_CALL(DO, i4, double); break;                                                     \
    case RESIZE_F4: RESIZE_CALL(DO, f4, double); break;                                                     \
    }

static void resize_set(const resize_state *state, const unsigned char *src, uint32_t weight) {
    const size_t n = state->across.length * state->channels;
    RESIZE_BY_TYPE(set)
}

static void resize_add(const resize_state *state, const unsigned char *src, uint32_t weight) {
    const size_t n = state->across.length * state->channels;
    RESIZE_BY_TYPE(add)
}

/* ---- across ---- */

#define RESIZE_LINE(NAME, SUM)                                                                              \
    TARGET_CLONES static void resize_line_##NAME(const SUM *RESTRICT sums, double *RESTRICT line,          \
                                                 size_t n) {                                               \
        for (size_t i = 0; i < n; i++) line[i] = (double)sums[i];                                           \
    }

RESIZE_LINE(u4, uint32_t)
RESIZE_LINE(i4, int32_t)

TARGET_CLONES static void resize_same(const double *RESTRICT line, unsigned char *RESTRICT out, size_t n,
                                      double scale) {
    for (size_t i = 0; i < n; i++) {
        const float value = (float)(line[i] * scale);
        memcpy(out + i * sizeof value, &value, sizeof value);
    }
}

/* A weight of 0 is of a sample beyond the last, which may be infinite. */
TARGET_CLONES static void resize_gather(const double *RESTRICT line, const int32_t *RESTRICT first,
                                        const double *RESTRICT weights, double *RESTRICT sums, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double product = line[first[i]] * weights[i];
        sums[i] = weights[i] != 0.0 ? sums[i] + product : sums[i];
    }
}

static void resize_spread(const resize_state *state, unsigned char *out) {
    const size_t n = state->across.out_length * state->channels;
    double sums[RESIZE_BLOCK];
    for (size_t start = 0; start < n; start += RESIZE_BLOCK) {
        const size_t m = n - start < RESIZE_BLOCK ? n - start : RESIZE_BLOCK;
        memset(sums, 0, m * sizeof *sums);
        for (size_t k = 0; k < state->taps; k++)
            resize_gather(state->line + k * state->channels, state->first + start, state->weights + k * n + start,
                          sums, m);
        resize_same(sums, out + start * sizeof(float), m, state->scale);
    }
}

static void resize_across(const resize_state *state, unsigned char *out) {
    const size_t n = state->across.length * state->channels;
    if (state->type <= RESIZE_I2) {
        if (state->type == RESIZE_U1 || state->type == RESIZE_U2) resize_line_u4(state->sums, state->line, n);
        else resize_line_i4(state->sums, state->line, n);
    }
    if (state->taps == 1) resize_same(state->line, out, n, state->scale);
    else resize_spread(state, out);
}

/* Takes the next rows of the source, stride bytes from each to the next; out is the whole result, of float32,
   and gets each row that is done by them. */
static void resize_feed(resize_state *state, const unsigned char *rows, ptrdiff_t stride, size_t count,
                        unsigned char *out, ptrdiff_t out_stride) {
    const int grows = state->down.out_length > state->down.length;
    const unsigned char *previous = state->previous;
    for (; count > 0 && state->row < state->down.length; count--, state->row++) {
        const uint32_t row = state->row;
        for (; state->out_row < state->down.out_length; state->out_row++) {
            const resize_span span = resize_span_of(&state->down, state->out_row);
            if (row < (grows ? span.last : span.first)) break;
            if (row == span.first) {
                resize_set(state, rows, span.head);
            } else if (grows) {
                resize_set(state, previous, span.head);
                resize_add(state, rows, span.tail);
            } else {
                resize_add(state, rows, row < span.last ? span.middle : span.tail);
            }
            if (row < span.last) break;
            resize_across(state, out + (ptrdiff_t)state->out_row * out_stride);
        }
        previous = rows;
        rows += stride;
    }
    if (grows && previous != state->previous)
        memcpy(state->previous, previous, state->across.length * state->channels * resize_size(state->type));
}

#endif
