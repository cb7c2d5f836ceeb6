/* What the loops of the kernel window are told: types, the map from samples to display values, the line of one. */
#ifndef HOUNSFIELD_WINDOW_TYPES_H
#define HOUNSFIELD_WINDOW_TYPES_H

#include <stddef.h>
#include <stdint.h>

enum { WINDOW_U1, WINDOW_I1, WINDOW_U2, WINDOW_I2, WINDOW_U4, WINDOW_I4, WINDOW_F4, WINDOW_F8 };
enum { WINDOW_AFFINE, WINDOW_STEP, WINDOW_SIGMOID };
enum { VOI_LINEAR, VOI_LINEAR_EXACT, VOI_SIGMOID }; /* VOI LUT Function */
enum { WINDOW_DONE = 0, WINDOW_NO_MEMORY = -1, WINDOW_TOO_LARGE = -2, WINDOW_TOO_NARROW = -3 };

typedef struct {
    int src_type, dst_type;
    int shape;             /* WINDOW_AFFINE: sample * scale + offset is the display value;
                              else the modality value x, that the step or the sigmoid is taken of */
    double scale, offset;
    double center, width;  /* of the sigmoid; the step is at center: 0 up to there, top above */
    double top;            /* ymax: 255, 65535 or 1 */
    int invert;
} window_map;

typedef struct {
    int32_t low, high;  /* samples beyond are at one end of the levels */
    int32_t origin;     /* 0, or a sample near the window's centre: from there float32 has digits to spare */
    float scale, offset;
} window_line;

static size_t window_size(int type) {
    return (size_t)1 << (type == WINDOW_F4 ? 2 : type == WINDOW_F8 ? 3 : type / 2);
}

#endif
