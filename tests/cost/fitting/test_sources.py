"""A source is a CSV and an entry in sources.yaml: neither what it teaches nor how it is read needs code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from advisor.cost.fitting.fit_step_time import SpeedProblem, fit_speed
from advisor.cost.fitting.observations import Observations, observe
from advisor.record.measurement import SpeedMeasurement
from advisor.record.sources import known_sources
from advisor.record.store import read_speed, write_speed
from tests.record import build

ENTRY = """\
version: 1
sources:
  - match: "Laboratory"
    title: Laboratory
    url: https://example.org
    licences: [MIT]
    taken: lone requests and maximum throughput
    fit: {fit}
    why: sound
    family: lab
    engine_version: "0.11.0"
    gpu_count: any arrangement
    scatter: {{single: 0.02, maximum: 0.2}}
"""


def rows() -> list[SpeedMeasurement]:
    lone = build.speed(
        gpu="H100-SXM", engine_version=None, source="Laboratory run 1", licence="MIT", value=800.0
    )
    full = replace(lone, load="maximum", metric="requests_per_s", num_gpus=4, value=60.0)
    return [lone, replace(lone, output_tokens=256.0, value=1590.0), full]


def seen(folder: Path, fit: str = "all") -> Observations:
    write_speed(folder / "lab.csv", rows())
    (folder / "sources.yaml").write_text(ENTRY.format(fit=fit), encoding="utf-8")
    return observe(read_speed(folder), sources=known_sources([folder]))


def test_a_new_source_is_fitted_as_its_entry_says(tmp_path: Path) -> None:
    found = seen(tmp_path)
    assert {d.engine.version for d in found.deployments} == {"0.11.0"}
    # four GPUs at maximum throughput: one replica of four, two of two, four of one
    assert sorted((d.tensor_parallel, d.replicas) for d in found.deployments) == [
        (1, 1),
        (1, 4),
        (2, 2),
        (4, 1),
    ]
    weight = SpeedProblem(found).weight
    assert weight[0] == pytest.approx(1 / 0.02)
    assert weight[2] == pytest.approx(1 / 0.2)
    speed = fit_speed(found)
    assert set(speed.noise) == {"lab: e2e single", "lab: throughput maximum"}
    assert speed.theta


def test_a_source_for_comparison_teaches_nothing(tmp_path: Path) -> None:
    found = seen(tmp_path, fit="check")
    assert not found.rows
    assert {why for _, why in found.left_out} == {"lab is for comparison only"}


def test_without_the_entry_its_rows_are_read_as_anybodys() -> None:
    found = observe(rows())
    assert {(d.tensor_parallel, d.replicas) for d in found.deployments} == {(1, 1), (4, 1)}
    assert {d.engine.version for d in found.deployments} == {"0.6.0"}
    assert SpeedProblem(found).weight[0] == pytest.approx(1 / 0.10)
