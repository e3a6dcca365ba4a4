"""What `vllm bench serve` (0.32.0, recorded on a CPU) wrote becomes figures, or the reason why it is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import DataError
from advisor.measure.state.ledger import Failure
from advisor.measure.steps import bench
from advisor.measure.steps.bench import BenchResult, Point, Traffic
from advisor.measure.steps.vllm_server import Endpoint
from advisor.measure.tools import envs
from advisor.spec.benchmark_run import BenchmarkRun

DATA = Path(__file__).parents[1] / "data"


def recorded(name: str = "concurrency", **changes: Any) -> str:
    row = json.loads((DATA / f"vllm_0.32_bench_{name}.json").read_text())
    return json.dumps(row | changes)


def good(text: str) -> BenchResult:
    found = bench.parse(text, where="result.json")
    assert isinstance(found, BenchResult)
    return found


def bad(text: str) -> Failure:
    found = bench.parse(text, where="result.json")
    assert isinstance(found, Failure)
    return found


def test_figures_are_vllms_own():
    found = good(recorded())
    assert (found.completed, found.failed) == (40, 0)
    assert found.figures["ttft_ms/mean"] == pytest.approx(59.883425800023815)
    assert found.figures["tpot_ms/p99"] == pytest.approx(9.719520517997807)
    assert found.figures["e2e_ms/p50"] == pytest.approx(127.13260600003196)
    assert found.figures["requests_per_s/mean"] == pytest.approx(29.26760019008841)
    assert (found.input_tokens, found.output_tokens) == (64.325, 16.0)


def test_the_standard_deviation_is_no_statistic_of_ours():
    assert not [name for name in good(recorded()).figures if "std" in name]


def test_tpot_and_ttft_make_up_the_end_to_end_time():
    figures = good(recorded()).figures
    whole = figures["ttft_ms/mean"] + 15 * figures["tpot_ms/mean"]
    assert whole == pytest.approx(figures["e2e_ms/mean"], rel=1e-6)


def test_zero_completed_is_a_failure_not_zero_milliseconds():
    errors = ["", "Traceback (most recent call last):\n  ...\nClientConnectorError: refused"]
    found = bad(recorded(completed=0, failed=40, mean_ttft_ms=0.0, errors=errors))
    assert found.reason == "too_many_failures"
    assert found.detail == "40 of 40 requests failed: ClientConnectorError: refused"


@given(failed=st.integers(0, 200))
def test_more_than_one_lost_request_in_a_hundred_is_no_result(failed: int):
    found = bench.parse(recorded(completed=200 - failed, failed=failed), where="result.json")
    assert isinstance(found, Failure) == (failed > 2)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0.0])
def test_an_impossible_ttft_is_no_result(value: float):
    assert "ttft_ms/mean" in bad(recorded(mean_ttft_ms=value)).detail


def test_answers_of_one_token_have_no_tpot():
    assert not [name for name in good(recorded(total_output_tokens=40)).figures if name.startswith("tpot")]


def test_answers_without_tokens_are_no_result():
    assert bad(recorded(total_output_tokens=0)).detail == "40 answers without a single token"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"completed": 1', recorded()[:2_000]])
def test_a_file_that_is_no_result_is_named(text: str):
    with pytest.raises(DataError, match=r"result\.json: not a result of `vllm bench serve`"):
        bench.parse(text, where="result.json")


def test_a_result_survives_the_ledger():
    found = good(recorded("rate"))
    assert BenchResult.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_an_open_loop_that_keeps_up_is_not_saturated():
    starts = [float(at) for at in range(60)]
    assert bench.growth(starts, [0.1] * 60) == pytest.approx(1.0)


def test_a_growing_queue_is_saturated_whatever_the_mean_says():
    starts = [float(at) for at in range(60)]
    growing = bench.growth(starts, [0.1 + 0.05 * at for at in range(60)])
    assert growing is not None
    assert growing > 2
    row = json.loads(recorded("rate"))
    row["start_times"], row["ttfts"] = starts, [0.1 + 0.05 * at for at in range(60)]
    assert bench.saturated(Point(kind="rate", value=40.0), good(json.dumps(row)))
    assert not bench.saturated(Point(kind="concurrency", value=4.0), good(json.dumps(row)))


def test_the_command_of_a_point():
    tool = envs.FoundTool(
        tool=envs.find_tool_row("vllm"), python=Path("/env/bin/python"), version="0.32.0", where="test"
    )
    words = bench.command(
        tool,
        Endpoint(url="http://127.0.0.1:8123", served_name="m", version=None),
        tokenizer="/models/m",
        traffic=Traffic(input_tokens=1024, output_tokens=128, prefix_tokens=256),
        point=Point(kind="concurrency", value=8.0),
        run=BenchmarkRun(load="concurrency", level=8.0, requests=32),
        seed=7,
        result=Path("/run/result.json"),
        goodput=("ttft:500",),
    )
    assert " ".join(words) == (
        "/env/bin/python -m vllm.entrypoints.cli.main bench serve --backend vllm "
        "--base-url http://127.0.0.1:8123 --endpoint /v1/completions --model m --tokenizer /models/m "
        "--dataset-name random --random-range-ratio 0 --random-input-len 768 --random-output-len 128 "
        "--random-prefix-len 256 --num-prompts 32 --request-rate inf --seed 7 --burstiness 1 "
        "--num-warmups 8 --ready-check-timeout-sec 60 --ignore-eos --disable-tqdm "
        "--percentile-metrics ttft,tpot,itl,e2el --metric-percentiles 50,90,95,99 "
        "--save-result --save-detailed --result-dir /run --result-filename result.json "
        "--max-concurrency 8 --goodput ttft:500"
    )
