"""What a run says at its end: what is recommended now, from its own records."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.advise.choose.recommendation import Recommendation
from advisor.cli.measure.report.advice import doubt_lines
from advisor.cost.estimate_with_interval import Basis
from tests.cli.measure.test_command import LLAMA
from tests.measure.cpu_file import GPU
from tests.measure.test_run import Place
from tests.report.builders import three
from tests.report.terminal.test_question_and_evidence import ranked_one

TASKS = ("--formats", "bf16,int8,int4", "--tasks", "tiny_mc")
HEAD = "What is recommended now, with these records:"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return place_in(tmp_path)


def place_in(root: Path) -> Place:
    """A model whose shape is known, a file that describes a GPU, and no driver, wherever this runs."""
    made = Place(root)
    (made.root / "model" / "config.json").write_text(json.dumps(LLAMA))
    (made.root / "cpu.yaml").write_text(GPU)
    (made.root / "bin").mkdir()
    (made.root / "bin" / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    (made.root / "bin" / "nvidia-smi").chmod(0o755)
    made.env["PATH"] = f"{made.root / 'bin'}:{made.env['PATH']}"
    return made


def command_line(text: str) -> str:
    """The line that names the command."""
    [line] = [line for line in text.splitlines() if line.startswith("recommend from them: ")]
    return line


def test_a_run_ends_with_what_is_recommended_now_and_the_command_for_it(place: Place) -> None:
    done = place.run(*TASKS, "--gpu-file", str(place.root / "cpu.yaml"))
    assert done.returncode == 0, done.stderr
    seen, _, advice = done.stdout.partition(HEAD)
    assert "tiny_mc" in seen
    lines = advice.splitlines()
    assert lines[1].startswith("int8 on 1× cpu")
    assert any(line.startswith("model for w: ") for line in lines)
    assert "Accuracy: tiny_mc 100.00 ± 0.83 % over 120 items" in advice  # of INT8, by the run's own task
    assert not any("FP8 KV cache" in line for line in lines)  # not what was measured
    assert command_line(done.stdout) == (
        f"recommend from them: quantadvise recommend --model {place.root / 'model'} "
        f"--workload {place.root / 'w.yaml'} --gpu {place.root / 'cpu.yaml'} --engine 'vllm 0.32.0' "
        f"--kv-cache-dtype auto --tasks tiny_mc --records {place.out / 'records'}"
    )
    assert "next: the same command with --write DIR" in done.stdout


def test_the_advice_is_for_the_engine_as_the_run_set_it(place: Place) -> None:
    """A run without CUDA graphs says nothing of a server with them."""
    speed = ("--formats", "bf16", "--concurrency", "4", "--repeats", "1", "--requests", "40")
    settings = ("--max-num-seqs", "8", "--engine-arg=--enforce-eager")
    done = place.run(*speed, *settings, "--gpu-file", str(place.root / "cpu.yaml"))
    assert done.returncode == 0, done.stderr
    advice = done.stdout.partition(HEAD)[2]
    # Of a model this small nobody knows what a format loses.
    assert "Speed measured of 1 of 1 ranked: bf16 on 1× cpu." in advice
    command = shlex.split(command_line(done.stdout).partition(": ")[2])
    assert command[0] == "quantadvise"
    for words in (("--engine", "vllm 0.32.0"), ("--max-num-seqs", "8")):
        assert command[command.index(words[0]) + 1] == words[1]
    assert "--enforce-eager" in command
    again = subprocess.run(
        [sys.executable, "-m", "advisor", *command[1:], "--output", "json"],
        capture_output=True, text=True, env=place.env, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    [first] = [row for row in json.loads(again.stdout)["ranked"] if row["deployment"]["format"] == "bf16"][:1]
    assert first["estimates"]["tpot_mean_ms"]["basis"] == "measured"


def test_a_first_that_is_only_predicted_is_doubted_where_predictions_missed() -> None:
    def ranked(*bases: tuple[str, Basis]) -> Recommendation:
        return replace(three(), ranked=[ranked_one(fmt, basis) for fmt, basis in bases])

    predicted = ranked(("int8", "fitted"), ("bf16", "measured"))
    [line] = doubt_lines(predicted, 9, 16)
    assert line.startswith("The first was not measured, and predictions missed 9 of 16 figures of this run: ")
    assert line.endswith("the best that was measured is bf16 on 1× A6000.")
    assert doubt_lines(predicted, 8, 16) == []
    assert doubt_lines(ranked(("bf16", "measured"), ("int8", "fitted")), 16, 16) == []


def test_the_command_is_quoted_for_a_shell(tmp_path: Path) -> None:
    hostile = tmp_path / "it's $(touch pwned); a folder"
    hostile.mkdir()
    place = Place(hostile)
    (place.root / "model" / "config.json").write_text(json.dumps(LLAMA))
    done = place.run("--formats", "bf16", "--concurrency", "4", "--repeats", "1", "--requests", "40")
    assert done.returncode == 0, done.stderr
    words = shlex.split(command_line(done.stdout).partition(": ")[2])
    assert words[words.index("--records") + 1] == str(place.out / "records")


def test_what_hinders_the_recommendation_is_one_line_and_the_run_stands(place: Place) -> None:
    (place.out / "records").mkdir(parents=True)
    (place.out / "records" / "mine.csv").write_text("#quantadvise speed 1\nno,such,columns\n")
    done = place.run(*TASKS, "--gpu-file", str(place.root / "cpu.yaml"))
    assert done.returncode == 0
    assert HEAD not in done.stdout
    assert "recommend from them: quantadvise recommend" in done.stdout
    [line] = [line for line in done.stderr.splitlines() if "no recommendation" in line]
    assert "mine.csv" in line


def test_without_a_known_gpu_there_is_the_command_alone(place: Place) -> None:
    done = place.run(*TASKS)
    assert done.returncode == 0, done.stderr
    assert HEAD not in done.stdout
    assert "no predictions to compare with: " in done.stdout
    assert "recommend from them: quantadvise recommend" in done.stdout
