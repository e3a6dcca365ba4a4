"""Progress is for people: on stderr, on a terminal, and only where something takes its time."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

SCRIPT = """
import time
from advisor.cli.progress import working
with working("Learning") as say:
    say("a [line] in between")
    time.sleep({seconds})
print("done")
"""


def on_a_terminal(seconds: float) -> tuple[str, str]:
    """(stdout, what the terminal saw on stderr)."""
    mine, theirs = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(seconds=seconds)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color"},
        text=True,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(mine, 65_536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(mine)
    out, _ = started.communicate()
    assert started.returncode == 0
    return out, seen.decode()


def test_a_terminal_sees_a_spinner_that_goes_away() -> None:
    out, seen = on_a_terminal(1.2)
    assert out == "done\n"
    assert "a [line] in between" in seen
    assert "Learning" in seen
    assert "0:00:0" in seen
    assert seen.rstrip().endswith(("\x1b[2K", "\x1b[?25h"))  # the line is cleared, the cursor is back


def test_what_is_quick_shows_none() -> None:
    _, seen = on_a_terminal(0.0)
    assert "Learning" not in seen
    assert "a [line] in between" in seen


def test_without_a_terminal_there_are_the_lines_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(seconds=0.7)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "done\n"
    assert done.stderr == "a [line] in between\n"
