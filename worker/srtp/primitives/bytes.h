/* Big-endian numbers in memory, and the instruction sets that a function may be compiled for. */
#ifndef MISO_SRTP_BYTES_H
#define MISO_SRTP_BYTES_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define MISO_X86 1
/* One file is compiled for every CPU: each function says what it may use, and is called where the CPU has it. */
#define TARGET_AES __attribute__((target("aes,pclmul,ssse3,sse4.1")))
#define TARGET_SHA __attribute__((target("sha,ssse3,sse4.1")))
#define TARGET_AVX2 __attribute__((target("avx2")))
#define TARGET_AVX512 __attribute__((target("avx2,avx512f,avx512bw,avx512vl,avx512dq")))
#define TARGET_VAES __attribute__((target("aes,pclmul,avx2,avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,bmi2")))
#else
#define MISO_X86 0
#endif

static inline uint32_t read_be32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, 4);
    return __builtin_bswap32(value);
}

static inline void write_be32(uint8_t *at, uint32_t value) {
    value = __builtin_bswap32(value);
    memcpy(at, &value, 4);
}

static inline void write_be64(uint8_t *at, uint64_t value) {
    value = __builtin_bswap64(value);
    memcpy(at, &value, 8);
}

static void srtp_wipe(void *memory, size_t size) {
    memset(memory, 0, size);
    __asm__ volatile("" : : "r"(memory) : "memory"); /* the compiler must not leave it out */
}

#endif
