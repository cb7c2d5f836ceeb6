/* JPEG Lossless with Huffman coding (ITU-T T.81 process 14, SOF3; Annexes B, C, F.2.2 and H), decoded into
   the caller's array.

   Each row goes through three loops: Huffman codes to differences, differences to samples, samples to `out`.
   The entropy-coded bytes come from a buffer without stuffed zero bytes that is filled as rows need it. A row
   cannot need more than JPEGLL_LONGEST bits a difference, and so much is always there, zeros after the end of
   the data: the loops check nothing, and after each run it is looked at whether it went beyond the end. */
#ifndef HOUNSFIELD_JPEGLL_H
#define HOUNSFIELD_JPEGLL_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "portable.h"

enum {
    JPEGLL_DONE,
    JPEGLL_BROKEN,      /* what is wrong, and where, is in the report */
    JPEGLL_UNSUPPORTED, /* so is what is not decoded here */
    JPEGLL_MISFIT,      /* out is not as the frame header says */
    JPEGLL_NO_MEMORY
};

typedef struct {
    const char *what;
    size_t offset;    /* in the stream */
    size_t rows_done; /* of the scan that broke off */
    int scanning;     /* whether rows_done means something */
    int precision, components;
    size_t rows, columns; /* 0 before the frame header */
} jpegll_report;

enum {
    JPEGLL_LOOK = 12, /* bits that one look-up resolves */
    JPEGLL_LOOKS = 1 << JPEGLL_LOOK,
    JPEGLL_RARE = JPEGLL_LOOKS / 8, /* the most looks without a difference that pay */
    JPEGLL_MANY = 1 << 14,          /* the fewest differences for which they do */
    JPEGLL_LONGEST = 31,            /* a code of 16 bits and 15 more */
    JPEGLL_CHUNK = 1 << 15,         /* bytes un-stuffed at a time */
    JPEGLL_SLACK = 32               /* bytes read beyond the last one used */
};

/* With which code JPEGLL_LOOK bits begin, or 0 if it is a longer one or there is none. In its bits:

        0..7   bits of the code and what follows it
        8..15  bits of the code
       16..23  bits that follow it, SSSS of them (F.1.2.1), none if SSSS is 16 (H.1.2.2)
       31      whether SSSS is 16 */
typedef uint32_t jpegll_code;

/* The differences that JPEGLL_LOOK bits hold in whole, up to three. In its bits:

        0..5   bits of all of them
        6..7   how many there are; none, if the first does not fit
       16..31  first difference
       32..47  second
       48..63  third */
typedef uint64_t jpegll_look;

typedef struct {
    uint8_t lengths[17]; /* BITS: how many codes there are of each length */
    uint8_t values[17];  /* HUFFVAL: SSSS of each code, in order */
    int count;           /* -1 if there is no table, -2 if it is none for lossless coding */
    int made, looks_made;
    uint32_t rare;       /* how many of its looks hold no whole difference */
    uint32_t beyond[17]; /* 16 bits that begin with a code of this length or a shorter one are below */
    int32_t index[17];   /* a code of this length and this number make the index in values */
    jpegll_code codes[JPEGLL_LOOKS];
    jpegll_look looks[JPEGLL_LOOKS];
} jpegll_table;

typedef struct {
    const uint8_t *data;
    size_t size, at; /* the stream, and where it is read next */
    size_t segment;  /* where this entropy-coded segment begins */
    size_t dropped;  /* bytes of it that have left the buffer */
    uint8_t *buffer;
    size_t room, filled;
    size_t zeros;      /* to be put after the end: what a run of differences can need */
    uint64_t position; /* in bits, within the buffer */
    int ended;         /* whether the buffer has the segment's last byte */
} jpegll_reader;

typedef struct {
    jpegll_reader reader;
    jpegll_report *report;
    uint8_t *out;
    size_t rows, columns, samples, itemsize; /* of out */
    int framed;
    uint8_t ids[3], seen[3];
    size_t interval; /* restart interval in MCUs, 0 for none */
    uint16_t *row, *above;
    void *block; /* rows and buffer */
    jpegll_table tables[4];
} jpegll_decoder;

/* Bytes that must be in the buffer before `n` differences are read. */
static inline size_t jpegll_need(size_t n) { return n * JPEGLL_LONGEST / 8 + JPEGLL_SLACK; }

static int jpegll_broken(jpegll_decoder *d, const char *what, size_t offset) {
    d->report->what = what;
    d->report->offset = offset;
    return JPEGLL_BROKEN;
}

static int jpegll_unsupported(jpegll_decoder *d, const char *what, size_t offset) {
    d->report->what = what;
    d->report->offset = offset;
    return JPEGLL_UNSUPPORTED;
}

static inline size_t jpegll_load16(const uint8_t *at) { return (size_t)at[0] << 8 | at[1]; }

/* Four values to an array, the lowest first. */
static inline void jpegll_store4(uint16_t *to, uint64_t values) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (int i = 0; i < 4; i++) to[i] = (uint16_t)(values >> 16 * i);
#else
    memcpy(to, &values, sizeof values);
#endif
}

static inline uint64_t jpegll_load64(const uint8_t *at) { /* compilers know this for one load */
    return (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48 | (uint64_t)at[2] << 40 | (uint64_t)at[3] << 32 |
           (uint64_t)at[4] << 24 | (uint64_t)at[5] << 16 | (uint64_t)at[6] << 8 | (uint64_t)at[7];
}

/* ---- Huffman tables (Annex C) ---- */

static jpegll_code jpegll_code_of(unsigned length, unsigned ssss) {
    const unsigned extra = ssss & 15;
    return (jpegll_code)(ssss >> 4) << 31 | extra << 16 | length << 8 | (length + extra);
}

/* The difference whose code begins `bits` (F.2.2.1, EXTEND), without a branch. */
static inline uint16_t jpegll_difference(jpegll_code code, uint64_t bits) {
    const unsigned extra = code >> 16 & 15;
    const uint64_t rest = bits << (code >> 8 & 63), negative = (rest >> 63) - 1;
    return (uint16_t)((rest >> 1 >> (63 - extra)) - (((1u << extra) - 1) & negative) + (code >> 16 & 0x8000));
}

/* Returns 0 if the codes do not fit into 16 bits. */
static int jpegll_make_codes(jpegll_table *table) {
    uint32_t code = 0;
    int32_t index = 0;
    memset(table->codes, 0, sizeof table->codes);
    table->rare = JPEGLL_LOOKS;
    for (unsigned length = 1; length <= 16; length++) {
        code <<= 1;
        if (code + table->lengths[length] > 1u << length) return 0;
        table->index[length] = index - (int32_t)code;
        for (unsigned i = table->lengths[length]; i > 0; i--, code++, index++) {
            if (length > JPEGLL_LOOK) continue;
            const jpegll_code what = jpegll_code_of(length, table->values[index]);
            const size_t first = (size_t)code << (JPEGLL_LOOK - length),
                         n = (size_t)1 << (JPEGLL_LOOK - length);
            for (size_t k = 0; k < n; k++) table->codes[first + k] = what;
            if ((what & 255) <= JPEGLL_LOOK) table->rare -= (uint32_t)n;
        }
        table->beyond[length] = code << (16 - length);
    }
    return 1;
}

static void jpegll_make_looks(jpegll_table *table) {
    for (uint32_t i = 0; i < JPEGLL_LOOKS; i++) {
        uint32_t bits = 0, count = 0;
        jpegll_look look = 0;
        for (; count < 3 && bits < JPEGLL_LOOK; count++) {
            const uint64_t next = (uint64_t)i << (64 - JPEGLL_LOOK + bits);
            const jpegll_code code = table->codes[next >> (64 - JPEGLL_LOOK)];
            if (code == 0 || bits + (code & 255) > JPEGLL_LOOK) break;
            look |= (jpegll_look)jpegll_difference(code, next) << (16 + 16 * count);
            bits += code & 255;
        }
        table->looks[i] = look | count << 6 | bits;
    }
}

/* The codes of a DHT segment (B.2.4.2). Tables for AC coefficients may be there, and are not used. */
static int jpegll_read_tables(jpegll_decoder *d, const uint8_t *body, size_t size) {
    const size_t offset = (size_t)(body - d->reader.data);
    for (size_t at = 0; at < size;) {
        const unsigned kind = body[at] >> 4, slot = body[at] & 15;
        size_t count = 0;
        if (size - at < 17) return jpegll_broken(d, "Huffman table cut short", offset + at);
        if (kind > 1 || slot > 3)
            return jpegll_broken(d, "Huffman table of no such class or place", offset + at);
        for (int i = 1; i <= 16; i++) count += body[at + i];
        if (size - at - 17 < count) return jpegll_broken(d, "Huffman table cut short", offset + at);
        if (kind == 0) {
            jpegll_table *table = &d->tables[slot];
            memcpy(table->lengths, body + at, 17);
            table->made = table->looks_made = 0;
            table->count = count <= 17 ? (int)count : -2;
            for (int i = 0; i < table->count; i++) {
                table->values[i] = body[at + 17 + i];
                if (table->values[i] > 16) table->count = -2;
            }
        }
        at += 17 + count;
    }
    return JPEGLL_DONE;
}

/* ---- entropy-coded bytes ---- */

/* Un-stuff until the buffer is full, or holds all up to the next marker. */
static void jpegll_fill(jpegll_reader *r) {
    const size_t used = (size_t)(r->position >> 3);
    memmove(r->buffer, r->buffer + used, r->filled - used);
    r->filled -= used;
    r->dropped += used;
    r->position &= 7;
    while (!r->ended && r->filled < r->room) {
        const size_t left = r->size - r->at, free = r->room - r->filled, most = left < free ? left : free;
        const uint8_t *from = r->data + r->at;
        const uint8_t *found = most ? memchr(from, 0xFF, most) : NULL;
        const size_t plain = found ? (size_t)(found - from) : most;
        memcpy(r->buffer + r->filled, from, plain);
        r->filled += plain;
        r->at += plain;
        if (found && left - plain > 1 && found[1] == 0) {
            r->buffer[r->filled++] = 0xFF;
            r->at += 2;
        } else if (found || most == left) {
            r->ended = 1;
        }
    }
    if (r->ended) memset(r->buffer + r->filled, 0, r->zeros);
}

/* Where in the stream the byte stands that is read next. */
static size_t jpegll_offset(const jpegll_reader *r) {
    size_t at = r->segment;
    for (uint64_t n = r->dropped + (r->position >> 3); n && at < r->size; n--)
        at += r->data[at] == 0xFF ? 2 : 1;
    return at < r->at ? at : r->at;
}

static void jpegll_begin_segment(jpegll_reader *r) {
    r->segment = r->at;
    r->dropped = r->filled = 0;
    r->position = 0;
    r->ended = 0;
}

/* ---- differences ---- */

typedef struct {
    uint64_t bits;  /* the next ones, from the top */
    unsigned count; /* how many of them are there */
    const uint8_t *next;
} jpegll_bits;

static inline void jpegll_refill(jpegll_bits *b) { /* to 56 bits or more, without a branch */
    b->bits |= jpegll_load64(b->next) >> b->count;
    b->next += (63 - b->count) >> 3;
    b->count |= 56;
}

static inline void jpegll_skip(jpegll_bits *b, unsigned bits) {
    b->bits <<= bits;
    b->count -= bits;
}

static inline jpegll_bits jpegll_bits_at(const jpegll_reader *r) {
    jpegll_bits b = {0, 0, r->buffer + (r->position >> 3)};
    jpegll_refill(&b);
    jpegll_skip(&b, (unsigned)(r->position & 7));
    return b;
}

static inline uint64_t jpegll_position(const jpegll_reader *r, const jpegll_bits *b) {
    return (uint64_t)(b->next - r->buffer) * 8 - b->count;
}

/* A code of more bits than a look-up takes, or 0. */
static jpegll_code jpegll_long_code(const jpegll_table *table, uint64_t bits) {
    const uint32_t top = (uint32_t)(bits >> 48);
    for (unsigned length = JPEGLL_LOOK + 1; length <= 16; length++)
        if (top < table->beyond[length])
            return jpegll_code_of(length,
                                  table->values[table->index[length] + (int32_t)(top >> (16 - length))]);
    return 0;
}

/* One difference, whatever its length; 0 if there is no such code. */
static inline int jpegll_one(const jpegll_table *table, jpegll_bits *b, uint16_t *to) {
    if (b->count < JPEGLL_LONGEST) jpegll_refill(b);
    jpegll_code code = table->codes[b->bits >> (64 - JPEGLL_LOOK)];
    if (code == 0 && (code = jpegll_long_code(table, b->bits)) == 0) return 0;
    *to = jpegll_difference(code, b->bits);
    jpegll_skip(b, code & 63);
    return 1;
}

/* `n` differences that are all coded by one table. Returns how many there were before one without a code. */
TARGET_CLONES static size_t jpegll_differences(jpegll_reader *r, const jpegll_table *table, uint16_t *to,
                                               size_t n) {
    jpegll_bits b = jpegll_bits_at(r);
    uint16_t *const begin = to, *const end = to + n;

#define JPEGLL_TAKE                                                                                          \
    {                                                                                                        \
        const jpegll_look look = table->looks[b.bits >> (64 - JPEGLL_LOOK)];                                 \
        if (!(look & 0xC0)) goto one;                                                                        \
        jpegll_store4(to, look >> 16);                                                                       \
        to += look >> 6 & 3;                                                                                 \
        jpegll_skip(&b, look & 63);                                                                          \
    }
    if (table->looks_made) {
        while (end - to >= 13) { /* 4 times 3, and one more that is stored */
            jpegll_refill(&b);
            JPEGLL_TAKE
            JPEGLL_TAKE
            JPEGLL_TAKE
            JPEGLL_TAKE
            continue;
        one:
            if (!jpegll_one(table, &b, to)) goto stop;
            to++;
        }
    }
#undef JPEGLL_TAKE
    /* Most often three fit into 56 bits: to wait for the next ones costs as much as a difference. */
    while (end - to >= 3) {
        jpegll_refill(&b);
        for (int i = 0; i < 3; i++, to++)
            if (!jpegll_one(table, &b, to)) goto stop;
    }
    while (to < end && jpegll_one(table, &b, to)) to++;
stop:
    r->position = jpegll_position(r, &b);
    return (size_t)(to - begin);
}

/* The same for three components that take turns, each with a table of its own. */
TARGET_CLONES static size_t jpegll_differences_by_turns(jpegll_reader *r, jpegll_table *const *tables,
                                                        uint16_t *to, size_t n) {
    jpegll_bits b = jpegll_bits_at(r);
    uint16_t *const begin = to, *const end = to + n;
    while (to < end) {
        jpegll_refill(&b);
        for (int i = 0; i < 3; i++, to++)
            if (!jpegll_one(tables[i], &b, to)) goto stop;
    }
stop:
    r->position = jpegll_position(r, &b);
    return (size_t)(to - begin);
}

/* ---- samples (H.1.2.1) ---- */

/* One component of a row, in place; its samples stand `step` apart. Ra, Rb and Rc are the neighbours to the
   left, above, and above left. The sum is modulo 2^16. What an encoder leaves above the precision is cut off,
   which may wait until the end if nothing is halved. */
#define JPEGLL_PREDICT(NUMBER, PREDICTION, MASKED)                                                           \
    static inline void jpegll_predict_##NUMBER(uint16_t *RESTRICT row, const uint16_t *RESTRICT above,       \
                                               size_t n, size_t step, uint32_t mask, uint32_t ra) {          \
        int32_t rc = (int32_t)(above[0] & mask);                                                             \
        for (size_t i = step; i < n; i += step) {                                                            \
            const int32_t rb = (int32_t)(above[i] & mask);                                                   \
            ra = row[i] + (uint32_t)(PREDICTION);                                                            \
            if (MASKED) ra &= mask;                                                                          \
            rc = rb;                                                                                         \
            row[i] = (uint16_t)ra;                                                                           \
        }                                                                                                    \
        (void)rc;                                                                                            \
    }

JPEGLL_PREDICT(1, ra, 0)
JPEGLL_PREDICT(2, rb, 0)
JPEGLL_PREDICT(3, rc, 0)
JPEGLL_PREDICT(4, ra + (uint32_t)(rb - rc), 0)
JPEGLL_PREDICT(5, (int32_t)ra + ((rb - rc) >> 1), 1)
JPEGLL_PREDICT(6, rb + (((int32_t)ra - rc) >> 1), 1)
JPEGLL_PREDICT(7, ((int32_t)ra + rb) >> 1, 1)
#undef JPEGLL_PREDICT

static inline void jpegll_predict_step(int predictor, uint16_t *row, const uint16_t *above, size_t n,
                                       size_t step, uint32_t mask, uint32_t first) {
    const uint32_t ra = (row[0] + first) & mask;
    row[0] = (uint16_t)ra;
    switch (predictor) {
    case 1: jpegll_predict_1(row, above, n, step, mask, ra); break;
    case 2: jpegll_predict_2(row, above, n, step, mask, ra); break;
    case 3: jpegll_predict_3(row, above, n, step, mask, ra); break;
    case 4: jpegll_predict_4(row, above, n, step, mask, ra); break;
    case 5: jpegll_predict_5(row, above, n, step, mask, ra); break;
    case 6: jpegll_predict_6(row, above, n, step, mask, ra); break;
    case 7: jpegll_predict_7(row, above, n, step, mask, ra); break;
    }
}

TARGET_CLONES static void jpegll_predict(int predictor, uint16_t *row, const uint16_t *above, size_t n,
                                         size_t step, uint32_t mask, uint32_t first) {
    if (step == 1)
        jpegll_predict_step(predictor, row, above, n, 1, mask, first);
    else
        jpegll_predict_step(predictor, row, above, n, 3, mask, first);
}

/* ---- out ---- */

#define JPEGLL_PUT(TYPE)                                                                                     \
    static inline void jpegll_put_step_##TYPE(const uint16_t *RESTRICT row, uint8_t *RESTRICT out, size_t n, \
                                              size_t step, uint32_t mask, int shift) {                       \
        for (size_t i = 0; i < n; i++) {                                                                     \
            const TYPE sample = (TYPE)((row[i] & mask) << shift);                                            \
            memcpy(out + i * step * sizeof sample, &sample, sizeof sample);                                  \
        }                                                                                                    \
    }                                                                                                        \
    TARGET_CLONES static void jpegll_put_##TYPE(const uint16_t *row, uint8_t *out, size_t n, size_t step,    \
                                                uint32_t mask, int shift) {                                  \
        if (step == 1) /* which is vectorised */                                                             \
            jpegll_put_step_##TYPE(row, out, n, 1, mask, shift);                                             \
        else                                                                                                 \
            jpegll_put_step_##TYPE(row, out, n, 3, mask, shift);                                             \
    }

JPEGLL_PUT(uint8_t)
JPEGLL_PUT(uint16_t)
#undef JPEGLL_PUT

/* ---- headers (Annex B) ---- */

static int jpegll_read_frame(jpegll_decoder *d, const uint8_t *body, size_t size) {
    const size_t offset = (size_t)(body - d->reader.data);
    jpegll_report *report = d->report;
    if (d->framed) return jpegll_broken(d, "second frame header", offset);
    if (size < 6 || size != 6 + 3 * (size_t)body[5])
        return jpegll_broken(d, "frame header of a wrong length", offset);
    const int components = body[5];
    if (body[0] < 2 || body[0] > 16) return jpegll_broken(d, "precision is not of 2 to 16 bits", offset);
    if (jpegll_load16(body + 3) == 0) return jpegll_broken(d, "frame without columns", offset + 3);
    if (components == 0) return jpegll_broken(d, "frame without components", offset + 5);
    if (jpegll_load16(body + 1) == 0)
        return jpegll_unsupported(d, "number of lines after the first scan", offset + 1);
    if (components != 1 && components != 3)
        return jpegll_unsupported(d, "neither 1 nor 3 components", offset + 5);
    for (int i = 0; i < components; i++) {
        const uint8_t *component = body + 6 + 3 * i;
        const unsigned across = component[1] >> 4, down = component[1] & 15;
        if (across < 1 || across > 4 || down < 1 || down > 4)
            return jpegll_broken(d, "sampling factor is not of 1 to 4", offset + 7 + 3 * (size_t)i);
        if (components > 1 && component[1] != 0x11)
            return jpegll_unsupported(d, "sampling factors other than 1", offset + 7 + 3 * (size_t)i);
        for (int j = 0; j < i; j++)
            if (d->ids[j] == component[0])
                return jpegll_broken(d, "two components of one name", offset + 6 + 3 * (size_t)i);
        d->ids[i] = component[0];
    }
    d->framed = 1;
    report->precision = body[0];
    report->rows = jpegll_load16(body + 1);
    report->columns = jpegll_load16(body + 3);
    report->components = components;
    if (report->rows != d->rows || report->columns != d->columns || (size_t)components != d->samples ||
        (d->itemsize == 1 && report->precision > 8))
        return JPEGLL_MISFIT;

    jpegll_reader *r = &d->reader;
    const size_t row = d->columns * d->samples; /* at most 3 * 65535 */
    const size_t most = jpegll_need(row);
    r->room = 2 * most + (r->size < JPEGLL_CHUNK ? r->size : JPEGLL_CHUNK);
    d->block = malloc(2 * row * sizeof *d->row + r->room + most);
    if (d->block == NULL) return JPEGLL_NO_MEMORY;
    d->row = d->block;
    d->above = d->row + row;
    r->buffer = (uint8_t *)(d->above + row);
    return JPEGLL_DONE;
}

typedef struct {
    jpegll_table *tables[3];
    size_t components, first; /* how many, and which is the first */
    int one_table;            /* for all of them */
    int predictor, shift;
} jpegll_scan;

static int jpegll_read_scan(jpegll_decoder *d, const uint8_t *body, size_t size, jpegll_scan *scan) {
    const size_t offset = (size_t)(body - d->reader.data);
    if (!d->framed) return jpegll_broken(d, "scan before the frame header", offset);
    if (size < 1 || size != 4 + 2 * (size_t)body[0])
        return jpegll_broken(d, "scan header of a wrong length", offset);
    scan->components = body[0];
    if (scan->components == 0 || scan->components > d->samples)
        return jpegll_broken(d, "scan of no or too many components", offset);
    if (scan->components != 1 && scan->components != d->samples)
        return jpegll_unsupported(d, "scan of some of the components", offset);
    for (size_t i = 0; i < scan->components; i++) {
        const uint8_t *component = body + 1 + 2 * i;
        const size_t here = offset + 1 + 2 * i;
        size_t which = 0;
        while (which < d->samples && d->ids[which] != component[0]) which++;
        if (which == d->samples) return jpegll_broken(d, "scan of a component that the frame lacks", here);
        if (d->seen[which]) return jpegll_broken(d, "second scan of a component", here);
        if (i == 0)
            scan->first = which;
        else if (which != i || scan->first != 0)
            return jpegll_broken(d, "components in another order than in the frame", here);
        if (component[1] >> 4 > 3) return jpegll_broken(d, "Huffman table of no such place", here + 1);
        jpegll_table *table = &d->tables[component[1] >> 4];
        if (table->count == -1) return jpegll_broken(d, "Huffman table that is not in the stream", here + 1);
        if (table->count == -2)
            return jpegll_broken(d, "Huffman table that is not for lossless coding", here + 1);
        if (!table->made && !jpegll_make_codes(table))
            return jpegll_broken(d, "Huffman table with too many codes", here + 1);
        table->made = 1;
        scan->tables[i] = table;
        d->seen[which] = 1;
    }
    const uint8_t *rest = body + 1 + 2 * scan->components;
    scan->predictor = rest[0];
    scan->shift = rest[2] & 15;
    if (scan->predictor < 1 || scan->predictor > 7)
        return jpegll_broken(d, "predictor is not of 1 to 7", (size_t)(rest - d->reader.data));
    if (scan->shift >= d->report->precision)
        return jpegll_broken(d, "point transform takes all bits", (size_t)(rest + 2 - d->reader.data));

    jpegll_table *table = scan->tables[0];
    scan->one_table = scan->components == 1 || (table == scan->tables[1] && table == scan->tables[2]);
    if (scan->one_table && !table->looks_made && table->rare <= JPEGLL_RARE &&
        d->rows * d->columns * scan->components >= JPEGLL_MANY) {
        jpegll_make_looks(table);
        table->looks_made = 1;
    }
    return JPEGLL_DONE;
}

/* ---- scans ---- */

/* After all of a segment was read there is less than a byte left of it, but for zeros after the last one. */
static int jpegll_end_segment(jpegll_decoder *d, int zeros) {
    jpegll_reader *r = &d->reader;
    r->position = (r->position + 7) & ~(uint64_t)7;
    do {
        for (size_t i = (size_t)(r->position >> 3); i < r->filled; i++)
            if (!zeros || r->buffer[i] != 0) {
                r->position = (uint64_t)i * 8;
                return jpegll_broken(d, "data left after the last sample", jpegll_offset(r));
            }
        r->position = (uint64_t)r->filled * 8;
        if (!r->ended) jpegll_fill(r);
    } while (r->filled != r->position >> 3);
    return JPEGLL_DONE;
}

static int jpegll_restart(jpegll_decoder *d, unsigned number) {
    jpegll_reader *r = &d->reader;
    const int status = jpegll_end_segment(d, 0);
    if (status != JPEGLL_DONE) return status;
    while (r->at < r->size && r->data[r->at] == 0xFF) r->at++;
    if (r->at == r->size) return jpegll_broken(d, "stream ends before its last row", r->at);
    if (r->data[r->at] != (0xD0 | number))
        return jpegll_broken(d, "not the restart marker that is due", r->at);
    r->at++;
    jpegll_begin_segment(r);
    return JPEGLL_DONE;
}

/* The differences of a row, or an error. */
static int jpegll_read_row(jpegll_decoder *d, const jpegll_scan *scan) {
    jpegll_reader *r = &d->reader;
    uint16_t *const to = d->row;
    const size_t n = d->columns * scan->components;
    size_t got;
    if (!r->ended && r->filled - (size_t)(r->position >> 3) < jpegll_need(n)) jpegll_fill(r);
    if (scan->one_table)
        got = jpegll_differences(r, scan->tables[0], to, n);
    else
        got = jpegll_differences_by_turns(r, scan->tables, to, n);
    /* Where the data end, zeros follow, and the last code may be one only with them. */
    if (r->ended && r->position + (got < n ? 16 : 0) > (uint64_t)r->filled * 8)
        return jpegll_broken(
            d, r->size - r->at < 2 ? "stream ends before its last row" : "marker before the last row", r->at);
    if (got < n) return jpegll_broken(d, "code that the Huffman table lacks", jpegll_offset(r));
    return JPEGLL_DONE;
}

static int jpegll_read_rows(jpegll_decoder *d, const jpegll_scan *scan) {
    const size_t step = scan->components, row_size = d->columns * d->samples * d->itemsize;
    const size_t out_step = step == d->samples ? 1 : d->samples;
    const int bits = d->report->precision - scan->shift;
    const uint32_t mask = (1u << bits) - 1;
    const size_t columns = d->columns, interval = d->interval;
    const size_t rows_between = interval / columns; /* two restart markers */
    unsigned restarts = 0;
    int status;

    /* T.81 wants whole rows (H.1.1, Table B.7): of an interval that begins within one it does not say which
       samples are its first line, and decoders do not agree. */
    if (interval % columns != 0 && interval < d->rows * columns)
        return jpegll_broken(d, "restart interval is not of whole rows", d->reader.at);
    d->reader.zeros = jpegll_need(columns * step);
    d->report->scanning = 1;
    jpegll_begin_segment(&d->reader);
    for (size_t y = 0; y < d->rows; y++) {
        uint16_t *const row = d->row;
        const int fresh = y == 0 || (rows_between && y % rows_between == 0);
        d->report->rows_done = y;
        if (fresh && y && (status = jpegll_restart(d, restarts++ & 7)) != JPEGLL_DONE) return status;
        if ((status = jpegll_read_row(d, scan)) != JPEGLL_DONE) return status;
        for (size_t c = 0; c < step; c++) {
            if (fresh)
                jpegll_predict(1, row + c, row + c, columns * step - c, step, mask, 1u << (bits - 1));
            else
                jpegll_predict(scan->predictor, row + c, d->above + c, columns * step - c, step, mask,
                               d->above[c]);
        }
        uint8_t *const out = d->out + y * row_size + scan->first * d->itemsize;
        if (d->itemsize == 1)
            jpegll_put_uint8_t(row, out, columns * step, out_step, mask, scan->shift);
        else
            jpegll_put_uint16_t(row, out, columns * step, out_step, mask, scan->shift);
        d->row = d->above;
        d->above = row;
    }
    d->report->rows_done = d->rows;
    return jpegll_end_segment(d, 1);
}

static int jpegll_read_stream(jpegll_decoder *d) {
    jpegll_reader *r = &d->reader;
    if (r->size < 2 || r->data[0] != 0xFF || r->data[1] != 0xD8) return jpegll_broken(d, "no SOI marker", 0);
    r->at = 2;
    for (;;) {
        if (r->at < r->size && r->data[r->at] != 0xFF)
            return jpegll_broken(d, "no marker where one is due", r->at);
        while (r->at < r->size && r->data[r->at] == 0xFF) r->at++;
        if (r->at == r->size) return jpegll_broken(d, "stream ends before its image", r->at);
        const size_t here = r->at;
        const unsigned marker = r->data[r->at++];
        if (marker == 0xD9) return jpegll_broken(d, "EOI marker before the whole image", here);
        if (marker < 0xC0 || (marker >= 0xD0 && marker <= 0xD8))
            return jpegll_broken(d, "marker that does not belong here", here);
        const size_t length = r->size - r->at < 2 ? 0 : jpegll_load16(r->data + r->at);
        if (length < 2 || length > r->size - r->at)
            return jpegll_broken(d, "segment longer than the stream", here);
        const uint8_t *body = r->data + r->at + 2;
        const size_t size = length - 2;
        int status = JPEGLL_DONE;
        r->at += length;
        switch (marker) {
        case 0xC3: status = jpegll_read_frame(d, body, size); break;
        case 0xC4: status = jpegll_read_tables(d, body, size); break;
        case 0xDA: {
            jpegll_scan scan;
            status = jpegll_read_scan(d, body, size, &scan);
            if (status == JPEGLL_DONE) status = jpegll_read_rows(d, &scan);
            if (status == JPEGLL_DONE && d->seen[0] && (d->samples == 1 || (d->seen[1] && d->seen[2])))
                return JPEGLL_DONE;
            break;
        }
        case 0xDD:
            if (size != 2) return jpegll_broken(d, "restart interval of a wrong length", here);
            d->interval = jpegll_load16(body);
            break;
        case 0xCC: status = jpegll_unsupported(d, "arithmetic coding", here); break;
        case 0xDC: status = jpegll_unsupported(d, "number of lines after the first scan", here); break;
        case 0xDE:
        case 0xDF: status = jpegll_unsupported(d, "hierarchical coding", here); break;
        case 0xF7: status = jpegll_unsupported(d, "JPEG-LS", here); break;
        default: /* SOF0 to SOF15 are below; APPn, COM and the like are passed over */
            if (marker < 0xD0) status = jpegll_unsupported(d, "frame of another process than SOF3", here);
        }
        if (status != JPEGLL_DONE) return status;
    }
}

static int jpegll_decode(const uint8_t *data, size_t size, void *out, size_t rows, size_t columns,
                         size_t samples, size_t itemsize, jpegll_report *report) {
    jpegll_decoder *d = malloc(sizeof *d);
    int status;
    memset(report, 0, sizeof *report);
    if (d == NULL) return JPEGLL_NO_MEMORY;
    memset(d, 0, offsetof(jpegll_decoder, tables));
    for (int i = 0; i < 4; i++) d->tables[i].count = -1;
    d->reader.data = data;
    d->reader.size = size;
    d->report = report;
    d->out = out;
    d->rows = rows;
    d->columns = columns;
    d->samples = samples;
    d->itemsize = itemsize;
    status = jpegll_read_stream(d);
    free(d->block);
    free(d);
    return status;
}

#endif
