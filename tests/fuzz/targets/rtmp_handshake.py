"""What a client sends first: answered once, in either form, and never kept beyond its two packets."""

from miso.live.errors import ParseError
from miso.live.rtmp.handshake import PACKET_BYTES, ClientHandshake, Scheme, ServerHandshake
from tests.live.rtmp.test_handshake import signed_c1

DOCUMENTED = (ParseError,)
SEEDS = [
    b"\3" + bytes(2 * PACKET_BYTES) + b"rest",
    b"\3" + signed_c1(Scheme.DIGEST_FIRST, 1) + bytes(PACKET_BYTES),
    b"\3" + signed_c1(Scheme.DIGEST_SECOND, 2) + bytes(PACKET_BYTES),
]
PIECE = 700


def run(data: bytes) -> None:
    server, buffer, said, taken = ServerHandshake(bytes), bytearray(), b"", 0
    for at in range(0, len(data), PIECE):
        if not server.is_done:
            buffer += data[at : at + PIECE]
            said += server.receive(buffer)
            assert len(buffer) <= PACKET_BYTES + PIECE
            taken = at + PIECE
    assert len(said) in (0, 1 + 2 * PACKET_BYTES)
    if server.is_done:
        assert bytes(buffer) == data[1 + 2 * PACKET_BYTES : taken]
    client = ClientHandshake(bytes)
    client.begin()
    incoming = bytearray(data)
    assert len(client.receive(incoming)) in (0, PACKET_BYTES)
