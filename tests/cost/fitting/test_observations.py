"""What a row is compared with: the engine that its source states, the run that its benchmark was."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from advisor.cost.fitting.observations import observe
from advisor.cost.fitting.run_conditions import benchmark_run, engine_of, requests_per_client, row_engine
from advisor.record.benchmark_run_of_row import length_variation
from advisor.record.measurement import SpeedMeasurement
from advisor.record.sources import Sources, known_sources

ROW = SpeedMeasurement(
    model="Llama-3.1-8B-Instruct",
    format="bf16",
    kv_format="16bit",
    gpu="H100-SXM",
    num_gpus=1,
    input_tokens=1000.0,
    output_tokens=500.0,
    lengths="constant",
    load="concurrency",
    load_value=16.0,
    engine="vllm",
    engine_version="0.11.0",
    metric="ttft_ms",
    statistic="mean",
    value=100.0,
    half_width=None,
    samples=80,
    stderr=None,
    origin="published",
    source="somebody",
    licence="MIT",
    date="2026-01-01",
)


UNSTATED = {"InferenceX export 2026-06-05": "0.17.0", "somebody of 2024": "0.6.0"}
AT_ONCE = "500 prompts at once; ShareGPT"


def test_settings_that_a_source_states_are_the_engines():
    made = engine_of("vllm", "0.11.0", "max_num_seqs=64; max_num_batched_tokens=2048; steady window")
    assert (made.max_num_seqs, made.max_num_batched_tokens) == (64, 2048)
    assert made.gpu_memory_utilization is None
    assert engine_of("vllm", "0.11.0", "gpu_memory_utilization=0.85").gpu_memory_utilization == 0.85


def test_prompts_sent_at_once_are_so_many_clients_that_send_once():
    row = replace(ROW, load="maximum", load_value=None, metric="requests_per_s", samples=500, value=9.0)
    [endless], [run] = (observe([row]).loads.level, observe([replace(row, conditions=AT_ONCE)]).loads.level)
    assert (endless, run) == (math.inf, 500.0)
    assert observe([replace(row, conditions=AT_ONCE, samples=None)]).loads.level[0] == math.inf


def test_who_timed_v0_counts_and_who_timed_v1_does_not():
    timed = {version: replace(ROW, engine_version=version) for version in ("0.6.6", "0.11.0")}
    own = replace(timed["0.6.6"], origin="measured")
    for row, whose in ((timed["0.6.6"], "somebody"), (timed["0.11.0"], ""), (own, "")):
        assert observe([row]).arrays.harness == (whose,)
    two = observe([timed["0.6.6"], replace(timed["0.6.6"], source="another")])
    assert two.arrays.harness == ("somebody", "another")
    assert two.deployments[0] == two.deployments[1]


def test_a_source_that_states_no_version_has_the_newest_of_its_date():
    unstated, sources = replace(ROW, engine_version=None), known_sources()
    by_source = {name: row_engine(replace(unstated, source=name), sources).version for name in UNSTATED}
    assert by_source == UNSTATED


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 5.0),
        ({"samples": None}, 10.0),
        ({"statistic": "p99"}, 5.0),
        ({"statistic": "p50"}, math.inf),
        ({"load": "maximum", "load_value": None, "conditions": "500 prompts at once"}, 1.0),
        ({"load": "maximum", "load_value": None}, math.inf),
        ({"conditions": "steady window"}, math.inf),
        ({"load": "rate"}, math.inf),
    ],
)
def test_requests_per_client_are_counted_where_they_are_stated(change, expected):
    row = replace(ROW, **change)
    assert requests_per_client(row, benchmark_run(row, Sources())) == expected


def test_lengths_vary_as_their_source_says():
    assert length_variation(ROW) == 0.0
    uniform = replace(ROW, lengths="distribution", conditions="0.8 to 1 x 1024/1024 tokens")
    # from 0.8 to 1: a width of 0.2 about 0.9
    assert length_variation(uniform) == pytest.approx(0.2 / 12**0.5 / 0.9)
    assert length_variation(replace(ROW, lengths="distribution", conditions="ShareGPT")) == 1.0


def test_ttft_and_tpot_of_one_run_are_one_cell():
    seen = observe([ROW, replace(ROW, metric="tpot_ms"), replace(ROW, load_value=32.0)])
    assert len(seen.loads) == 2
    assert seen.cell_of.tolist() == [0, 0, 1]


def test_percentiles_are_observed_beside_means_and_in_their_order():
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.step.parameter_vector import Design, used_names
    from advisor.cost.step.step_time import step_costs

    rows = [ROW, *(replace(ROW, statistic=p) for p in ("p50", "p95", "p99"))]
    seen = observe(rows)
    names = used_names(seen.arrays)
    vector = Predictor.shipped().fit.speed.vector(names)
    made = step_costs(seen.arrays, Design(seen.arrays, names).values(vector))
    mean, p50, p95, p99 = seen.predict(made)
    assert p50 < mean < p95 < p99
    assert np.isnan(seen.predict(made, np.array([True, False, False, False]))[1:]).all()
