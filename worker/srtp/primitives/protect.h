/* SRTP packets protected many at once (RFC 3711, RFC 7714): the session keys, the work to be done, and by which code.
 *
 *     header                payload                      behind it
 *     |-- authenticated ----|-- authenticated, encrypted-|-- tag, over the ROC that HMAC takes last --|
 */
#ifndef MISO_SRTP_PROTECT_H
#define MISO_SRTP_PROTECT_H

#include "ghash.h"
#include "hmac.h"

enum {
    SRTP_GCM_TAG_SIZE = 16,
    SRTP_ROC_SIZE = 4,
    SRTP_SSRC_AT = 8,
    LABEL_ENCRYPTION = 0, /* RFC 3711 section 4.3.1 */
    LABEL_AUTHENTICATION = 1,
    LABEL_SALT = 2,
    LABELS_OF_RTCP = 3, /* so much more than those */
};

static struct {
    int paths;
    aes_counter_call counter;
    ghash_call ghash;
    Sha1 sha1;
} srtp_code;

#if MISO_X86

/* What this CPU has and the kernel lets it use. */
static int srtp_paths_here(void) {
    unsigned a, b, c, d, extended_b = 0, extended_c = 0;
    int paths = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    __get_cpuid_count(7, 0, &a, &extended_b, &extended_c, &d);
    __builtin_cpu_init();
    if (c & bit_AES && c & bit_PCLMUL && c & bit_SSSE3 && c & bit_SSE4_1)
        paths |= PATH_AES;
    if (extended_b & 1u << 29)
        paths |= PATH_SHA;
    if (__builtin_cpu_supports("avx2"))
        paths |= PATH_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        paths |= PATH_AVX512;
    if (paths & PATH_AVX512 && extended_c & 1u << 9 && extended_c & 1u << 10 && __builtin_cpu_supports("bmi2"))
        paths |= PATH_VAES;
    return paths;
}

/* From now on of these parts only. */
static void srtp_use(int paths) {
    srtp_code.paths = paths;
    srtp_code.counter = paths & PATH_VAES ? aes_counter_vaes : aes_counter_aesni;
    srtp_code.ghash = paths & PATH_VAES ? ghash_vpclmul : ghash_pclmul;
    srtp_code.sha1 = (Sha1){NULL, 0, SRTP_MAX_AT_ONCE + 1, sha1_plain};
    if (paths & PATH_SHA)
        srtp_code.sha1.single = sha1_shani;
    if (paths & PATH_AVX512)
        srtp_code.sha1 = (Sha1){sha1_avx512, 16, paths & PATH_SHA ? 6 : 2, srtp_code.sha1.single};
    else if (paths & PATH_AVX2)
        srtp_code.sha1 = (Sha1){sha1_avx2, 8, paths & PATH_SHA ? 5 : 2, srtp_code.sha1.single};
}

/* One session key (RFC 3711 section 4.3.3; the salt of RFC 7714 section 11 is filled up with zeros). */
static void srtp_derive(const Aes *master, const uint8_t *salt, int label, uint8_t *result, int size) {
    uint8_t block[AES_BLOCK] = {0};
    memcpy(block, salt, SRTP_SALT_ROOM);
    block[7] ^= (uint8_t)label;
    memset(result, 0, size);
    aes_counter_aesni(master, block, 0, result, size);
}

/* Session keys from themselves: of `key_size` bytes, 14 or 12 of salt, and 20 for HMAC without GCM. */
static void srtp_set_keys(SrtpKeys *keys, const uint8_t *key, int key_size, const uint8_t *salt, int salt_size,
                          const uint8_t *auth, int tag_size) {
    memset(keys, 0, sizeof(*keys));
    memcpy(keys->salt, salt, salt_size);
    keys->tag_size = (uint8_t)tag_size;
    keys->is_gcm = auth == NULL;
    aes_expand(&keys->aes, key, key_size);
    if (keys->is_gcm) {
        ghash_expand(&keys->ghash, &keys->aes);
    } else {
        hmac_set_key(&keys->hmac, auth, SRTP_AUTH_KEY_SIZE);
    }
}

/* All session keys of a master key that is followed by its salt; `labels`: 0, or LABELS_OF_RTCP. */
static void srtp_derive_session_keys(const uint8_t *master, int key_size, int salt_size, int labels, uint8_t *key,
                                     uint8_t *salt, uint8_t *auth) {
    uint8_t master_salt[SRTP_SALT_ROOM] = {0};
    Aes aes;
    aes_expand(&aes, master, key_size);
    memcpy(master_salt, master + key_size, salt_size);
    srtp_derive(&aes, master_salt, labels + LABEL_ENCRYPTION, key, key_size);
    srtp_derive(&aes, master_salt, labels + LABEL_AUTHENTICATION, auth, SRTP_AUTH_KEY_SIZE);
    srtp_derive(&aes, master_salt, labels + LABEL_SALT, salt, salt_size);
    srtp_wipe(&aes, sizeof(aes));
    srtp_wipe(master_salt, sizeof(master_salt));
}

static void srtp_derive_keys(SrtpKeys *keys, const uint8_t *master, int key_size, int salt_size, int labels, int tag_size,
                             int is_gcm) {
    uint8_t key[32], salt[SRTP_SALT_ROOM], auth[SRTP_AUTH_KEY_SIZE];
    srtp_derive_session_keys(master, key_size, salt_size, labels, key, salt, auth);
    srtp_set_keys(keys, key, key_size, salt, salt_size, is_gcm ? NULL : auth, tag_size);
    srtp_wipe(key, sizeof(key));
    srtp_wipe(salt, sizeof(salt));
    srtp_wipe(auth, sizeof(auth));
}

/* The first block of the keystream without its number: the salt, XORed with the SSRC where `at` and the index behind. */
static inline void srtp_nonce(const SrtpKeys *keys, const uint8_t *ssrc, uint64_t packet_index, uint8_t *nonce, int at) {
    int index;
    memcpy(nonce, keys->salt, SRTP_SALT_ROOM);
    nonce[14] = nonce[15] = 0;
    for (index = 0; index < 4; index++)
        nonce[at + index] ^= ssrc[index];
    for (index = 0; index < 6; index++)
        nonce[at + 4 + index] ^= (uint8_t)(packet_index >> (40 - 8 * index));
}

/* The tag of AES-GCM over what is only authenticated, and over what is encrypted already. */
static void srtp_gcm_tag(const SrtpKeys *keys, const uint8_t *nonce, const uint8_t *plain, int plain_size,
                         const uint8_t *text, int size, uint8_t *tag) {
    uint8_t sum[AES_BLOCK] = {0}, sizes[AES_BLOCK], block[AES_BLOCK];
    int index;
    srtp_code.ghash(&keys->ghash, sum, plain, plain_size);
    srtp_code.ghash(&keys->ghash, sum, text, size);
    write_be64(sizes, (uint64_t)plain_size * 8);
    write_be64(sizes + 8, (uint64_t)size * 8);
    srtp_code.ghash(&keys->ghash, sum, sizes, AES_BLOCK);
    memcpy(block, nonce, AES_BLOCK);
    block[15] = 1;
    aes_encrypt_block(&keys->aes, block);
    for (index = 0; index < SRTP_GCM_TAG_SIZE; index++)
        tag[index] = block[index] ^ sum[AES_BLOCK - 1 - index];
}

/* AEAD_AES_*_GCM (RFC 7714 section 8): the header is only authenticated. */
static void srtp_protect_gcm(const SrtpWork *work) {
    const SrtpKeys *keys = work->keys;
    uint8_t nonce[AES_BLOCK];
    uint8_t *payload = work->packet + work->payload_at;
    int size = work->size - work->payload_at;
    srtp_nonce(keys, work->packet + SRTP_SSRC_AT, work->index, nonce, 2);
    srtp_code.counter(&keys->aes, nonce, 2, payload, size);
    srtp_gcm_tag(keys, nonce, work->packet, work->payload_at, payload, size, payload + size);
}

/* Encrypts (RFC 3711 section 4.1.1), and puts behind the packet what SHA-1 takes with it. */
static void srtp_encrypt(const SrtpWork *work, Hashing *hashing, uint32_t *state) {
    uint8_t nonce[AES_BLOCK], *end = work->packet + work->size;
    int hashed = work->size + SRTP_ROC_SIZE, padded = (hashed + 9 + SHA1_BLOCK - 1) / SHA1_BLOCK * SHA1_BLOCK;
    srtp_nonce(work->keys, work->packet + SRTP_SSRC_AT, work->index, nonce, 4);
    srtp_code.counter(&work->keys->aes, nonce, 0, work->packet + work->payload_at, work->size - work->payload_at);
    write_be32(end, (uint32_t)(work->index >> 16));
    memset(end + SRTP_ROC_SIZE, 0, padded - hashed - 4);
    end[SRTP_ROC_SIZE] = 0x80;
    write_be32(work->packet + padded - 4, (uint32_t)(SHA1_BLOCK + hashed) * 8);
    memcpy(state, work->keys->hmac.inner, SHA1_SIZE);
    *hashing = (Hashing){work->packet, padded / SHA1_BLOCK, state};
}

/* HMAC's second hash: the block with the digest of the first. */
static void srtp_begin_outer(const SrtpKeys *keys, Hashing *hashing, uint32_t *state, uint8_t *block) {
    sha1_write(state, block);
    memset(block + SHA1_SIZE, 0, SHA1_BLOCK - SHA1_SIZE);
    block[SHA1_SIZE] = 0x80;
    write_be32(block + SHA1_BLOCK - 4, (SHA1_BLOCK + SHA1_SIZE) * 8);
    memcpy(state, keys->hmac.outer, SHA1_SIZE);
    *hashing = (Hashing){block, 1, state};
}

static void srtp_authenticate(const SrtpWork *work, const uint32_t *state) {
    uint8_t digest[SHA1_SIZE];
    sha1_write(state, digest);
    memcpy(work->packet + work->size, digest, work->keys->tag_size);
}

/* Protects up to SRTP_MAX_AT_ONCE packets in place; each becomes longer by the tag of its keys. */
static void srtp_protect_all(const SrtpWork *work, int count) {
    Hashing hashing[SRTP_MAX_AT_ONCE];
    uint32_t states[SRTP_MAX_AT_ONCE][SHA1_WORDS];
    uint8_t blocks[SRTP_MAX_AT_ONCE][SHA1_BLOCK];
    const SrtpWork *hashed[SRTP_MAX_AT_ONCE];
    int index, waiting = 0;
    for (index = 0; index < count; index++) {
        if (work[index].keys->is_gcm) {
            srtp_protect_gcm(&work[index]);
        } else {
            srtp_encrypt(&work[index], &hashing[waiting], states[waiting]);
            hashed[waiting++] = &work[index];
        }
    }
    if (waiting == 0)
        return;
    sha1_all(&srtp_code.sha1, hashing, waiting);
    for (index = 0; index < waiting; index++)
        srtp_begin_outer(hashed[index]->keys, &hashing[index], states[index], blocks[index]);
    sha1_all(&srtp_code.sha1, hashing, waiting);
    for (index = 0; index < waiting; index++)
        srtp_authenticate(hashed[index], states[index]);
}

#else

static int srtp_paths_here(void) { return 0; }
static void srtp_use(int paths) { srtp_code.paths = paths; }
static void srtp_set_keys(SrtpKeys *keys, const uint8_t *key, int key_size, const uint8_t *salt, int salt_size,
                          const uint8_t *auth, int tag_size) {}
static void srtp_derive_session_keys(const uint8_t *master, int key_size, int salt_size, int labels, uint8_t *key,
                                     uint8_t *salt, uint8_t *auth) {}
static void srtp_derive_keys(SrtpKeys *keys, const uint8_t *master, int key_size, int salt_size, int labels, int tag_size,
                             int is_gcm) {}
static void srtp_protect_all(const SrtpWork *work, int count) {}

#endif
#endif
