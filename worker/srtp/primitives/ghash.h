/* GHASH (NIST SP 800-38D section 6.4): what AES-GCM authenticates with.
 *
 * Calculated as POLYVAL with reversed bytes (RFC 8452 appendix A), so that products need no shift by one bit:
 * GHASH(H, X) = reversed(POLYVAL(reversed(H) * x, reversed(X))). Up to sixteen blocks are multiplied by falling powers of H
 * and reduced together.
 */
#ifndef MISO_SRTP_GHASH_H
#define MISO_SRTP_GHASH_H

#include "aes.h"

/* Adds `size` bytes, padded with zeros to whole blocks, to the reversed sum so far. */
typedef void (*ghash_call)(const GhashKey *key, uint8_t *sum, const uint8_t *data, int size);

#if MISO_X86

#define GHASH_REVERSE _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define GHASH_POLYNOMIAL ((long long)0xC200000000000000) /* x^127 + x^126 + x^121, in the higher half */

/* A product of 256 bits, not reduced: its middle is still to be added to both halves. */
typedef struct {
    __m128i low, middle, high;
} Product;

TARGET_AES static inline void ghash_multiply(Product *sum, __m128i a, __m128i b) {
    sum->low = _mm_xor_si128(sum->low, _mm_clmulepi64_si128(a, b, 0x00));
    sum->high = _mm_xor_si128(sum->high, _mm_clmulepi64_si128(a, b, 0x11));
    sum->middle = _mm_xor_si128(sum->middle, _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01),
                                                           _mm_clmulepi64_si128(a, b, 0x10)));
}

/* Divides by x^128 modulo x^128 + x^127 + x^126 + x^121 + 1, 64 bits after the other. */
TARGET_AES static inline __m128i ghash_reduce(__m128i low, __m128i middle, __m128i high) {
    const __m128i polynomial = _mm_set_epi64x(0, GHASH_POLYNOMIAL);
    middle = _mm_xor_si128(middle, _mm_xor_si128(_mm_shuffle_epi32(low, 0x4E),
                                                 _mm_clmulepi64_si128(low, polynomial, 0x00)));
    return _mm_xor_si128(high, _mm_xor_si128(_mm_shuffle_epi32(middle, 0x4E),
                                             _mm_clmulepi64_si128(middle, polynomial, 0x00)));
}

TARGET_AES static void ghash_expand(GhashKey *key, const Aes *aes) {
    uint8_t block[AES_BLOCK] = {0};
    uint64_t low, high, carry;
    __m128i one, power;
    int index;
    aes_encrypt_block(aes, block);
    high = (uint64_t)read_be32(block) << 32 | read_be32(block + 4);
    low = (uint64_t)read_be32(block + 8) << 32 | read_be32(block + 12);
    carry = high >> 63; /* times x */
    high = (high << 1 | low >> 63) ^ (carry ? (uint64_t)GHASH_POLYNOMIAL : 0);
    low = low << 1 ^ carry;
    power = one = _mm_set_epi64x((long long)high, (long long)low);
    for (index = GHASH_POWERS - 1; index >= 0; index--) {
        Product product = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
        _mm_storeu_si128((__m128i *)key->powers + index, power);
        ghash_multiply(&product, power, one);
        power = ghash_reduce(product.low, product.middle, product.high);
    }
    memset(block, 0, sizeof(block));
    __asm__ volatile("" : : "r"(block) : "memory"); /* it is a key: the compiler must not leave the wiping out */
}

TARGET_AES static void ghash_pclmul(const GhashKey *key, uint8_t *sum, const uint8_t *data, int size) {
    const __m128i *powers = (const __m128i *)key->powers + GHASH_POWERS;
    __m128i total = _mm_loadu_si128((const __m128i *)sum), block;
    uint8_t padded[AES_BLOCK];
    int count, index;
    for (; size > 0; size -= count * AES_BLOCK, data += count * AES_BLOCK) {
        Product product = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
        count = size >= 8 * AES_BLOCK ? 8 : (size + AES_BLOCK - 1) / AES_BLOCK;
        for (index = 0; index < count; index++) {
            if (size - index * AES_BLOCK >= AES_BLOCK) {
                block = _mm_loadu_si128((const __m128i *)data + index);
            } else {
                memset(padded, 0, AES_BLOCK);
                memcpy(padded, data + index * AES_BLOCK, size - index * AES_BLOCK);
                block = _mm_loadu_si128((const __m128i *)padded);
            }
            block = _mm_shuffle_epi8(block, GHASH_REVERSE);
            if (index == 0)
                block = _mm_xor_si128(block, total);
            ghash_multiply(&product, block, _mm_loadu_si128(powers - count + index));
        }
        total = ghash_reduce(product.low, product.middle, product.high);
    }
    _mm_storeu_si128((__m128i *)sum, total);
}

TARGET_VAES static inline __m128i ghash_fold(__m512i value) {
    __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(value), _mm512_extracti64x4_epi64(value, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

TARGET_VAES static void ghash_vpclmul(const GhashKey *key, uint8_t *sum, const uint8_t *data, int size) {
    const __m512i reverse = _mm512_broadcast_i32x4(GHASH_REVERSE);
    __m512i total = _mm512_zextsi128_si512(_mm_loadu_si128((const __m128i *)sum));
    const uint8_t *powers;
    int count, at;
    while (size > 0) {
        __m512i low = _mm512_setzero_si512(), middle = low, high = low;
        count = size >= GHASH_POWERS * AES_BLOCK ? GHASH_POWERS : (size + AES_BLOCK - 1) / AES_BLOCK;
        powers = key->powers + (GHASH_POWERS - count) * AES_BLOCK;
        for (at = 0; at < count * AES_BLOCK; at += 64) {
            __mmask64 mask = _bzhi_u64(~0ULL, size - at < 64 ? (unsigned)(size - at) : 64);
            __mmask64 whole = _bzhi_u64(~0ULL, count * AES_BLOCK - at < 64 ? (unsigned)(count * AES_BLOCK - at) : 64);
            __m512i factor = _mm512_maskz_loadu_epi8(whole, powers + at);
            __m512i blocks = _mm512_shuffle_epi8(_mm512_maskz_loadu_epi8(mask, data + at), reverse);
            blocks = _mm512_xor_si512(blocks, total);
            total = _mm512_setzero_si512();
            low = _mm512_xor_si512(low, _mm512_clmulepi64_epi128(blocks, factor, 0x00));
            high = _mm512_xor_si512(high, _mm512_clmulepi64_epi128(blocks, factor, 0x11));
            middle = _mm512_ternarylogic_epi64(middle, _mm512_clmulepi64_epi128(blocks, factor, 0x01),
                                               _mm512_clmulepi64_epi128(blocks, factor, 0x10), 0x96);
        }
        total = _mm512_zextsi128_si512(ghash_reduce(ghash_fold(low), ghash_fold(middle), ghash_fold(high)));
        size -= count * AES_BLOCK;
        data += count * AES_BLOCK;
    }
    _mm_storeu_si128((__m128i *)sum, _mm512_castsi512_si128(total));
}

#endif
#endif
