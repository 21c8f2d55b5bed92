from collections.abc import Sequence

class CompoundWriter:
    def put_sender(
        self,
        ssrc: int,
        ntp: int,
        rtp_timestamp: int,
        packet_count: int,
        octet_count: int,
        cname: bytes,
        last_rr: int | None,
        delay: int,
    ) -> bool: ...
    def put_blocks(self, blocks: Sequence[tuple[int, int, int, int, int, int, int]], reference_ntp: int) -> bool: ...
    def take(self) -> bytes: ...
