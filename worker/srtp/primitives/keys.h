/* What packets are protected with, and a packet that is to be protected: for all who fill these in. */
#ifndef MISO_SRTP_KEYS_H
#define MISO_SRTP_KEYS_H

#include <stdint.h>

enum {
    AES_BLOCK = 16,
    AES_MAX_ROUNDS = 14,
    GHASH_POWERS = 16,
    SHA1_WORDS = 5,
    SRTP_SALT_ROOM = 14,
    SRTP_AUTH_KEY_SIZE = 20,
    SRTP_ROOM_BEHIND = 80, /* bytes behind a packet that are written over: a tag, or the ROC with the padding of SHA-1 */
    SRTP_MAX_AT_ONCE = 64,
};

/* What a CPU may have that this code uses; without the first it cannot run there. */
enum { PATH_AES = 1, PATH_SHA = 2, PATH_AVX2 = 4, PATH_AVX512 = 8, PATH_VAES = 16 };

typedef struct {
    uint8_t round_keys[(AES_MAX_ROUNDS + 1) * AES_BLOCK];
    int rounds;
} Aes;

/* H^16 to H^1, each with its bytes reversed. */
typedef struct {
    uint8_t powers[GHASH_POWERS * AES_BLOCK];
} GhashKey;

/* SHA-1 after the block of the key with which each of HMAC's two hashes begins. */
typedef struct {
    uint32_t inner[SHA1_WORDS]; /* of the message */
    uint32_t outer[SHA1_WORDS]; /* of the digest of that */
} HmacKey;

/* What all packets under one master key are protected with. What each of them needs comes first, one line of the cache. */
typedef struct {
    uint8_t salt[SRTP_SALT_ROOM];
    uint8_t tag_size;
    uint8_t is_gcm;
    HmacKey hmac;
    Aes aes;
    GhashKey ghash;
} SrtpKeys;

/* A packet in place, with SRTP_ROOM_BEHIND bytes behind it. */
typedef struct {
    const SrtpKeys *keys;
    uint8_t *packet;
    int size;
    int payload_at; /* bytes of its header */
    uint64_t index; /* rollover counter and sequence number, 48 bits */
} SrtpWork;

#endif
