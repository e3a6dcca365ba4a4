"""The engine that a run serves with, in the cost model's terms: its version and the settings it states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from advisor.measure.steps.running_server import RunningServer
from advisor.measure.steps.what_to_measure import Plan
from advisor.spec.engines.engine import Engine
from advisor.spec.engines.serve_options import engine_options, option_words
from advisor.spec.engines.settings_from_conditions import stated_settings
from advisor.spec.workloads.workload import Workload

_OF_THE_RUN = {"prefix_caching", "kv_cache_dtype"}
"""Settings that follow from what is measured and not from how it is to be served: prompts that share nothing
are sent with the prefix cache off, and the KV cache's type is a deployment's own field."""


def served_engine(plan: Plan, running: RunningServer | None, version: str | None) -> Engine:
    """The engine of a run's servers; the newest release that is known where no version is stated.

    running: the server that somebody else runs, whose statements count. version: of the vLLM that is here.
    """
    if running is not None:
        return engine_with(running.version, running.settings)
    return engine_with(version, plan_settings(plan))


def plan_settings(plan: Plan) -> Mapping[str, Any]:
    """The settings that a plan's fields and its own arguments of `vllm serve` state, by field of `Engine`."""
    own = {
        "max_num_seqs": plan.max_num_seqs,
        "gpu_memory_utilization": plan.gpu_memory_utilization,
    }
    stated = {name: value for name, value in own.items() if value is not None}
    return {**stated, **stated_settings(" ".join(plan.engine_args))}


def with_workload_engine(plan: Plan, workload: Workload) -> Plan:
    """The plan with the settings that the workload states of its engine and the plan does not.

    A server with other settings than the workload's would be measured for nobody.
    """
    if workload.engine is None:
        return plan
    own = plan_settings(plan)
    kept = {name: value for name, value in workload.engine.stated.items() if name not in (*own, *_OF_THE_RUN)}
    words = option_words(engine_options(Engine(**kept)))
    return replace(plan, engine_args=(*words, *plan.engine_args))


def engine_with(version: str | None, settings: Mapping[str, Any]) -> Engine:
    """An engine of a release (`0.32.0+cpu` counts as 0.32.0) with `settings`, less those of the run alone."""
    known = {field.name for field in fields(Engine)} - _OF_THE_RUN
    kept = {name: value for name, value in settings.items() if name in known}
    release = (version or Engine().version).partition("+")[0]
    return Engine(version=release, **kept)
