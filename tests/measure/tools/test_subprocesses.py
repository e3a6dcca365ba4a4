"""A program under its guard ends as it should, and takes everything it started with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from advisor.measure.tools import subprocesses

CHILD_THAT_LEAVES = """
import os, subprocess, sys, time
# a grandchild in a session of its own, as a daemon would make it
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "MARK"], start_new_session=True)
open("READY", "w").close()
time.sleep(600)
"""


def alive(mark: str) -> list[int]:
    """Processes with `mark` among their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in line and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def gone(mark: str, within_s: float = 20) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if not alive(mark):
            return True
        time.sleep(0.05)
    return False


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_program_that_ends_well_leaves_its_log(tmp_path: Path):
    subprocesses.run(python("print('hello')"), log=tmp_path / "log", limit_s=60)
    assert (tmp_path / "log").read_text().splitlines()[-1] == "hello"


def test_an_error_has_the_line_that_says_why_and_the_log(tmp_path: Path):
    log = tmp_path / "log"
    with pytest.raises(subprocesses.ToolError) as caught:
        subprocesses.run(
            python("print('fine'); raise ValueError('group_size 7')"), log=log, limit_s=60, name="vllm"
        )
    assert str(caught.value) == f"vllm: ended with code 1: ValueError: group_size 7; log: {log}"


def test_a_program_that_does_not_exist_is_an_error(tmp_path: Path):
    with pytest.raises(subprocesses.ToolError, match="no-such-program: No such file"):
        subprocesses.run(["no-such-program"], log=tmp_path / "log", limit_s=60)


def test_a_program_killed_by_a_signal_says_which(tmp_path: Path):
    with pytest.raises(subprocesses.ToolError, match=r"ended by SIGKILL .*: it said nothing"):
        subprocesses.run(python("import os; os.kill(os.getpid(), 9)"), log=tmp_path / "log", limit_s=60)


def test_the_time_limit_ends_it_with_all_it_started(tmp_path: Path):
    mark = f"mark-{os.getpid()}-limit"
    code = CHILD_THAT_LEAVES.replace("MARK", mark).replace("READY", str(tmp_path / "ready"))
    with pytest.raises(subprocesses.ToolError) as caught:
        subprocesses.run(python(code), log=tmp_path / "log", limit_s=3)
    assert caught.value.timed_out
    assert gone(mark)


def test_what_a_program_leaves_behind_ends_with_it(tmp_path: Path):
    mark = f"mark-{os.getpid()}-left"
    code = (
        "import subprocess, sys; "
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '{mark}'])"
    )
    subprocesses.run(python(code), log=tmp_path / "log", limit_s=60)
    assert gone(mark)


@pytest.mark.parametrize("victim", ["parent", "guard"])
def test_kill_9_leaves_no_orphan(tmp_path: Path, victim: str):
    mark = f"mark-{os.getpid()}-{victim}"
    ready = tmp_path / "ready"
    inner = CHILD_THAT_LEAVES.replace("MARK", mark).replace("READY", str(ready))
    if victim == "guard":  # a dead guard cannot find what left its group; what stayed ends
        inner = inner.replace(", start_new_session=True", "")
    outer = f"""
import sys
from pathlib import Path
from advisor.measure.tools import subprocesses
with subprocesses.running([sys.executable, "-c", {inner!r}], log=Path({str(tmp_path / "log")!r})) as program:
    print(program.group, flush=True)
    program.wait(600)
    """
    parent = subprocess.Popen(python(outer), stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    guard = int(parent.stdout.readline())
    while not ready.exists():
        time.sleep(0.02)
    os.kill(parent.pid if victim == "parent" else guard, signal.SIGKILL)
    parent.wait(timeout=60)
    parent.stdout.close()
    assert gone(mark)


def test_the_tail_drops_colour_and_progress_bars(tmp_path: Path):
    log = tmp_path / "log"
    log.write_bytes(b"first\n\x1b[31mred\x1b[0m\n 10%|#   |\r 50%|##  |\r100%|####|\nlast\n")
    assert subprocesses.tail(log, lines=3) == "red\n100%|####|\nlast"


def test_the_root_cause_counts_more_than_the_front_end():
    words = (
        "(EngineCore pid=12) ERROR 11-23 11:00:00 [core.py:9] ValueError: Free memory is less than desired\n"
        "RuntimeError: Engine core initialization failed. See root cause above."
    )
    assert subprocesses.reason_line(words) == "ValueError: Free memory is less than desired"
