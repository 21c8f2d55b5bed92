"""AudioSpecificConfig."""

from miso.live.errors import ParseError
from miso.live.media.aac import make_aac_config, read_aac_config
from tests.live.media import records

DOCUMENTED = (ParseError,)
SEEDS = [
    records.AAC,
    make_aac_config(12_345, 6),
    bytes.fromhex("130856e59d4880"),
    bytes.fromhex("2b118800"),
    bytes.fromhex("1184000c41000000"),
]


def run(data: bytes) -> None:
    config = read_aac_config(data)
    assert config.core_rate_hz > 0
    assert config.sample_rate_hz > 0
