"""`--write-commands`: scripts that send what a run sends, without quantadvise; their results come back."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.record import store
from tests.cli.measure.report.test_advice import place_in
from tests.command import Command
from tests.measure.test_run import Place

HOSTILE = 'it\'s $(touch pwned) `touch pwned`; "x" 模型'
PLAN = ("--formats", "bf16,int4", "--concurrency", "1,4", "--repeats", "2", "--requests", "20", "--seed", "3")
SETTINGS = ("--max-num-seqs", "8", "--engine-arg=--enforce-eager")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A model of a known shape in a folder whose name would like to be run, and no driver."""
    root = tmp_path / HOSTILE
    root.mkdir()
    return place_in(root)


def write(place: Place, *more: str) -> Path:
    folder = place.root / "by hand"
    done = place.run(*PLAN, *SETTINGS, *more, "--write-commands", str(folder))
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout
        == f"{folder}: {len(list(files(folder)))} files; begin with README.md, run with ./run.sh\n"
    )
    return folder


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def run(place: Place, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    tool = str(place.root / "python")
    tools = {f"{name}_PYTHON": tool for name in ("VLLM", "QUANTIZE", "LM_EVAL")}
    environment = place.env | tools | {"PORT": str(port)} | env
    return subprocess.run(
        [folder / "run.sh"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=place.root,
        timeout=900,
        check=False,
    )


def calls(path: Path) -> list[list[str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def benches(path: Path) -> list[list[str]]:
    """What `vllm bench serve` was called with, apart from where the server and the results are."""
    found = []
    for words in calls(path):
        if "bench" not in words:
            continue
        words = words[: words.index("--metadata")] if "--metadata" in words else words
        for flag in ("--base-url", "--result-dir", "--result-filename", "--model", "--tokenizer"):
            del words[words.index(flag) : words.index(flag) + 2]
        found.append(words)
    return sorted(found)


def serves(path: Path) -> list[list[str]]:
    """The arguments of `vllm serve` after those that name the server and where it listens."""
    found = [words for words in calls(path) if "serve" in words and "bench" not in words]
    return sorted(words[words.index("--port") + 2 :] for words in found)


def test_the_scripts_send_what_a_run_sends(place: Place) -> None:
    folder = write(place, "--gpu", str(place.root / "cpu.yaml"))
    by_hand, by_measure = place.root / "hand.jsonl", place.root / "measure.jsonl"
    done = run(place, folder, STAND_IN_ARGV=str(by_hand))
    assert done.returncode == 0, done.stderr
    assert place.run(*PLAN, *SETTINGS, STAND_IN_ARGV=str(by_measure)).returncode == 0
    assert benches(by_hand) == benches(by_measure)
    assert len(benches(by_hand)) == 8
    assert serves(by_hand) == serves(by_measure)
    recipes = [
        json.loads(next(folder.glob("quantize/*.json")).read_text()),
        json.loads(next((place.out / "checkpoints").glob("*/quantadvise_recipe.json")).read_text()),
    ]
    for recipe in recipes:
        del recipe["output"]
        recipe["calibration"].pop("path")
    assert recipes[0] == recipes[1]
    assert not list(place.root.rglob("pwned"))


def test_what_has_a_result_is_not_done_again(place: Place) -> None:
    folder = write(place, "--gpu", str(place.root / "cpu.yaml"))
    assert run(place, folder).returncode == 0
    (folder / "results" / "int4-tp1" / "concurrency-4-2.json").unlink()
    before = len(place.calls("bench")), len(place.calls("serve")), len(place.calls("quantize"))
    done = run(place, folder)
    assert done.returncode == 0, done.stderr
    assert "bf16-tp1: has all results" in done.stdout
    after = len(place.calls("bench")), len(place.calls("serve")), len(place.calls("quantize"))
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 0]


def test_a_format_that_does_not_start_leaves_the_others(place: Place) -> None:
    folder = write(place, "--gpu", str(place.root / "cpu.yaml"))
    (folder / "checkpoints").mkdir()
    done = run(place, folder, STAND_IN_OOM="int4")
    assert done.returncode == 1
    assert "torch.OutOfMemoryError: CUDA out of memory" in done.stderr
    assert "some scripts failed: see above, and run this again" in done.stderr
    assert {path.parent.name for path in folder.glob("results/*/*.json")} == {"bf16-tp1"}


def test_results_come_back_as_records_with_the_engine_s_settings(place: Place) -> None:
    tasks = place.root / "tasks"
    tasks.mkdir()
    (tasks / "tiny_mc.yaml").write_text('{"task": "tiny_mc", "dataset_path": "json"}')
    less = ("--concurrency", "4", "--repeats", "1")
    folder = write(
        place, *less, "--gpu", str(place.root / "cpu.yaml"), "--tasks", "tiny_mc", "--task-folder", str(tasks)
    )
    assert (folder / "tasks" / "tiny_mc.yaml").read_bytes() == (tasks / "tiny_mc.yaml").read_bytes()
    done = run(place, folder)
    assert done.returncode == 0, done.stderr
    program = place.root / "program"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m advisor "$@"\n')
    program.chmod(0o755)
    home = {"XDG_CACHE_HOME": str(place.root), "PYTHONPATH": os.getcwd()}
    back = subprocess.run(
        [folder / "import.sh"],
        capture_output=True, text=True, check=False, timeout=900, cwd=place.root,
        env=place.env | home | {"QUANTADVISE": str(program)},
    )  # fmt: skip
    assert back.returncode == 0, back.stderr
    rows = store.read_speed(folder / "records")
    assert {(row.format, row.gpu, row.num_gpus, row.engine_version) for row in rows} == {
        ("bf16", "cpu", 1, "0.32.0"),
        ("int4", "cpu", 1, "0.32.0"),
    }
    assert all("max_num_seqs=8; prefix_caching=false; enforce_eager=true" in row.conditions for row in rows)
    assert {row.format for row in store.read_quality(folder / "records")} == {"bf16", "int4"}
    assert "on 1× cpu" in back.stdout
    assert not list(place.root.rglob("pwned"))


def test_a_broken_checkpoint_is_not_benchmarked(place: Place) -> None:
    folder = write(place, "--tasks", "tiny_mc", "--gpu", str(place.root / "cpu.yaml"))
    assert "is not benchmarked" in (folder / "README.md").read_text(encoding="utf-8")
    done = run(place, folder, STAND_IN_BROKEN="int4")
    assert done.returncode == 1
    said = "int4: broken by its scores: tiny_mc acc is 0.01, with 16 bits 0.2667; no benchmarks (QUALITY_GATE"
    assert said in done.stderr
    made = {path.parent.name for path in folder.glob("results/*/concurrency-*.json")}
    assert made == {"bf16-tp1"}
    starts = len(place.calls("serve"))
    assert run(place, folder, STAND_IN_BROKEN="int4").returncode == 1
    assert len(place.calls("serve")) == starts  # it is known now: no server is started for it again
    done = run(place, folder, STAND_IN_BROKEN="int4", QUALITY_GATE="no")
    assert done.returncode == 0, done.stderr
    made = {path.parent.name for path in folder.glob("results/*/concurrency-*.json")}
    assert made == {"bf16-tp1", "int4-tp1"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--slo-search",), "chooses each load from earlier results, a script cannot; add --rates"),
        (("--endpoint", "http://127.0.0.1:1"), "--gpu: the plan is for"),
        (("--gpus", "0", "--concurrency", "1"), "leave out --gpus"),
    ],
)
def test_what_no_script_can_do_is_one_line(place: Place, words: tuple[str, ...], said: str) -> None:
    (place.root / "w.yaml").write_text(
        "about: a\ninput_tokens: 64\noutput_tokens: 16\nload: {requests_per_s: 1}\nslo: {ttft_p95_ms: 500}\n"
    )
    folder = place.root / "none"
    gpu = ("--gpu", str(place.root / "cpu.yaml"))
    done = place.run("--formats", "bf16", *gpu, *words, "--write-commands", str(folder))
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not folder.exists()


def test_relative_paths_hold_in_the_scripts_own_folder(
    place: Place, quantadvise: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.root)
    monkeypatch.setenv("QUANTADVISE_TOOLS_DIR", str(place.root))
    words = ("--model", "model", "--workload", "w.yaml", "--gpu", "cpu.yaml", "--concurrency", "1")
    done = quantadvise("measure", *words, "--write-commands", "by hand")
    assert done.code == 0, done.err
    common = (place.root / "by hand" / "common.bash").read_text(encoding="utf-8")
    [model] = [line for line in common.splitlines() if line.startswith("default_model=")]
    assert shlex.split(model) == [f"default_model={place.root / 'model'}"]
    words = shlex.split((place.root / "by hand" / "import.sh").read_text(encoding="utf-8").splitlines()[-1])
    for flag, name in (("--model", "model"), ("--workload", "w.yaml"), ("--gpu", "cpu.yaml")):
        assert words[words.index(flag) + 1] == str(place.root / name)


def test_no_file_is_replaced(place: Place) -> None:
    folder = write(place)
    done = place.run(*PLAN, "--write-commands", str(folder))
    assert done.returncode == 1
    assert "exists already; name another folder" in done.stderr


def test_a_run_of_a_plan_for_another_gpu_is_refused(place: Place) -> None:
    done = place.run("--formats", "bf16", "--concurrency", "1", "--gpu", "H100")
    assert done.returncode == 1
    assert (
        "--gpu: the plan is for H100-SXM, this machine has cpu; run it there, drop --gpu, or plan"
        in done.stderr
    )
    assert place.calls("serve") == []
