"""Joint draws: each as its interval says, together as far as their errors are shared."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.certainty.error_draws import as_good, draw
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.judged_table import JudgedTable
from advisor.cost.predict.predictor import Z90
from advisor.cost.uncertainty.error_class import DISTANCES
from advisor.cost.uncertainty.shared_errors import TOKEN_RATE, SharedErrors, Shares, shared_class
from advisor.spec.workloads.workload import Arrival
from tests.advise.builders import deployment, workload

SAME = SharedErrors(
    table={shared_class(TOKEN_RATE, "loaded", d): Shares(model=1.0, own=0.0) for d in DISTANCES}
)


def stand(*formats: str) -> JudgedTable:
    asked = workload(arrival=Arrival(kind="concurrency", value=12))
    choice = choice_of("Llama-3.1-8B-Instruct", asked, gpus=["A6000"])
    model = choice.space.model
    made = [deployment(fmt=fmt, model=model) for fmt in formats]
    return judge_fixed(choice, [asked.load], made, shipped_predictor(), shipped_quality())


def test_nine_of_ten_draws_lie_within_the_interval() -> None:
    found = stand("bf16", "int4")
    seen = draw(found, 0, np.array([0, 1]), SharedErrors())
    inside = (seen.objective >= found.objective.low[0]) & (seen.objective <= found.objective.high[0])
    assert inside.mean() == pytest.approx(0.9, abs=0.02)


def test_errors_that_are_shared_cancel() -> None:
    found = stand("bf16", "int4")
    apart = draw(found, 0, np.array([0, 1]), SharedErrors()).objective
    together = draw(found, 0, np.array([0, 1]), SAME).objective
    ratio = np.log(together[:, 1] / together[:, 0])
    assert np.ptp(ratio) < 1e-9 < np.ptp(np.log(apart[:, 1] / apart[:, 0]))


def test_the_correlation_of_draws_is_what_is_shared() -> None:
    half = SharedErrors(
        table={shared_class(TOKEN_RATE, "loaded", d): Shares(gpu=0.5, own=0.5) for d in DISTANCES}
    )
    z = draw(stand("bf16", "int4"), 0, np.array([0, 1]), half).errors[TOKEN_RATE]
    assert np.corrcoef(z.T)[0, 1] == pytest.approx(0.5, abs=0.06)


def test_draws_do_not_hang_on_what_else_is_looked_at() -> None:
    alone = draw(stand("int4"), 0, np.array([0]), SharedErrors()).objective[:, 0]
    beside = draw(stand("bf16", "int8", "int4"), 0, np.array([0, 1, 2]), SharedErrors()).objective[:, 2]
    assert np.array_equal(alone, beside)


def test_a_limit_at_the_pessimistic_end_is_kept_with_ninety_five_per_cent() -> None:
    found = stand("int8")
    reach = np.full(found.replicas.shape, Z90)
    z = draw(found, 0, np.array([0]), SharedErrors()).errors[TOKEN_RATE]
    assert (z <= reach).mean() == pytest.approx(0.95, abs=0.01)


def test_one_is_the_best_in_every_draw_a_tie_included() -> None:
    seen = draw(stand("bf16", "int8", "int4"), 0, np.array([0, 1, 2]), SharedErrors())
    some = as_good(seen)
    assert some.any(axis=1).all()
    assert 0 < some[:, 2].mean() < 1
