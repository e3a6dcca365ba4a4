"""Whole runs with stand-ins that answer as the real tools were recorded: done, resumed, refused, ended."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from advisor.measure.state.ledger import Ledger
from advisor.record import store
from tests.measure.kill_loop import MARK, left_over

HERE = Path(__file__).parent
NVIDIA_SMI = """\
#!/bin/sh
case "$*" in
  *loop-ms*) while true; do echo "1000, 300.00, 1980, 90, 60"; sleep 0.2; done ;;
  -L) echo "GPU 0: NVIDIA H100 80GB HBM3" ;;
  *) for i in 0 1; do echo "$i, NVIDIA H100 80GB HBM3, 81559, 550.54.15, GPU-$i, 700.00, 9.0, 4"; done ;;
esac
"""


class Place:
    """A folder with a model, a workload, and stand-ins for every tool."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.out = root / "out"
        self.notes = root / "notes"
        self.notes.touch()
        tool = root / "python"
        tool.write_text((HERE / "stand_in.py").read_text().replace("#!PYTHON", f"#!{sys.executable}", 1))
        tool.chmod(0o755)
        model = root / "model"
        model.mkdir()
        (model / "config.json").write_text('{"model_type": "llama"}')
        (model / "model.safetensors").write_bytes(bytes(100))
        (root / "w.yaml").write_text(
            "about: any\ninput_tokens: 64\noutput_tokens: 16\nload: {concurrency: 4}\n"
        )
        (root / "c.jsonl").write_text('{"text": "one"}\n')
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("STAND_IN")} | {
            "STAND_IN_DATA": str(HERE / "data"),
            "STAND_IN_NOTES": str(self.notes),
            "QUANTADVISE_TOOLS_DIR": str(root / "tools"),
            "COVERAGE_PROCESS_START": "",
            **{f"QUANTADVISE_{name}_PYTHON": str(tool) for name in ("VLLM", "QUANTIZE", "EVALUATE")},
        }

    def with_gpus(self) -> None:
        """Two H100s, as nvidia-smi says it."""
        bin = self.root / "bin"
        bin.mkdir()
        (bin / "nvidia-smi").write_text(NVIDIA_SMI)
        (bin / "nvidia-smi").chmod(0o755)
        self.env["PATH"] = f"{bin}:{self.env['PATH']}"

    def argv(self, *words: str) -> list[str]:
        return [
            *(sys.executable, "-m", "advisor", "measure", "--yes", "--out", str(self.out)),
            *("--model", str(self.root / "model"), "--workload", str(self.root / "w.yaml")),
            *("--calibration", str(self.root / "c.jsonl"), *words),
        ]

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words), env=self.env | env, capture_output=True, text=True, timeout=300, check=False
        )

    def calls(self, what: str) -> list[str]:
        """What the stand-ins were called for."""
        return [line for line in self.notes.read_text().splitlines() if line.startswith(what)]

    def failures(self) -> dict[str, str]:
        return {entry.title: entry.failure.reason for entry in Ledger(self.out) if entry.failure is not None}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


ALL = ("--formats", "bf16,int8,int4", "--concurrency", "1,4,max", "--tasks", "tiny_mc")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run over three formats that ended well."""
    place = Place(tmp_path_factory.mktemp("finished"))
    done = place.run(*ALL)
    assert done.returncode == 0, done.stderr
    return place


def test_a_whole_run_and_the_same_again_which_calls_no_tool(finished: Place):
    before = finished.notes.read_text()
    again = finished.run(*ALL)
    assert again.returncode == 0, again.stderr
    assert finished.notes.read_text() == before
    row = next(
        row
        for row in store.read_speed(finished.out / "records")
        if (row.format, row.load_value, row.metric, row.statistic) == ("int4", 4.0, "ttft_ms", "mean")
    )
    assert row.samples == 120  # forty requests in each of three repeats
    assert row.stderr is not None
    assert "-0.008333 ± 0.014 (90 %) on the same 120 items" in again.stdout


def test_a_changed_plan_redoes_what_changed(finished: Place):
    before = finished.calls("")
    finished.run("--formats", "bf16,int8,int4", "--concurrency", "1,4,16,max", "--tasks", "tiny_mc")
    new = [line.split(" gpus")[0] for line in finished.calls("")[len(before) :]]
    assert new.count("bench 16") == 9  # three formats, three repeats
    assert {line for line in new if not line.startswith("serve")} == {"bench 16"}


def test_out_of_memory_is_recorded_and_the_others_go_on(place: Place):
    done = place.run(*ALL, "--repeats", "1", STAND_IN_OOM="int8")
    assert done.returncode == 4
    assert "4 of 12 steps have no result; first: int8 ×1 concurrency 1 #1" in done.stderr
    assert place.failures() == {"int8 ×1 serve": "out_of_memory"}
    row = store.read_failures(place.out / "records")[0]
    assert (row.format, row.stage, row.reason) == ("int8", "serve", "out_of_memory")
    assert "CUDA out of memory. Tried to allocate 20.00 GiB" in row.detail
    assert {row.format for row in store.read_speed(place.out / "records")} == {"bf16", "int4"}
    # it would meet the same border again: a rerun leaves it alone
    before = len(place.calls("serve"))
    place.run(*ALL, "--repeats", "1")
    assert len(place.calls("serve")) == before


def test_a_server_that_dies_at_a_point_is_started_again_for_the_others(place: Place):
    words = ("--formats", "bf16", "--concurrency", "1,4,8", "--repeats", "1")
    done = place.run(*words, STAND_IN_DIES="4")
    assert done.returncode == 4
    assert place.failures() == {"bf16 ×1 concurrency 4 #1": "crash"}
    assert "illegal memory access" in store.read_failures(place.out / "records")[0].detail
    assert len(place.calls("serve")) == 2
    again = place.run(*words)  # a crash is tried again, and this time it is well
    assert again.returncode == 0
    assert place.failures() == {}
    assert {row.load_value for row in store.read_speed(place.out / "records")} == {None, 4.0, 8.0}


def test_two_gpus_work_side_by_side_each_on_its_own(place: Place):
    place.with_gpus()
    done = place.run(
        "--formats",
        "bf16,int8",
        "--concurrency",
        "1,4",
        "--repeats",
        "2",
        "--max-num-seqs",
        "8",
        STAND_IN_SLOW="0.5",
    )
    assert done.returncode == 0, done.stderr
    used = {line.split()[2] for line in place.calls("bench")}
    assert used == {"gpus=0", "gpus=1"}
    rows = store.read_speed(place.out / "records")
    assert {row.gpu for row in rows} == {"H100-SXM"}
    assert all("300 W" in row.conditions for row in rows)
    # INT8 was quantized while BF16 was measured
    quantized = float(place.calls("quantize")[0].rpartition("=")[2])
    assert quantized < max(float(line.rpartition("=")[2]) for line in place.calls("bench"))


def test_two_gpus_hold_one_model_together(place: Place):
    place.with_gpus()
    place.run("--formats", "bf16", "--tp", "1,2", "--concurrency", "1", "--repeats", "1")
    assert {line.split()[2] for line in place.calls("serve")} == {"gpus=0", "gpus=0,1"}
    assert {row.num_gpus for row in store.read_speed(place.out / "records")} == {1, 2}


def test_more_gpus_than_there_are(place: Place):
    place.with_gpus()
    done = place.run("--formats", "bf16", "--tp", "4", "--concurrency", "1")
    assert done.returncode == 1
    assert "needs 4 GPUs, there are 2; take a smaller --tp" in done.stderr


def test_the_budget_ends_a_run_and_the_next_goes_on(place: Place):
    words = ("--formats", "bf16", "--concurrency", "1,2,4,8,16,32", "--repeats", "2")
    done = place.run(*words, "--budget", "4s", STAND_IN_SLOW="0.7")
    assert done.returncode == 1
    assert "the time given by --budget is over; the same command goes on" in done.stderr
    first = len(place.calls("bench"))
    assert 0 < first < 12
    assert place.run(*words).returncode == 0
    assert len(place.calls("bench")) == 12


def start(place: Place, mark: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        place.argv(*words),
        env=place.env | {MARK: mark, "STAND_IN_SLOW": "0.2"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def nothing_left(mark: str, within_s: float = 40) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if not left_over(mark):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_a_stopped_run_says_so_and_leaves_nothing_running(place: Place, number: signal.Signals):
    run = start(place, f"mark-{number}", *ALL)
    assert run.stderr is not None
    for line in run.stderr:
        if "concurrency 1 #1" in line:
            run.send_signal(number)
            break
    rest = run.stderr.read()
    assert run.wait(timeout=60) == 130
    assert "the same command goes on" in rest
    assert nothing_left(f"mark-{number}")
    assert place.failures() == {}


def test_the_second_run_on_a_folder_is_refused(place: Place):
    run = start(place, "mark-first", *ALL)
    assert run.stderr is not None
    run.stderr.readline()
    second = place.run(*ALL)
    assert second.returncode == 1
    assert f"process {run.pid} is measuring here" in second.stderr
    run.kill()
    run.wait()
    run.stderr.close()
    assert nothing_left("mark-first")


def test_killed_at_random_moments_it_ends_with_the_same_records(tmp_path: Path):
    words = ("--formats", "bf16,int4", "--concurrency", "1,4", "--repeats", "2", "--tasks", "tiny_mc")
    (tmp_path / "calm").mkdir()
    (tmp_path / "killed").mkdir()
    calm, killed = Place(tmp_path / "calm"), Place(tmp_path / "killed")
    assert calm.run(*words).returncode == 0
    draw = random.Random(7)
    kills = 0
    while kills < 8:
        run = start(killed, "mark-random", *words)
        assert run.stderr is not None
        try:
            run.wait(timeout=draw.uniform(0.3, 2.0))
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            kills += 1
        else:
            break
        finally:
            run.stderr.close()
    assert nothing_left("mark-random")
    assert killed.run(*words).returncode == 0
    one, other = (store.read_speed(place.out / "records") for place in (calm, killed))
    keys = [
        (row.format, row.load, row.load_value, row.metric, row.statistic, row.value, row.samples)
        for row in one
    ]
    assert keys == [
        (row.format, row.load, row.load_value, row.metric, row.statistic, row.value, row.samples)
        for row in other
    ]
    assert len(killed.calls("quantize")) <= 1 + kills


def test_an_endpoint_is_measured_without_starting_anything(place: Place):
    port = str(random.Random(os.getpid()).randrange(20_000, 60_000))
    server = subprocess.Popen(
        [str(place.root / "python"), "serve", "m", "--served-model-name", "theirs", "--port", port],
        env=place.env,
        stdout=subprocess.DEVNULL,
    )
    try:
        time.sleep(1)
        done = place.run("--formats", "bf16", "--concurrency", "4", "--endpoint", f"http://127.0.0.1:{port}")
        assert done.returncode == 0, done.stderr
        assert len(place.calls("serve")) == 1  # the one above
        rows = store.read_speed(place.out / "records")
        assert {row.engine_version for row in rows} == {"0.32.0"}
        # The stand-in states a version and nothing else: no row claims flags, and none enters the fit.
        assert {row.suspect for row in rows} == {"unknown: engine, prefix caching, KV cache type"}
        assert not any("--" in row.conditions or "vllm serve" in row.conditions for row in rows)
        assert "serve m" not in (place.out / "commands.txt").read_text()
        refused = place.run(
            "--concurrency", "4", "--max-num-seqs", "8", "--endpoint", f"http://127.0.0.1:{port}"
        )
        assert refused.returncode == 1
        assert "the server runs already; leave out --max-num-seqs" in refused.stderr
    finally:
        server.terminate()
        server.wait()


def test_the_log_of_a_server_that_starts_is_named_at_once(place: Place):
    done = place.run("--formats", "bf16", "--concurrency", "1", "--repeats", "1")
    [line] = [line for line in done.stderr.splitlines() if "starting vLLM" in line]
    assert Path(line.partition("log: ")[2]).is_file()


def test_a_checkpoint_that_its_scores_show_broken_is_not_benchmarked(place: Place):
    words = ("--formats", "bf16,int4", "--concurrency", "1,4", "--repeats", "1", "--tasks", "tiny_mc")
    done = place.run(*words, STAND_IN_BROKEN="int4")
    assert done.returncode == 4
    assert "benchmarks left out, the checkpoint is broken: tiny_mc acc is 0.1, with 16 bits 0." in done.stderr
    assert {row.format for row in store.read_speed(place.out / "records")} == {"bf16"}
    assert {row.format for row in store.read_quality(place.out / "records")} == {"bf16", "int4"}
    again = place.run(*words, "--no-quality-gate")
    assert again.returncode == 0, again.stderr
    assert {row.format for row in store.read_speed(place.out / "records")} == {"bf16", "int4"}
