/* AES (FIPS 197) as a keystream: counter mode, of which the last 16 bits of the block are the counter.
 *
 * One block at a time takes the latency of ten to fourteen rounds; several blocks in flight hide it, eight by AES-NI and
 * sixteen, four to a register, by VAES.
 */
#ifndef MISO_SRTP_AES_H
#define MISO_SRTP_AES_H

#include "bytes.h"
#include "keys.h"

/* XORs `size` bytes with the keystream whose blocks are `base` with the counter in its last 16 bits, from `counter` on. */
typedef void (*aes_counter_call)(const Aes *aes, const uint8_t *base, unsigned counter, uint8_t *data, int size);

#if MISO_X86

TARGET_AES static uint32_t aes_sub_word(uint32_t word) {
    return (uint32_t)_mm_cvtsi128_si32(_mm_aeskeygenassist_si128(_mm_set1_epi32((int)word), 0));
}

/* Key expansion (section 5.2) of a key of 16 or 32 bytes. */
TARGET_AES static void aes_expand(Aes *aes, const uint8_t *key, int size) {
    int words = size / 4, index;
    uint32_t word, earlier;
    uint8_t constant = 1;
    aes->rounds = words + 6;
    memcpy(aes->round_keys, key, size);
    memcpy(&word, key + size - 4, 4);
    for (index = words; index < 4 * (aes->rounds + 1); index++) {
        if (index % words == 0) {
            word = aes_sub_word(word >> 8 | word << 24) ^ constant;
            constant = (uint8_t)(constant << 1 ^ (constant >> 7) * 0x1B);
        } else if (words > 6 && index % words == 4) {
            word = aes_sub_word(word);
        }
        memcpy(&earlier, aes->round_keys + 4 * (index - words), 4);
        word ^= earlier;
        memcpy(aes->round_keys + 4 * index, &word, 4);
    }
}

TARGET_AES static void aes_encrypt_block(const Aes *aes, uint8_t *block) {
    const __m128i *keys = (const __m128i *)aes->round_keys;
    __m128i state = _mm_xor_si128(_mm_loadu_si128((const __m128i *)block), _mm_loadu_si128(keys));
    int round;
    for (round = 1; round < aes->rounds; round++)
        state = _mm_aesenc_si128(state, _mm_loadu_si128(keys + round));
    _mm_storeu_si128((__m128i *)block, _mm_aesenclast_si128(state, _mm_loadu_si128(keys + round)));
}

/* Eight blocks of the keystream, from `counter` on. */
TARGET_AES static inline void aes_eight(const Aes *aes, __m128i base, unsigned counter, __m128i *stream) {
    const __m128i *keys = (const __m128i *)aes->round_keys;
    __m128i key = _mm_loadu_si128(keys);
    __m128i s0, s1, s2, s3, s4, s5, s6, s7;
    int round;
#define EACH(step) step(s0, 0) step(s1, 1) step(s2, 2) step(s3, 3) step(s4, 4) step(s5, 5) step(s6, 6) step(s7, 7)
#define BEGIN(s, n) s = _mm_xor_si128(_mm_insert_epi16(base, __builtin_bswap16((uint16_t)(counter + n)), 7), key);
#define ROUND(s, n) s = _mm_aesenc_si128(s, key);
#define LAST(s, n) _mm_storeu_si128(stream + n, _mm_aesenclast_si128(s, key));
    EACH(BEGIN)
    for (round = 1; round < aes->rounds; round++) {
        key = _mm_loadu_si128(keys + round);
        EACH(ROUND)
    }
    key = _mm_loadu_si128(keys + round);
    EACH(LAST)
#undef BEGIN
#undef ROUND
#undef LAST
#undef EACH
}

TARGET_AES static void aes_counter_aesni(const Aes *aes, const uint8_t *base, unsigned counter, uint8_t *data, int size) {
    __m128i stream[8], start = _mm_loadu_si128((const __m128i *)base);
    int index;
    for (; size > 0; size -= 128, data += 128, counter += 8) {
        aes_eight(aes, start, counter, stream);
        if (size >= 128) {
            for (index = 0; index < 8; index++)
                _mm_storeu_si128((__m128i *)data + index,
                                 _mm_xor_si128(stream[index], _mm_loadu_si128((__m128i *)data + index)));
        } else {
            for (index = 0; index < size; index++)
                data[index] ^= ((uint8_t *)stream)[index];
        }
    }
}

TARGET_VAES static void aes_counter_vaes(const Aes *aes, const uint8_t *base, unsigned counter, uint8_t *data, int size) {
    const __m128i *keys = (const __m128i *)aes->round_keys;
    /* in each block the counter's two bytes change places on their way into the last two */
    const __m512i place = _mm512_broadcast_i32x4(
        _mm_set_epi8(0, 1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    const __m512i start = _mm512_broadcast_i32x4(_mm_insert_epi16(_mm_loadu_si128((const __m128i *)base), 0, 7));
    const __m512i four = _mm512_set1_epi32(4);
    __m512i numbers = _mm512_add_epi32(_mm512_set1_epi32((int)counter),
                                       _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0));
    const __m512i first = _mm512_xor_si512(start, _mm512_broadcast_i32x4(_mm_loadu_si128(keys)));
    __m512i s0, s1, s2, s3, key;
    int round;
#define EACH(step) step(s0, 0) step(s1, 1) step(s2, 2) step(s3, 3)
#define BEGIN(s, n) s = _mm512_xor_si512(_mm512_shuffle_epi8(numbers, place), first); \
    numbers = _mm512_add_epi32(numbers, four);
#define ROUND(s, n) s = _mm512_aesenc_epi128(s, key);
#define LAST(s, n) s = _mm512_aesenclast_epi128(s, key);
#define WHOLE(s, n) _mm512_storeu_si512(data + 64 * n, _mm512_xor_si512(s, _mm512_loadu_si512(data + 64 * n)));
#define PART(s, n) if (size > 64 * n) { \
        __mmask64 mask = _bzhi_u64(~0ULL, size - 64 * n < 64 ? (unsigned)(size - 64 * n) : 64); \
        _mm512_mask_storeu_epi8(data + 64 * n, mask, \
                                _mm512_xor_si512(s, _mm512_maskz_loadu_epi8(mask, data + 64 * n))); \
    }
    for (; size > 0; size -= 256, data += 256) {
        EACH(BEGIN)
        for (round = 1; round < aes->rounds; round++) {
            key = _mm512_broadcast_i32x4(_mm_loadu_si128(keys + round));
            EACH(ROUND)
        }
        key = _mm512_broadcast_i32x4(_mm_loadu_si128(keys + round));
        EACH(LAST)
        if (size >= 256) {
            EACH(WHOLE)
        } else {
            EACH(PART)
        }
    }
#undef BEGIN
#undef ROUND
#undef LAST
#undef WHOLE
#undef PART
#undef EACH
}

#endif
#endif
