"""AVC configuration records and the parameter sets in them; what is read is written as it was."""

from miso.live.errors import ParseError
from miso.live.media.avc import make_avc_config, read_avc_config, read_avc_sps
from tests.live.media import records

DOCUMENTED = (ParseError,)
SEEDS = [
    records.H264,
    read_avc_config(records.H264).sps[0],
    bytes.fromhex("67640028acd940780227e5c044000003000400000300f03c60c658"),
]


def run(data: bytes) -> None:
    try:
        read_avc_sps(data)
    except ParseError:
        pass
    config = read_avc_config(data)
    assert read_avc_config(config.to_bytes()) == config
    make_avc_config(list(config.sps), list(config.pps))
