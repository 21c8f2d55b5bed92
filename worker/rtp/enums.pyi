"""Types of ``enums.pyx``: numbers that several compiled modules share. What they mean stands in ``enums.pxd``."""

UNKNOWN: int
STUN: int
DTLS: int
RTP: int
RTCP: int

FIXED_HEADER_SIZE: int
SSRC_AT: int
ONE_BYTE_FORM: int
TWO_BYTE_FORM: int
MAX_ELEMENTS: int

IS_VALID: int
IS_TOO_SHORT: int
HAS_OTHER_VERSION: int
CSRCS_OVERRUN: int
EXTENSION_OVERRUNS: int
PADDING_OVERRUNS: int

RATE_BUCKETS: int

NAL_SLICE: int
NAL_IDR_SLICE: int
NAL_SEI: int
NAL_SPS: int
NAL_PPS: int
NAL_STAP_A: int
NAL_FU_A: int
NAL_TYPE: int

VP8_X: int
VP8_N: int
VP8_BEGINNING: int
VP8_BEGINS_FRAME: int
VP8_I: int
VP8_L: int
VP8_T: int
VP8_K: int
VP8_INTER: int

VP9_I: int
VP9_P: int
VP9_L: int
VP9_F: int
VP9_B: int
VP9_E: int
VP9_V: int
VP9_Z: int
VP9_MAX_P_DIFFS: int
VP9_Y: int
VP9_G: int
VP9_LAYER_SIZE: int

OTHER: int
OPUS: int
VP8: int
VP9: int
H264: int

DROP: int
FORWARD: int
FORWARD_AFTER_SYNC: int
IGNORE: int

LAYERS_CHANGED: int
KEY_FRAME_MISSED: int

ANY_STREAM: int
NO_STREAM: int

REWRITE_MARKER: int
REWRITE_INDICES: int

SPS: int
PPS: int
RECOVERY_POINT: int
IDR: int
INTRA: int
INTER: int

DISCARDED: int
VALID: int
RESTARTED: int

NACKED_PACKET: int
NACK_NEEDED: int
KEY_FRAME_NEEDED: int

NOT_FOUND: int
FOUND: int
TOO_SOON: int

ROW_STATE: int
ROW_SLOT: int
ROW_GENERATION: int
ROW_TIMESTAMP_OFFSET: int
ROW_SENT_AT: int
ROW_RESENT_AT: int
ROW_REWRITE: int
ROW_WORDS: int
