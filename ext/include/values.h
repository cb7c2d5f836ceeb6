/* Reading the text of values, the plain forms only: what these refuse may still mean something (PS3.5 6.2). */
#ifndef HOUNSFIELD_VALUES_H
#define HOUNSFIELD_VALUES_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Printable ASCII, line ends and null bytes: the same in every character set, as nothing shifts to another. */
static inline int hounsfield_is_plain_text(const uint8_t *text, size_t size) {
    unsigned odd = 0;
    for (size_t i = 0; i < size; i++) {
        const unsigned c = text[i];
        odd |= (c - 0x20u > 0x5Eu) & (c != 0) & (c != '\r') & (c != '\n') & (c != '\f') & (c != '\t');
    }
    return !odd;
}

static inline int hounsfield_is_digit(uint8_t c) { return (unsigned)c - '0' < 10u; }

/* 15 digits and a power of ten up to 22 are exact in a double, so one operation rounds as it should. */
static inline int hounsfield_decimal(const uint8_t *text, size_t size, double *number) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    size_t i = 0;
    uint64_t digits = 0;
    int exponent = 0, given = 0, significant = 0, point = 0, negative = 0;
    if (FLT_EVAL_METHOD != 0) return 0;
    if (size && (text[0] == '-' || text[0] == '+')) negative = text[i++] == '-';
    for (; i < size; i++) {
        if (hounsfield_is_digit(text[i])) {
            given = 1;
            digits = digits * 10 + (text[i] - '0');
            if (digits && ++significant > 15) return 0;
            exponent -= point;
        } else if (text[i] == '.' && !point) {
            point = 1;
        } else {
            break;
        }
    }
    if (!given) return 0;
    if (i < size) {
        int power = 0, down = 0, any = 0;
        if (text[i] != 'e' && text[i] != 'E') return 0;
        i++;
        if (i < size && (text[i] == '-' || text[i] == '+')) down = text[i++] == '-';
        for (; i < size; i++) {
            if (!hounsfield_is_digit(text[i]) || power > 999) return 0;
            power = power * 10 + (text[i] - '0');
            any = 1;
        }
        if (!any) return 0;
        exponent += down ? -power : power;
    }
    if (exponent < -22 || exponent > 22) return 0;
    *number = exponent < 0 ? (double)digits / powers[-exponent] : (double)digits * powers[exponent];
    if (negative) *number = -*number;
    return 1;
}

static inline int hounsfield_integer(const uint8_t *text, size_t size, int64_t *number) {
    size_t i = 0;
    int64_t digits = 0;
    int negative = 0;
    if (size && (text[0] == '-' || text[0] == '+')) negative = text[i++] == '-';
    if (i == size || size - i > 18) return 0;
    for (; i < size; i++) {
        if (!hounsfield_is_digit(text[i])) return 0;
        digits = digits * 10 + (text[i] - '0');
    }
    *number = negative ? -digits : digits;
    return 1;
}

/* The number that two digits make, or -1. */
static inline int hounsfield_pair(const uint8_t *text) {
    return hounsfield_is_digit(text[0]) && hounsfield_is_digit(text[1]) ? (text[0] - '0') * 10 + text[1] - '0'
                                                                        : -1;
}

static inline int hounsfield_is_date(const uint8_t *text, size_t size) {
    if (size != 8 || hounsfield_pair(text) < 0 || hounsfield_pair(text + 2) < 0) return 0;
    const int month = hounsfield_pair(text + 4), day = hounsfield_pair(text + 6);
    return 1 <= month && month <= 12 && 1 <= day && day <= 31;
}

/* HH, HHMM, HHMMSS, or that and a fraction of one to six digits. */
static inline int hounsfield_is_time(const uint8_t *text, size_t size) {
    static const int most[] = {23, 59, 60};
    for (size_t part = 0; part < 3; part++) {
        if (size == 2 * part && part) return 1;
        if (size < 2 * part + 2) return 0;
        const int number = hounsfield_pair(text + 2 * part);
        if (number < 0 || number > most[part]) return 0;
    }
    if (size == 6) return 1;
    if (text[6] != '.' || size < 8 || size > 13) return 0;
    for (size_t i = 7; i < size; i++)
        if (!hounsfield_is_digit(text[i])) return 0;
    return 1;
}

#endif
