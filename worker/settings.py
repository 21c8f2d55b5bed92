"""The worker's command line, read before anything heavy is imported: wrong settings must end the process at once.

Not even ``dataclasses`` or ``typing`` are: they take longer than all else that happens before the worker says that it
runs.

As GNU ``getopt_long_only`` reads it, which the reference uses: ``--name=value`` or ``-name=value``, names may be cut
short as long as they are unique, arguments that are no options are passed over.
"""

from __future__ import annotations

from miso.worker.errors import SettingsError
from miso.worker.srtp.choice import allowed_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LOG_LEVELS = ("none", "error", "warn", "debug")
LOG_TAGS = (
    "info",
    "ice",
    "dtls",
    "rtp",
    "srtp",
    "rtcp",
    "rtx",
    "bwe",
    "score",
    "simulcast",
    "svc",
    "sctp",
    "message",
)


class Settings:
    """How the worker was started.

    Attributes:
        log_level: One of ``LOG_LEVELS``; each includes those before it.
        log_tags: Which debug and warn lines are wanted; unknown tags are passed over.
        rtc_min_port: First port of the range from which sockets without a given port are taken, 0..65535.
        rtc_max_port: Last port of the range.
        dtls_certificate_file: PEM file; with it goes a private key file.
        dtls_private_key_file: PEM file, not encrypted.
        libwebrtc_field_trials: The reference's tuning of libwebrtc, of which this worker has none: it is logged.
    """

    def __init__(
        self,
        log_level: str = "error",
        log_tags: tuple[str, ...] = (),
        rtc_min_port: int = 10000,
        rtc_max_port: int = 59999,
        dtls_certificate_file: str = "",
        dtls_private_key_file: str = "",
        libwebrtc_field_trials: str = "",
    ) -> None:
        self.log_level = log_level
        self.log_tags = log_tags
        self.rtc_min_port = rtc_min_port
        self.rtc_max_port = rtc_max_port
        self.dtls_certificate_file = dtls_certificate_file
        self.dtls_private_key_file = dtls_private_key_file
        self.libwebrtc_field_trials = libwebrtc_field_trials

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # it is filled while the command line is read


def parse_log_level(text: str) -> str:
    """Brings a log level into its usual form.

    Raises:
        SettingsError: There is no such level.
    """
    level = text.lower()
    if level not in LOG_LEVELS:
        raise SettingsError(f"invalid value '{text}' for logLevel, expected one of {', '.join(LOG_LEVELS)}")
    return level


def parse_arguments(arguments: Sequence[str]) -> Settings:
    """Reads the command line (without the program's name), checks the certificate's files and the environment.

    Raises:
        SettingsError: An unknown option, a wrong value, or a file that cannot be read.
    """
    settings = Settings()
    for argument in arguments:
        if argument == "--":
            break
        if not argument.startswith("-"):
            continue
        name, equals, value = argument.lstrip("-").partition("=")
        read = _option(name)
        if not equals or not value:
            raise SettingsError(f"option '{name}' requires an argument")
        read(settings, value)
    if settings.rtc_max_port < settings.rtc_min_port:
        raise SettingsError("rtcMaxPort cannot be less than rtcMinPort")
    _check_files(settings)
    allowed_parts()
    return settings


def _port(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value[:6]) <= 65535):
        raise SettingsError(f"{name} is '{value}', expected 0 to 65535")
    return int(value)


def _read_log_level(settings: Settings, value: str) -> None:
    settings.log_level = parse_log_level(value)


def _read_log_tag(settings: Settings, value: str) -> None:
    settings.log_tags = (*settings.log_tags, value)


def _read_rtc_min_port(settings: Settings, value: str) -> None:
    settings.rtc_min_port = _port("rtcMinPort", value)


def _read_rtc_max_port(settings: Settings, value: str) -> None:
    settings.rtc_max_port = _port("rtcMaxPort", value)


def _read_certificate_file(settings: Settings, value: str) -> None:
    settings.dtls_certificate_file = value


def _read_private_key_file(settings: Settings, value: str) -> None:
    settings.dtls_private_key_file = value


def _read_field_trials(settings: Settings, value: str) -> None:
    settings.libwebrtc_field_trials = value


_OPTIONS: dict[str, Callable[[Settings, str], None]] = {
    "logLevel": _read_log_level,
    "logTags": _read_log_tag,
    "rtcMinPort": _read_rtc_min_port,
    "rtcMaxPort": _read_rtc_max_port,
    "dtlsCertificateFile": _read_certificate_file,
    "dtlsPrivateKeyFile": _read_private_key_file,
    "libwebrtcFieldTrials": _read_field_trials,
}


def _option(name: str) -> Callable[[Settings, str], None]:
    if name in _OPTIONS:
        return _OPTIONS[name]
    found = [option for option in _OPTIONS if name and option.startswith(name)]
    if len(found) != 1:
        raise SettingsError(f"{'ambiguous' if found else 'unknown'} option '{name}'")
    return _OPTIONS[found[0]]


def _check_files(settings: Settings) -> None:
    files = {
        "dtlsCertificateFile": settings.dtls_certificate_file,
        "dtlsPrivateKeyFile": settings.dtls_private_key_file,
    }
    if not any(files.values()):
        return
    for name, path in files.items():
        if not path:
            raise SettingsError(f"missing {name}")
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise SettingsError(f"{name}: {error.strerror} [path:{path}]") from error
