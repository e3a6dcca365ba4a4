"""What would flip a choice: the value of each assumption, its interval, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from advisor.advise.api import recommend, shipped_predictor, shipped_quality
from advisor.advise.certainty_and_sensitivity import decision
from advisor.advise.choose.judge import judge, judge_fixed
from advisor.advise.choose.rank import best
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.advise.sensitivity.change_point import Flip
from advisor.advise.sensitivity.change_points import EXACT, contenders, flips
from advisor.cost.predict.predictor import Z90
from advisor.report.terminal.change_point_words import HEADS, flip_rows
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine, newest_version
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Workload

pytestmark = pytest.mark.usefixtures("frozen_fit")

MODEL = "Llama-3.1-8B-Instruct"
GPUS = ["A6000", "L40S", "H100"]


@lru_cache(maxsize=8)
def answered(name: str) -> tuple[Recommendation, tuple[Flip, ...]]:
    """A question by name, and all that would flip its answer."""
    chat = load_workload("chat")
    engine = Engine(version=newest_version(), gpu_memory_utilization=0.9, max_num_seqs=32)
    asked: dict[str, tuple[Workload, dict[str, Any]]] = {
        "chat": (override(chat, rate=8.0, min_recovery=0.97), {}),
        "busy": (override(chat, rate=12.0, min_recovery=0.97), {}),
        "goodput": (override(chat, slo=["none"], goodput="ttft:300 tpot:30", min_share=0.8), {}),
        "tight goodput": (override(chat, slo=["none"], goodput="ttft:140 tpot:30", min_share=0.8), {}),
        "engine": (chat, {"engine": engine}),
        "budget": (chat, {"objective": "latency", "max_usd_per_hour": 12.0}),
        "batch": (load_workload("batch"), {}),
    }
    workload, options = asked[name]
    answer = recommend(MODEL, workload, gpus=GPUS, **options)
    told = decision(answer, explain=True).flips
    assert told is not None
    return answer, told


def kind(deployment: Deployment | None) -> tuple[str, str] | None:
    return None if deployment is None else (deployment.format.name, deployment.gpu.name)


def winner_of(answer: Recommendation, workload: Workload) -> tuple[str, str] | None:
    assert answer.choice is not None
    choice = replace(answer.choice, workload=workload)
    first = choose(choice, shipped_predictor(), shipped_quality()).winner
    return None if first is None else kind(first.deployment)


def of_load(**changed: Callable[[Workload, float], Any]) -> Callable[[Workload, float], Workload]:
    [(name, make)] = changed.items()
    return lambda w, v: replace(w, load=replace(w.load, **{name: make(w, v)}))


def of_goodput(name: str) -> Callable[[Workload, float], Workload]:
    return lambda w, v: replace(w, goodput=replace(w.goodput, **{name: v}))  # type: ignore[type-var]


CHANGED: dict[str, Callable[[Workload, float], Workload]] = {
    "request rate": of_load(arrival=lambda w, v: replace(w.load.arrival, value=v)),
    "burstiness": of_load(arrival=lambda w, v: replace(w.load.arrival, burstiness=v)),
    "prefix_hit_rate": of_load(prefix_hit_rate=lambda w, v: v),
    "spread of prompt lengths": of_load(input_tokens=lambda w, v: replace(w.load.input_tokens, std=v)),
    "goodput ttft_ms": of_goodput("ttft_ms"),
    "goodput tpot_ms": of_goodput("tpot_ms"),
    "goodput min_share": of_goodput("min_share"),
    "min_recovery": lambda w, v: replace(w, quality=replace(w.quality, min_recovery=v)),
}
"""How a workload states an assumption."""


@pytest.mark.parametrize(
    ("question", "assumption"),
    [
        ("chat", "request rate"),
        ("chat", "prefix_hit_rate"),
        ("chat", "min_recovery"),
        ("tight goodput", "spread of prompt lengths"),
        ("goodput", "goodput ttft_ms"),
        ("goodput", "goodput tpot_ms"),
        ("goodput", "goodput min_share"),
    ],
)
def test_a_flip_changes_the_choice_and_a_little_less_does_not(question: str, assumption: str) -> None:
    answer, told = answered(question)
    assert answer.winner is not None
    own = kind(answer.winner.deployment)
    found = [flip for flip in told if flip.assumption == assumption]
    assert found
    for flip in found:
        assert flip.now is not None
        step = 0.9 if flip.above else 1.1
        # What a share leaves is what counts; recovery is judged where it no longer holds, not up to there.
        less = flip.now + (flip.at - flip.now) * 0.9 if flip.at < 1 and flip.now < 1 else flip.at * step
        beyond = flip.at + (1e-6 if assumption == "min_recovery" else 0.0)
        change = CHANGED[assumption]
        assert winner_of(answer, change(answer.workload, beyond)) == kind(flip.to) != own
        assert winner_of(answer, change(answer.workload, less)) == own


@pytest.mark.parametrize("question", ["chat", "goodput", "engine", "budget", "batch"])
def test_every_flip_has_a_unit_an_interval_around_it_and_a_basis(question: str) -> None:
    _, told = answered(question)
    assert told
    for flip in told:
        assert flip.unit
        assert flip.low is None or flip.low <= flip.at * (1 + 1e-9), flip
        assert flip.high is None or flip.high >= flip.at * (1 - 1e-9), flip
        if flip.basis == EXACT:
            assert flip.low == pytest.approx(flip.high)
        elif flip.low is not None and flip.high is not None:
            assert flip.high >= flip.low, flip


@pytest.mark.parametrize("question", ["chat", "goodput"])
def test_until_a_flip_the_kind_of_the_first_stays_and_its_bill_is_told(question: str) -> None:
    answer, told = answered(question)
    assert answer.winner is not None
    own = kind(answer.winner.deployment)
    looked_at = [flip for flip in told if flip.before is not None]
    assert looked_at
    for flip in looked_at:
        assert flip.before is not None
        assert kind(flip.before) == own
        assert flip.usd_per_hour_before is not None
        per_gpu = answer.winner.cost.usd_per_hour / answer.winner.deployment.num_gpus  # type: ignore[union-attr]
        assert flip.usd_per_hour_before == pytest.approx(per_gpu * flip.before.num_gpus)


def test_of_a_limit_that_is_changed_alone_that_limit_is_the_reason() -> None:
    """With more replicas TTFT is kept as surely as before: it is TPOT's limit that stops to be kept."""
    workload = load_workload("chat")
    answer = recommend("Qwen2.5-32B-Instruct", workload, gpus=["RTX4090"])
    told = decision(answer, explain=True).flips
    assert told is not None
    of_limits = [flip for flip in told if flip.why == "limit" and flip.assumption.endswith("_ms")]
    assert of_limits
    assert all(flip.limit == flip.assumption for flip in of_limits)


def test_the_nearest_flip_comes_first() -> None:
    for question in ("chat", "goodput"):
        distances = [flip.distance for flip in answered(question)[1]]
        assert distances == sorted(distances)


def test_a_limit_is_truly_met_with_5_and_95_per_cent_at_the_ends_of_the_interval() -> None:
    answer, told = answered("chat")
    choice = answer.choice
    assert choice is not None
    assert answer.winner is not None
    flip = next(f for f in told if f.assumption == "request rate" and f.above and f.low and f.high)
    assert flip.whose == "first"
    # The ends are met to within a step of 15 %: of the deployment that decides, the reach a little before and
    # a little after lies about them.
    rates = [end * by for end in (flip.low or 0.0, flip.high or 0.0) for by in (0.87, 1.15)]
    loads = [CHANGED["request rate"](answer.workload, rate).load for rate in rates]
    own = [d for d in contenders(answer) if kind(d) == kind(answer.winner.deployment)]
    counted = [replace(d, replicas=n) for d in own for n in range(1, 13)]
    found = judge_fixed(choice, loads, counted, shipped_predictor(), shipped_quality())
    reach = np.min([limit.margin_sd for limit in found.uncertain if limit.key != "recovery"], axis=0)
    about = (reach[0] > Z90) & (reach[1] < Z90) & (reach[2] > -Z90) & (reach[3] < -Z90)
    assert about.any()


def test_all_that_a_goodput_target_states_is_looked_at() -> None:
    names = {flip.assumption for flip in answered("goodput")[1]}
    assert names >= {
        "goodput ttft_ms",
        "goodput tpot_ms",
        "goodput min_share",
        "request rate",
        "prompt length",
    }
    assert not any(name.endswith("_p95_ms") for name in names)


def test_settings_of_the_engine_are_assumptions_where_the_question_states_them() -> None:
    stated = {flip.assumption for flip in answered("engine")[1]}
    assert stated & {"gpu_memory_utilization", "max_num_seqs"}
    assert not {flip.assumption for flip in answered("chat")[1]} & {"gpu_memory_utilization", "max_num_seqs"}


def test_a_budget_flips_where_what_it_refuses_would_be_better() -> None:
    answer, told = answered("budget")
    found = [flip for flip in told if flip.assumption == "max_cost_per_hour"]
    assert found
    assert answer.winner is not None
    for flip in found:
        assert flip.basis == EXACT
        beyond = flip.at * (1.0 if flip.above else 0.999)
        again = recommend(MODEL, "chat", gpus=GPUS, objective="latency", max_usd_per_hour=beyond).winner
        assert (None if again is None else kind(again.deployment)) == kind(flip.to)


def test_the_interval_of_a_price_counts_that_fewer_replicas_may_do() -> None:
    answer, told = answered("busy")
    for flip in told:
        if flip.assumption.startswith("price of") and flip.to is not None and flip.to.replicas > 1:
            assert flip.basis != EXACT
            assert flip.low is not None
            assert flip.high is not None
            assert flip.high > flip.low * 1.01
            break
    else:
        pytest.fail("no price leads to several replicas")
    assert answer.ranked


def test_a_row_says_it_in_words() -> None:
    answer, told = answered("goodput")
    assert answer.winner is not None
    rows = [dict(zip(HEADS, row, strict=True)) for row in flip_rows(answer.winner.deployment, told)]
    share = next(row for row in rows if row["assumption"].startswith("requests that must keep the goodput"))
    assert share["now"] == "80"
    assert share["changes at"].startswith(("above ", "below "))
    assert all(row["90 % interval"] and row["basis"] and row["because"] for row in rows)
    assert any(row["assumption"] == "goodput limit on TTFT, ms" for row in rows)


@pytest.mark.parametrize(
    ("workload", "options"),
    [
        ("chat", {}),
        ("batch", {"num_gpus": 4, "objective": "throughput"}),
        ("batch", {"max_gpus": 4, "objective": "throughput"}),
        ("chat", {"num_gpus": 2}),
    ],
)
def test_the_survey_that_flips_are_looked_for_in_names_the_first(
    workload: str, options: dict[str, Any]
) -> None:
    answer = recommend(MODEL, workload, gpus=GPUS, **options)
    assert answer.choice is not None
    assert answer.winner is not None
    found = judge(
        answer.choice,
        [answer.workload.load],
        shipped_predictor(),
        shipped_quality(),
        among=contenders(answer),
    )
    assert found.deployment(0, int(best(found)[0])) == answer.winner.deployment


def test_flips_without_prices_are_those_of_the_load_and_the_limits() -> None:
    answer, _ = answered("chat")
    found = flips(answer, (), shipped_predictor(), shipped_quality())
    assert found
    assert not any(flip.assumption.startswith("price") for flip in found)
