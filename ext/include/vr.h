/* The VRs by number: which they are, and how an element's header goes on behind each (PS3.5 Section 7.1.2). */
#ifndef HOUNSFIELD_VR_H
#define HOUNSFIELD_VR_H

#define HOUNSFIELD_VRS(VR) \
    /* a 16-bit length */ \
    VR(1, 'A', 'E') VR(2, 'A', 'S') VR(3, 'A', 'T') VR(4, 'C', 'S') VR(5, 'D', 'A') \
    VR(6, 'D', 'S') VR(7, 'D', 'T') VR(8, 'F', 'D') VR(9, 'F', 'L') VR(10, 'I', 'S') \
    VR(11, 'L', 'O') VR(12, 'L', 'T') VR(13, 'P', 'N') VR(14, 'S', 'H') VR(15, 'S', 'L') \
    VR(16, 'S', 'S') VR(17, 'S', 'T') VR(18, 'T', 'M') VR(19, 'U', 'I') VR(20, 'U', 'L') \
    VR(21, 'U', 'S') \
    /* two reserved bytes and a 32-bit length */ \
    VR(22, 'O', 'B') VR(23, 'O', 'D') VR(24, 'O', 'F') VR(25, 'O', 'L') VR(26, 'O', 'V') \
    VR(27, 'O', 'W') VR(28, 'S', 'Q') VR(29, 'S', 'V') VR(30, 'U', 'C') VR(31, 'U', 'N') \
    VR(32, 'U', 'R') VR(33, 'U', 'T') VR(34, 'U', 'V')

enum { HOUNSFIELD_LAST_SHORT = 21, HOUNSFIELD_LAST_VR = 34 };

#define HOUNSFIELD_VR_ENTRY(number, first, second) [first - 'A'][second - 'A'] = number,

static const unsigned char hounsfield_vrs[26][26] = {HOUNSFIELD_VRS(HOUNSFIELD_VR_ENTRY)};

/* 0 for what is no VR. */
static inline unsigned hounsfield_vr(unsigned char first, unsigned char second) {
    const unsigned row = first - 'A', column = second - 'A'; /* wraps to a large number below 'A' */
    return row < 26 && column < 26 ? hounsfield_vrs[row][column] : 0;
}

#endif
