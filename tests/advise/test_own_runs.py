"""Records that equal what the model predicts for exactly their run teach nothing, whatever made the run."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from advisor.cost.fit_file import Fit
from advisor.cost.learn_from_own_records import learn_more
from advisor.cost.predict.predictor import Predictor
from advisor.cost.serving.load_table import run_table
from advisor.measure.ledger_to_records import records
from advisor.measure.state.ledger import Entry
from advisor.measure.steps.bench import Point
from advisor.measure.steps.what_to_measure import Plan
from advisor.record.benchmark_run_of_row import run_of
from advisor.record.importers.read_result_file import import_file
from advisor.record.importers.stated_facts import DeploymentFacts
from advisor.record.measurement import SpeedMeasurement
from advisor.record.store import read_speed, write_speed
from advisor.report.manifests.verify_figures import check_run
from advisor.shipped_files import shipped
from advisor.spec.benchmark_run import REQUESTS_PER_CLIENT, BenchmarkRun
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.workload import Arrival

DATA = Path(__file__).resolve().parent.parent / "data"
TOKENS = (1024.0, 128.0)
MODEL, FORMAT, GPU, VERSION = "Llama-3.1-8B-Instruct", "fp8", "H100-SXM", "0.30.0"
SERVED = Deployment(
    model=find_model(MODEL),
    format=find_format(FORMAT),
    gpu=find_gpu(GPU),
    engine=Engine(version=VERSION),
)
FACTS = DeploymentFacts(model=MODEL, format=FORMAT, gpu=GPU, num_gpus=1, engine_version=VERSION)
CLIENTS = (8, 16, 32, 64)
ASKED = [BenchmarkRun.planned("concurrency", n) for n in (16.0, 24.0, 32.0)]
TEACHERS = ("silybench", "arXiv:2411.02355")
"""Enough rows of both engines to have an optimum, few enough to be quick."""
MOVED = 0.004
"""How far an answer may move: the fit ends when a step promises less than a ten-thousandth of its loss."""


@dataclass(frozen=True)
class Figures:
    """What the model predicts for a run; ms and per second."""

    ttft: float
    tpot: float
    e2e: float
    rate: float


@pytest.fixture(scope="module")
def taught() -> list[SpeedMeasurement]:
    rows = read_speed(shipped("measurements"))
    return [r for r in rows if r.source.startswith(TEACHERS) and r.statistic in ("mean", "p50")]


@pytest.fixture(scope="module")
def base(taught: list[SpeedMeasurement]) -> Fit:
    fit = Predictor.shipped().fit
    for _ in range(6):
        fit = learn_more(taught, fit)
    return fit


def predicted(fit: Fit, run: BenchmarkRun) -> Figures:
    loads = run_table(run, [SERVED], input_tokens=TOKENS[0], output_tokens=TOKENS[1])
    found = Predictor(fit).table([SERVED], loads)
    figures = (*(found.mean_ms(metric) for metric in ("ttft", "tpot", "e2e")), found.requests_per_s)
    return Figures(*(float(one.value[0]) for one in figures))


def answers(fit: Fit) -> np.ndarray:
    """TTFT, TPOT and throughput under loads that were measured and one that was not."""
    found = [predicted(fit, run) for run in ASKED]
    return np.array([[one.ttft, one.tpot, one.e2e, one.rate] for one in found])


def moved(base: Fit, taught: list[SpeedMeasurement], own: list[SpeedMeasurement], folder: Path) -> float:
    """The largest relative change of an answer by own records, written and read again."""
    assert own
    write_speed(folder / "own.csv", own)
    after = learn_more([*taught, *read_speed(folder / "own.csv")], base)
    return float(np.abs(answers(after) / answers(base) - 1.0).max())


# -- the ways to make a run


def by_measure(fit: Fit, folder: Path, change: Mapping[str, Any] | None = None) -> list[SpeedMeasurement]:
    """Three repeats of each point as `measure` keeps them in its ledger."""
    points = [Point(kind="concurrency", value=float(n)) for n in CLIENTS]
    points += [Point(kind="concurrency", value=1.0), Point(kind="rate", value=5.0), Point(kind="maximum")]
    plan = Plan(model=MODEL, workload="chat", points=tuple(points))
    entries = []
    for point in points:
        run = plan.run_at(point)
        as_sent = run if point.value != 1.0 else replace(run, load="single", level=None)
        result = bench_result(predicted(fit, as_sent), run.num_prompts)
        entries += [ledger_entry(point, run.num_prompts, repeat, result) for repeat in range(run.repeats)]
    return list(records(entries, folder, "own run").speed)


def bench_result(f: Figures, requests: int) -> dict[str, Any]:
    means = {"requests_per_s": f.rate, "output_tokens_per_s": f.rate * TOKENS[1]}
    means |= {"ttft_ms": f.ttft, "tpot_ms": f.tpot, "e2e_ms": f.e2e}
    return {
        "completed": requests,
        "failed": 0,
        "duration_s": requests / f.rate,
        "input_tokens": TOKENS[0],
        "output_tokens": TOKENS[1],
        "figures": {f"{name}/mean": value for name, value in means.items() if math.isfinite(value)},
    }


def ledger_entry(point: Point, requests: int, repeat: int, result: dict[str, Any]) -> Entry:
    facts = {
        "model": MODEL,
        "format": FORMAT,
        "gpu": GPU,
        "num_gpus": 1,
        "engine_version": VERSION,
        "kv_format": "16bit",
        "lengths": "constant",
        "asked_input": TOKENS[0],
        "asked_output": TOKENS[1],
        "arguments": [],
        "dummy": False,
        "prefix_hit_rate": 0.0,
        "max_context": 8192,
    }
    inputs = {"point": point.to_json(), "requests": requests, "traffic": {"burstiness": 1.0}, "seed": repeat}
    return Entry(
        key=f"{point}{repeat}",
        kind="bench",
        title=f"{point} #{repeat + 1}",
        inputs=inputs,
        date="2026-11-30T10:00:00Z",
        extra={"facts": facts},
        result=result,
        seconds=60.0,
    )


def vllm_result(f: Figures, run: BenchmarkRun) -> Any:
    document = json.loads((DATA / "vllm_bench" / "concurrency.json").read_text())
    for key in [k for k in document if k.endswith(("_ms", "_lens"))]:
        del document[key]
    n = run.num_prompts
    return document | {
        "num_prompts": n,
        "completed": n,
        "max_concurrency": run.level if run.load == "concurrency" else None,
        "request_rate": run.level if run.load == "rate" else "inf",
        "duration": n / f.rate,
        "total_input_tokens": n * TOKENS[0],
        "total_output_tokens": n * TOKENS[1],
        "request_throughput": f.rate,
        "output_throughput": f.rate * TOKENS[1],
        "total_token_throughput": f.rate * sum(TOKENS),
        "mean_ttft_ms": f.ttft,
        "mean_tpot_ms": f.tpot,
        "mean_e2el_ms": f.e2e,
    }


def guidellm_result(f: Figures, run: BenchmarkRun) -> Any:
    document = json.loads((DATA / "guidellm" / "v2_concurrent.json").read_text())
    row = document["benchmarks"] = [document["benchmarks"][1]]
    metrics = row[0]["metrics"]
    strategies = {
        "concurrency": {"type_": "concurrent", "streams": run.level},
        "rate": {"type_": "poisson", "rate": run.level},
        "maximum": {"type_": "throughput", "max_concurrency": run.num_prompts},
    }
    row[0]["config"]["strategy"] = strategies[run.load]
    row[0] |= {"duration": run.num_prompts / f.rate, "requests": {}}
    metrics["request_totals"] = {"successful": run.num_prompts, "errored": 0, "total": run.num_prompts}
    values = {
        "time_to_first_token_ms": f.ttft,
        "inter_token_latency_ms": f.tpot,
        "request_latency": f.e2e / 1000,
        "requests_per_second": f.rate,
        "output_tokens_per_second": f.rate * TOKENS[1],
        "tokens_per_second": f.rate * sum(TOKENS),
    }
    for key, value in values.items():
        metrics[key]["successful"] = {"mean": value, "count": run.num_prompts}
    for key, tokens in zip(("prompt_token_count", "output_token_count"), TOKENS, strict=True):
        metrics[key]["successful"] = {"mean": tokens, "min": tokens, "max": tokens, "std_dev": 0.0}
    return document


def aiperf_result(f: Figures, run: BenchmarkRun) -> Any:
    document = json.loads((DATA / "aiperf" / "recorded_0.13.0.json").read_text())
    option = "concurrency" if run.load == "concurrency" else "request-rate"
    document["run_info"] = {"cli_command": f"aiperf profile --{option} {run.level:g}"}
    document["input_config"] = {}
    values = {
        "time_to_first_token": ("ms", f.ttft),
        "inter_token_latency": ("ms", f.tpot),
        "request_latency": ("ms", f.e2e),
        "request_throughput": ("requests/sec", f.rate),
        "output_token_throughput": ("tokens/sec", f.rate * TOKENS[1]),
        "total_token_throughput": ("tokens/sec", f.rate * sum(TOKENS)),
        "request_count": ("requests", run.num_prompts),
    }
    for key, (unit, value) in values.items():
        document[key] = {"unit": unit, "avg": value}
    del document["inter_chunk_latency"]
    for served, counted, tokens in (
        ("usage_prompt_tokens", "input_sequence_length", TOKENS[0]),
        ("usage_completion_tokens", "output_sequence_length", TOKENS[1]),
    ):
        one = {"unit": "tokens", "avg": tokens, "min": tokens, "max": tokens, "std": 0.0}
        document[served] = document[counted] = one
    return document


def inference_perf_result(f: Figures, run: BenchmarkRun) -> Any:
    document = json.loads((DATA / "inference_perf" / "stage_1_lifecycle_metrics.json").read_text())
    level = {"concurrency": run.level} if run.load == "concurrency" else {"requested_rate": run.level}
    document["load_summary"] = {"count": run.num_prompts, **level}
    flat = ({"mean": n, "min": n, "max": n} for n in TOKENS)
    latency = {"request_latency": f.e2e, "time_per_output_token": f.tpot, "time_to_first_token": f.ttft}
    document["successes"] = {
        "count": run.num_prompts,
        "latency": {key: {"mean": value / 1000} for key, value in latency.items()},
        "throughput": {"requests_per_sec": f.rate, "output_tokens_per_sec": f.rate * TOKENS[1]},
        **dict(zip(("prompt_len", "output_len"), flat, strict=True)),
    }
    return document


def llmd_result(f: Figures, run: BenchmarkRun) -> Any:
    import yaml

    document = yaml.safe_load((DATA / "llmd_report" / "report_v0.2.yaml").read_text())
    load = document["scenario"]["load"]["standardized"]
    del load["rate_qps"]
    load["concurrency" if run.load == "concurrency" else "rate_qps"] = run.level
    document["scenario"]["stack"][0]["standardized"]["tool_version"] = f"vllm/vllm-openai:v{VERSION}"
    document["run"]["time"] = {"start": "2026-09-05", "duration": f"PT{run.num_prompts / f.rate:.2f}S"}
    aggregate = document["results"]["request_performance"]["aggregate"]
    aggregate["requests"] |= {"total": run.num_prompts, "failures": 0}
    values = {"time_to_first_token": f.ttft, "time_per_output_token": f.tpot, "request_latency": f.e2e}
    aggregate["latency"] = {key: {"units": "ms", "mean": value} for key, value in values.items()}
    rates = {"request_rate": f.rate, "output_token_rate": f.rate * TOKENS[1]}
    aggregate["throughput"] = {key: {"units": "1/s", "mean": value} for key, value in rates.items()}
    return document


def inferencex_result(f: Figures, run: BenchmarkRun) -> Any:
    document = json.loads((DATA / "inferencex" / "agg_gptoss_tp2_conc16.json").read_text())
    for key in [k for k in document if k.startswith(("mean_", "median_", "p99_", "std_"))]:
        del document[key]
    return document | {
        "model": f"meta-llama/{MODEL}",
        "precision": FORMAT,
        "hw": "h100",
        "tp": 1,
        "image": f"vllm/vllm-openai:v{VERSION}",
        "conc": run.level,
        "isl": TOKENS[0],
        "osl": TOKENS[1],
        "mean_ttft": f.ttft / 1000,
        "mean_tpot": f.tpot / 1000,
        "mean_e2el": f.e2e / 1000,
        "tput_per_gpu": f.rate * sum(TOKENS),
        "output_tput_per_gpu": f.rate * TOKENS[1],
    }


Writer = Callable[[Figures, BenchmarkRun], Any]


def imported(fit: Fit, folder: Path, write: Writer, runs: list[BenchmarkRun]) -> list[SpeedMeasurement]:
    found: list[SpeedMeasurement] = []
    for number, run in enumerate(runs):
        path = folder / f"{number}.json"
        path.write_text(json.dumps(write(predicted(fit, run), run)), encoding="utf-8")
        result = import_file(path, replace(FACTS, lengths="constant"))
        assert result.refused == ()
        found += result.speed
    return found


def closed(per_client: int, **more: Any) -> list[BenchmarkRun]:
    return [
        BenchmarkRun(load="concurrency", level=float(n), requests=per_client * n, **more) for n in CLIENTS
    ]


RATE = BenchmarkRun(load="rate", level=5.0, requests=300)
AT_ONCE = BenchmarkRun(load="maximum", requests=3000)
ONE_BATCH = BenchmarkRun(load="batch", level=24.0, requests=24)
"""So few at once that none waits, as a burst is imported."""


@pytest.mark.parametrize(
    ("write", "runs"),
    [
        (vllm_result, [*closed(4), RATE, AT_ONCE, ONE_BATCH]),
        (guidellm_result, [*closed(4), RATE, AT_ONCE]),
        (aiperf_result, [*closed(4), RATE]),
        (inference_perf_result, [*closed(6), RATE]),
        (llmd_result, [*closed(6), RATE]),
        (inferencex_result, closed(REQUESTS_PER_CLIENT)),
    ],
    ids=["vllm", "guidellm", "aiperf", "inference-perf", "llm-d", "inferencex"],
)
def test_an_imported_run_as_predicted_moves_nothing(
    base: Fit, taught: list[SpeedMeasurement], tmp_path: Path, write: Writer, runs: list[BenchmarkRun]
) -> None:
    own = imported(base, tmp_path, write, runs)
    assert {(row.load, row.load_value) for row in own} == {(run.load, run.level) for run in runs}
    assert moved(base, taught, own, tmp_path) < MOVED


def test_a_measured_run_as_predicted_moves_nothing(
    base: Fit, taught: list[SpeedMeasurement], tmp_path: Path
) -> None:
    own = by_measure(base, tmp_path)
    assert {row.repeats for row in own} == {3}
    assert moved(base, taught, own, tmp_path) < MOVED


def test_a_run_of_the_written_check_as_predicted_moves_nothing(
    base: Fit, taught: list[SpeedMeasurement], tmp_path: Path
) -> None:
    arrivals = [Arrival(kind="concurrency", value=n) for n in CLIENTS]
    runs = [check_run(arrival) for arrival in (*arrivals, Arrival(kind="rate", value=5.0))]
    own = imported(base, tmp_path, vllm_result, runs)
    assert moved(base, taught, own, tmp_path) < MOVED


def test_an_older_record_is_read_by_what_its_conditions_say(
    base: Fit, taught: list[SpeedMeasurement], tmp_path: Path
) -> None:
    """Without the columns of its run; the sum of three repeats read as one run would move TTFT by a fifth."""
    new = dict.fromkeys(("requests", "repeats", "input_std", "output_std", "burstiness"), None)
    own = [replace(row, **new) for row in by_measure_of_four(base)]
    assert all("requests x 3" in row.conditions for row in own)
    assert moved(base, taught, own, tmp_path) < MOVED
    unsaid = [replace(row, conditions="") for row in own]
    assert moved(base, taught, unsaid, tmp_path) > 0.15


def by_measure_of_four(fit: Fit) -> list[SpeedMeasurement]:
    """As `measure` once did: four requests for each client, three times."""
    entries = []
    for n in CLIENTS:
        point, requests = Point(kind="concurrency", value=float(n)), max(32, 4 * n)
        run = BenchmarkRun(load="concurrency", level=float(n), requests=requests)
        result = bench_result(predicted(fit, run), requests)
        entries += [ledger_entry(point, requests, repeat, result) for repeat in range(3)]
    return list(records(entries, Path(), "own run").speed)


def test_lengths_that_vary_are_learnt_with_the_spread_that_they_had(
    base: Fit, taught: list[SpeedMeasurement], tmp_path: Path
) -> None:
    """A detailed result of vLLM lists every length; taken for another spread they would move answers."""
    runs = closed(4, input_std=100.0, output_std=16.0)

    def detailed(f: Figures, run: BenchmarkRun) -> Any:
        n = run.num_prompts
        lengths = {"input_lens": two_lengths(TOKENS[0], 100, n), "output_lens": two_lengths(TOKENS[1], 16, n)}
        return vllm_result(f, run) | lengths

    own = imported(base, tmp_path, detailed, runs)
    own = [replace(row, lengths="distribution") for row in own]
    assert {(row.input_std, row.output_std) for row in own} == {(100.0, 16.0)}
    assert moved(base, taught, own, tmp_path) < MOVED
    assert run_of(replace(own[0], input_std=None)).input_std == 0.5 * TOKENS[0]


def two_lengths(mean: float, std: float, count: int) -> list[float]:
    return [mean - std, mean + std] * (count // 2)


def test_the_throughput_of_an_open_loop_corrects_no_capacity(
    base: Fit, taught: list[SpeedMeasurement], tmp_path: Path
) -> None:
    """A run of 60 s at 5 requests/s answers 4.5 a second of its whole length: its end, and no slow server."""
    own = imported(base, tmp_path, vllm_result, [RATE])
    slow = [replace(row, value=0.9 * row.value) if row.metric.endswith("_per_s") else row for row in own]
    assert moved(base, taught, slow, tmp_path) < MOVED


def test_settings_of_the_server_are_those_of_the_run() -> None:
    from advisor.cost.fitting.run_conditions import engine_of

    words = shlex.join(["--max-num-seqs", "16", "--gpu-memory-utilization", "0.8"])
    made = engine_of("vllm", VERSION, f"vllm serve {words}; 640 requests x 3")
    assert (made.max_num_seqs, made.gpu_memory_utilization) == (16, 0.8)
