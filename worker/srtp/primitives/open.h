/* A protected packet opened, and RTCP protected (RFC 3711 section 3.4, RFC 7714 section 9), one at a time.
 *
 *     RTP    header                     payload, encrypted        tag
 *     RTCP   header, 8 bytes            rest, encrypted           index, tag; with AES-GCM tag, index
 *
 * What is not genuine is left as it came.
 */
#ifndef MISO_SRTP_OPEN_H
#define MISO_SRTP_OPEN_H

#include "protect.h"

enum {
    SRTCP_HEADER_SIZE = 8,
    SRTCP_SSRC_AT = 4,
    SRTCP_INDEX_SIZE = 4, /* of the word that is written: the index, below a bit that says that it is encrypted */
};

#if MISO_X86

static const uint32_t SRTCP_IS_ENCRYPTED = 1u << 31; /* that bit */

/* Whether a packet, `size` of which is without its tag, is genuine: then it is decrypted. */
static int srtp_open(const SrtpWork *work) {
    const SrtpKeys *keys = work->keys;
    uint8_t nonce[AES_BLOCK], tag[SHA1_SIZE], rollover[SRTP_ROC_SIZE];
    uint8_t *payload = work->packet + work->payload_at;
    int size = work->size - work->payload_at;
    srtp_nonce(keys, work->packet + SRTP_SSRC_AT, work->index, nonce, keys->is_gcm ? 2 : 4);
    if (keys->is_gcm) {
        srtp_gcm_tag(keys, nonce, work->packet, work->payload_at, payload, size, tag);
    } else {
        write_be32(rollover, (uint32_t)(work->index >> 16));
        hmac_sha1(srtp_code.sha1.single, &keys->hmac, work->packet, work->size, rollover, SRTP_ROC_SIZE, tag);
    }
    if (!hmac_is_equal(tag, work->packet + work->size, keys->tag_size))
        return 0;
    srtp_code.counter(&keys->aes, nonce, keys->is_gcm ? 2 : 0, payload, size);
    return 1;
}

/* The tag of a packet that is encrypted, and whose last word is `word`. */
static void srtcp_tag(const SrtpKeys *keys, const uint8_t *nonce, const uint8_t *packet, int size, const uint8_t *word,
                      uint8_t *tag) {
    uint8_t plain[SRTCP_HEADER_SIZE + SRTCP_INDEX_SIZE];
    if (keys->is_gcm) {
        memcpy(plain, packet, SRTCP_HEADER_SIZE);
        memcpy(plain + SRTCP_HEADER_SIZE, word, SRTCP_INDEX_SIZE);
        srtp_gcm_tag(keys, nonce, plain, sizeof(plain), packet + SRTCP_HEADER_SIZE, size - SRTCP_HEADER_SIZE, tag);
    } else {
        hmac_sha1(srtp_code.sha1.single, &keys->hmac, packet, size, word, SRTCP_INDEX_SIZE, tag);
    }
}

/* Protects RTCP in place; it becomes longer by tag and index. */
static void srtcp_protect(const SrtpKeys *keys, uint8_t *packet, int size, uint32_t index) {
    uint8_t nonce[AES_BLOCK], tag[SHA1_SIZE], word[SRTCP_INDEX_SIZE];
    srtp_nonce(keys, packet + SRTCP_SSRC_AT, index, nonce, keys->is_gcm ? 2 : 4);
    write_be32(word, index | SRTCP_IS_ENCRYPTED);
    srtp_code.counter(&keys->aes, nonce, keys->is_gcm ? 2 : 0, packet + SRTCP_HEADER_SIZE, size - SRTCP_HEADER_SIZE);
    srtcp_tag(keys, nonce, packet, size, word, tag);
    memcpy(packet + size + (keys->is_gcm ? keys->tag_size : 0), word, SRTCP_INDEX_SIZE);
    memcpy(packet + size + (keys->is_gcm ? 0 : SRTCP_INDEX_SIZE), tag, keys->tag_size);
}

/* The index of a packet whose `size` is without tag and index. */
static uint32_t srtcp_index(const SrtpKeys *keys, const uint8_t *packet, int size) {
    return read_be32(packet + size + (keys->is_gcm ? keys->tag_size : 0)) & ~SRTCP_IS_ENCRYPTED;
}

/* Likewise of one in clear under AES-GCM (RFC 7714 section 9.3): over the word as if it stood right behind the packet. */
static void srtcp_clear_tag(const SrtpKeys *keys, const uint8_t *nonce, uint8_t *packet, int size, uint8_t *tag) {
    uint8_t *behind = packet + size, came[SRTCP_INDEX_SIZE];
    memcpy(came, behind, SRTCP_INDEX_SIZE);
    memcpy(behind, behind + keys->tag_size, SRTCP_INDEX_SIZE);
    srtp_gcm_tag(keys, nonce, packet, size + SRTCP_INDEX_SIZE, behind, 0, tag);
    memcpy(behind, came, SRTCP_INDEX_SIZE);
}

/* Whether RTCP, likewise, is genuine: then it is decrypted, but for what is in clear, which it may be with AES-GCM. */
static int srtcp_open(const SrtpKeys *keys, uint8_t *packet, int size) {
    uint8_t nonce[AES_BLOCK], tag[SHA1_SIZE];
    const uint8_t *word = packet + size + (keys->is_gcm ? keys->tag_size : 0);
    int is_clear = !(read_be32(word) & SRTCP_IS_ENCRYPTED);
    if (is_clear && !keys->is_gcm)
        return 0;
    srtp_nonce(keys, packet + SRTCP_SSRC_AT, srtcp_index(keys, packet, size), nonce, keys->is_gcm ? 2 : 4);
    if (is_clear)
        srtcp_clear_tag(keys, nonce, packet, size, tag);
    else
        srtcp_tag(keys, nonce, packet, size, word, tag);
    if (!hmac_is_equal(tag, packet + size + (keys->is_gcm ? 0 : SRTCP_INDEX_SIZE), keys->tag_size))
        return 0;
    if (is_clear)
        return 1;
    srtp_code.counter(&keys->aes, nonce, keys->is_gcm ? 2 : 0, packet + SRTCP_HEADER_SIZE, size - SRTCP_HEADER_SIZE);
    return 1;
}

#else

static int srtp_open(const SrtpWork *work) { return 0; }
static void srtcp_protect(const SrtpKeys *keys, uint8_t *packet, int size, uint32_t index) {}
static uint32_t srtcp_index(const SrtpKeys *keys, const uint8_t *packet, int size) { return 0; }
static int srtcp_open(const SrtpKeys *keys, uint8_t *packet, int size) { return 0; }

#endif
#endif
