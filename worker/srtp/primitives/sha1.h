/* SHA-1 (FIPS 180-4) of many messages: in lanes while there are enough of them, the rest one after the other. */
#ifndef MISO_SRTP_SHA1_H
#define MISO_SRTP_SHA1_H

#include "bytes.h"
#include "keys.h"

enum { SHA1_BLOCK = 64, SHA1_SIZE = 20, SHA1_MAX_LANES = 16 };

static const uint32_t SHA1_START[SHA1_WORDS] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};

/* Whole blocks that are to be added to a state. */
typedef struct {
    const uint8_t *at;
    int blocks;
    uint32_t *state;
} Hashing;

typedef void (*sha1_call)(uint32_t *state, const uint8_t *const *messages, int blocks);

/* How this CPU does it. */
typedef struct {
    sha1_call in_lanes;
    int lanes;
    int worth; /* so many messages make lanes cheaper than one after the other */
    sha1_call single;
} Sha1;

#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define CHOOSE(b, c, d) ((d) ^ ((b) & ((c) ^ (d))))
#define MAJORITY(b, c, d) (((b) & (c)) | ((d) & ((b) | (c))))
#define PARITY(b, c, d) ((b) ^ (c) ^ (d))

#define NAME sha1_plain
#define TARGET
#define LANES 1
#define VECTOR uint32_t
#define LOAD_WORDS(w, at) \
    for (lane = 0; lane < 16; lane++) \
        w[lane] = read_be32(at[0] + 4 * lane);
#include "sha1_lanes.h"
#undef NAME
#undef TARGET
#undef LANES
#undef VECTOR
#undef LOAD_WORDS

#if MISO_X86

#define SHA1_REVERSE_WORDS _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3)

typedef uint32_t Vector8 __attribute__((vector_size(32)));
typedef uint32_t Vector16 __attribute__((vector_size(64)));

/* Words 4g to 4g + 3 of the eight messages: lanes l and l + 4 in one register, then four by four transposed. */
TARGET_AVX2 static inline void sha1_load_8(Vector8 *w, const uint8_t *const *at) {
    const __m256i reverse = _mm256_broadcastsi128_si256(SHA1_REVERSE_WORDS);
    __m256i rows[4], t0, t1, t2, t3;
    int group, lane;
    for (group = 0; group < 4; group++) {
        for (lane = 0; lane < 4; lane++)
            rows[lane] = _mm256_shuffle_epi8(
                _mm256_inserti128_si256(
                    _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(at[lane] + 16 * group))),
                    _mm_loadu_si128((const __m128i *)(at[lane + 4] + 16 * group)), 1),
                reverse);
        t0 = _mm256_unpacklo_epi32(rows[0], rows[1]), t1 = _mm256_unpackhi_epi32(rows[0], rows[1]);
        t2 = _mm256_unpacklo_epi32(rows[2], rows[3]), t3 = _mm256_unpackhi_epi32(rows[2], rows[3]);
        w[4 * group] = (Vector8)_mm256_unpacklo_epi64(t0, t2);
        w[4 * group + 1] = (Vector8)_mm256_unpackhi_epi64(t0, t2);
        w[4 * group + 2] = (Vector8)_mm256_unpacklo_epi64(t1, t3);
        w[4 * group + 3] = (Vector8)_mm256_unpackhi_epi64(t1, t3);
    }
}

#define NAME sha1_avx2
#define TARGET TARGET_AVX2
#define LANES 8
#define VECTOR Vector8
#define LOAD_WORDS(w, at) sha1_load_8(w, at)
#include "sha1_lanes.h"
#undef NAME
#undef TARGET
#undef LANES
#undef VECTOR
#undef LOAD_WORDS

/* Likewise of sixteen messages, four lanes in one register. */
TARGET_AVX512 static inline void sha1_load_16(Vector16 *w, const uint8_t *const *at) {
    const __m512i reverse = _mm512_broadcast_i32x4(SHA1_REVERSE_WORDS);
    __m512i rows[4], t0, t1, t2, t3;
    int group, lane;
    for (group = 0; group < 4; group++) {
        for (lane = 0; lane < 4; lane++) {
            rows[lane] = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(at[lane] + 16 * group)));
            rows[lane] = _mm512_inserti32x4(rows[lane], _mm_loadu_si128((const __m128i *)(at[lane + 4] + 16 * group)), 1);
            rows[lane] = _mm512_inserti32x4(rows[lane], _mm_loadu_si128((const __m128i *)(at[lane + 8] + 16 * group)), 2);
            rows[lane] = _mm512_inserti32x4(rows[lane], _mm_loadu_si128((const __m128i *)(at[lane + 12] + 16 * group)), 3);
            rows[lane] = _mm512_shuffle_epi8(rows[lane], reverse);
        }
        t0 = _mm512_unpacklo_epi32(rows[0], rows[1]), t1 = _mm512_unpackhi_epi32(rows[0], rows[1]);
        t2 = _mm512_unpacklo_epi32(rows[2], rows[3]), t3 = _mm512_unpackhi_epi32(rows[2], rows[3]);
        w[4 * group] = (Vector16)_mm512_unpacklo_epi64(t0, t2);
        w[4 * group + 1] = (Vector16)_mm512_unpackhi_epi64(t0, t2);
        w[4 * group + 2] = (Vector16)_mm512_unpacklo_epi64(t1, t3);
        w[4 * group + 3] = (Vector16)_mm512_unpackhi_epi64(t1, t3);
    }
}

#undef ROTATE
#undef CHOOSE
#undef MAJORITY
#undef PARITY
#define TERNARY(b, c, d, table) ((Vector16)_mm512_ternarylogic_epi32((__m512i)(b), (__m512i)(c), (__m512i)(d), table))
#define ROTATE(x, n) ((Vector16)_mm512_rol_epi32((__m512i)(x), n))
#define CHOOSE(b, c, d) TERNARY(b, c, d, 0xCA)
#define MAJORITY(b, c, d) TERNARY(b, c, d, 0xE8)
#define PARITY(b, c, d) TERNARY(b, c, d, 0x96)

#define NAME sha1_avx512
#define TARGET TARGET_AVX512
#define LANES 16
#define VECTOR Vector16
#define LOAD_WORDS(w, at) sha1_load_16(w, at)
#include "sha1_lanes.h"
#undef NAME
#undef TARGET
#undef LANES
#undef VECTOR
#undef LOAD_WORDS

/* One message by the instructions for SHA-1, four rounds each. */
TARGET_SHA static void sha1_shani(uint32_t *state, const uint8_t *const *messages, int blocks) {
    const __m128i reverse = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const uint8_t *at = messages[0];
    __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0x1B);
    __m128i e = _mm_set_epi32((int)state[4], 0, 0, 0), next, before, abcd_start, m[4];
    int index;
    for (; blocks > 0; blocks--, at += SHA1_BLOCK) {
        abcd_start = abcd;
        for (index = 0; index < 4; index++)
            m[index] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)at + index), reverse);
        before = abcd;
        abcd = _mm_sha1rnds4_epu32(abcd, _mm_add_epi32(e, m[0]), 0);
#define FOUR(i, f) \
    next = _mm_sha1nexte_epu32(before, m[(i) & 3]); \
    before = abcd; \
    abcd = _mm_sha1rnds4_epu32(abcd, next, f);
#define MIXED(i, f) \
    m[(i) & 3] = _mm_sha1msg2_epu32( \
        _mm_xor_si128(_mm_sha1msg1_epu32(m[(i) & 3], m[((i) + 1) & 3]), m[((i) + 2) & 3]), m[((i) + 3) & 3]); \
    FOUR(i, f)
        FOUR(1, 0) FOUR(2, 0) FOUR(3, 0) MIXED(4, 0)
        MIXED(5, 1) MIXED(6, 1) MIXED(7, 1) MIXED(8, 1) MIXED(9, 1)
        MIXED(10, 2) MIXED(11, 2) MIXED(12, 2) MIXED(13, 2) MIXED(14, 2)
        MIXED(15, 3) MIXED(16, 3) MIXED(17, 3) MIXED(18, 3) MIXED(19, 3)
#undef FOUR
#undef MIXED
        e = _mm_sha1nexte_epu32(before, e);
        abcd = _mm_add_epi32(abcd, abcd_start);
    }
    _mm_storeu_si128((__m128i *)state, _mm_shuffle_epi32(abcd, 0x1B));
    state[4] = (uint32_t)_mm_extract_epi32(e, 3);
}

#undef TERNARY
#endif

#undef ROTATE
#undef CHOOSE
#undef MAJORITY
#undef PARITY

/* Puts a message into a lane, or takes its state out. */
static inline void sha1_enter(uint32_t *states, int lanes, int lane, const Hashing *message) {
    int word;
    for (word = 0; word < SHA1_WORDS; word++)
        states[word * lanes + lane] = message->state[word];
}

static inline void sha1_leave(const uint32_t *states, int lanes, int lane, const Hashing *message) {
    int word;
    for (word = 0; word < SHA1_WORDS; word++)
        message->state[word] = states[word * lanes + lane];
}

/* Adds the blocks of all messages to their states. A lane whose message ends takes the next one that waits. */
static void sha1_all(const Sha1 *sha1, Hashing *messages, int count) {
    uint32_t states[SHA1_WORDS * SHA1_MAX_LANES] __attribute__((aligned(64))) = {0};
    const uint8_t *at[SHA1_MAX_LANES];
    int in_lane[SHA1_MAX_LANES], lanes = sha1->lanes, used = 0, next = 0, lane, blocks;
    while (count - next + used >= sha1->worth) {
        for (; used < lanes && next < count; used++, next++) {
            in_lane[used] = next;
            sha1_enter(states, lanes, used, &messages[next]);
        }
        blocks = messages[in_lane[0]].blocks;
        for (lane = 0; lane < lanes; lane++) {
            at[lane] = messages[in_lane[lane < used ? lane : 0]].at; /* what an empty lane makes is not looked at */
            if (lane < used && messages[in_lane[lane]].blocks < blocks)
                blocks = messages[in_lane[lane]].blocks;
        }
        sha1->in_lanes(states, at, blocks);
        for (lane = used - 1; lane >= 0; lane--) {
            Hashing *message = &messages[in_lane[lane]];
            message->at += blocks * SHA1_BLOCK;
            message->blocks -= blocks;
            if (message->blocks > 0)
                continue;
            sha1_leave(states, lanes, lane, message);
            used--;
            if (lane < used) { /* the last one moves here */
                in_lane[lane] = in_lane[used];
                sha1_leave(states, lanes, used, &messages[in_lane[used]]);
                sha1_enter(states, lanes, lane, &messages[in_lane[used]]);
            }
        }
    }
    for (lane = 0; lane < used; lane++) {
        sha1_leave(states, lanes, lane, &messages[in_lane[lane]]);
        sha1->single(messages[in_lane[lane]].state, &messages[in_lane[lane]].at, messages[in_lane[lane]].blocks);
    }
    for (; next < count; next++)
        sha1->single(messages[next].state, &messages[next].at, messages[next].blocks);
}

#endif
