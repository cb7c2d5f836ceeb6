/* Rows of a table in 8 bytes each.
 *
 *     tag(32)   offset(26) kind(6)
 *
 * The kind says what the VR and the flags are. A length is not kept: the next element's header begins where the
 * value ends, or 8 bytes further, behind the delimiter, if the length was undefined. So only rows that stand one
 * behind the other can be packed, and only up to an offset of 64 MiB.
 */
#ifndef HOUNSFIELD_PACKED_H
#define HOUNSFIELD_PACKED_H

#include <stdint.h>

#include "vr.h"

/* Flags of a row, packed or not. */
enum {
    HOUNSFIELD_FLAG_UNDEFINED = 1,  /* the length was given as undefined; the row's is what was found */
    HOUNSFIELD_FLAG_IMPLICIT = 2,   /* the element itself is written in implicit VR */
    HOUNSFIELD_FLAG_CUT = 4,        /* the source ends inside the value */
    HOUNSFIELD_FLAG_UN_SEQUENCE = 8 /* UN of undefined length: the value is implicit VR little endian (PS3.5 6.2.2) */
};

typedef struct {
    uint16_t vr; /* the two letters, first in the low byte */
    uint8_t flags;
    uint8_t header;    /* bytes before the value */
    uint8_t delimiter; /* bytes behind it */
} hounsfield_kind;

#define HOUNSFIELD_LETTERS(first, second) ((first) | (second) << 8)
#define HOUNSFIELD_KIND_ENTRY(number, first, second) \
    [number] = {HOUNSFIELD_LETTERS(first, second), 0, (number) <= HOUNSFIELD_LAST_SHORT ? 8 : 12, 0},

enum {
    HOUNSFIELD_IMPLICIT = HOUNSFIELD_LAST_VR + 1, /* an element in implicit VR, of defined length */
    HOUNSFIELD_LAST_KIND = HOUNSFIELD_LAST_VR + 8,
    HOUNSFIELD_KINDS = 64
};

/* The VRs by their numbers, and behind them what is more than an element in explicit VR. */
static const hounsfield_kind hounsfield_kinds[HOUNSFIELD_KINDS] = {
    HOUNSFIELD_VRS(HOUNSFIELD_KIND_ENTRY)
    /* in implicit VR */
    [HOUNSFIELD_IMPLICIT] = {0, HOUNSFIELD_FLAG_IMPLICIT, 8, 0},
    [HOUNSFIELD_LAST_VR + 2] = {0, HOUNSFIELD_FLAG_IMPLICIT | HOUNSFIELD_FLAG_UNDEFINED, 8, 8},
    /* items */
    [HOUNSFIELD_LAST_VR + 3] = {0, 0, 8, 0},
    [HOUNSFIELD_LAST_VR + 4] = {0, HOUNSFIELD_FLAG_UNDEFINED, 8, 8},
    /* undefined lengths */
    [HOUNSFIELD_LAST_VR + 5] = {HOUNSFIELD_LETTERS('S', 'Q'), HOUNSFIELD_FLAG_UNDEFINED, 12, 8},
    [HOUNSFIELD_LAST_VR + 6] = {HOUNSFIELD_LETTERS('U', 'N'), HOUNSFIELD_FLAG_UNDEFINED | HOUNSFIELD_FLAG_UN_SEQUENCE, 12, 8},
    [HOUNSFIELD_LAST_VR + 7] = {HOUNSFIELD_LETTERS('O', 'B'), HOUNSFIELD_FLAG_UNDEFINED, 12, 8},
    [HOUNSFIELD_LAST_VR + 8] = {HOUNSFIELD_LETTERS('O', 'W'), HOUNSFIELD_FLAG_UNDEFINED, 12, 8},
};

/* 0 for a row that cannot be packed. */
static inline uint32_t hounsfield_kind_of(uint16_t vr, uint8_t flags) {
    uint32_t kind;
    if (vr && !flags) return hounsfield_vr((unsigned char)(vr & 0xff), (unsigned char)(vr >> 8));
    for (kind = HOUNSFIELD_LAST_VR + 1; kind <= HOUNSFIELD_LAST_KIND; kind++)
        if (hounsfield_kinds[kind].vr == vr && hounsfield_kinds[kind].flags == flags) return kind;
    return 0;
}

#endif
