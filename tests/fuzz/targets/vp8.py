"""VP8 payloads, in both modes."""

from tests.fuzz.payload_parser import PayloadParser

SEEDS = [bytes.fromhex(seed) for seed in ("90f0923407a500", "1000", "b0807f01", "9010e500")]
run = PayloadParser("vp8").run
