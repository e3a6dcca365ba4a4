"""The lines of `quantadvise profiles list`."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.spec.workloads.read_profile import (
    known_scenarios,
    known_workloads,
    load_workload,
    scenario_profile,
)
from advisor.spec.workloads.workload_words import arrival_text, limits_text, load_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRow:
    """One line of `profiles list`."""

    name: str
    is_scenario: bool
    tokens: str
    """`512/256`; empty for a scenario."""
    load: str
    limits: str
    about: str


def profile_rows() -> list[ProfileRow]:
    """Every shipped profile: workloads by name, then the scenarios that can be laid over them."""
    rows = []
    for name in known_workloads():
        workload = load_workload(name)
        load = workload.load
        rows.append(
            ProfileRow(
                name=name,
                is_scenario=False,
                tokens=f"{load.input_tokens.mean:.0f}/{load.output_tokens.mean:.0f}",
                load=load_text(load),
                limits=limits_text(workload),
                about=workload.about,
            )
        )
    for name in known_scenarios():
        values = scenario_profile(name)
        arrival = values.get("load")
        rows.append(
            ProfileRow(
                name=name.removeprefix("paper-"),
                is_scenario=True,
                tokens="",
                load="" if arrival is None else arrival_text(arrival),
                limits="",
                about=str(values.get("about", "")),
            )
        )
    return rows
