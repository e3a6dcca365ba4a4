"""What a benchmark prints on a terminal, as the result that it saves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.record.importers.tools import mlperf, printed_output

TABLE = """
Namespace(backend='vllm', model='meta-llama/Llama-3.1-8B-Instruct', num_prompts=320, request_rate=inf)
Traffic request rate: inf
Maximum request concurrency: 32
============ Serving Benchmark Result ============
Successful requests:                     320
Failed requests:                         0
Benchmark duration (s):                  64.00
Total input tokens:                      163840
Total generated tokens:                  81920
Request throughput (req/s):              4.99
Output token throughput (tok/s):         1280.00
---------------Time to First Token----------------
Mean TTFT (ms):                          120.50
Median TTFT (ms):                        98.10
P99 TTFT (ms):                           410.00
P99.9 E2EL (ms):                         9000.00
==================================================
"""


def one(text: str) -> dict[str, object]:
    [found] = printed_output.results(text)
    return found


def test_a_table_is_the_saved_result() -> None:
    found = one(TABLE)
    assert found["model_id"] == "meta-llama/Llama-3.1-8B-Instruct"
    assert (found["completed"], found["failed"], found["duration"]) == (320, 0, 64.0)
    assert (found["max_concurrency"], found["request_rate"], found["num_prompts"]) == (32, "inf", 320)
    assert (found["mean_ttft_ms"], found["median_ttft_ms"], found["p99_ttft_ms"]) == (120.5, 98.1, 410.0)
    assert found["p99.9_e2el_ms"] == 9_000.0


def test_requests_per_second_are_counted_where_two_decimals_are_printed() -> None:
    assert one(TABLE)["request_throughput"] == 320 / 64.0


def test_several_tables_of_one_log_keep_their_own_traffic() -> None:
    second = TABLE.replace("concurrency: 32", "concurrency: 64").replace("120.50", "220.50")
    found = printed_output.results(TABLE + second)
    assert [row["max_concurrency"] for row in found] == [32, 64]
    assert [row["mean_ttft_ms"] for row in found] == [120.5, 220.5]


def test_what_stands_after_a_table_is_no_part_of_it() -> None:
    assert one(TABLE + "\nMean TTFT (ms): 1.00\n")["mean_ttft_ms"] == 120.5


def test_a_table_that_was_cut_off_has_the_lines_that_are_there() -> None:
    found = one(TABLE[: TABLE.index("Median")])
    assert found["mean_ttft_ms"] == 120.5
    assert "median_ttft_ms" not in found


def test_none_among_the_arguments_is_nothing() -> None:
    found = one(TABLE.replace("request_rate=inf", "max_concurrency=None"))
    assert found["max_concurrency"] == 32  # of the traffic's own line


@given(st.text())
def test_any_other_text_has_no_table(text: str) -> None:
    assert printed_output.recognises(text) == bool(printed_output.results(text))
    assert printed_output.recognises(TABLE)


SUMMARY = """
================================================
MLPerf Results Summary
================================================
SUT name : vLLM
Scenario : {scenario}
Mode     : {mode}
Completed samples per second    : 4.0
Completed tokens per second: 512.0
Scheduled samples per second : 4.2
Result is : {verdict}
Mean first token latency (ns)   : 120000000
99.00 percentile time to output token (ns)   : 20000000
97.30 percentile latency (ns)  : 1
"""


def summary(scenario: str = "Server", mode: str = "PerformanceOnly", verdict: str = "VALID") -> str:
    return SUMMARY.format(scenario=scenario, mode=mode, verdict=verdict)


def test_loadgens_nanoseconds_are_milliseconds() -> None:
    [run] = mlperf.runs(summary(), where="x")
    assert run.refused == ""
    assert run.figures == {
        ("requests_per_s", "mean"): 4.0,
        ("output_tokens_per_s", "mean"): 512.0,
        ("ttft_ms", "mean"): 120.0,
        ("tpot_ms", "p99"): 20.0,
    }
    assert run.output_tokens == 128.0


@pytest.mark.parametrize(
    ("scenario", "load", "value"),
    [("Server", "rate", 4.2), ("Offline", "maximum", None), ("Single Stream", "single", None)],
)
def test_a_scenario_is_a_load(scenario: str, load: str, value: float | None) -> None:
    [run] = mlperf.runs(summary(scenario), where="x")
    assert (run.load, run.load_value) == (load, value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"verdict": "INVALID"}, "loadgen calls the result INVALID, not VALID"),
        ({"mode": "AccuracyOnly"}, "mode AccuracyOnly measures no speed"),
        ({"scenario": "MultiStream"}, "scenario MultiStream is not a load of one stream of requests"),
    ],
)
def test_what_is_no_valid_run_of_one_stream_is_refused(changed: dict[str, str], words: str) -> None:
    [run] = mlperf.runs(summary(**changed), where="x")
    assert run.refused == words


def test_a_summary_is_known_by_its_head() -> None:
    assert mlperf.recognises(summary())
    assert not mlperf.recognises(TABLE)
    assert not mlperf.recognises({"Scenario": "Server"})
