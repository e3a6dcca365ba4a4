"""Streams that are full, closed, gone or of another encoding: one line or none, and the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cli.streams import ascii_of
from advisor.errors import one_line

COMMAND = f"{sys.executable} -m advisor"
LONG = "recommend Llama-3.1-8B-Instruct -w chat --gpu L40S,A6000 -o json"


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, env={**os.environ, **environment}
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_one_line() -> None:
    done = shell(f"{COMMAND} gpus h100 > /dev/full")
    assert (done.returncode, done.stderr.decode()) == (
        1,
        "quantadvise: stdout: No space left on device; the answer could not be written\n",
    )


def test_a_closed_stdout_is_one_line() -> None:
    done = shell(f"{COMMAND} gpus h100 >&-")
    assert (done.returncode, done.stderr.decode()) == (
        1,
        "quantadvise: stdout is closed; the answer could not be written\n",
    )


def test_a_closed_stderr_takes_nothing_from_the_answer() -> None:
    assert b"H100-SXM" in shell(f"{COMMAND} gpus h100 2>&-").stdout


@pytest.mark.parametrize("words", [LONG, "measure --model Qwen3-8B -w chat --gpu L40S --dry-run"])
def test_a_reader_that_goes_away_ends_it_without_a_word(words: str) -> None:
    # The reader ends before anything is written, however little that is.
    done = shell(f"{COMMAND} {words} | true")
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_another_encoding_gets_text_that_it_can_show(encoding: str) -> None:
    done = shell(f"{COMMAND} recommend Llama-3.1-8B-Instruct -w chat --gpu L40S", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode(encoding)
    assert "<= 500 ms" in text
    assert b"Traceback" not in done.stderr


INTERRUPTED = """
import os, signal, sys
from advisor.__main__ import main

def interrupt(event, arguments, module=sys.argv.pop(1)):
    if event == "import" and arguments[0] == module:
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(interrupt)
main()
"""
"""A command that is interrupted while it imports a module: the same instant on every machine."""


@pytest.mark.parametrize(
    "module",
    [
        *("advisor.cli.streams", "advisor.errors", "advisor.cli.app", "typer", "yaml", "numpy"),
        *("numpy.linalg", "advisor.cost.predict.predictor", "advisor.report.terminal.print_answer"),
    ],
)
def test_an_interrupt_ends_it_with_130_and_no_word(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module, *LONG.split()], capture_output=True, timeout=300
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@given(st.text())
def test_every_text_has_an_ascii_form(text: str) -> None:
    assert ascii_of(text).isascii()
    assert ascii_of(text) == text or not text.isascii()


@given(st.text())
def test_a_failure_is_one_printable_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert line == line.strip()
