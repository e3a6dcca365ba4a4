"""Every number that a question states is varied, by factors, and only to values that can be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.choose.choice import Choice
from advisor.advise.sensitivity.perturbations import COARSE, FACTORS, PARTS, Trial, trials
from advisor.spec.engines.engine import Engine
from advisor.spec.workloads.workload import (
    Arrival,
    Goodput,
    LatencyLimit,
    Lengths,
    Load,
    Workload,
)
from tests.advise.builders import choice, deployment, workload

RATE = Arrival(kind="rate", value=4.0)


def asked(under: Workload, **engine: object) -> Choice:
    made = choice(under, [deployment()])
    if not engine:
        return made
    return replace(made, space=replace(made.space, engine=Engine(version="0.11.0", **engine)))  # type: ignore[arg-type]


def by_name(made: Choice) -> dict[str, Trial]:
    return {one.assumption: one for one in trials(made)}


def test_an_open_loop_states_its_rate_its_lengths_and_its_burstiness() -> None:
    found = by_name(asked(workload(arrival=RATE)))
    assert set(found) == {
        "request rate", "prompt length", "answer length", "burstiness", "prefix_hit_rate",
    }  # fmt: skip
    assert (found["request rate"].now, found["request rate"].unit) == (4.0, "requests/s")


def test_a_closed_loop_states_its_clients_in_whole_numbers() -> None:
    found = by_name(asked(workload(arrival=Arrival(kind="concurrency", value=8))))
    assert "request rate" not in found
    assert found["concurrency"].whole
    values = found["concurrency"].values(8.0, None, rising=True)
    assert values == sorted({round(8 * factor) for factor in FACTORS})


def test_a_single_stream_has_no_clients_to_vary() -> None:
    assert "concurrency" not in by_name(asked(workload(arrival=Arrival(kind="single"))))


def test_the_spread_of_lengths_is_an_assumption_where_they_have_one() -> None:
    load = Load(
        input_tokens=Lengths.lognormal(512, 128),
        output_tokens=Lengths.constant(256),
        arrival=RATE,
    )
    found = by_name(asked(replace(workload(arrival=RATE), load=load)))
    assert "spread of prompt lengths" in found
    assert "spread of answer lengths" not in found
    wider = found["spread of prompt lengths"].world(256.0).load
    assert (wider.input_tokens.std, wider.input_tokens.mean) == (256.0, 512.0)


def test_each_limit_is_loosened_and_tightened_alone() -> None:
    limits = (
        LatencyLimit(metric="ttft", statistic="p95", max_ms=300.0),
        LatencyLimit(metric="tpot", statistic="p99", max_ms=50.0),
    )
    found = by_name(asked(workload(arrival=RATE, limits=limits)))
    world = found["tpot_p99_ms"].world(80.0)
    assert [timed.limit.max_ms for timed in world.limits] == [300.0, 80.0]
    assert found["ttft_p95_ms"].now == 300.0


def test_a_goodput_has_its_thresholds_and_its_share() -> None:
    found = by_name(asked(workload(arrival=RATE, goodput=Goodput(ttft_ms=500.0, tpot_ms=60.0))))
    assert {"goodput ttft_ms", "goodput tpot_ms", "goodput min_share"} <= set(found)
    assert "goodput e2e_ms" not in found
    share = found["goodput min_share"]
    assert (share.now, share.share, share.alone) == (0.95, True, True)


def test_only_settings_that_are_stated_are_assumptions() -> None:
    found = by_name(asked(workload(), max_num_seqs=64))
    assert (found["max_num_seqs"].now, found["max_num_seqs"].whole) == (64, True)
    assert "gpu_memory_utilization" not in found
    adapted = found["max_num_seqs"].adapted
    assert adapted is not None
    assert adapted(deployment(), 96.0).engine.max_num_seqs == 96
    assert found["max_num_seqs"].values(64.0, None, rising=True) == [round(64 * f) for f in COARSE]


def test_a_share_of_the_memory_goes_no_further_than_all_of_it() -> None:
    trial = by_name(asked(workload(), gpu_memory_utilization=0.9))["gpu_memory_utilization"]
    assert not trial.possible(1.01)
    assert all(value <= 1.0 for value in trial.around())


def test_prompts_grow_no_longer_than_the_context() -> None:
    trial = by_name(asked(workload(arrival=RATE, input_tokens=60_000)))["prompt length"]
    longest = max(trial.around())
    assert longest + 256 <= 131_072
    assert not trial.possible(131_072.0)


@given(st.floats(0.5, 0.999))
def test_the_place_of_a_share_is_that_of_what_it_leaves(value: float) -> None:
    share = by_name(asked(workload(arrival=RATE, goodput=Goodput(ttft_ms=500.0))))["goodput min_share"]
    assert share.value(share.place(value)) == pytest.approx(value)
    # half of what is left is twice as strict
    assert share.place(1 - (1 - value) / 2) == pytest.approx(2 * share.place(value))


@given(st.sampled_from(["request rate", "burstiness", "answer length"]), st.booleans())
def test_values_go_away_from_todays_in_order(name: str, rising: bool) -> None:
    trial = by_name(asked(workload(arrival=RATE)))[name]
    values = trial.values(trial.now, None, rising=rising)
    assert values == sorted(values, reverse=not rising)
    assert all((value > trial.now) == rising for value in values)


def test_a_step_is_split_between_its_ends() -> None:
    trial = by_name(asked(workload(arrival=RATE)))["request rate"]
    inside = trial.values(4.0, 8.0, rising=True)
    assert len(inside) == PARTS - 1
    assert all(4.0 < value < 8.0 for value in inside)
    ratios = [b / a for a, b in zip([4.0, *inside], [*inside, 8.0], strict=True)]
    assert ratios == pytest.approx([ratios[0]] * PARTS)


def test_around_has_todays_value_and_both_sides_ascending() -> None:
    trial = by_name(asked(workload(arrival=RATE)))["request rate"]
    around = trial.around()
    assert around == sorted(around)
    assert 4.0 in around
    assert around[0] < 1.0 < 16.0 < around[-1]
