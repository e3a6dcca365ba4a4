"""The version that pages, records and servers state, with the package installed and in a bare checkout."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

from advisor.version import installed_version

CHECKOUT = Path(__file__).resolve().parent.parent


def test_an_installed_program_states_its_version():
    assert installed_version() == importlib.metadata.version("quantadvise")


def test_a_checkout_that_is_not_installed_writes_its_page(tmp_path: Path):
    """In a tool's environment `measure` runs from the checkout on its path; no package is installed there."""
    program = (
        "import importlib.metadata as m\n"
        "real = m.distribution\n"
        "def distribution(name):\n"
        "    if name == 'quantadvise':\n"
        "        raise m.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "m.distribution = distribution\n"
        "from advisor.__main__ import main\n"
        "main()\n"
    )
    page = tmp_path / "answer.html"
    argv = ["recommend", "Llama-3.1-8B-Instruct", "--workload", "chat", "--gpu", "L40S", "--html", str(page)]
    ran = subprocess.run([sys.executable, "-c", program, *argv], capture_output=True, text=True, cwd=CHECKOUT)
    assert ran.returncode == 0, ran.stderr
    assert "quantadvise (not installed)" in page.read_text(encoding="utf-8")
