/* The least work that could be right: what this machine allows on one thread, with no checks at all. Each function
   repeats its work and leaves the timing to the caller, who divides by the repeats. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint16_t load16(const unsigned char *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t load32(const unsigned char *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Explicit VR Little Endian, defined lengths: the number of elements before the first that is undefined or pixel data. */
static long walk(const unsigned char *data, size_t size, size_t at) {
    long elements = 0;
    while (at + 12 <= size) {
        uint32_t tag = (uint32_t)load16(data + at) << 16 | load16(data + at + 2);
        if (tag >= 0x7FE00010) break;
        unsigned char first = data[at + 4], second = data[at + 5];
        int is_long = first == 'O' || (first == 'S' && second == 'Q') ||
                      (first == 'U' && (second == 'C' || second == 'N' || second == 'R' || second == 'T'));
        uint32_t length = is_long ? load32(data + at + 8) : load16(data + at + 6);
        if (length == 0xFFFFFFFF) break;
        at += (is_long ? 12 : 8) + (size_t)length;
        elements++;
    }
    return elements;
}

/* Walk a data set in memory from the byte `at`. Returns the number of elements, as the next function does. */
long floor_walk(const unsigned char *data, size_t size, size_t at, long repeats) {
    long elements = 0;
    for (long i = 0; i < repeats; i++) {
        __asm__ volatile("" : : "r"(data) : "memory"); /* else one walk serves all repeats */
        elements = walk(data, size, at);
    }
    return elements;
}

/* Open a file, read its first bytes, 16 KiB at most, close it and walk them. */
static long read_header(const char *path, size_t bytes) {
    unsigned char head[16384];
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status)) return -1;
    ssize_t size = pread(file, head, bytes < sizeof head ? bytes : sizeof head, 0);
    close(file);
    if (size < 0) return -1;
    return walk(head, (size_t)size, 132);
}

long floor_read_header(const char *path, size_t bytes, long repeats) {
    long elements = 0;
    for (long i = 0; i < repeats; i++) elements = read_header(path, bytes);
    return elements;
}

/* The same of many files: their elements. */
long floor_read_headers(const char *const *paths, size_t count, size_t bytes, long repeats) {
    long elements = 0;
    for (long i = 0; i < repeats; i++) {
        elements = 0;
        for (size_t file = 0; file < count; file++) elements += read_header(paths[file], bytes);
    }
    return elements;
}

enum { CHUNK = 128 * 1024 };

__attribute__((noinline
#if defined(__x86_64__) && !defined(__clang__)
               ,
               target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")
#endif
                   )) static void
window(const int16_t *restrict in, uint8_t *restrict out, size_t n, float scale, float offset) {
    for (size_t i = 0; i < n; i++) {
        float level = in[i] * scale + offset;
        level = level < 0 ? 0 : level;
        level = level > 255.f ? 255.f : level;
        out[i] = (uint8_t)(int)level;
    }
}

/* Read the last `pixels` int16 samples of each file, in chunks that stay in the cache, and window them into its row.
   Nothing is parsed; without rows nothing is windowed. Returns the number of files. */
long floor_batch(const char *const *paths, long count, size_t pixels, uint8_t *out, float scale, float offset,
                 long repeats) {
    int16_t chunk[CHUNK / 2]; /* of each thread its own */
    for (long i = 0; i < repeats; i++) {
        for (long file = 0; file < count; file++) {
            struct stat status;
            int descriptor = open(paths[file], O_RDONLY);
            if (descriptor < 0 || fstat(descriptor, &status)) return file;
            off_t at = status.st_size - (off_t)(2 * pixels);
            for (size_t done = 0; done < pixels; done += CHUNK / 2) {
                const size_t n = pixels - done < CHUNK / 2 ? pixels - done : CHUNK / 2;
                if (pread(descriptor, chunk, 2 * n, at + (off_t)(2 * done)) != (ssize_t)(2 * n)) return file;
                if (out != NULL) window(chunk, out + (size_t)file * pixels + done, n, scale, offset + 0.5f);
            }
            close(descriptor);
        }
    }
    return count;
}

void floor_memcpy(void *restrict to, const void *restrict from, size_t size, long repeats) {
    for (long i = 0; i < repeats; i++) {
        memcpy(to, from, size);
        __asm__ volatile("" : : "r"(to), "r"(from) : "memory");
    }
}
