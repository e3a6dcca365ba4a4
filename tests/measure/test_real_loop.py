"""The whole loop for real, on a CPU: train, quantize, serve, benchmark, evaluate, record, recommend.

Uses the environment of `quantadvise tools install --cpu`, made when it is not there (a few minutes, 3.4 GB).
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from advisor.measure.state.ledger import Ledger
from advisor.measure.tools import envs
from advisor.record import store
from tests.measure.cpu_file import GPU
from tests.measure.kill_loop import MARK, left_over
from tests.measure.ray_start import kill_group, started

pytestmark = pytest.mark.heavy

MAKER = Path(__file__).with_name("tiny_model.py")
RAY_LIMIT_S = 1_500.0
FORMATS = ("bf16", "fp8", "int8", "int4")
WORKLOAD = """\
about: a tiny model on a CPU
input_tokens: 64
output_tokens: 16
load: {concurrency: 4}
"""


def quantadvise(*words: object, timeout_s: float = 3_000) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "advisor", *(str(word) for word in words)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.fixture(scope="session")
def folder(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model, calibration data, tasks, workload, GPU file."""
    root = tmp_path_factory.mktemp("loop")
    subprocess.run([envs.require("quantize").python, MAKER, root], check=True, capture_output=True)
    (root / "workload.yaml").write_text(WORKLOAD)
    (root / "cpu.yaml").write_text(GPU)
    return root


def arguments(folder: Path, out: str, formats: tuple[str, ...] = FORMATS) -> list[str]:
    return [
        *("measure", "--yes", "--out", str(folder / out)),
        *("--model", str(folder / "model"), "--workload", str(folder / "workload.yaml")),
        *("--formats", ",".join(formats), "--concurrency", "1,4", "--repeats", "1", "--requests", "16"),
        *("--tasks", "tiny_facts,tiny_pages", "--task-folder", str(folder / "tasks")),
        *("--calibration", str(folder / "calibration.jsonl"), "--calibration-length", "256"),
        *("--max-model-len", "1024", "--max-num-seqs", "8", "--engine-arg=--enforce-eager"),
        "--no-quality-gate",  # so small a model loses a fifth of a score in int4
    ]


@pytest.fixture(scope="session")
def run(folder: Path) -> Path:
    """The folder of a finished run over all formats."""
    done = quantadvise(*arguments(folder, "run"), *as_gpu(folder))
    assert done.returncode == 0, done.stderr
    return folder / "run"


def as_gpu(folder: Path) -> list[str]:
    """What the CPU is for the advisor, so that a run ends with what it recommends."""
    return ["--gpu-file", str(folder / "cpu.yaml")]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for part in ("ledger", "records", "raw")
        for path in sorted((folder / part).rglob("*"))
        if path.is_file()
    }


def test_every_step_has_a_result(run: Path):
    entries = list(Ledger(run))
    assert [entry.title for entry in entries if entry.failure is not None] == []
    assert len(entries) == 3 + 4 * 2 + 4 * 2  # checkpoints, points, tasks


def test_checkpoints_are_what_their_formats_say(run: Path):
    seen = {}
    for folder in (run / "checkpoints").iterdir():
        config = json.loads((folder / "config.json").read_text())["quantization_config"]
        weights = config["config_groups"]["group_0"]["weights"]
        seen[json.loads((folder / "quantadvise_recipe.json").read_text())["format"]] = (
            weights["num_bits"],
            weights["type"],
            weights["group_size"],
            "lm_head" in config["ignore"],
        )
    assert seen == {
        "fp8": (8, "float", None, True),
        "int8": (8, "int", None, True),
        "int4": (4, "int", 128, True),
    }


def test_every_format_has_its_speed_at_every_concurrency(run: Path):
    rows = store.read_speed(run / "records")
    points = {(row.format, row.load, row.load_value) for row in rows if row.metric == "tpot_ms"}
    loads = (("single", None), ("concurrency", 4.0))
    assert points == {(format, load, value) for format in FORMATS for load, value in loads}
    assert all(row.value > 0 for row in rows)


def test_int4_is_worse_than_bf16_by_more_than_three_errors(run: Path):
    rows = store.read_quality(run / "records")
    row = next(row for row in rows if (row.format, row.metric) == ("int4", "word_perplexity"))
    words = row.conditions.split()
    at = words.index("±")
    loss, error = float(words[words.index("bits") + 1]), float(words[at + 1])
    assert row.baseline is not None
    assert row.value > row.baseline
    assert loss > 3 * error > 0


def test_an_own_task_says_what_int4_keeps(run: Path, folder: Path):
    rows = store.read_quality(run / "records")
    row = next(row for row in rows if (row.format, row.task) == ("int4", "tiny_facts"))
    assert row.baseline is not None
    assert row.paired_stderr is not None
    assert row.baseline - row.value > 3 * row.paired_stderr > 0
    done = quantadvise(
        *("recommend", "--model", folder / "model", "--gpu", folder / "cpu.yaml", "--formats", "int4"),
        *("--workload", folder / "workload.yaml", "--tasks", "tiny_facts", "--kv-cache-dtype", "auto"),
        *("--records", run / "records", "--output", "json"),
    )
    assert done.returncode == 0, done.stderr
    kept = json.loads(done.stdout)["ranked"][0]["estimates"]["recovery"]
    assert kept["basis"] == "measured"
    assert kept["value"] == pytest.approx(row.value / row.baseline, abs=1e-6)
    assert kept["high"] - kept["value"] == pytest.approx(1.645 * row.paired_stderr / row.baseline, rel=0.01)


def test_the_model_knows_its_world(run: Path):
    # four answers each: chance is 0.25
    rows = store.read_quality(run / "records")
    right = next(row.value for row in rows if (row.format, row.metric) == ("bf16", "acc"))
    assert right > 0.8


@dataclass(frozen=True)
class Rerun:
    done: subprocess.CompletedProcess[str]
    before: dict[str, bytes]
    after: dict[str, bytes]

    @property
    def parts(self) -> tuple[str, str]:
        """What was seen, and what is recommended."""
        seen, _, advice = self.done.stdout.partition("What is recommended now, with these records:")
        return seen, advice


@pytest.fixture(scope="module")
def rerun(run: Path, folder: Path) -> Rerun:
    """The same command once more."""
    before = snapshot(run)
    done = quantadvise(*arguments(folder, "run"), *as_gpu(folder), timeout_s=600)
    return Rerun(done, before, snapshot(run))


def test_the_same_command_again_changes_nothing(rerun: Rerun):
    assert rerun.done.returncode == 0, rerun.done.stderr
    assert rerun.after == rerun.before
    assert "starting vLLM" not in rerun.done.stderr
    assert "the 90 % interval missed" in rerun.parts[0]


def test_the_answer_after_a_run_names_its_basis(rerun: Rerun):
    assert "Basis: of the first speed " in rerun.parts[1]
    assert f"Speed measured of {len(FORMATS)} of " in rerun.parts[1]


def test_a_lost_checkpoint_is_made_again_and_nothing_else(run: Path, folder: Path):
    before = snapshot(run)
    made = next(entry for entry in Ledger(run) if entry.title.startswith("quantize fp8"))
    shutil.rmtree(run / "checkpoints" / made.key)
    again = quantadvise(*arguments(folder, "run"), *as_gpu(folder))
    assert again.returncode == 0, again.stderr
    assert (run / "checkpoints" / made.key / "config.json").exists()
    after = snapshot(run)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed <= {f"ledger/{made.key}.json", "records/speed.csv", "records/quality.csv"}


def test_the_recommendation_rests_on_what_was_measured(run: Path, folder: Path):
    done = quantadvise(
        *("recommend", "--model", folder / "model", "--gpu", folder / "cpu.yaml"),
        *("--workload", folder / "workload.yaml", "--records", run / "records", "--output", "json"),
        *("--enforce-eager", "--max-num-seqs", 8),  # as the run was served
    )
    assert done.returncode == 0, done.stderr
    ranked = json.loads(done.stdout)["ranked"]
    served = [(row["deployment"]["format"], row["deployment"]["kv_format"]) for row in ranked]
    plain = ranked[served.index(("bf16", "16bit"))]  # an FP8 KV cache was not measured
    assert plain["estimates"]["tpot_mean_ms"]["basis"] == "measured"


def test_what_was_measured_is_the_answer_to_the_same_run(run: Path, folder: Path):
    """A recommendation is for a load that lasts, which sixteen requests at four a time are not."""
    (folder / "cells.csv").write_text(
        "model,gpu,num_gpus,format,input_tokens,output_tokens,concurrency,num_prompts,engine,max_num_seqs,"
        f"enforce_eager\n{folder / 'model'},{folder / 'cpu.yaml'},1,bf16,64,16,4,16,vllm 0.32.0,8,true\n"
    )
    done = quantadvise(
        *("predict", "--cells", folder / "cells.csv", "--records", run / "records", "--output", "csv")
    )
    assert done.returncode == 0, done.stderr
    [cell] = csv.DictReader(done.stdout.splitlines())
    seen = next(
        row.value
        for row in store.read_speed(run / "records")
        if (row.format, row.load_value, row.metric, row.statistic) == ("bf16", 4.0, "tpot_ms", "mean")
    )
    assert cell["basis"] == "measured"
    assert float(cell["tpot_mean_ms"]) == pytest.approx(seen, rel=0.01)
    assert float(cell["tpot_mean_ms_low"]) <= seen <= float(cell["tpot_mean_ms_high"])


def test_calibrate_on_the_cpu(tools: Path, tmp_path: Path):
    # a data sheet that no CPU keeps
    (tmp_path / "cpu.yaml").write_text(GPU.replace("gb_s: 20", "gb_s: 2000").replace("bf16: 0.2", "bf16: 20"))
    ask = ("predict", "Llama-3.2-1B-Instruct", "--gpu", tmp_path / "cpu.yaml", "--single", "--output", "json")
    ask += ("--input-tokens", 64, "--output-tokens", 16)
    before = json.loads(quantadvise(*ask).stdout)
    done = quantadvise("calibrate", "--cpu", "--seconds", 30, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "calibration.json").read_text())
    rates = {row["what"]: row["rate"] for row in found["timings"] if row["rate"] is not None}
    assert {"memory read", "memory copy", "launch", "gemm", "attention prefill"} <= set(rates)
    assert all(rate > 0 for rate in rates.values())
    after = json.loads(quantadvise(*ask, "--records", tmp_path).stdout)
    slower, faster = (one["prediction"]["estimates"]["tpot_mean_ms"]["value"] for one in (after, before))
    assert slower > 5 * faster


@pytest.fixture
def ray_cluster(tools: Path, folder: Path) -> Iterator[tuple[Path, str, Path]]:
    """Ray's interpreter, the address of a local cluster with two workers, and its folder.

    The folder's path is short: Ray's sockets lie below it, and a socket's path has 107 bytes.
    """
    python = envs.require("ray").python
    ray = python.parent / "ray"
    address = f"127.0.0.1:{6380 + os.getpid() % 500}"
    home = Path(tempfile.mkdtemp(prefix="ray-"))
    environment = {**os.environ, MARK: str(home), "PYTHONPATH": str(repository())}
    start = [
        *(str(ray), "start", "--head", "--port", address.rpartition(":")[2], "--num-cpus", "2"),
        *("--resources", '{"gpu:cpu": 2}', "--include-dashboard", "false", "--temp-dir", str(home)),
    ]
    head = started(start, environment, folder / "ray.log")
    try:
        yield python, address, home
    finally:
        head.terminate()
        try:
            head.wait(timeout=60)
        except subprocess.TimeoutExpired:
            kill_group(head)
        shutil.rmtree(home, ignore_errors=True)


def repository() -> Path:
    return Path(__file__).parents[2]


def test_a_ray_cluster_gives_the_same_records(ray_cluster: tuple[Path, str, Path], folder: Path, run: Path):
    python, address, home = ray_cluster
    argv = arguments(folder, "ray-run", ("bf16", "int4"))
    environment = {**os.environ, "PYTHONPATH": str(repository())}
    driver = subprocess.Popen(
        [python, "-m", "advisor", *argv, "--executor", "ray", "--address", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    killed = False
    assert driver.stderr is not None
    seen = []
    watch = threading.Timer(RAY_LIMIT_S, driver.kill)  # a cluster that hangs must not hang the tests
    watch.start()
    try:
        for line in driver.stderr:
            seen.append(line)
            if not killed and "concurrency 1 #1" in line:
                killed = kill_a_worker(home)
    finally:
        watch.cancel()
    assert driver.wait(timeout=60) == 0, "".join(seen)
    assert killed
    assert any("its worker is gone; starting again" in line for line in seen)
    here = {
        (row.format, row.load_value, row.metric) for row in store.read_speed(folder / "ray-run" / "records")
    }
    there = {(row.format, row.load_value, row.metric) for row in store.read_speed(run / "records")}
    assert here == {key for key in there if key[0] in ("bf16", "int4")}


def kill_a_worker(home: Path) -> bool:
    """End one Ray worker that works for us, of the cluster whose processes carry `home` as their mark."""
    for pid in left_over(str(home)):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if line.startswith(b"ray::_work"):
            os.kill(pid, signal.SIGKILL)
            return True
    return False
