"""Calibration files: rows in full, or one line that says what is wrong and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.errors import InputError
from advisor.measure.steps.calibration_data import Calibration, read_rows


def test_a_line_of_text_is_a_sample_and_an_empty_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("one\n\ntwo\n", encoding="utf-8-sig")
    assert read_rows(path) == [{"text": "one"}, {"text": "two"}]


def test_the_same_seed_draws_the_same_samples(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text("".join(f'{{"text": "{i}"}}\n' for i in range(50)))
    drawn = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        row = Calibration(source=str(path), samples=5, seed=3).prepare(folder)
        assert row["samples"] == 5
        drawn.append(Path(row["path"]).read_text())
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0].splitlines())) == 5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff" * 1_000, "not UTF-8 text (byte 0); give a .jsonl or a .txt"),
        (b'{"text": "good"}\n' + b"[" * 100_000, ":2: nested too deeply; write one sample per line"),
        (b'{"text": "good"}\n{"text": ', ":2: not JSON"),
        (b"[1]\n", ":1: must be an object with 'text', 'messages' or 'instruction'"),
        (b"\n\n", "the calibration file is empty; it needs one sample per line"),
    ],
)
def test_a_file_that_is_none_is_said_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_rows(path)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    import os

    pipe = tmp_path / "own.jsonl"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="is not a regular file"):
        read_rows(pipe)
