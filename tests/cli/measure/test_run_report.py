"""What a run ends with: figures beside predictions, failures with their logs, the decision, the records."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from advisor.cli.measure.run_report import Section, terminal_text
from tests.cli.measure.test_advice import place_in
from tests.measure.test_run import Place

WORDS = ("--formats", "bf16,int4", "--concurrency", "1,4", "--repeats", "2", "--requests", "40")
HEADS = (
    "Run",
    "Speed",
    "Accuracy",
    "Predicted before, and measured",
    "Failed or not measured",
    "Decision",
    "Records",
)


SPEED_HEAD = [
    *("format", "GPUs", "load", "requests", "TTFT mean, ms", "p50", "p95", "p99", "TPOT mean, ms", "p95"),
    *("E2E mean, ms", "p95", "requests/s", "output tokens/s", "remark"),
]


def parts(text: str) -> dict[str, str]:
    """The report's parts by their heads."""
    found: dict[str, str] = {}
    head = ""
    for line in text.splitlines():
        if line in HEADS:
            head = line
        elif head:
            found[head] = f"{found.get(head, '')}{line}\n"
    return found


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, str]:
    """A run of two formats after one of the first alone, and what it printed."""
    made = place_in(tmp_path_factory.mktemp("whole"))
    tasks = ("--tasks", "tiny_mc")
    assert made.run("--formats", "bf16", *WORDS[2:], *tasks).returncode == 0
    done = made.run(*WORDS, *tasks, "--gpu-file", str(made.root / "cpu.yaml"))
    assert done.returncode == 0, done.stderr
    return made, done.stdout


def test_a_run_that_was_resumed_reports_the_whole(resumed: tuple[Place, str]) -> None:
    made, text = resumed
    found = parts(text)
    assert list(found) == [head for head in HEADS if not head.startswith("Failed")]
    assert "11 of 11 steps of the plan have a result" in found["Run"]
    head, *rows = found["Speed"].strip().splitlines()
    assert re.split(r"  +", head) == SPEED_HEAD
    assert [row.split("  ")[0] for row in rows] == ["bf16", "bf16", "int4", "int4"]
    assert all("2 × 40" in row and "2 repeats only: scatter unknown" in row for row in rows)
    assert "± " in found["Accuracy"]
    compared = found["Predicted before, and measured"]
    assert "TTFT mean, ms" in compared
    assert "p95" not in compared
    assert "Before this run, by predictions alone: " in found["Decision"]
    assert (
        "The first was not measured, and predictions missed 16 of 16 figures of this run" in found["Decision"]
    )
    assert f"92 speed, 4 quality and 0 failure records in {made.out / 'records'}" in found["Records"]
    assert f"report: {made.out / 'report.md'}" in found["Records"]


def test_the_file_has_the_same_parts_and_the_percentiles(resumed: tuple[Place, str]) -> None:
    made, printed = resumed
    text = (made.out / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# model on cpu\n\n## Run\n\n```text\n")
    heads = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert heads == list(parts(printed))
    assert text.count("TTFT p95, ms") == 4
    for head, part in parts(printed).items():
        if head != "Predicted before, and measured":
            assert part.partition("report: ")[0].strip() in text


def test_what_failed_is_said_with_its_reason_and_its_log(tmp_path: Path) -> None:
    made = place_in(tmp_path)
    done = made.run(*WORDS, STAND_IN_OOM="int4")
    assert done.returncode == 4
    failed = parts(done.stdout)["Failed or not measured"]
    [line] = [line for line in failed.splitlines() if line.startswith("failed: int4 serve (out_of_memory): ")]
    assert "CUDA out of memory" in line
    assert Path(line.rpartition("log: ")[2]).is_file()
    assert "not measured: int4 ×1 concurrency 1 #1, int4 ×1 concurrency 1 #2" in failed
    assert "Failed or not measured" in (made.out / "report.md").read_text(encoding="utf-8")


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    made = place_in(tmp_path)
    done = made.run(*WORDS, "--tasks", "tiny_mc", STAND_IN_BROKEN="int4")
    assert done.returncode == 4
    assert "broken by its scores: int4, tiny_mc acc is 0.1" in parts(done.stdout)["Failed or not measured"]


@pytest.mark.parametrize(("brief", "shown"), [(None, "all"), ("some", "some"), ("", "")])
def test_a_terminal_shows_the_shorter_text(brief: str | None, shown: str) -> None:
    assert terminal_text([Section(head="Head", body="all", brief=brief)]) == f"Head\n{shown}"
