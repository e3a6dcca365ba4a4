"""The real loop, killed at random moments and resumed; `kill_loop.py` alone kills more often."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

KILLS = 6


def test_killed_at_random_it_ends_with_the_records_of_a_run_left_in_peace(tools: Path, tmp_path: Path):
    script = Path(__file__).with_name("kill_loop.py")
    argv = [sys.executable, script, tmp_path, "--kills", str(KILLS), "--longest", "45"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=2_400, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["kills"] == KILLS
    assert said["orphans"] == 0
    assert said["same_records"]
    assert said["speed_records"] > 0
    assert said["quality_records"] > 0
