/* The compression of SHA-1 (FIPS 180-4 section 6.1.2) of LANES messages side by side, one in each lane of a VECTOR.
 *
 * Included once for each width, with these defined: NAME, TARGET, LANES, VECTOR, LOAD_WORDS(w, at), and for a lane
 * ROTATE(x, n), CHOOSE, MAJORITY and PARITY of (b, c, d).
 */

/* Adds `blocks` blocks of 64 bytes of each message to its state; word i of all states stands from state + i * LANES on. */
TARGET static void NAME(uint32_t *state, const uint8_t *const *messages, int blocks) {
    VECTOR a, b, c, d, e, w[16], before[5];
    const uint8_t *at[LANES];
    int lane;
    memcpy(before, state, sizeof(before));
    for (lane = 0; lane < LANES; lane++)
        at[lane] = messages[lane];
    for (; blocks > 0; blocks--) {
        LOAD_WORDS(w, at);
        a = before[0], b = before[1], c = before[2], d = before[3], e = before[4];
#define STEP(F, K, A, B, C, D, E, i) \
    E = E + ROTATE(A, 5) + (F(B, C, D) + (w[(i) & 15] + (uint32_t)(K))); \
    B = ROTATE(B, 30);
#define MIX(i) \
    w[(i) & 15] = PARITY(w[((i) + 13) & 15], w[((i) + 8) & 15], w[((i) + 2) & 15]) ^ w[(i) & 15]; \
    w[(i) & 15] = ROTATE(w[(i) & 15], 1);
#define PLAIN(F, K, A, B, C, D, E, i) STEP(F, K, A, B, C, D, E, i)
#define MIXED(F, K, A, B, C, D, E, i) MIX(i) STEP(F, K, A, B, C, D, E, i)
#define FIVE(HOW, F, K, i) \
    HOW(F, K, a, b, c, d, e, i) HOW(F, K, e, a, b, c, d, (i) + 1) HOW(F, K, d, e, a, b, c, (i) + 2) \
    HOW(F, K, c, d, e, a, b, (i) + 3) HOW(F, K, b, c, d, e, a, (i) + 4)
#define TWENTY(F, K, i) FIVE(MIXED, F, K, i) FIVE(MIXED, F, K, (i) + 5) FIVE(MIXED, F, K, (i) + 10) FIVE(MIXED, F, K, (i) + 15)
        FIVE(PLAIN, CHOOSE, 0x5A827999, 0)
        FIVE(PLAIN, CHOOSE, 0x5A827999, 5)
        FIVE(PLAIN, CHOOSE, 0x5A827999, 10)
        PLAIN(CHOOSE, 0x5A827999, a, b, c, d, e, 15)
        MIXED(CHOOSE, 0x5A827999, e, a, b, c, d, 16)
        MIXED(CHOOSE, 0x5A827999, d, e, a, b, c, 17)
        MIXED(CHOOSE, 0x5A827999, c, d, e, a, b, 18)
        MIXED(CHOOSE, 0x5A827999, b, c, d, e, a, 19)
        TWENTY(PARITY, 0x6ED9EBA1, 20)
        TWENTY(MAJORITY, 0x8F1BBCDC, 40)
        TWENTY(PARITY, 0xCA62C1D6, 60)
        before[0] += a, before[1] += b, before[2] += c, before[3] += d, before[4] += e;
#undef STEP
#undef MIX
#undef PLAIN
#undef MIXED
#undef FIVE
#undef TWENTY
        for (lane = 0; lane < LANES; lane++)
            at[lane] += 64;
    }
    memcpy(state, before, sizeof(before));
}
