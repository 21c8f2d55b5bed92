"""Reads the plain part of YAML in which our examples are written: blocks of names and lists, and values on one line."""

from __future__ import annotations

import json
import re
from typing import TypeAlias

Yaml: TypeAlias = "str | dict[str, Yaml] | list[Yaml] | None"

_NAME = re.compile(r"([A-Za-z0-9_.-]+):(?: (.*))?$")


class NotPlainError(ValueError):
    """It is no YAML, or of a kind that is not read here."""


def documents(text: str) -> list[Yaml]:
    """All documents of a file. Values are texts, as they are written.

    Raises:
        NotPlainError: A line is none of these: ``name:``, ``name: value``, ``- value``, ``- name: value``.
    """
    return [_Reader(part).read() for part in re.split(r"^---$", text, flags=re.MULTILINE)]


class _Reader:
    def __init__(self, text: str) -> None:
        self._lines = [
            (len(line) - len(line.lstrip(" ")), line.strip())
            for line in text.splitlines()
            if line.strip() and not line.lstrip().startswith("#")
        ]
        self._at = 0

    def read(self) -> Yaml:
        value = self._block(0)
        if self._at < len(self._lines):
            raise NotPlainError(f"this line is indented like none before it: {self._lines[self._at][1]!r}")
        return value

    def _block(self, indent: int) -> Yaml:
        _, line = self._lines[self._at]
        return self._list(indent) if line.startswith("-") else self._names(indent)

    def _is_at(self, indent: int, *, item: bool) -> bool:
        if self._at >= len(self._lines) or self._lines[self._at][0] != indent:
            return False
        return self._lines[self._at][1].startswith("- ") == item

    def _list(self, indent: int) -> list[Yaml]:
        items: list[Yaml] = []
        while self._is_at(indent, item=True):
            rest = self._lines[self._at][1][2:]
            if _NAME.match(rest):
                self._lines[self._at] = (indent + 2, rest)
                items.append(self._names(indent + 2))
            else:
                items.append(_scalar(rest))
                self._at += 1
        return items

    def _names(self, indent: int) -> dict[str, Yaml]:
        found: dict[str, Yaml] = {}
        while self._is_at(indent, item=False):
            line = self._lines[self._at][1]
            match = _NAME.match(line)
            if match is None:
                raise NotPlainError(f"this line is neither a name nor an item of a list: {line!r}")
            name, value = match.groups()
            if name in found:
                raise NotPlainError(f"{name!r} is there twice")
            self._at += 1
            if value is not None:
                found[name] = _scalar(value)
            elif self._at < len(self._lines) and self._lines[self._at][0] > indent:
                found[name] = self._block(self._lines[self._at][0])
            else:
                found[name] = None
        return found


def _scalar(text: str) -> str:
    if text.startswith('"'):
        try:
            value: str = json.loads(text)
        except ValueError as error:
            raise NotPlainError(f"{text!r} is no quoted text: {error}") from None
        return value
    if text[0] in "'&*!|>[{%@`" or " #" in text or ": " in text:
        raise NotPlainError(f"{text!r} is more than one plain value")
    return text
