"""An interpreter that the tools cannot run on is named before an environment is made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from advisor.errors import MissingToolError
from advisor.measure.tools import envs, install


@pytest.mark.parametrize("ours", [(3, 10, 4), (3, 14, 0)])
def test_another_python_is_taken_where_ours_has_no_wheels(monkeypatch, tmp_path: Path, ours):
    monkeypatch.setattr(sys, "version_info", ours)
    other = tmp_path / "python3.11"
    other.write_text("")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install.interpreter() == other


def test_without_another_python_it_is_one_line_and_the_old_environment_stays(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("QUANTADVISE_TOOLS_DIR", str(tmp_path / "tools"))
    old = tmp_path / "tools" / "all-cpu"
    old.mkdir(parents=True)
    with pytest.raises(MissingToolError, match=r"need Python 3\.11 to 3\.13 .*this is 3\.10"):
        install.install("all-cpu", say=lambda line: None)
    assert old.is_dir()


def test_an_environment_whose_marker_is_damaged_is_made_anew(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("QUANTADVISE_TOOLS_DIR", str(tmp_path))
    (tmp_path / "all-cpu").mkdir()
    (tmp_path / "all-cpu" / envs.MARKER).write_bytes(b"\xff" * 100)
    assert not install.is_current("all-cpu")
