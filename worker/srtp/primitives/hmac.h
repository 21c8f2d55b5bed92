/* HMAC-SHA1 (RFC 2104) of one message, by whatever takes a CPU least for one. */
#ifndef MISO_SRTP_HMAC_H
#define MISO_SRTP_HMAC_H

#include "sha1.h"

enum { HMAC_INNER_PAD = 0x36, HMAC_OUTER_PAD = 0x5C };

static inline void sha1_write(const uint32_t *state, uint8_t *digest) {
    int word;
    for (word = 0; word < SHA1_WORDS; word++)
        write_be32(digest + 4 * word, state[word]);
}

/* Hashes data and a few bytes behind it, of which `before` bytes are in `state` already, to the end of the message. */
static void sha1_finish(sha1_call single, uint32_t *state, int before, const uint8_t *data, int size,
                        const uint8_t *tail, int tail_size, uint8_t *digest) {
    uint8_t rest[2 * SHA1_BLOCK] = {0};
    const uint8_t *at = data;
    int left = size % SHA1_BLOCK, blocks = (left + tail_size + 9 + SHA1_BLOCK - 1) / SHA1_BLOCK;
    single(state, &at, size / SHA1_BLOCK);
    if (left > 0) /* without anything there may be no address either */
        memcpy(rest, data + size - left, left);
    if (tail_size > 0)
        memcpy(rest + left, tail, tail_size);
    rest[left + tail_size] = 0x80;
    write_be64(rest + blocks * SHA1_BLOCK - 8, 8 * ((uint64_t)before + size + tail_size));
    at = rest;
    single(state, &at, blocks);
    sha1_write(state, digest);
}

/* The state of SHA-1 after one block of the key, XORed with what HMAC says. */
static void hmac_begin(uint32_t *state, const uint8_t *key, int size, uint8_t pad) {
    uint8_t block[SHA1_BLOCK];
    const uint8_t *at = block;
    int index;
    memset(block, pad, sizeof(block));
    for (index = 0; index < size; index++)
        block[index] ^= key[index];
    memcpy(state, SHA1_START, sizeof(SHA1_START));
    sha1_plain(state, &at, 1);
    srtp_wipe(block, sizeof(block));
}

/* Of a secret of any size. */
static void hmac_set_key(HmacKey *key, const uint8_t *secret, int size) {
    uint8_t digest[SHA1_SIZE];
    uint32_t state[SHA1_WORDS];
    if (size > SHA1_BLOCK) {
        memcpy(state, SHA1_START, sizeof(SHA1_START));
        sha1_finish(sha1_plain, state, 0, secret, size, NULL, 0, digest);
        secret = digest;
        size = SHA1_SIZE;
    }
    hmac_begin(key->inner, secret, size, HMAC_INNER_PAD);
    hmac_begin(key->outer, secret, size, HMAC_OUTER_PAD);
    srtp_wipe(digest, sizeof(digest));
}

/* Of data, and of a few bytes that follow it. */
static void hmac_sha1(sha1_call single, const HmacKey *key, const uint8_t *data, int size, const uint8_t *tail,
                      int tail_size, uint8_t *digest) {
    uint32_t state[SHA1_WORDS];
    memcpy(state, key->inner, SHA1_SIZE);
    sha1_finish(single, state, SHA1_BLOCK, data, size, tail, tail_size, digest);
    memcpy(state, key->outer, SHA1_SIZE);
    sha1_finish(single, state, SHA1_BLOCK, digest, SHA1_SIZE, NULL, 0, digest);
}

/* In a time that does not tell where they differ. */
static int hmac_is_equal(const uint8_t *a, const uint8_t *b, int size) {
    uint8_t difference = 0;
    int index;
    for (index = 0; index < size; index++)
        difference |= a[index] ^ b[index];
    return difference == 0;
}

#endif
