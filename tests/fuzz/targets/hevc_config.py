"""HEVC configuration records and the parameter sets in them; what is read is written as it was."""

from miso.live.errors import ParseError
from miso.live.media.hevc import PPS, SPS, VPS, make_hevc_config, read_hevc_config
from miso.live.media.hevc_sps import read_hevc_sps
from tests.live.media import records

DOCUMENTED = (ParseError,)
SEEDS = [records.HEVC, read_hevc_config(records.HEVC).units(SPS)[0]]


def run(data: bytes) -> None:
    try:
        read_hevc_sps(data)
    except ParseError:
        pass
    config = read_hevc_config(data)
    assert read_hevc_config(config.to_bytes()) == config
    vps, sps, pps = (list(config.units(kind)) for kind in (VPS, SPS, PPS))
    made = make_hevc_config(vps, sps, pps)
    assert read_hevc_config(made.to_bytes()) == made
