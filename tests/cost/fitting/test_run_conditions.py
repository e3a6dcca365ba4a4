"""What a row and its source say of the engine and the run that made it."""

from __future__ import annotations

import math

import pytest

from advisor.cost.fitting.run_conditions import benchmark_run, engine_of, requests_per_client, row_engine
from advisor.record.sources import known_sources
from tests.record import build

SOURCES = known_sources(())


def test_the_rows_own_version_stands_before_its_sources() -> None:
    dstack = {"source": "dstack benchmarks: H100 vs MI300X", "origin": "published"}
    assert row_engine(build.speed(**dstack, engine_version="0.8.5"), SOURCES).version == "0.8.5"


def test_where_nothing_states_a_version_it_is_the_oldest() -> None:
    row = build.speed(engine_version=None, source="a paper that no list knows")
    assert row_engine(row, SOURCES).version == "0.6.0"


def test_settings_that_conditions_state_are_the_engines_and_the_rest_stays_open() -> None:
    engine = engine_of("vllm", "0.11.1", "max_num_batched_tokens=8192; max_num_seqs=8; steady window")
    assert (engine.max_num_batched_tokens, engine.max_num_seqs) == (8192, 8)
    assert engine.gpu_memory_utilization is None


def test_the_steady_window_of_a_benchmark_shows_no_start() -> None:
    row = build.speed(
        source="ML.ENERGY v3 LM Arena chat", load="concurrency", load_value=8.0, conditions="steady window"
    )
    assert benchmark_run(row, SOURCES).is_steady
    assert requests_per_client(row, benchmark_run(row, SOURCES)) == math.inf


@pytest.mark.parametrize(("origin", "per_client"), [("published", math.inf), ("measured", 12.0)])
def test_what_is_known_of_a_source_does_not_hold_for_runs_of_ones_own(origin: str, per_client: float) -> None:
    entry = next(e for e in SOURCES.entries if e.requests_per_client == math.inf)
    row = build.speed(source=entry.match, origin=origin, load="concurrency", load_value=4.0, samples=48)
    assert benchmark_run(row, SOURCES).requests_per_client == per_client


def test_a_median_does_not_show_the_first_burst_unless_it_is_all_there_is() -> None:
    row = build.speed(
        load="concurrency", load_value=16.0, samples=160, statistic="p50", metric="ttft_ms", origin="measured"
    )
    assert requests_per_client(row, benchmark_run(row, SOURCES)) == math.inf
    mean = build.speed(load="concurrency", load_value=16.0, samples=160, metric="ttft_ms", origin="measured")
    assert requests_per_client(mean, benchmark_run(mean, SOURCES)) == 10.0
    burst = build.speed(load="maximum", requests=100, statistic="p50", metric="ttft_ms", origin="measured")
    assert requests_per_client(burst, benchmark_run(burst, SOURCES)) == 1.0
