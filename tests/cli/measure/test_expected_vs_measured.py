"""What a run measured stands beside what was predicted for that very run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from advisor.cli.measure.expected_vs_measured import Expectation, comparison
from advisor.cost.predict.predictor import Predictor
from advisor.measure.ledger_to_records import Records
from advisor.measure.plan_and_results_as_text import Table
from advisor.measure.steps.bench import Point
from advisor.measure.steps.what_to_measure import Plan
from advisor.record.benchmark_run_of_row import run_of
from advisor.record.measurement import SpeedMeasurement
from advisor.spec.workloads.workload import Arrival, Lengths, Load, Workload
from tests.advise.test_own_runs import FORMAT, GPU, MODEL, TOKENS, VERSION, by_measure, by_measure_of_four

LOAD = Load(
    input_tokens=Lengths.constant(TOKENS[0]),
    output_tokens=Lengths.constant(TOKENS[1]),
    arrival=Arrival(kind="concurrency", value=8),
)
POINTS = tuple(Point(kind="concurrency", value=float(n)) for n in (8, 16, 32, 64))


def prepared(**plan: Any) -> Any:
    """As much of a prepared run as predictions need."""
    return SimpleNamespace(
        plan=Plan(model=MODEL, workload="chat", formats=("bf16",), points=POINTS, **plan),
        devices=[SimpleNamespace(name=GPU)],
        versions=SimpleNamespace(vllm=VERSION),
        running=None,
        workload=Workload(name="chat", about="any", load=LOAD),
    )


def lines_of(rows: list[SpeedMeasurement]) -> list[list[str]]:
    table, said = comparison(
        prepared(), Records(speed=tuple(rows), quality=(), failures=()), Expectation(prepared(), None)
    )
    assert isinstance(table, Table)
    assert said == f"the 90 % interval missed 0 of {len(table.rows)} figures"
    return [list(row) for row in table.rows if row[0] == FORMAT]


@pytest.mark.parametrize("make", [by_measure, lambda fit, _: by_measure_of_four(fit)], ids=["now", "once"])
def test_a_run_as_predicted_is_beside_its_own_figure(make: Any, tmp_path: Path) -> None:
    rows = make(Predictor.shipped().fit, tmp_path)
    lines = lines_of(rows)
    # TTFT, TPOT, E2E and throughput of four points of the plan; others are not in it
    assert len(lines) == 16
    for words in lines:
        measured, predicted = words[4:6]
        assert measured == predicted
        assert "missed" not in words


def test_four_requests_for_each_client_wait_longer_than_ten() -> None:
    rows = by_measure_of_four(Predictor.shipped().fit)
    [four] = [row for row in rows if row.load_value == 64 and row.metric == "ttft_ms"]
    assert run_of(four).requests_per_client == 4
    ten = prepared().plan.run_at(Point(kind="concurrency", value=64.0))
    found = Expectation(prepared(), None).of(FORMAT, 1, ten)
    assert found is not None
    assert float(found.mean_ms("ttft").value[0]) < 0.75 * four.value
