"""A command's settings: flags win over the environment, which wins over the TOML file of ``--config``."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_origin

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    CliSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

_USAGE = "%(prog)s [--FLAG VALUE]…"
_WIDTH = 118
_PLACEHOLDERS = {
    "Path": "FILE",
    "int": "N",
    "float": "SECONDS",
    "str": "ADDRESS",
    "SecretStr": "SECRET",
    "list[str]": "IP,…",
    "tuple[str,...]": "VALUE,…",
    "HttpUrl": "URL",
    "dict[str,SecretStr]": "USER=PASSWORD",
}
_FOLDERS = ("--data-dir", "folder")
_PREFIX = "MISO_"
_BETWEEN = "__"
"""Between the names of a section and of what is in it, in the environment: ``MISO_LIVE__RTMP__PORT``."""


class ConfigError(Exception):
    """The TOML file, or a flag, cannot be read; the text names it and says why."""


class _Environment(EnvSettingsSource):
    """The environment, in which a list may be written as in a flag: ``a,b``; or as JSON."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value.split(",")


class CommandSettings(BaseSettings):
    """What every command can be told. A section of settings is a field that is a model: ``--live.rtmp.port``."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter=_BETWEEN,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags come first, by pydantic-settings' own doing."""
        return init_settings, _Environment(settings_cls)

    config: Path | None = Field(None, description="TOML file with any of these settings")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="what this process logs")


S = TypeVar("S", bound=CommandSettings)


class CommandLine(Generic[S]):
    """How one command gets its settings.

    Args:
        program: Its name.
        model: What it can be told; the docstring is what it does.
        epilog: What ``--help`` says at its end.
        other_names: Further names in the environment, and the setting each of them means.
    """

    def __init__(self, program: str, model: type[S], epilog: str, other_names: Mapping[str, str] | None = None) -> None:
        self._program = program
        self._model = model
        self._epilog = epilog
        self._other_names = other_names or {}

    def load(self, arguments: Sequence[str]) -> S:
        """The settings of a command line, the environment and the TOML file that either names.

        Args:
            arguments: The command line without the program's name. ``--help`` prints every setting and exits.

        Raises:
            pydantic.ValidationError: A value is wrong; :meth:`explain` says it in words.
            ConfigError: The TOML file cannot be read, or is none; or a flag that is to be JSON is none.
        """
        file = self._config_file(arguments)
        model: type[CommandSettings] = self._model

        class WithFile(model):  # type: ignore[valid-type, misc]  # a class that is known when it runs
            """The same settings with the file as one more source."""

            __doc__ = model.__doc__

            @classmethod
            def settings_customise_sources(
                cls, settings_cls: type[BaseSettings], *args: Any, **kwargs: Any
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                sources = super().settings_customise_sources(settings_cls, *args, **kwargs)
                return sources if file is None else (*sources, TomlConfigSettingsSource(settings_cls, file))

        parser = argparse.ArgumentParser(
            prog=self._program,
            description=model.__doc__,
            epilog=self._epilog,
            usage=_USAGE,
            formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=34, width=_WIDTH),
            allow_abbrev=False,
        )
        parser.add_argument("--version", action="version", version=_version())
        try:
            flags: CliSettingsSource[Any] = CliSettingsSource(
                WithFile,
                root_parser=parser,
                add_argument_method=_add_argument,
                cli_parse_args=list(arguments),
                cli_kebab_case=True,
                cli_implicit_flags=True,
                cli_hide_none_type=True,
                cli_avoid_json=True,
            )
            loaded: S = WithFile(_cli_settings_source=flags)
        except SettingsError as error:  # JSON that is none, in a flag
            raise ConfigError(_said(error)) from error
        return loaded

    def explain(self, error: ConfigError | ValidationError, arguments: Sequence[str]) -> str:
        """What is wrong, a line for each setting, by the name under which it was given."""
        if isinstance(error, ConfigError):
            return f"{self._program}: {error}"
        lines = []
        for problem in error.errors():
            setting, deeper = self._split([str(part) for part in problem["loc"]])
            place = self.origin(setting, arguments) if setting else "settings"
            lines.append(f"{self._program}: {'.'.join([place, *deeper])}: {_problem(problem)}")
        return "\n".join([*lines, f"{self._program} --help explains every setting"])

    def origin(self, setting: Sequence[str], arguments: Sequence[str]) -> str:
        """Where a setting's value comes from: its flag, its environment name, or the file.

        Args:
            setting: Its name, after those of the sections that it is in.
            arguments: The command line.
        """
        flag = "--" + ".".join(setting).replace("_", "-")
        if any(argument.partition("=")[0] in (flag, f"--no-{flag[2:]}") for argument in arguments):
            return flag
        name = ".".join(setting)
        names = [_environment_name(setting), *(other for other, meant in self._other_names.items() if meant == name)]
        given = next((name for name in names if os.environ.get(name)), None)
        return given or f"{self._config_name(arguments) or 'settings'}: {name}"

    def unknown_names(self) -> list[str]:
        """Environment names that look like settings and are none."""
        known = {_environment_name(setting) for setting in _settings_of(self._model)}
        mappings = tuple(f"{_environment_name(setting)}{_BETWEEN}" for setting in _mappings_of(self._model))
        return sorted(
            name
            for name in os.environ
            if name.startswith(_PREFIX) and name.upper() not in known and not name.upper().startswith(mappings)
        )

    def _split(self, location: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        """The setting that a place in the model belongs to, and what of it."""
        known = set(_settings_of(self._model))
        count = max((count for count in range(1, len(location) + 1) if tuple(location[:count]) in known), default=1)
        return location[:count], location[count:]

    def _config_name(self, arguments: Sequence[str]) -> str | None:
        parser = argparse.ArgumentParser(prog=self._program, usage=_USAGE, add_help=False, allow_abbrev=False)
        parser.add_argument("--config")
        name: str | None = parser.parse_known_args(list(arguments))[0].config or os.environ.get(f"{_PREFIX}CONFIG")
        return name or None

    def _config_file(self, arguments: Sequence[str]) -> Path | None:
        name = self._config_name(arguments)
        if name is None:
            return None
        file = Path(name).expanduser()
        try:
            content = tomllib.loads(
                file.read_text(encoding="utf-8")
            )  # pydantic-settings would pass over a missing file
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from error
        except ValueError as error:  # not TOML, or not UTF-8
            raise ConfigError(f"{file}: {error}") from error
        if "config" in content:
            raise ConfigError(f"{file}: config: one file cannot name another")
        return file


def _said(error: SettingsError) -> str:
    cause = str(error.__cause__ or "")
    return str(error) if not cause or cause in str(error) else f"{error} ({cause})"


def _settings_of(model: type[BaseModel], *sections: str) -> Iterator[tuple[str, ...]]:
    """The names of all settings and sections."""
    for name, field in model.model_fields.items():
        yield (*sections, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings_of(field.annotation, *sections, name)


def _mappings_of(model: type[BaseModel], *sections: str) -> Iterator[tuple[str, ...]]:
    """The names of settings that are given by names of the operator's own: ``MISO_LIVE__ACCESS__USERS__ANNA``."""
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is dict:
            yield (*sections, name)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _mappings_of(field.annotation, *sections, name)


def _environment_name(setting: Sequence[str]) -> str:
    return _PREFIX + _BETWEEN.join(setting).upper()


def version() -> str:
    """Miso's; "": it is run from its sources and not installed."""
    try:
        return importlib.metadata.version("miso-sfu")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _version() -> str:
    return f"Miso {version()}" if version() else "Miso, run from its sources"


def _add_argument(parser: argparse.ArgumentParser, *names: str, **options: Any) -> argparse.Action:
    """Adds a flag with a default and a placeholder as one would write them, not as Python does."""
    text = re.sub(r" \(default: (None|\[\]|\(\)|)\)", "", options.get("help", ""))
    text = re.sub(r"(?<=\(default: )\w+\.(\w+)(?=\)$)", lambda member: member[1].lower(), text)
    text = re.sub(r"<\w+\.\w+: '([^']*)'>", r"\1", text)  # members of an Enum in a list
    text = re.sub(r"(?<=\(default: )\((.*)\)(?=\)$)", r"[\1]", text)  # a list that cannot be changed
    text = text.replace("(default: True)", "(default: on)").replace("(default: False)", "(default: off)")
    options["help"] = re.sub(r"(?<=\(default: )\[(.*)\](?=\)$)", lambda items: re.sub(r"[' ]", "", items[1]), text)
    if "metavar" in options:
        options["metavar"] = _placeholder(options["metavar"], names[-1])
    if names[-1].startswith("--no-"):  # there is nothing to say no to
        options = {"action": "store_true", "dest": options["dest"], "help": text, "default": options["default"]}
    return parser.add_argument(*names, **options)


def _placeholder(kind: str, flag: str) -> str:
    """What stands for a value, from pydantic-settings' word for its type."""
    if kind.startswith("list[{"):
        return "TOPIC,…"
    if kind.startswith("tuple[{"):
        return "WORD,…"
    if kind.startswith("tuple[JSON"):
        return "JSON"
    if flag.endswith("file-name"):
        return "NAME"
    if kind.startswith("{"):
        return kind.strip("{}").replace(",", "|").lower()  # an Enum's members are given by name or by value
    return "FOLDER" if flag.endswith(_FOLDERS) else _PLACEHOLDERS.get(kind, "VALUE")


def _problem(problem: ErrorDetails) -> str:
    if problem["type"] == "extra_forbidden":
        return "there is no such setting"
    if problem["type"] == "path_type":
        return "should be a path"
    # pydantic's words, which speak of an input and of the kind of exception
    text = problem["msg"].removeprefix("Value error, ")
    return text.replace("Input should be", "should be", 1)
