"""How a command gets its settings. What each command can be told is tested beside it."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field

from miso.commands.command_line import CommandLine, CommandSettings


class Section(BaseModel):
    users: dict[str, str] = Field({}, description="who they are")


class Settings(CommandSettings):
    """A command of this test."""

    section: Section = Field(Section(), description="what belongs together")


def test_names_of_the_operators_own_come_by_flags_and_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    line = CommandLine("test", Settings, "")
    monkeypatch.setenv("MISO_SECTION__USERS__ANNA", "a")
    monkeypatch.setenv("MISO_SECTION__USER__BERT", "b")
    assert line.unknown_names() == ["MISO_SECTION__USER__BERT"]
    monkeypatch.delenv("MISO_SECTION__USER__BERT")
    assert line.load(["--section.users", "carl=c", "--section.users=dora=d=e"]).section.users == {
        "anna": "a",
        "carl": "c",
        "dora": "d=e",
    }
