/* Byte swapping of arrays, at the speed of memory. Neither end needs to be aligned: values pass through
   memcpy, which compilers turn into plain vector loads and stores. */
#ifndef HOUNSFIELD_SWAP_H
#define HOUNSFIELD_SWAP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "portable.h"

static inline uint16_t hounsfield_reverse16(uint16_t v) { return (uint16_t)(v << 8 | v >> 8); }

static inline uint32_t hounsfield_reverse32(uint32_t v) {
    return v << 24 | (v & 0x0000ff00u) << 8 | (v & 0x00ff0000u) >> 8 | v >> 24;
}

static inline uint64_t hounsfield_reverse64(uint64_t v) {
    return (uint64_t)hounsfield_reverse32((uint32_t)v) << 32 | hounsfield_reverse32((uint32_t)(v >> 32));
}

/* Two loops a width: `restrict` saves the first a check for overlap, and would be a lie in the second. */
#define HOUNSFIELD_SWAP(BITS)                                                                                \
    TARGET_CLONES static void hounsfield_swap_copy##BITS(const uint8_t *RESTRICT from,                       \
                                                         uint8_t *RESTRICT to, size_t count) {               \
        for (size_t i = 0; i < count; i++) {                                                                 \
            uint##BITS##_t value;                                                                            \
            memcpy(&value, from + i * sizeof value, sizeof value);                                           \
            value = hounsfield_reverse##BITS(value);                                                         \
            memcpy(to + i * sizeof value, &value, sizeof value);                                             \
        }                                                                                                    \
    }                                                                                                        \
    TARGET_CLONES static void hounsfield_swap_in_place##BITS(uint8_t *data, size_t count) {                  \
        for (size_t i = 0; i < count; i++) {                                                                 \
            uint##BITS##_t value;                                                                            \
            memcpy(&value, data + i * sizeof value, sizeof value);                                           \
            value = hounsfield_reverse##BITS(value);                                                         \
            memcpy(data + i * sizeof value, &value, sizeof value);                                           \
        }                                                                                                    \
    }

HOUNSFIELD_SWAP(16)
HOUNSFIELD_SWAP(32)
HOUNSFIELD_SWAP(64)

#undef HOUNSFIELD_SWAP

#endif
