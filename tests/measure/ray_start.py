"""Starts nodes of a local Ray cluster, and ends them with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

RUNS = "This command will now block forever"
"""What `ray start --block` logs when its node is up."""
TRIES = 8
LIMIT_S = 300.0


def started(argv: Sequence[str | Path], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """A node that is up, by `ray start`.

    Ray gives a node 30 seconds and no way to change them; where the machine is too busy for that, the start
    is tried again. Raises RuntimeError with the end of the log after eight times.
    """
    for _ in range(TRIES):
        with log.open("wb") as out:
            node = subprocess.Popen(
                [*argv, "--disable-usage-stats", "--block"],
                stdout=out, stderr=out, env=env, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + LIMIT_S
        while node.poll() is None and time.monotonic() < end:
            if RUNS in log.read_text(errors="replace"):
                return node
            time.sleep(0.2)
        kill_group(node)
    raise RuntimeError(f"no Ray node after {TRIES} starts: {log.read_text(errors='replace')[-2_000:]}")


def kill_group(one: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """End a node, or a driver, with all that it started, at once."""
    try:
        os.killpg(one.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    one.wait()
