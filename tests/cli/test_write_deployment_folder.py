"""--write, --row, --overwrite."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.cli.write_deployment_folder import check_options, write_row
from advisor.errors import InputError
from tests.report.builders import recommendation, three


def test_the_first_row_is_written_unless_another_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_row(three(), tmp_path / "first")
    write_row(three(), tmp_path / "second", row=2)
    assert "int4 on 1× A6000" in (tmp_path / "first" / "README.md").read_text(encoding="utf-8")
    assert "int8 on 1× A6000" in (tmp_path / "second" / "README.md").read_text(encoding="utf-8")
    told = capsys.readouterr()
    assert told.out == ""
    assert "files for int8 on 1× A6000; begin with README.md" in told.err


def test_a_row_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no row 9; 3 are ranked"):
        write_row(three(), tmp_path, row=9)


def test_nothing_is_written_where_nothing_is_asked_or_ranked(tmp_path: Path) -> None:
    write_row(three(), None)
    write_row(recommendation(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("folder", "row", "overwrite", "said"),
    [
        (None, 1, False, "--row"),
        (None, None, True, "--overwrite"),
        (Path("x"), 0, False, "the first is 1"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    folder: Path | None, row: int | None, overwrite: bool, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        check_options(folder, row, overwrite)


def test_options_that_belong_together_are_taken() -> None:
    check_options(Path("x"), 2, True)
    check_options(None, None, False)
