"""The engine that a run's figures hold for: what its plan, its own arguments and its server state."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from advisor.measure.engine_of_run import engine_with, plan_settings, served_engine, with_workload_engine
from advisor.measure.steps.bench import Point
from advisor.measure.steps.what_to_measure import Plan
from advisor.spec.engines.engine import Engine


def plan(**fields: Any) -> Plan:
    return Plan(model="m", workload="chat", points=(Point(kind="maximum"),), **fields)


@pytest.mark.parametrize(
    ("fields", "settings"),
    [
        ({}, {}),
        ({"gpu_memory_utilization": 0.5}, {"gpu_memory_utilization": 0.5}),
        ({"engine_args": ("--enforce-eager",)}, {"enforce_eager": True}),
        ({"engine_args": ("--max-num-batched-tokens", "512")}, {"max_num_batched_tokens": 512}),
        # vLLM takes the last
        ({"max_num_seqs": 8, "engine_args": ("--max-num-seqs=16",)}, {"max_num_seqs": 16}),
    ],
)  # fmt: skip
def test_what_a_plan_states_of_the_engine(fields: dict[str, Any], settings: dict[str, Any]) -> None:
    assert plan_settings(plan(**fields)) == settings


def test_the_run_s_own_prefix_cache_is_no_setting_of_the_deployment() -> None:
    found = engine_with(
        "0.32.0+cpu", {"prefix_caching": False, "kv_cache_dtype": "fp8", "enforce_eager": True}
    )
    assert found == Engine(version="0.32.0", enforce_eager=True)


@pytest.mark.parametrize(
    ("own", "served"),
    [
        ({}, {"max_num_seqs": 16, "enforce_eager": True}),
        ({"max_num_seqs": 8}, {"max_num_seqs": 8, "enforce_eager": True}),  # the plan's word counts more
        (
            {"engine_args": ("--no-async-scheduling",)},
            {"max_num_seqs": 16, "enforce_eager": True, "async_scheduling": False},
        ),
    ],
)  # fmt: skip
def test_a_workload_s_engine_is_served_where_the_plan_says_nothing_else(
    own: dict[str, Any], served: dict[str, Any]
) -> None:
    engine = Engine(max_num_seqs=16, enforce_eager=True, prefix_caching=True, kv_cache_dtype="fp8")
    workload: Any = SimpleNamespace(engine=engine)
    assert plan_settings(with_workload_engine(plan(**own), workload)) == served


def test_a_workload_without_an_engine_changes_nothing() -> None:
    workload: Any = SimpleNamespace(engine=None)
    assert with_workload_engine(plan(max_num_seqs=8), workload) == plan(max_num_seqs=8)


def test_of_a_running_server_its_own_statements_count() -> None:
    running: Any = SimpleNamespace(version="0.11.0", settings={"gpu_memory_utilization": 0.8})
    assert served_engine(plan(), running, "0.32.0") == Engine(version="0.11.0", gpu_memory_utilization=0.8)


def test_a_server_that_states_no_version_counts_as_the_default_engine() -> None:
    running: Any = SimpleNamespace(version=None, settings={})
    assert served_engine(plan(), running, None) == Engine()
