"""Configuration records of real encoders: what they say, written again, and cut off."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from miso.live.errors import ParseError
from miso.live.media import hevc
from miso.live.media.aac import AacConfig, make_aac_config, read_aac_config
from miso.live.media.av1 import config_of_descriptor, make_av1_config, read_av1_config
from miso.live.media.avc import make_avc_config, read_avc_config, read_avc_sps
from miso.live.media.flac import read_flac_config
from miso.live.media.hevc import make_hevc_config, read_hevc_config
from miso.live.media.hevc_sps import read_hevc_sps
from miso.live.media.mp3 import flv_sound_bits, read_mp3_header
from miso.live.media.opus import OpusHead, read_opus_head
from tests.live.media import records

# High, 1920x1080 (cropped from 1088), 30 per second.
FULL_HD_SPS = bytes.fromhex("67640028acd940780227e5c044000003000400000300f03c60c658")


def test_avc_record_says_profile_level_and_picture() -> None:
    config = read_avc_config(records.H264)
    assert (config.profile, config.level, config.length_size) == (100, 12, 4)
    picture = read_avc_sps(config.sps[0])
    assert (picture.width, picture.height, picture.frame_rate) == (320, 180, 25.0)
    assert config.to_bytes() == records.H264


def test_avc_record_is_made_of_its_parameter_sets() -> None:
    config = read_avc_config(records.H264)
    assert make_avc_config(list(config.sps), list(config.pps)).to_bytes() == records.H264


def test_avc_parameter_set_says_the_size_shown() -> None:
    picture = read_avc_sps(FULL_HD_SPS)
    assert (picture.width, picture.height, picture.frame_rate) == (1920, 1080, 30.0)


@pytest.mark.parametrize(("bits", "size"), [(0, 1), (1, 2), (3, 4)])
def test_avc_record_has_lengths_of_one_two_or_four_bytes(bits: int, size: int) -> None:
    record = bytearray(records.H264)
    record[4] = 0xFC | bits
    assert read_avc_config(bytes(record)).length_size == size
    record[4] = 0xFC | 2
    with pytest.raises(ParseError, match="lengths of 3 bytes"):
        read_avc_config(bytes(record))


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (b"\0\0\0\1\x67\x64\0\x0c", "version 0, expected 1"),
        (bytes.fromhex("01640028ffe0 00"), "no parameter set of type 7"),
        (bytes.fromhex("01640028ffe1 0002 6764 00"), "no parameter set of type 8"),
        (bytes.fromhex("01640028ffe1 0002 6564 01 0001 68"), "begins with 65, expected type 7"),
        (bytes.fromhex("01640028ffe1 0000 01 0001 68"), "begins with nothing, expected type 7"),
        (bytes.fromhex("01640028ffe1 ffff 67"), "have 1 bytes, need 65535"),
    ],
)
def test_avc_record_that_is_none_is_refused(record: bytes, text: str) -> None:
    with pytest.raises(ParseError, match=text):
        read_avc_config(record)


def test_avc_parameter_sets_that_are_none_make_no_record() -> None:
    for sps, pps in (
        ([], [b"\x68"]),
        ([FULL_HD_SPS], []),
        ([b"\x65\1\2\3"], [b"\x68"]),
        ([FULL_HD_SPS] * 32, [b"\x68"]),
    ):
        with pytest.raises(ParseError):
            make_avc_config(sps, pps)


def test_avc_size_that_no_picture_has_is_refused() -> None:
    # Exp-Golomb numbers of 32 bits as width.
    with pytest.raises(ParseError, match="pixels"):
        read_avc_sps(bytes.fromhex("6742c01f") + b"\xf4\0\0\0\0\x80\0\0\0\0\x80\0\0\0")


def test_hevc_record_says_profile_level_and_picture() -> None:
    config = read_hevc_config(records.HEVC)
    assert (config.profile, config.level, config.length_size) == (1, 60, 4)
    picture = read_hevc_sps(config.units(hevc.SPS)[0])
    assert (picture.width, picture.height, picture.frame_rate) == (320, 180, 25.0)
    assert config.to_bytes() == records.HEVC


def hevc_sps_with_everything() -> bytes:
    """1920x1080 at 50 per second: two temporal layers, scaling lists, PCM, predicted reference sets, long-term ones."""

    def ue(number: int) -> str:
        return f"{number + 1:0{2 * (number + 1).bit_length() - 1}b}"

    profile = f"{1:08b}" + "1" * 32 + "10" * 24 + f"{93:08b}"
    sub_layers = "11" + "00" * 7 + "1" * 88 + "10101010"
    picture = ue(0) + ue(1) + ue(1920) + ue(1088) + "1" + ue(0) * 3 + ue(4) + ue(0) + ue(0) + ue(4)
    layers = "1" + (ue(4) + ue(2) + ue(0)) * 2
    blocks = ue(0) + ue(3) + ue(0) + ue(3) + ue(1) + ue(1)
    # For three sizes six lists, for the last two. The first is predicted, the others are said with ones.
    lists = "0" + ue(0)
    for size, coefficients in enumerate((16, 64, 64, 64)):
        count = (6 if size < 3 else 2) - (size == 0)
        lists += ("1" + ue(2) * (size > 1) + ue(1) * coefficients) * count
    tools = "11" + lists + "11" + "1" + f"{7:04b}{7:04b}" + ue(0) + ue(1) + "1"
    # Three pictures before and one after; of the next, predicted set one of five is left out; then of those four one.
    references = ue(3) + ue(3) + ue(1) + (ue(0) + "1") * 4
    references += "1" + "1" + ue(0) + "1" + "00" + "01" + "1" + "1"
    references += "1" + "0" + ue(2) + "1" * 3 + "00" + "1"
    long_term = "1" + ue(2) + ("1" * 8 + "1") * 2
    usability = "1" + f"{255:08b}" + "1" * 32 + "1" + "0" + "1" + "1010" + "1" + "1" * 24 + "1" + ue(1) * 2 + "000"
    timing = "1" + ue(1) * 4 + "1" + f"{1000:032b}" + f"{50_000:032b}" + "0"
    bits = f"{0:04b}{1:03b}1" + profile + sub_layers + picture + layers + blocks + tools + references + long_term
    bits += "11" + "1" + usability + timing + "1"
    bits += "0" * (-len(bits) % 8)
    return b"\x42\x01" + int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\0\0", b"\0\0\3")


def test_hevc_parameter_set_with_everything_is_read_to_its_frame_rate() -> None:
    picture = read_hevc_sps(hevc_sps_with_everything())
    assert (picture.width, picture.height, picture.frame_rate) == (1920, 1080, 50.0)


def test_hevc_record_is_made_of_its_parameter_sets() -> None:
    config = read_hevc_config(records.HEVC)
    made = make_hevc_config(*(list(config.units(kind)) for kind in (hevc.VPS, hevc.SPS, hevc.PPS)))
    assert made.general[:13] == config.general[:13]
    assert made.general[16:19] == config.general[16:19]
    assert (made.last, made.units(hevc.SPS)) == (config.last, config.units(hevc.SPS))
    assert read_hevc_config(made.to_bytes()) == made


def test_hevc_record_without_a_parameter_set_is_refused() -> None:
    config = read_hevc_config(records.HEVC)
    for index in range(3):
        arrays = config.arrays[:index] + config.arrays[index + 1 :]
        with pytest.raises(ParseError, match=f"no NAL unit of type {32 + index}"):
            read_hevc_config(config._replace(arrays=arrays).to_bytes())
    with pytest.raises(ParseError, match="no NAL unit of type 34"):
        make_hevc_config(list(config.units(hevc.VPS)), list(config.units(hevc.SPS)), [])


def test_hevc_record_with_too_many_units_is_refused() -> None:
    config = read_hevc_config(records.HEVC)
    crowd = config._replace(arrays=(*config.arrays, (39, (b"\x4e\1",) * 65)))
    with pytest.raises(ParseError, match="more than the 64"):
        read_hevc_config(crowd.to_bytes())


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("1190", AacConfig(2, 48_000, 48_000, 2)),
        ("1210", AacConfig(2, 44_100, 44_100, 2)),
        ("1208", AacConfig(2, 44_100, 44_100, 1)),
        ("119056e500", AacConfig(2, 48_000, 48_000, 2)),
        ("131056e598", AacConfig(2, 24_000, 48_000, 2)),  # SBR, told at the end
        ("130856e59d4880", AacConfig(2, 24_000, 48_000, 2)),  # mono with parametric stereo, told at the end
        ("2b118800", AacConfig(2, 24_000, 48_000, 2)),  # SBR, told at the beginning
        ("eb098800", AacConfig(2, 24_000, 48_000, 2)),  # mono with parametric stereo
        ("11b8", AacConfig(2, 48_000, 48_000, 8)),
    ],
)
def test_aac_configuration_says_rate_and_channels(config: str, expected: AacConfig) -> None:
    assert read_aac_config(bytes.fromhex(config)) == expected


def test_aac_channels_may_stand_in_a_program_config_element() -> None:
    # Type 2, 48 kHz, configuration 0; three flags; then: tag, profile, rate, front 1, side 0, back 1, low 1, no data,
    # no coupling, no mixdowns, front pair, back pair, low, no comment.
    fields = [
        (2, 5), (3, 4), (0, 4), (0, 3), (0, 4), (1, 2), (3, 4), (1, 4), (0, 4), (1, 4), (1, 2), (0, 3), (0, 4), (0, 3),
        (1, 1), (0, 4), (1, 1), (1, 4), (0, 4),
    ]  # fmt: skip
    bits = "".join(f"{number:0{size}b}" for number, size in fields)
    bits += "0" * (-len(bits) % 8) + "0" * 8
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert read_aac_config(data).channels == 5


@pytest.mark.parametrize("rate_hz", [96_000, 48_000, 44_100, 7_350, 12_345, 1, (1 << 24) - 1])
@pytest.mark.parametrize("channels", range(1, 9))
def test_aac_configuration_made_is_read(rate_hz: int, channels: int) -> None:
    assert read_aac_config(make_aac_config(rate_hz, channels)) == AacConfig(2, rate_hz, rate_hz, channels)


@pytest.mark.parametrize("config", ["", "11", "16e8", "1740", "17800000", "1178", "11c0"])
def test_aac_configuration_that_is_none_is_refused(config: str) -> None:
    with pytest.raises(ParseError):
        read_aac_config(bytes.fromhex(config))


def test_aac_that_cannot_be_said_is_not_made() -> None:
    for rate_hz, channels in ((48_000, 9), (0, 2), (1 << 24, 2)):
        with pytest.raises(ValueError, match="cannot be said"):
            make_aac_config(rate_hz, channels)


def test_opus_header_is_read_and_made() -> None:
    head = read_opus_head(records.OPUS)
    assert (head.channels, head.pre_skip, head.input_rate_hz) == (2, 312, 48_000)
    assert head.to_bytes() == records.OPUS
    surround = OpusHead(6, mapping_family=1, mapping=bytes((4, 2, 0, 4, 1, 2, 3, 5)))
    assert read_opus_head(surround.to_bytes()) == surround


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"OpusHead",
        b"OpusTags" + records.OPUS[8:],
        OpusHead(0).to_bytes(),
        OpusHead(3).to_bytes(),
        OpusHead(6, mapping_family=1, mapping=bytes(7)).to_bytes(),
        OpusHead(version=16).to_bytes(),
    ],
)
def test_opus_header_that_is_none_is_refused(head: bytes) -> None:
    with pytest.raises(ParseError):
        read_opus_head(head)


def test_av1_record_says_profile_and_picture() -> None:
    config = read_av1_config(records.AV1)
    sequence = config.sequence()
    assert sequence is not None
    assert (config.profile, sequence.width, sequence.height, sequence.bits) == (0, 320, 180, 8)
    assert make_av1_config(config.obus) == records.AV1
    assert read_av1_config(records.AV1[:4]).sequence() is None


def test_av1_descriptor_of_mpeg2ts_becomes_a_record() -> None:
    assert config_of_descriptor(bytes.fromhex("8004") + bytes.fromhex("81052ce3")) == bytes.fromhex("81052c03")
    for descriptor in ("", "8104 81000c00", "8003 81000c", "8004 81000c", "8004 01000c00"):
        with pytest.raises(ParseError):
            config_of_descriptor(bytes.fromhex(descriptor))


def test_flac_information_is_read_with_its_marker_and_alone() -> None:
    alone = read_flac_config(records.FLAC)
    assert (alone.sample_rate_hz, alone.channels, alone.sample_bits) == (48_000, 2, 16)
    assert read_flac_config(b"fLaC\x80\0\0\x22" + records.FLAC) == alone
    for broken in (b"", b"fLaC", b"fLaC\x84\0\0\x22" + records.FLAC, records.FLAC[:10]):
        with pytest.raises(ParseError):
            read_flac_config(broken)


def test_mp3_frame_says_rate_and_channels() -> None:
    assert read_mp3_header(bytes.fromhex("fffb9064")) == (44_100, 2)
    assert read_mp3_header(bytes.fromhex("fff394c4")) == (24_000, 1)
    assert flv_sound_bits(bytes.fromhex("fffb9064")) == 0xF
    assert flv_sound_bits(bytes.fromhex("fff394c4")) == 0xA
    assert flv_sound_bits(b"\xff") is None
    for frame in (b"", b"\xff\xfb", b"\0\0\0\0", bytes.fromhex("ffeb9064"), bytes.fromhex("fffb9c64")):
        with pytest.raises(ParseError):
            read_mp3_header(frame)


@pytest.mark.parametrize(
    ("read", "record", "needed"),
    [
        (read_avc_config, records.H264, len(records.H264) - 4),
        (read_hevc_config, records.HEVC, len(records.HEVC)),
        (lambda sps: read_avc_sps(sps), FULL_HD_SPS, len(FULL_HD_SPS) - 4),
        (read_opus_head, records.OPUS, len(records.OPUS)),
        (read_av1_config, records.AV1, 4),
    ],
)
def test_a_record_that_is_cut_off_is_refused(read: Callable[[bytes], object], record: bytes, needed: int) -> None:
    read(record[:needed])
    for size in range(needed):
        with pytest.raises(ParseError):
            read(record[:size])
