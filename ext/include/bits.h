/* Samples that are not whole bytes, or not all of their bytes (PS3.5 Section 8.1.1). */
#ifndef HOUNSFIELD_BITS_H
#define HOUNSFIELD_BITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "portable.h"

/* Eight bits to eight bytes, the lowest first: each byte of a 64-bit word keeps one bit of the eight, and is 1 if it is
   not 0. */
TARGET_CLONES static void bits_unpack_octets(const uint8_t *RESTRICT data, uint8_t *RESTRICT out, size_t count) {
    const uint8_t order[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint64_t each;
    memcpy(&each, order, sizeof each);
    for (size_t i = 0; i < count; i++) {
        uint64_t eight = data[i] * UINT64_C(0x0101010101010101) & each;
        eight = (eight + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101);
        memcpy(out + 8 * i, &eight, sizeof eight);
    }
}

/* The same from the middle of a byte: each output is of two neighbours, of which data[count] is the last. */
TARGET_CLONES static void bits_unpack_shifted(const uint8_t *RESTRICT data, uint8_t *RESTRICT out, size_t count,
                                              unsigned shift) {
    const uint8_t order[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint64_t each;
    memcpy(&each, order, sizeof each);
    for (size_t i = 0; i < count; i++) {
        const uint8_t octet = (uint8_t)((data[i] | (unsigned)data[i + 1] << 8) >> shift);
        uint64_t eight = octet * UINT64_C(0x0101010101010101) & each;
        eight = (eight + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101);
        memcpy(out + 8 * i, &eight, sizeof eight);
    }
}

/* `count` samples of one bit from the bit `first` on, the lowest of a byte first. */
static void bits_unpack_1(const uint8_t *data, size_t first, uint8_t *out, size_t count) {
    const unsigned shift = first % 8;
    size_t whole = count / 8;
    data += first / 8;
    if (shift == 0)
        bits_unpack_octets(data, out, whole);
    else
        bits_unpack_shifted(data, out, whole, shift);
    for (size_t i = whole * 8; i < count; i++) out[i] = data[(i + shift) / 8] >> (i + shift) % 8 & 1;
}

/* Three bytes are two samples, the first in the lower twelve bits. */
TARGET_CLONES static void bits_unpack_pairs(const uint8_t *RESTRICT data, uint8_t *RESTRICT out, size_t pairs) {
    for (size_t i = 0; i < pairs; i++) {
        const unsigned low = data[3 * i], middle = data[3 * i + 1], high = data[3 * i + 2];
        const uint16_t first = (uint16_t)(low | (middle & 15) << 8), second = (uint16_t)(middle >> 4 | high << 4);
        memcpy(out + 4 * i, &first, sizeof first);
        memcpy(out + 4 * i + 2, &second, sizeof second);
    }
}

/* `count` samples of twelve bits from the bit `first` on, a multiple of 4. */
static void bits_unpack_12(const uint8_t *data, size_t first, uint8_t *out, size_t count) {
    data += first / 8;
    if (first % 8 && count) {
        const uint16_t sample = (uint16_t)(data[0] >> 4 | data[1] << 4);
        memcpy(out, &sample, sizeof sample);
        data += 2;
        out += 2;
        count--;
    }
    bits_unpack_pairs(data, out, count / 2);
    if (count % 2) {
        const size_t last = count / 2;
        const uint16_t sample = (uint16_t)(data[3 * last] | (data[3 * last + 1] & 15) << 8);
        memcpy(out + 4 * last, &sample, sizeof sample);
    }
}

/* Most samples have nothing above: blocks are written to only where something changes. That shows in the bits
   that any of the samples has set, or of signed ones other than its sign: they are left as they are if, and only
   if, each sample is. */
enum { BITS_BLOCK = 4096 };

#define BITS_MASK(KIND, BITS)                                                                                \
    TARGET_CLONES_OF_32 static void bits_mask_##KIND##BITS(uint8_t *samples, size_t count, int up, int down) {     \
        while (count) {                                                                                      \
            const size_t block = count < BITS_BLOCK ? count : BITS_BLOCK;                                    \
            uint##BITS##_t value, seen = 0;                                                                  \
            for (size_t i = 0; i < block; i++) {                                                             \
                memcpy(&value, samples + i * sizeof value, sizeof value);                                    \
                seen |= bits_seen_##KIND##BITS(value);                                                       \
            }                                                                                                \
            const int changes = bits_##KIND##BITS(seen, up, down) != seen;                                   \
            for (size_t i = 0; changes && i < block; i++) {                                                  \
                memcpy(&value, samples + i * sizeof value, sizeof value);                                    \
                value = bits_##KIND##BITS(value, up, down);                                                  \
                memcpy(samples + i * sizeof value, &value, sizeof value);                                    \
            }                                                                                                \
            samples += block * sizeof value;                                                                 \
            count -= block;                                                                                  \
        }                                                                                                    \
    }

#define BITS_WIDTH(BITS)                                                                                     \
    /* Bits above are shifted out, and zeros or the sign in; `down` bits below are shifted out. */           \
    static inline uint##BITS##_t bits_unsigned##BITS(uint##BITS##_t value, int up, int down) {        \
        return (uint##BITS##_t)((uint##BITS##_t)(value << up) >> down);                                      \
    }                                                                                                        \
    static inline uint##BITS##_t bits_signed##BITS(uint##BITS##_t value, int up, int down) {          \
        return (uint##BITS##_t)((int##BITS##_t)(uint##BITS##_t)(value << up) >> down);                       \
    }                                                                                                        \
    static inline uint##BITS##_t bits_seen_unsigned##BITS(uint##BITS##_t value) { return value; }            \
    static inline uint##BITS##_t bits_seen_signed##BITS(uint##BITS##_t value) {                              \
        return (uint##BITS##_t)(value ^ (uint##BITS##_t)((int##BITS##_t)value >> (BITS - 1)));               \
    }                                                                                                        \
    BITS_MASK(unsigned, BITS)                                                                                \
    BITS_MASK(signed, BITS)                                                                                  \
    TARGET_CLONES_OF_32 static void bits_extract##BITS(const uint8_t *RESTRICT samples, uint8_t *RESTRICT out,     \
                                                 size_t count, int bit) {                                    \
        for (size_t i = 0; i < count; i++) {                                                                 \
            uint##BITS##_t value;                                                                            \
            memcpy(&value, samples + i * sizeof value, sizeof value);                                        \
            out[i] = (uint8_t)(value >> bit & 1);                                                            \
        }                                                                                                    \
    }                                                                                                        \
    TARGET_CLONES_OF_32 static void bits_add##BITS(uint8_t *samples, size_t count, uint##BITS##_t offset) {        \
        for (size_t i = 0; i < count; i++) {                                                                 \
            uint##BITS##_t value;                                                                            \
            memcpy(&value, samples + i * sizeof value, sizeof value);                                        \
            value = (uint##BITS##_t)(value + offset);                                                        \
            memcpy(samples + i * sizeof value, &value, sizeof value);                                        \
        }                                                                                                    \
    }                                                                                                        \
    TARGET_CLONES_OF_32 static void bits_clamp##BITS(const uint8_t *RESTRICT samples, uint8_t *RESTRICT out,       \
                                                     size_t count, int32_t offset, int shift, int32_t low,  \
                                                     int32_t high) {                                         \
        for (size_t i = 0; i < count; i++) {                                                                 \
            uint32_t wide;                                                                                   \
            memcpy(&wide, samples + i * sizeof wide, sizeof wide);                                           \
            int32_t value = (int32_t)(wide + (uint32_t)offset) >> shift;                                     \
            value = value < low ? low : value;                                                               \
            value = value > high ? high : value;                                                             \
            const uint##BITS##_t sample = (uint##BITS##_t)value;                                             \
            memcpy(out + i * sizeof sample, &sample, sizeof sample);                                         \
        }                                                                                                    \
    }

BITS_WIDTH(8)
BITS_WIDTH(16)
BITS_WIDTH(32)
BITS_WIDTH(64)

#undef BITS_WIDTH
#undef BITS_MASK

#define BITS_EACH(WIDTH, CALL)                                                                               \
    switch (WIDTH) {                                                                                         \
    case 1: CALL(8); break;                                                                                  \
    case 2: CALL(16); break;                                                                                 \
    case 4: CALL(32); break;                                                                                 \
    case 8: CALL(64); break;                                                                                 \
    }

/* width: bytes a sample; the lowest `down` bits of each are dropped after `up` were shifted out above. */
static void bits_mask(uint8_t *samples, size_t count, size_t width, int up, int down, int is_signed) {
    if (is_signed) {
#define CALL(BITS) bits_mask_signed##BITS(samples, count, up, down)
        BITS_EACH(width, CALL)
#undef CALL
    } else {
#define CALL(BITS) bits_mask_unsigned##BITS(samples, count, up, down)
        BITS_EACH(width, CALL)
#undef CALL
    }
}

static void bits_extract(const uint8_t *samples, uint8_t *out, size_t count, size_t width, int bit) {
#define CALL(BITS) bits_extract##BITS(samples, out, count, bit)
    BITS_EACH(width, CALL)
#undef CALL
}

/* Add a number to each sample, modulo what its bytes hold. */
static void bits_add(uint8_t *samples, size_t count, size_t width, uint64_t offset) {
#define CALL(BITS) bits_add##BITS(samples, count, (uint##BITS##_t)offset)
    BITS_EACH(width, CALL)
#undef CALL
}

/* Add a number to each of int32_t, shift them down, and give the nearest from low to high, `width` bytes each. */
static void bits_clamp(const uint8_t *samples, uint8_t *out, size_t count, size_t width, int32_t offset, int shift,
                       int32_t low, int32_t high) {
#define CALL(BITS) bits_clamp##BITS(samples, out, count, offset, shift, low, high)
    BITS_EACH(width, CALL)
#undef CALL
}

#undef BITS_EACH

#endif
