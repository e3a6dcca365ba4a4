"""What a run ends with: figures beside predictions, failures with their logs, the decision, the records."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from advisor.cli.measure.report.report_parts import Section, terminal_text
from advisor.measure.plan_and_results_as_text import SPEED_NOTE
from tests.cli.measure.report.test_advice import place_in
from tests.measure.test_run import Place

WORDS = ("--formats", "bf16,int4", "--concurrency", "1,4", "--repeats", "2", "--requests", "40")
HEADS = (
    "Run",
    "Speed",
    "Accuracy",
    "Predicted before, and measured",
    "What the fit learnt",
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
    head, *rows, note = found["Speed"].strip().splitlines()
    assert note.startswith(SPEED_NOTE)
    assert re.split(r"  +", head) == SPEED_HEAD
    named = [re.split(r"  +", row) for row in rows]
    assert [(row[0], row[2]) for row in named] == [
        (format, f"concurrency {level}") for format in ("bf16", "int4") for level in (1, 4)
    ]
    assert all("2 × 40" in row and "2 repeats only: hence the wide ±" in row for row in rows)
    assert "± " in found["Accuracy"]
    compared = found["Predicted before, and measured"]
    assert "TTFT mean, ms" in compared
    assert "p95" not in compared
    assert "Before this run, by predictions alone: " in found["Decision"]
    assert "Speed measured of 2 of 2 ranked: bf16 on 1× cpu, int4 on 1× cpu." in found["Decision"]
    assert f"92 speed, 4 quality and 0 failure records in {made.out / 'records'}" in found["Records"]
    assert f"report: {made.out / 'report.md'}, {made.out / 'report.html'}" in found["Records"]


def test_what_the_fit_learnt_stands_beside_what_it_said_before(resumed: tuple[Place, str]) -> None:
    _, text = resumed
    lines = parts(text)["What the fit learnt"].splitlines()
    head = re.split(r"  +", lines[0])
    assert head[4:] == [
        *("measured", "predicted before", "90 % interval", "predicted now", "90 % interval", "now is"),
    ]
    cells = [re.split(r"  +", line) for line in lines[1:17]]
    assert {(row[0], row[3]) for row in cells} == {
        (format, figure)
        for format in ("bf16", "int4")
        for figure in ("TTFT mean, ms", "TPOT mean, ms", "E2E mean, ms", "requests/s")
    }
    assert all(row[6].endswith(" missed") for row in cells)  # recordings of another model
    assert all(row[9] == "measured" for row in cells)
    # The stand-in answers four clients and one at the same rate: of one that rate is none.
    cells = [row for row in cells if (row[2], row[3]) != ("concurrency 1", "requests/s")]
    nearer = [
        abs(math.log(float(row[7]) / float(row[4]))) < abs(math.log(float(row[5]) / float(row[4])))
        for row in cells
    ]
    assert all(nearer)
    assert lines[17].startswith("before: 0 of 16 inside their interval, median distance ×÷")
    others = lines[lines.index("What these records say of formats that were not measured:") + 2 :]
    assert {line.split()[0] for line in others if "TPOT mean, ms" in line} == {
        *("fp8", "int8", "int8-w8a16", "nvfp4", "mxfp4", "w4a8-fp8"),
    }
    assert any(line.startswith("Parameters of the measured deployments' step time, the 6 ") for line in lines)
    assert re.fullmatch(
        r"The rest is kept as \d+ measured figures, ×\S+ to ×\S+ of .* near them\.", lines[-2]
    )


def test_the_page_has_the_same_parts_and_fetches_nothing(resumed: tuple[Place, str]) -> None:
    made, printed = resumed
    page = (made.out / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"<h2>(.*?)</h2>", page) == list(parts(printed))
    assert page.count('class="bar"') == 16
    assert '<th scope="col">TTFT mean, ms</th>' in page
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    assert "default-src &#x27;none&#x27;" in page


def test_a_name_that_is_markup_is_text_on_the_page(tmp_path: Path) -> None:
    hostile = tmp_path / "<img src=x onerror=alert(1)>"
    hostile.mkdir()
    made = place_in(hostile)
    one = ("--formats", "bf16", "--concurrency", "4", "--repeats", "1", "--requests", "40")
    assert made.run(*one).returncode == 0
    page = (made.out / "report.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert "&lt;img src=x" in page


def test_the_file_has_the_same_parts_and_the_percentiles(resumed: tuple[Place, str]) -> None:
    made, printed = resumed
    text = (made.out / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# model on cpu\n\n## Run\n\n```text\n")
    heads = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert heads == list(parts(printed))
    assert text.count("TTFT p95, ms") == 2 * 4  # beside its prediction, and before and now
    speed = text.partition("## Speed")[2].partition("## Accuracy")[0]
    assert len(re.findall(r" ± \d", speed)) == 4 * 10  # every figure of every point
    for head, part in parts(printed).items():
        if head not in ("Speed", "Predicted before, and measured", "What the fit learnt"):
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


@pytest.mark.parametrize(("brief", "shown"), [(None, "all"), (("some",), "some"), ((), "")])
def test_a_terminal_shows_the_shorter_text(brief: tuple[str, ...] | None, shown: str) -> None:
    assert terminal_text([Section(head="Head", body=("all",), brief=brief)]) == f"Head\n{shown}"
