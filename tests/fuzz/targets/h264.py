"""H264 payloads, in both modes."""

from tests.fuzz.payload_parser import PayloadParser

SEEDS = [bytes.fromhex(seed) for seed in ("6742e01f", "65888400", "7c858884", "7800046742e01f000468ce3c80000465888400")]
run = PayloadParser("h264").run
