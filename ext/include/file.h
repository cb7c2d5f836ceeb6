/* The first bytes of a file in few system calls. Without POSIX, callers read through Python instead. */
#ifndef HOUNSFIELD_FILE_H
#define HOUNSFIELD_FILE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int descriptor;
    size_t got; /* bytes read so far */
    uint64_t size;
    uint64_t inode;
    int64_t changed_us; /* time of the last change; nanoseconds would end in 2262 */
    int regular;
} hounsfield_file;

#ifdef _WIN32

#define HOUNSFIELD_HAS_FILES 0

static inline int hounsfield_open(const char *path, hounsfield_file *file) {
    return (void)path, (void)file, ENOSYS;
}
static inline int hounsfield_extend(hounsfield_file *file, uint8_t *head, size_t wanted) {
    return (void)file, (void)head, (void)wanted, ENOSYS;
}
static inline int hounsfield_read(hounsfield_file *file, uint8_t *out, uint64_t offset, size_t wanted) {
    return (void)file, (void)out, (void)offset, (void)wanted, ENOSYS;
}
static inline int hounsfield_is_same(const hounsfield_file *file) { return (void)file, 0; }
static inline int hounsfield_descriptor(const char *path) { return (void)path, -1; }
static inline int hounsfield_look(hounsfield_file *file) { return (void)file, ENOSYS; }
static inline void hounsfield_close(hounsfield_file *file) { (void)file; }

#else

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUNSFIELD_HAS_FILES 1

#ifdef __APPLE__
#define HOUNSFIELD_CHANGED(status) ((status).st_mtimespec)
#else
#define HOUNSFIELD_CHANGED(status) ((status).st_mtim)
#endif

static inline int64_t hounsfield_changed_us(const struct stat *status) {
    return (int64_t)HOUNSFIELD_CHANGED(*status).tv_sec * 1000000 + HOUNSFIELD_CHANGED(*status).tv_nsec / 1000;
}

/* Open a file; its descriptor, or -1. Opening a pipe does not wait for its other end. */
static inline int hounsfield_descriptor(const char *path) {
    int descriptor;
    do {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

/* See what an open file is; 0, or errno. */
static inline int hounsfield_look(hounsfield_file *file) {
    struct stat status = {0};
    if (fstat(file->descriptor, &status)) return errno;
    if (S_ISDIR(status.st_mode)) return EISDIR;
    file->got = 0;
    file->size = (uint64_t)status.st_size;
    file->inode = (uint64_t)status.st_ino;
    file->changed_us = hounsfield_changed_us(&status);
    file->regular = S_ISREG(status.st_mode);
    return 0;
}

/* Open a file and look at it; 0, or errno. */
static inline int hounsfield_open(const char *path, hounsfield_file *file) {
    int error;
    file->descriptor = hounsfield_descriptor(path);
    if (file->descriptor < 0) return errno;
    error = hounsfield_look(file);
    if (error) close(file->descriptor);
    return error;
}

/* Read on until `head` holds the file's first `wanted` bytes, or all that it had when it was looked at: somebody may be
   writing it. 0, or errno. */
static inline int hounsfield_extend(hounsfield_file *file, uint8_t *head, size_t wanted) {
    if (wanted > file->size) wanted = (size_t)file->size;
    while (file->got < wanted) {
        ssize_t count = pread(file->descriptor, head + file->got, wanted - file->got, (off_t)file->got);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno;
        if (count == 0) break;
        file->got += (size_t)count;
    }
    return 0;
}

/* Read `wanted` bytes from `offset` on; 0, or errno: EIO where the file ends before. */
static inline int hounsfield_read(hounsfield_file *file, uint8_t *out, uint64_t offset, size_t wanted) {
    while (wanted) {
        ssize_t count = pread(file->descriptor, out, wanted, (off_t)offset);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return count ? errno : EIO;
        out += count;
        offset += (uint64_t)count;
        wanted -= (size_t)count;
    }
    return 0;
}

/* Whether nobody has changed the file since it was opened. While it is cut, Linux may give zeros for what was
   there, and as many bytes as were asked for. */
static inline int hounsfield_is_same(const hounsfield_file *file) {
    struct stat status;
    return !fstat(file->descriptor, &status) && (uint64_t)status.st_size == file->size &&
           hounsfield_changed_us(&status) == file->changed_us;
}

static inline void hounsfield_close(hounsfield_file *file) { close(file->descriptor); }

#endif
#endif
