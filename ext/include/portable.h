/* What the kernels need and C11 has no word for; plain C wherever a compiler lacks it. */
#ifndef HOUNSFIELD_PORTABLE_H
#define HOUNSFIELD_PORTABLE_H

#include <float.h>
#include <limits.h>  /* with glibc it also brings __GLIBC__ */

/* The x87 rounds twice, and gives other samples now and then. */
#if FLT_EVAL_METHOD < 0 || FLT_EVAL_METHOD > 1 && FLT_EVAL_METHOD < 16
#error "doubles must be computed as doubles: CFLAGS='-msse2 -mfpmath=sse'"
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define RESTRICT __restrict
#else
#define RESTRICT restrict
#endif

/* Before a loop's function: GCC compiles it once for each instruction set and the loader picks one. It needs
   ifunc (glibc), GCC 12 for these names, and does not mix with the sanitizers, whose run-time is not up yet
   when the loader picks. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12 && defined(__x86_64__) && defined(__GLIBC__) \
    && !defined(__SANITIZE_ADDRESS__)
#define TARGET_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
/* The same without vectors of 64 bytes, for what changes a whole image between two calls of a codec: the second one
   took 7 % longer after them (HTJ2K). */
#define TARGET_CLONES_OF_32 __attribute__((target_clones("arch=x86-64-v3", "default")))
/* Where HAS_BYTE_PERMUTE() says so, bytes can be put in any order in one instruction (VBMI), which no level of
   x86-64 promises and target_clones cannot ask for. */
#define TARGET_BYTE_PERMUTE __attribute__((target("arch=x86-64-v4,avx512vbmi,prefer-vector-width=512")))
#define HAS_BYTE_PERMUTE()                                                                                   \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") \
     && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")                             \
     && __builtin_cpu_supports("avx512vbmi"))
#else
#define TARGET_CLONES
#define TARGET_CLONES_OF_32
#endif

/* For loops that are written in the instructions themselves: call them where the processor has these. */
#if defined(__GNUC__) && defined(__x86_64__)
#define TARGET_AVX512 __attribute__((target("avx512f,avx512bw")))
#define HAS_AVX512() (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
#define TARGET_AVX2 __attribute__((target("avx2,fma")))
#define HAS_AVX2() (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#endif

#endif
