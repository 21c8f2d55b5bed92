"""The numbers of SCTP's registries: chunk types, flags, parameters, error causes.

https://www.iana.org/assignments/sctp-parameters
"""

from __future__ import annotations

from enum import IntEnum

from miso.worker.sctp import enums


class ChunkType(IntEnum):
    """RFC 9260 section 3.2, RFC 3758, RFC 6525, RFC 8260."""

    DATA = enums.DATA
    INIT = 1
    INIT_ACK = 2
    SACK = enums.SACK
    HEARTBEAT = 4
    HEARTBEAT_ACK = 5
    ABORT = 6
    SHUTDOWN = 7
    SHUTDOWN_ACK = 8
    ERROR = 9
    COOKIE_ECHO = 10
    COOKIE_ACK = 11
    SHUTDOWN_COMPLETE = 14
    I_DATA = enums.I_DATA
    RE_CONFIG = 130
    FORWARD_TSN = enums.FORWARD_TSN
    I_FORWARD_TSN = enums.I_FORWARD_TSN


class ParameterType(IntEnum):
    """RFC 9260 section 3.2.1 and 3.3.2.1, RFC 3758 section 3.1, RFC 5061 section 4.2.7, RFC 6525 section 4."""

    HEARTBEAT_INFO = 1
    STATE_COOKIE = 7
    UNRECOGNIZED = 8
    OUTGOING_RESET_REQUEST = 13
    INCOMING_RESET_REQUEST = 14
    SSN_TSN_RESET_REQUEST = 15
    RECONFIG_RESPONSE = 16
    ADD_OUTGOING_STREAMS = 17
    ADD_INCOMING_STREAMS = 18
    SUPPORTED_EXTENSIONS = 0x8008
    FORWARD_TSN_SUPPORTED = 0xC000

    # Known, and of no use over DTLS and with one path
    IPV4_ADDRESS = 5
    IPV6_ADDRESS = 6
    COOKIE_PRESERVATIVE = 9
    HOST_NAME = 11
    SUPPORTED_ADDRESS_TYPES = 12
    ECN_CAPABLE = 0x8000
    ZERO_CHECKSUM_ACCEPTABLE = 0x8001
    RANDOM = 0x8002
    CHUNK_LIST = 0x8003
    REQUESTED_HMAC_ALGORITHM = 0x8004
    PADDING = 0x8005
    ADAPTATION_LAYER_INDICATION = 0xC006


class Cause(IntEnum):
    """Error causes of ERROR and ABORT (RFC 9260 section 3.3.10)."""

    INVALID_STREAM = 1
    STALE_COOKIE = 3
    OUT_OF_RESOURCE = 4
    UNRECOGNIZED_CHUNK = 6
    INVALID_MANDATORY_PARAMETER = 7
    NO_USER_DATA = 9
    COOKIE_WHILE_SHUTTING_DOWN = 10
    RESTART_WITH_NEW_ADDRESSES = 11
    USER_INITIATED_ABORT = 12
    PROTOCOL_VIOLATION = 13


# A flag of ABORT and SHUTDOWN COMPLETE: the tag is the receiver's own, reflected (RFC 9260 section 8.5.1)
FLAG_TAG_REFLECTED = 1
