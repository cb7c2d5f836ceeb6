/* RLE Lossless, PS3.5 Annex G: the loops of the kernel rle.

   A frame is a header of 16 little-endian numbers of 4 bytes, how many segments there are and where each
   of up to 15 begins, and the segments. Each is one byte of every sample, in PackBits, the most
   significant byte of the first sample first:

       R high | R low | G high | G low | B high | B low        (3 samples of 16 bits)

   The segments of a sample, or of a pixel whose samples stand side by side, are unpacked a block of
   each at a time and zipped while the blocks are in the first-level cache. */
#ifndef HOUNSFIELD_RLE_H
#define HOUNSFIELD_RLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "portable.h"

enum {
    RLE_HEADER = 64,
    RLE_SEGMENTS = 15,
    RLE_NOTHING = 128, /* the header of a packet that gives nothing */
    RLE_LONGEST = 128, /* bytes that a packet may give */
    RLE_BLOCK = 2048
};

enum { RLE_DONE, RLE_NO_HEADER, RLE_WRONG_COUNT, RLE_WRONG_OFFSET, RLE_SHORT };

typedef struct {
    int status;
    unsigned segment;       /* the one concerned, from 0 */
    uint64_t found, wanted;
    uint64_t excess;        /* bytes that the fullest segment gives more than are wanted */
} rle_result;

typedef struct {
    const uint8_t *at, *end;
} rle_segment;

/* A header below 128 says that one more byte than it are to be copied, one above that the next byte is to be
   repeated 257 less it times (PS3.5 G.3.2). */
static inline size_t rle_length(size_t header) {
    return header < RLE_NOTHING ? header + 1 : header > RLE_NOTHING ? 257 - header : 0;
}

/* Decode packets to out + have and on, until `want` bytes are there or the segment ends. Returns how many
   there are. The last packet may give up to 127 more than wanted, and what is behind in `out` is
   undefined: there must be room for RLE_LONGEST more.

   Where no packet can reach the segment's end, copies are of two sizes, larger than asked for: to tell
   them apart exactly would cost more, in branches guessed wrong. */
TARGET_CLONES static size_t rle_fill(rle_segment *segment, uint8_t *RESTRICT out, size_t have,
                                     size_t want) {
    const uint8_t *at = segment->at, *end = segment->end;
    while (have < want && end - at > RLE_LONGEST) {
        const size_t header = at[0], length = rle_length(header);
        if (header < RLE_NOTHING) {
            if (length <= 64) memcpy(out + have, at + 1, 64);
            else memcpy(out + have, at + 1, RLE_LONGEST);
            at += 1 + length;
        } else if (header > RLE_NOTHING) {
            if (length <= 32) memset(out + have, at[1], 32);
            else memset(out + have, at[1], RLE_LONGEST);
            at += 2;
        } else {
            at++;
        }
        have += length;
    }
    while (have < want && at < end) {
        const size_t header = *at++, left = (size_t)(end - at);
        size_t length = rle_length(header);
        if (header < RLE_NOTHING) {
            if (length > left) length = left;
            memcpy(out + have, at, length);
            at += length;
        } else if (header > RLE_NOTHING) {
            if (!left) break;
            memset(out + have, *at++, length);
        }
        have += length;
    }
    segment->at = at;
    return have;
}

/* How much more the segment would give, but for the zeros that pad it. */
static uint64_t rle_rest(const rle_segment *segment) {
    const uint8_t *at = segment->at, *end = segment->end;
    uint64_t given = 0;
    while (end > at && end[-1] == 0) end--;
    while (end - at > 1) {
        const size_t header = *at++, left = (size_t)(end - at);
        size_t length = rle_length(header);
        if (header < RLE_NOTHING) {
            if (length > left) length = left;
            at += length;
        } else if (header > RLE_NOTHING) {
            at++;
        }
        given += length;
    }
    return given;
}

/* ---- planes to pixels: plane k of them begins at planes + k * stride ---- */

#define RLE_ZIP(BITS)                                                                                        \
    TARGET_CLONES static void rle_zip##BITS(const uint8_t *RESTRICT planes, size_t stride,                   \
                                            uint8_t *RESTRICT out, size_t count) {                           \
        for (size_t i = 0; i < count; i++) {                                                                 \
            uint##BITS##_t value = 0;                                                                        \
            for (size_t k = 0; k < BITS / 8; k++)                                                            \
                value = (uint##BITS##_t)((uint##BITS##_t)(value << 8) | planes[k * stride + i]);             \
            memcpy(out + i * sizeof value, &value, sizeof value);                                            \
        }                                                                                                    \
    }

RLE_ZIP(16)
RLE_ZIP(32)
RLE_ZIP(64)

#undef RLE_ZIP

TARGET_CLONES static void rle_interleave3(const uint8_t *RESTRICT planes, size_t stride,
                                          uint8_t *RESTRICT out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        out[3 * i] = planes[i];
        out[3 * i + 1] = planes[stride + i];
        out[3 * i + 2] = planes[2 * stride + i];
    }
}

/* Whether a number's first byte in memory is its lowest. */
static inline int rle_little_endian(void) {
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first;
}

/* Any number of samples of any width. */
static void rle_interleave(const uint8_t *RESTRICT planes, size_t stride, uint8_t *RESTRICT out, size_t count,
                           unsigned samples, unsigned width) {
    const unsigned flip = rle_little_endian() ? width - 1 : 0; /* width is a power of two */
    for (unsigned k = 0; k < samples * width; k++)
        for (size_t i = 0; i < count; i++) out[i * samples * width + (k ^ flip)] = planes[k * stride + i];
}

static void rle_zip(const uint8_t *planes, size_t stride, uint8_t *out, size_t count, unsigned samples,
                    unsigned width) {
    if (samples == 1 && width == 2) rle_zip16(planes, stride, out, count);
    else if (samples == 1 && width == 4) rle_zip32(planes, stride, out, count);
    else if (samples == 1 && width == 8) rle_zip64(planes, stride, out, count);
    else if (samples == 3 && width == 1) rle_interleave3(planes, stride, out, count);
    else rle_interleave(planes, stride, out, count, samples, width);
}

/* ---- frames ---- */

static int rle_fail(rle_result *result, int status, unsigned segment, uint64_t found, uint64_t wanted) {
    result->status = status;
    result->segment = segment;
    result->found = found;
    result->wanted = wanted;
    return 0;
}

/* Segment k, one byte a pixel: straight to where it belongs, but for an end that packets might overrun.
   `over` counts the bytes that the last packet gives too many. */
static int rle_copied(rle_segment *segments, unsigned k, uint8_t *out, size_t count, size_t *over,
                      rle_result *result) {
    uint8_t end[3 * RLE_LONGEST];
    const size_t have = count > RLE_LONGEST ? rle_fill(&segments[k], out, 0, count - RLE_LONGEST) : 0;
    const size_t wanted = count - have, last = rle_fill(&segments[k], end, 0, wanted);
    if (last < wanted) return rle_fail(result, RLE_SHORT, k, (uint64_t)have + last, count);
    memcpy(out + have, end, wanted);
    over[k] = last - wanted;
    return 1;
}

/* Segment k and those that follow: `samples` of `width` bytes side by side. */
static int rle_zipped(rle_segment *segments, unsigned k, uint8_t *out, size_t count, unsigned samples,
                      unsigned width, size_t *over, rle_result *result) {
    enum { STRIDE = RLE_BLOCK + 2 * RLE_LONGEST };
    uint8_t planes[RLE_SEGMENTS * STRIDE];
    const unsigned bytes = samples * width;
    for (size_t start = 0; start < count; start += RLE_BLOCK) {
        const size_t size = count - start < RLE_BLOCK ? count - start : RLE_BLOCK;
        for (unsigned byte = 0; byte < bytes; byte++) {
            uint8_t *plane = planes + byte * STRIDE;
            if (start) memcpy(plane, plane + RLE_BLOCK, RLE_LONGEST); /* what a packet gave of this block */
            const size_t have = rle_fill(&segments[k + byte], plane, over[k + byte], size);
            if (have < size) return rle_fail(result, RLE_SHORT, k + byte, (uint64_t)start + have, count);
            over[k + byte] = have - size;
        }
        rle_zip(planes, STRIDE, out + start * bytes, size, samples, width);
    }
    return 1;
}

/* Where each segment begins and ends, from the header. They need not stand in order: each goes on to the next
   offset above its own, or to the end of the data. Of two with one offset both are empty. */
static int rle_open(const uint8_t *data, size_t size, unsigned wanted, rle_segment *segments,
                    rle_result *result) {
    uint32_t header[1 + RLE_SEGMENTS];
    if (size < RLE_HEADER) return rle_fail(result, RLE_NO_HEADER, 0, size, RLE_HEADER);
    for (size_t k = 0; k <= RLE_SEGMENTS; k++) {
        const uint8_t *at = data + 4 * k;
        header[k] = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    }
    if (header[0] != wanted || wanted > RLE_SEGMENTS)
        return rle_fail(result, RLE_WRONG_COUNT, 0, header[0], wanted);
    for (unsigned k = 0; k < wanted; k++) {
        const uint32_t offset = header[1 + k];
        size_t end = size;
        if (offset < RLE_HEADER || offset > size)
            return rle_fail(result, RLE_WRONG_OFFSET, k, offset, size);
        for (unsigned other = 0; other < wanted; other++)
            if (other != k && header[1 + other] >= offset && header[1 + other] < end) end = header[1 + other];
        segments[k].at = data + offset;
        segments[k].end = data + end;
    }
    return 1;
}

/* Decode a frame of `count` pixels to `out`, one plane a sample or side by side. `samples` and `width`
   are below 65536, `width` is a power of two, and `out` has room for their product times `count`. What
   stands in it after an error is undefined. */
static void rle_decode(const uint8_t *data, size_t size, uint8_t *out, size_t count, unsigned samples,
                       unsigned width, int planar, rle_result *result) {
    rle_segment segments[RLE_SEGMENTS];
    size_t over[RLE_SEGMENTS] = {0};
    const unsigned beside = planar ? 1 : samples, bytes = beside * width;
    memset(result, 0, sizeof *result);
    if (!rle_open(data, size, samples * width, segments, result)) return;
    for (unsigned k = 0; k < samples * width; k += bytes) {
        uint8_t *to = out + k * count;
        if (bytes == 1 ? !rle_copied(segments, k, to, count, over, result)
                       : !rle_zipped(segments, k, to, count, beside, width, over, result))
            return;
    }
    for (unsigned k = 0; k < samples * width; k++) {
        const uint64_t excess = over[k] + rle_rest(&segments[k]);
        if (excess > result->excess) result->excess = excess;
    }
}

/* ---- encoding ---- */

/* What a segment of `rows` rows of `columns` bytes can become at most: all of it copied, and a pad byte. */
static uint64_t rle_bound(uint64_t rows, uint64_t columns) {
    return rows * (columns + (columns + RLE_LONGEST - 1) / RLE_LONGEST) + 1;
}

/* One row of a segment, from every `stride`th byte. Two equal bytes do not end a copy (PS3.5 G.3.1): a
   packet of their own would save nothing. Returns the end of what was written. */
static uint8_t *rle_encode_row(const uint8_t *row, size_t stride, size_t columns, uint8_t *out) {
    uint8_t *copy = NULL; /* the header of the copy that is open */
    for (size_t i = 0; i < columns;) {
        const uint8_t value = row[i * stride];
        size_t length = 1;
        while (length < RLE_LONGEST && i + length < columns && row[(i + length) * stride] == value) length++;
        if (length > 2 || (length == 2 && !copy)) {
            *out++ = (uint8_t)(257 - length);
            *out++ = value;
            copy = NULL;
            i += length;
            continue;
        }
        if (copy) {
            ++*copy;
        } else {
            copy = out++;
            *copy = 0;
        }
        *out++ = value;
        if (*copy == RLE_LONGEST - 1) copy = NULL;
        i++;
    }
    return out;
}

/* Encode a frame to `out`, which has room for RLE_HEADER and a bound for each segment. Returns its length. */
static size_t rle_encode(const uint8_t *frame, size_t rows, size_t columns, unsigned samples, unsigned width,
                         int planar, uint8_t *out) {
    const unsigned flip = rle_little_endian() ? width - 1 : 0;
    const size_t stride = planar ? width : (size_t)width * samples;
    uint8_t *to = out + RLE_HEADER;
    memset(out, 0, RLE_HEADER);
    out[0] = (uint8_t)(samples * width);
    for (unsigned k = 0; k < samples * width; k++) {
        const size_t offset = (size_t)(to - out), plane = k / width * rows * columns * width;
        const uint8_t *from = frame + (planar ? plane + (k ^ flip) % width : k ^ flip);
        for (unsigned byte = 0; byte < 4; byte++) out[4 + 4 * k + byte] = (uint8_t)(offset >> 8 * byte);
        for (size_t row = 0; row < rows; row++, from += columns * stride)
            to = rle_encode_row(from, stride, columns, to);
        if ((to - out) % 2) *to++ = 0;
    }
    return (size_t)(to - out);
}

#endif
