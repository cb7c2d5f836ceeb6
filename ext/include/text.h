/* Text as UTF-8, and dates as numbers of days: what tables are made of. */
#ifndef HOUNSFIELD_TEXT_H
#define HOUNSFIELD_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "values.h"

/* What `hounsfield_is_plain_text` allows, and bytes above 127. */
static inline int hounsfield_is_text(const uint8_t *text, size_t size) {
    unsigned odd = 0;
    for (size_t i = 0; i < size; i++) {
        const unsigned c = text[i];
        odd |= (c - 0x20u > 0x5Eu) & (c < 0x80) & (c != 0) & (c != '\r') & (c != '\n') & (c != '\f') & (c != '\t');
    }
    return !odd;
}

/* Whether text is well-formed UTF-8 (Unicode, table 3-7): no overlong form, no surrogate, nothing above U+10FFFF. */
static inline int hounsfield_is_utf8(const uint8_t *text, size_t size) {
    size_t i = 0;
    while (i < size) {
        const uint8_t first = text[i++];
        uint8_t low = 0x80, high = 0xBF;
        size_t more;
        if (first < 0x80) continue;
        if (first >= 0xC2 && first <= 0xDF) more = 1;
        else if (first >= 0xE0 && first <= 0xEF) more = 2;
        else if (first >= 0xF0 && first <= 0xF4) more = 3;
        else return 0;
        if (first == 0xE0) low = 0xA0;
        if (first == 0xED) high = 0x9F;
        if (first == 0xF0) low = 0x90;
        if (first == 0xF4) high = 0x8F;
        if (size - i < more) return 0;
        for (; more; more--, low = 0x80, high = 0xBF) {
            const uint8_t c = text[i++];
            if (c < low || c > high) return 0;
        }
    }
    return 1;
}

/* Write ISO 8859-1 as UTF-8, in up to twice as many bytes; how many. */
static inline size_t hounsfield_latin1_to_utf8(const uint8_t *text, size_t size, uint8_t *out) {
    const uint8_t *start = out;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < 0x80) {
            *out++ = text[i];
        } else {
            *out++ = (uint8_t)(0xC0 | text[i] >> 6);
            *out++ = (uint8_t)(0x80 | (text[i] & 0x3F));
        }
    }
    return (size_t)(out - start);
}

/* Days from 1970-01-01 to a date of the form YYYYMMDD, which the calendar must have. */
static inline int hounsfield_days(const uint8_t *text, size_t size, int32_t *days) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!hounsfield_is_date(text, size)) return 0;
    int year = hounsfield_pair(text) * 100 + hounsfield_pair(text + 2);
    const int month = hounsfield_pair(text + 4), day = hounsfield_pair(text + 6);
    const int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year == 0 || day > lengths[month - 1] + (month == 2 && leap)) return 0;
    /* Years that begin with March: a leap day is then the last of its year. */
    const int from_march = (month + 9) % 12;
    if (month <= 2) year--;
    *days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 + day - 1 - 719468;
    return 1;
}

#endif
