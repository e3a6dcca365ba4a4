"""A short question to a program ends within its time with all that it started, whatever the program does."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from advisor.measure.tools import ask_program, envs, machine
from tests.measure.kill_loop import MARK, left_over


def program(folder: Path, body: str) -> Path:
    """An executable Python script."""
    path = folder / "tool"
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_what_a_program_prints(tmp_path: Path):
    assert ask_program.answer([str(program(tmp_path, "print('0.32.0')"))]) == "0.32.0\n"


def test_a_program_that_hangs_ends_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither would ever end by itself: that the question returns says that it was cut off."""
    mark = f"query-{os.getpid()}"
    monkeypatch.setenv(MARK, mark)
    body = (
        "import os, signal, subprocess, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "subprocess.Popen(['sleep', 'infinity'], start_new_session=True)\nwhile True: time.sleep(60)"
    )
    assert ask_program.answer([str(program(tmp_path, body))], limit_s=1.0) is None
    assert left_over(mark) == []


@pytest.mark.parametrize(
    "body",
    [
        "raise SystemExit(3)",
        "import os; os.kill(os.getpid(), 9)",
        "print('x' * 5_000_000)",
    ],
)
def test_a_program_that_fails_or_floods_gives_no_answer(tmp_path: Path, body: str):
    assert ask_program.answer([str(program(tmp_path, body))]) is None


def test_a_program_that_is_not_there():
    assert ask_program.answer(["/no/such/program"]) is None


@pytest.mark.parametrize("printed", ["[]", "[" * 99_999, '{"vllm": ["0.32"]}', '{"vllm": null}', "\\xff", ""])
def test_an_interpreter_that_prints_nonsense_has_no_tools(tmp_path: Path, printed: str):
    python = program(tmp_path, f"print({printed!r})")
    assert dict(envs.versions(python)) == {}


@pytest.mark.parametrize(
    "row",
    [
        "0, NVIDIA H100, [N/A], 550, u, 700, 9.0, 4",
        "0, NVIDIA H100, nan, 550, u, 700, 9.0, 4",
        "²,NVIDIA H100,81559,550,u,700,9.0,4",
        "No devices were found",
        "Failed to initialize NVML: Driver/library version mismatch",
    ],
)
def test_rows_of_nvidia_smi_that_name_no_usable_gpu(row: str):
    assert machine.parse_nvidia(row) == []
