"""Plan files: each written in full, none over another without asking."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.errors import InputError
from advisor.report.documents.measure_plan import write_plans

FILES = {"workload.yaml": "name: mine\n", "1-speed-H100.yaml": "model: x\n"}


def test_every_file_is_written_under_its_name(tmp_path: Path) -> None:
    paths = write_plans(FILES, tmp_path / "new", overwrite=False)
    assert {path.name: path.read_text() for path in paths} == FILES


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "workload.yaml").write_text("mine")
    with pytest.raises(InputError, match=r"workload\.yaml is there already; --overwrite replaces it"):
        write_plans(FILES, tmp_path, overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["workload.yaml"]
    write_plans(FILES, tmp_path, overwrite=True)
    assert (tmp_path / "workload.yaml").read_text() == FILES["workload.yaml"]


def test_a_folder_that_is_a_file_is_said_in_one_line(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("kept")
    with pytest.raises(InputError, match="taken: not a folder; name another place"):
        write_plans(FILES, taken, overwrite=True)
    assert taken.read_text() == "kept"
