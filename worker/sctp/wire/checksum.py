# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""CRC32c, the checksum of SCTP packets (RFC 9260 appendix A): eight bytes a step by eight tables, no CPU extension.

https://www.rfc-editor.org/rfc/rfc9260.html#appendix-A
"""

from __future__ import annotations

POLYNOMIAL = 0x82F63B78  # 0x1EDC6F41 with its bits in the order in which they are sent


def _make_tables() -> list[int]:
    """Eight tables of 256: table ``k`` has what a byte adds to the checksum when ``k`` bytes follow it in the step."""
    tables = []
    for byte in range(256):
        crc = byte
        for _bit in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
        tables.append(crc)
    for position in range(256, 2048):
        crc = tables[position - 256]
        tables.append((crc >> 8) ^ tables[crc & 0xFF])
    return tables


_TABLES = _make_tables()


def crc32c(data: bytes) -> int:
    """The CRC32c of all of ``data``, 0 to 2^32-1. SCTP writes it with the lowest byte first."""
    return _crc32c(data, len(data))


def packet_checksum(packet: bytes) -> int:
    """The CRC32c of an SCTP packet of at least 12 bytes, with its checksum field (bytes 8 to 11) taken as zero."""
    return _crc32c(packet[:8] + b"\x00\x00\x00\x00" + packet[12:], len(packet))


def _crc32c(data: bytes, size: int) -> int:
    crc = 0xFFFFFFFF
    position = 0
    while position + 8 <= size:
        low = crc ^ (
            data[position] | (data[position + 1] << 8) | (data[position + 2] << 16) | (data[position + 3] << 24)
        )
        crc = (
            _TABLES[1792 + (low & 0xFF)]
            ^ _TABLES[1536 + ((low >> 8) & 0xFF)]
            ^ _TABLES[1280 + ((low >> 16) & 0xFF)]
            ^ _TABLES[1024 + (low >> 24)]
            ^ _TABLES[768 + data[position + 4]]
            ^ _TABLES[512 + data[position + 5]]
            ^ _TABLES[256 + data[position + 6]]
            ^ _TABLES[data[position + 7]]
        )
        position += 8
    while position < size:
        crc = (crc >> 8) ^ _TABLES[(crc ^ data[position]) & 0xFF]
        position += 1
    return crc ^ 0xFFFFFFFF
