"""VP9 payloads, in both modes."""

from tests.fuzz.payload_parser import PayloadParser

SEEDS = [
    bytes.fromhex(seed)
    for seed in ("aa8123350958014000b402800168050002d002003401ff", "f40520030502ff", "a8010000ff", "8801ff")
]
run = PayloadParser("vp9").run
