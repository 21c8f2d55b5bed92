"""RTMP's handshake: the simple form, the signed one in both schemes, and what neither is."""

from __future__ import annotations

import hashlib
import hmac
import os
import random

import pytest

from miso.live.errors import ParseError
from miso.live.rtmp.handshake import (
    PACKET_BYTES,
    ClientHandshake,
    Scheme,
    ServerHandshake,
    digest,
    digest_position,
)

FLASH_VERSION = bytes((9, 0, 124, 2))
PLAYER_KEY = b"Genuine Adobe Flash Player 001"
SERVER_KEY = b"Genuine Adobe Flash Media Server 001"
KEY_END = bytes.fromhex("f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae")


def signed_c1(scheme: Scheme, seed: int) -> bytes:
    c1 = bytearray(bytes(4) + FLASH_VERSION + random.Random(seed).randbytes(PACKET_BYTES - 8))
    position = digest_position(c1, scheme)
    c1[position : position + 32] = digest(c1, position, PLAYER_KEY)
    return bytes(c1)


def answer(c1: bytes) -> tuple[ServerHandshake, bytes, bytes]:
    server = ServerHandshake()
    said = server.receive(bytearray(b"\3" + c1))
    assert len(said) == 1 + 2 * PACKET_BYTES
    assert said[0] == 3
    return server, said[1 : 1 + PACKET_BYTES], said[1 + PACKET_BYTES :]


def test_client_and_server_come_to_an_end_whatever_pieces_arrive() -> None:
    client, server = ClientHandshake(), ServerHandshake()
    to_client, to_server = bytearray(), bytearray()
    for byte in client.begin():
        to_server.append(byte)
        to_client += server.receive(to_server)
    assert len(to_client) == 1 + 2 * PACKET_BYTES
    incoming = bytearray()
    for byte in bytes(to_client) + b"chunks":
        incoming.append(byte)
        if not client.is_done:
            to_server += client.receive(incoming)
    to_server += b"more"
    assert server.receive(to_server) == b""
    assert client.is_done
    assert server.is_done
    assert incoming == b"chunks"
    assert to_server == b"more"


def test_the_simple_form_is_answered_with_the_clients_own_bytes() -> None:
    c1 = bytes((0, 0, 1, 2)) + bytes(4) + os.urandom(PACKET_BYTES - 8)
    server, s1, s2 = answer(c1)
    assert server.scheme is None
    assert s1[4:8] == bytes(4)
    assert s1[8:] != c1[8:]
    assert s2[:4] == c1[:4]
    assert s2[8:] == c1[8:]


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("seed", range(5))
def test_the_signed_form_is_answered_with_signatures(scheme: Scheme, seed: int) -> None:
    c1 = signed_c1(scheme, seed)
    server, s1, s2 = answer(c1)
    assert server.scheme is scheme
    position = digest_position(s1, scheme)
    assert s1[position : position + 32] == digest(s1, position, SERVER_KEY)
    client_position = digest_position(c1, scheme)
    key = hmac.digest(SERVER_KEY + KEY_END, c1[client_position : client_position + 32], hashlib.sha256)
    assert s2[-32:] == hmac.digest(key, s2[:-32], hashlib.sha256)


@pytest.mark.parametrize("scheme", Scheme)
def test_the_digest_lies_within_the_packet_wherever_it_is_said_to_be(scheme: Scheme) -> None:
    for highest in (bytes(4), b"\xff" * 4, b"\xff\xff\xff\x00"):
        packet = bytearray(PACKET_BYTES)
        packet[scheme.value : scheme.value + 4] = highest
        assert scheme.value + 4 <= digest_position(packet, scheme) <= PACKET_BYTES - 32


def test_a_wrong_signature_gets_the_simple_form() -> None:
    """Some encoders say a version and sign nothing."""
    broken = bytearray(signed_c1(Scheme.DIGEST_FIRST, 1))
    broken[-1] ^= 1
    server, s1, s2 = answer(bytes(broken))
    assert server.scheme is None
    assert s1[4:8] == bytes(4)
    assert s2[8:] == broken[8:]


def test_what_c2_says_is_of_no_interest() -> None:
    server = ServerHandshake()
    server.receive(bytearray(b"\3" + bytes(PACKET_BYTES)))
    buffer = bytearray(b"junk" * (PACKET_BYTES // 4) + b"rest")
    assert server.receive(buffer) == b""
    assert server.is_done
    assert buffer == b"rest"


@pytest.mark.parametrize("version", [0, 2, 6, 8, 9, ord("G")])
def test_another_version_is_refused_at_its_first_byte(version: int) -> None:
    with pytest.raises(ParseError, match=f"version of the client is {version}, expected 3"):
        ServerHandshake().receive(bytearray((version,)))
    with pytest.raises(ParseError, match=f"version of the server is {version}, expected 3"):
        ClientHandshake().receive(bytearray((version,)))
