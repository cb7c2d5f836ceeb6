/* How an element's header goes on behind its VR (PS3.5 Section 7.1.2), by the VR's letters; 0: no VR. */
#ifndef HOUNSFIELD_VR_H
#define HOUNSFIELD_VR_H

static const unsigned char hounsfield_vr_form[26][26] = {
    /* a 16-bit length */
    ['A' - 'A']['E' - 'A'] = 1, ['A' - 'A']['S' - 'A'] = 1, ['A' - 'A']['T' - 'A'] = 1,
    ['C' - 'A']['S' - 'A'] = 1, ['D' - 'A']['A' - 'A'] = 1, ['D' - 'A']['S' - 'A'] = 1,
    ['D' - 'A']['T' - 'A'] = 1, ['F' - 'A']['D' - 'A'] = 1, ['F' - 'A']['L' - 'A'] = 1,
    ['I' - 'A']['S' - 'A'] = 1, ['L' - 'A']['O' - 'A'] = 1, ['L' - 'A']['T' - 'A'] = 1,
    ['P' - 'A']['N' - 'A'] = 1, ['S' - 'A']['H' - 'A'] = 1, ['S' - 'A']['L' - 'A'] = 1,
    ['S' - 'A']['S' - 'A'] = 1, ['S' - 'A']['T' - 'A'] = 1, ['T' - 'A']['M' - 'A'] = 1,
    ['U' - 'A']['I' - 'A'] = 1, ['U' - 'A']['L' - 'A'] = 1, ['U' - 'A']['S' - 'A'] = 1,
    /* two reserved bytes and a 32-bit length */
    ['O' - 'A']['B' - 'A'] = 2, ['O' - 'A']['D' - 'A'] = 2, ['O' - 'A']['F' - 'A'] = 2,
    ['O' - 'A']['L' - 'A'] = 2, ['O' - 'A']['V' - 'A'] = 2, ['O' - 'A']['W' - 'A'] = 2,
    ['S' - 'A']['Q' - 'A'] = 2, ['S' - 'A']['V' - 'A'] = 2, ['U' - 'A']['C' - 'A'] = 2,
    ['U' - 'A']['N' - 'A'] = 2, ['U' - 'A']['R' - 'A'] = 2, ['U' - 'A']['T' - 'A'] = 2,
    ['U' - 'A']['V' - 'A'] = 2,
};

static inline int hounsfield_form_of(unsigned char first, unsigned char second) {
    const unsigned row = first - 'A', column = second - 'A';    /* wraps to a large number below 'A' */
    return row < 26 && column < 26 ? hounsfield_vr_form[row][column] : 0;
}

#endif
