"""The pages' JavaScript reckons right: its own tests, by node's own runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from advisor.report.html.assets import HERE

NODE = shutil.which("node")
NO_NODE = "node is not installed: the tests of the pages' JavaScript are left out; apt-get install nodejs"
pytestmark = pytest.mark.skipif(NODE is None, reason=NO_NODE)


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(NODE), *arguments], capture_output=True, text=True, timeout=120, check=False, cwd=Path.cwd()
    )


def test_what_the_scripts_reckon_with() -> None:
    done = node("--test", str(Path(__file__).parent / "logic.test.js"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout


@pytest.mark.parametrize("script", sorted(HERE.glob("*.js")), ids=lambda path: path.name)
def test_every_script_can_be_read(script: Path) -> None:
    done = node("--check", str(script))
    assert done.returncode == 0, done.stderr
