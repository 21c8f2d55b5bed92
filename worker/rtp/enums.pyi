"""Types of ``enums.pyx``: numbers that several compiled modules share. What they mean stands in ``enums.pxd``."""

UNKNOWN: int
STUN: int
DTLS: int
RTP: int
RTCP: int

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
ROW_SENT_MS: int
ROW_RESENT_MS: int
ROW_REWRITE: int
ROW_WORDS: int
