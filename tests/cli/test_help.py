"""`--help` as a newcomer reads it: every option whole, what a command is for, an example of it."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer

from advisor.cli.app import app_for
from tests.command import Command

COMMANDS: dict[str, Any] = dict(typer.main.get_command(app_for()).commands)  # type: ignore[attr-defined]
WITHOUT_EXAMPLE = {
    "check",
    "fit",
    "models",
    "gpus",
    "formats",
    "mcp",
    "profiles",
    "tools",
    "doctor",
    "calibrate",
    "prices",
}
"""Commands that say all by their name."""


@pytest.fixture(params=[60, 80, 100, 200])
def width(request: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_stands_whole_at_any_width(quantadvise: Command, name: str, width: int) -> None:
    said = quantadvise(name, "--help").out
    assert not re.search(r"--[a-z-]+…", said)
    for parameter in COMMANDS[name].params:
        if not getattr(parameter, "hidden", False):
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert not option.startswith("-") or option in said, option
    assert max(map(len, said.splitlines())) <= 112, width


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_EXAMPLE))
def test_a_command_shows_an_example_that_its_own_options_read(quantadvise: Command, name: str) -> None:
    text = COMMANDS[name].help
    line = next(part for part in text.split("\n\n") if part.strip().startswith(f"quantadvise {name} "))
    words = shlex.split(" ".join(line.split()))[2:]
    context = COMMANDS[name].make_context(name, words)
    assert context.params


def test_every_command_is_listed_with_its_whole_sentence(quantadvise: Command) -> None:
    said = " ".join(quantadvise("--help").out.split())
    assert "..." not in said.replace("[ARGS]...", "")
    for name, command in COMMANDS.items():
        assert f"{name} {' '.join(command.get_short_help_str(1000).split())}" in said
