"""Runs the command in this process, as a user would: arguments in, exit code and both streams out."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from advisor.__main__ import run


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    code: int
    out: str
    err: str


class Command:
    """`quantadvise` with captured output."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: object, columns: int | None = 110) -> Result:
        """columns: of the terminal; None: not known."""
        self.monkeypatch.setattr(sys, "argv", ["quantadvise", *map(str, arguments)])
        # Help and usage are as wide as COLUMNS says, wherever the tests run.
        if columns is None:
            self.monkeypatch.delenv("COLUMNS", raising=False)
        else:
            self.monkeypatch.setenv("COLUMNS", str(columns))
        self.capsys.readouterr()
        code = run()
        seen = self.capsys.readouterr()
        return Result(code=code, out=seen.out, err=seen.err)
