/* The first bytes of a file in four system calls. Where there is no POSIX, callers read through Python instead. */
#ifndef HOUNSFIELD_FILE_H
#define HOUNSFIELD_FILE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t size;
    uint64_t inode;
    int64_t changed_ns; /* time of the last change */
    int regular;
} hounsfield_file;

#ifdef _WIN32

#define HOUNSFIELD_HAS_FILES 0

static inline int hounsfield_read_head(const char *path, uint8_t *head, size_t wanted, size_t *got,
                                       hounsfield_file *file) {
    (void)path, (void)head, (void)wanted, (void)got, (void)file;
    return ENOSYS;
}

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

/* Read up to `wanted` bytes from the start of a file; 0, or errno. A pipe or a device is left unread. */
static inline int hounsfield_read_head(const char *path, uint8_t *head, size_t wanted, size_t *got,
                                       hounsfield_file *file) {
    struct stat status;
    ssize_t count = 0;
    int error = 0, descriptor;
    do {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0) return errno;
    *got = 0;
    if (fstat(descriptor, &status)) {
        error = errno;
    } else if (S_ISDIR(status.st_mode)) {
        error = EISDIR;
    } else {
        file->size = (uint64_t)status.st_size;
        file->inode = (uint64_t)status.st_ino;
        file->changed_ns =
            (int64_t)HOUNSFIELD_CHANGED(status).tv_sec * 1000000000 + HOUNSFIELD_CHANGED(status).tv_nsec;
        file->regular = S_ISREG(status.st_mode);
        while (file->regular && *got < wanted && *got < file->size) {
            count = pread(descriptor, head + *got, wanted - *got, (off_t)*got);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) error = errno;
            if (count <= 0) break;
            *got += (size_t)count;
        }
    }
    close(descriptor);
    return error;
}

#endif
#endif
