"""The worker's command line."""

import pytest

from miso.worker.errors import SettingsError
from miso.worker.settings import Settings, parse_arguments


def test_defaults():
    assert parse_arguments([]) == Settings(
        log_level="error",
        log_tags=(),
        rtc_min_port=10000,
        rtc_max_port=59999,
        dtls_certificate_file="",
        dtls_private_key_file="",
        libwebrtc_field_trials="",
    )


def test_reads_what_a_controller_gives():
    arguments = ["--logLevel=DEBUG", "--logTags=ice", "--logTags=dtls", "--rtcMinPort=0", "--rtcMaxPort=9999"]
    assert parse_arguments(arguments) == Settings(
        log_level="debug", log_tags=("ice", "dtls"), rtc_min_port=0, rtc_max_port=9999
    )


@pytest.mark.parametrize("spelling", ["--logTag=ice", "--logT=ice", "-logTags=ice"])
def test_names_may_be_cut_short(spelling):
    assert parse_arguments([spelling]).log_tags == ("ice",)


def test_other_arguments_are_passed_over():
    assert parse_arguments(["ice", "--", "--chicken=1"]) == Settings()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--logLevel=chicken"],
        ["--logLevel"],
        ["--logLevel="],
        ["--log=ice"],
        ["--chicken=1"],
        ["-=1"],
        ["--rtcMinPort=x"],
        ["--rtcMinPort=-1"],
        ["--rtcMinPort=٣"],
        ["--rtcMinPort=65536", "--rtcMaxPort=65536"],
        ["--rtcMinPort=1000", "--rtcMaxPort=999"],
        ["--rtcMinPort=1000", "--rtcMaxPort=" + "9" * 5000],
        ["--dtlsCertificateFile=/notfound/cert.pem"],
        ["--dtlsPrivateKeyFile=/notfound/key.pem"],
        ["--dtlsCertificateFile=/notfound/cert.pem", "--dtlsPrivateKeyFile=/notfound/key.pem"],
    ],
)
def test_wrong_settings(arguments):
    with pytest.raises(SettingsError):
        parse_arguments(arguments)
