"""What certainty costs, and the picks."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose import certainty_frontier
from advisor.advise.choose.certainty_frontier import STEP, Offer, frontier, picks
from advisor.advise.choose.choice import Choice
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.judged_table import JudgedTable
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import MAX_CONFIDENCE, Arrival, LatencyLimit, Load, Objective
from tests.advise.builders import deployment, workload


def offer(usd: float | None, keeps: float, replicas: int = 1) -> Offer:
    return Offer(deployment=deployment(replicas=replicas), usd_per_hour=usd, keeps_all_limits=keeps)


offers = st.lists(st.builds(offer, st.none() | st.floats(0.1, 100), st.floats(0.05, 1)), max_size=20)


@given(offers)
def test_each_step_of_the_frontier_costs_more_and_keeps_more(found: list[Offer]) -> None:
    for one, other in pairwise(frontier(found)):
        assert (one.usd_per_hour or 0) <= (other.usd_per_hour or 0)
        assert one.keeps_all_limits < other.keeps_all_limits


@given(offers)
def test_no_offer_beats_the_frontier(found: list[Offer]) -> None:
    front = frontier(found)
    for one in found:
        if one.usd_per_hour is not None:
            cheap = [o for o in front if (o.usd_per_hour or 0) <= one.usd_per_hour]
            assert max(o.keeps_all_limits for o in cheap) > one.keeps_all_limits - STEP


RATE = Arrival(kind="rate", value=2.0)


def roles(first: Offer | None, found: list[Offer], confidence: float = 0.8) -> dict[str, Offer]:
    asked = workload(confidence=confidence, arrival=RATE)
    return {pick.role: pick.offer for pick in picks(first, found, asked)}


def test_the_picks_are_the_recommended_a_surer_and_a_cheaper() -> None:
    cheap, first, sure = offer(9.0, 0.54), offer(15.4, 0.84), offer(61.6, 0.96)
    found = roles(first, [sure, cheap, first, offer(100.0, 0.99), offer(7.0, 0.4)])
    assert found == {"recommended": first, "surer": sure, "cheaper": cheap}


def test_one_that_equals_another_is_left_out() -> None:
    first = offer(5.0, 0.97)
    assert roles(first, [first, offer(9.0, 0.99)]) == {"recommended": first}


def test_of_surer_ones_that_cost_the_same_the_recommended_s_own_format_is_named() -> None:
    def of(fmt: str, usd: float, keeps: float, replicas: int) -> Offer:
        served = deployment(fmt=fmt, replicas=replicas)
        return Offer(deployment=served, usd_per_hour=usd, keeps_all_limits=keeps)

    first, own, other = of("fp8", 1.09, 0.9, 1), of("fp8", 2.18, 0.98, 2), of("int8", 2.18, 0.99, 2)
    assert roles(first, [first, other, own])["surer"] == own
    cheaper = of("int8", 2.0, 0.97, 2)
    assert roles(first, [first, other, own, cheaper])["surer"] == cheaper


def test_of_surer_ones_that_cost_the_same_the_one_that_may_lose_least_accuracy_is_named() -> None:
    def of(fmt: str, keeps: float, recovery_low: float | None) -> Offer:
        served = deployment(fmt=fmt, gpu="B200")
        return Offer(deployment=served, usd_per_hour=6.99, keeps_all_limits=keeps, recovery_low=recovery_low)

    first, known, surer = offer(6.87, 0.85), of("nvfp4", 0.97, 0.93), of("mxfp4", 0.99, 0.91)
    unknown = of("int4", 0.98, None)
    assert roles(first, [first, unknown, surer, known])["surer"] == known


def test_of_cheaper_ones_that_cost_the_same_the_surest_is_named_and_of_those_the_most_accurate() -> None:
    def of(fmt: str, keeps: float, recovery_low: float | None) -> Offer:
        served = deployment(fmt=fmt, gpu="H100")
        return Offer(deployment=served, usd_per_hour=1.0, keeps_all_limits=keeps, recovery_low=recovery_low)

    first, risky = offer(2.0, 0.9), of("bf16", 0.6, 1.0)
    sure, accurate = of("w4a8-fp8", 0.79, 0.95), of("fp8", 0.78, 0.99)
    assert roles(first, [first, risky, sure, accurate])["cheaper"] == accurate
    assert roles(first, [first, risky, sure])["cheaper"] == sure


@pytest.mark.parametrize(
    ("model", "gpu", "confidence", "formats", "cheaper"),
    [
        ("Llama-3.1-8B-Instruct", "A4000", 0.95, ["int8", "int4"], "int8"),
        ("Llama-3.3-70B-Instruct", "H100", 0.99, None, "fp8"),
    ],
)
def test_what_costs_as_much_as_a_cheaper_pick_is_judged_with_as_many_replicas(
    model: str, gpu: str, confidence: float, formats: list[str] | None, cheaper: str
) -> None:
    asked = override(load_workload("chat"), rate=1.0 if gpu == "A4000" else 4.0, confidence=confidence)
    choice = choice_of(model, asked, gpus=[gpu], formats=formats)
    found = choose(choice, shipped_predictor(), shipped_quality())
    (picked,) = [pick.offer for pick in found.picks if pick.role == "cheaper"]
    assert picked.deployment.format.name == cheaper
    same = [o for o in found.frontier if o.usd_per_hour == picked.usd_per_hour]
    assert same == [picked]


def test_the_highest_confidence_that_may_be_asked_for_has_an_answer() -> None:
    choice = choice_of(
        "Llama-3.1-8B-Instruct", override(load_workload("chat"), confidence=MAX_CONFIDENCE), gpus=["H100"]
    )
    assert choose(choice, shipped_predictor(), shipped_quality()).frontier


def test_one_that_costs_the_same_and_is_a_point_surer_is_no_choice_to_make() -> None:
    first = offer(1.09, 0.949)
    assert "surer" not in roles(first, [first, offer(1.09, 0.96, 2), offer(2.18, 0.99, 3)])
    assert roles(first, [first, offer(1.09, 0.98, 2)])["surer"].keeps_all_limits == 0.98


def test_surer_lies_halfway_from_a_high_confidence_to_certainty() -> None:
    first, near, far = offer(5.0, 0.985), offer(6.0, 0.989), offer(9.0, 0.991)
    assert roles(first, [first, near, far], confidence=0.98)["surer"] == far


def test_a_saving_within_a_tie_is_no_cheaper_pick() -> None:
    first = offer(10.0, 0.84)
    assert "cheaper" not in roles(first, [first, offer(9.95, 0.6)])


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95])
def test_what_certainty_costs_does_not_depend_on_the_certainty_asked(confidence: float) -> None:
    """The search for replicas stops at the confidence: two L40S of four kept the limits, and two alone with
    84 % for less than any other, which an answer at 0.95 did not say."""
    asked = override(load_workload("chat"), rate=2.0, confidence=confidence)
    slow = LatencyLimit(metric="e2e", statistic="p95", max_ms=12_000.0)
    asked = replace(asked, limits=(*asked.limits, slow))
    choice = choice_of("Qwen2.5-32B-Instruct", asked, gpus=["L40S", "GH200"])
    found = choose(choice, shipped_predictor(), shipped_quality())
    likely = next(offer for offer in found.frontier if offer.keeps_all_limits >= 0.8)
    assert likely.deployment.gpu.name == "L40S"
    assert likely.deployment.num_gpus == 2
    cheaper = [pick.offer for pick in found.picks if pick.role == "cheaper"]
    assert cheaper == ([likely] if confidence == 0.95 else [])


def by_the_token(usd_per_hour: float, usd_per_million: float, keeps: float = 1.0) -> Offer:
    return replace(offer(usd_per_hour, keeps), usd_per_million=usd_per_million)


ALL_AT_ONCE = Arrival(kind="maximum")


def test_of_a_batch_only_what_costs_less_per_token_is_cheaper() -> None:
    """Llama 3.1 70B in int4 on one L40S costs 1.09 USD/h and 3.67 USD per million tokens."""
    first, by_hour = by_the_token(3.18, 0.74), by_the_token(1.09, 3.67)
    by_token = by_the_token(6.36, 0.7, keeps=0.6)
    batch = workload(arrival=ALL_AT_ONCE)
    assert [pick.offer for pick in picks(first, [first, by_hour], batch)] == [first]
    assert [pick.offer for pick in picks(first, [first, by_hour, by_token], batch)] == [first, by_token]
    at_a_rate = workload(arrival=RATE)
    assert [pick.offer for pick in picks(first, [first, by_hour], at_a_rate)] == [first, by_hour]


def test_of_clients_without_limits_only_what_costs_less_per_token_is_cheaper() -> None:
    """64 clients, no limits: bf16 on an L4 at 0.218 USD/M tokens stood as cheaper beside a first at 0.133."""
    first, by_hour = by_the_token(1.09, 0.133), by_the_token(0.44, 0.218)
    clients = Arrival(kind="concurrency", value=64.0)
    assert [pick.offer for pick in picks(first, [first, by_hour], workload(arrival=clients))] == [first]
    limited = workload(arrival=clients, limits=(LatencyLimit(metric="tpot", statistic="p95", max_ms=50.0),))
    assert [pick.offer for pick in picks(first, [first, by_hour], limited)] == [first, by_hour]


def test_a_pick_takes_the_place_of_what_it_cannot_be_told_from() -> None:
    pick, near, same_bill, far = (
        offer(22.26, 0.9507),
        offer(20.0, 0.945),
        offer(22.26, 0.97, 2),
        offer(30.0, 0.99),
    )
    assert frontier([near, pick, same_bill, far], [pick]) == (pick, far)


@pytest.mark.parametrize("objective", ["latency", "throughput", "accuracy"])
def test_where_cost_is_not_the_aim_there_is_no_cheaper_pick(objective: Objective) -> None:
    first, less = by_the_token(3.18, 0.74), by_the_token(1.09, 0.5)
    for asked in (workload(objective=objective), workload(objective=objective, arrival=ALL_AT_ONCE)):
        assert [pick.role for pick in picks(first, [first, less], asked)] == ["recommended"]


def test_the_shipped_batch_names_nothing_cheaper_that_costs_more_per_token() -> None:
    choice = choice_of("Llama-3.1-70B-Instruct", load_workload("batch"), gpus=["H100", "A100", "L40S"])
    found = choose(choice, shipped_predictor(), shipped_quality())
    [first, *others] = [pick.offer for pick in found.picks if pick.role != "surer"]
    assert first.usd_per_million is not None
    assert all((other.usd_per_million or 0.0) < first.usd_per_million for other in others)
    assert min(o.usd_per_hour or 0.0 for o in found.frontier) < (first.usd_per_hour or 0.0), "by the hour"


def test_where_nothing_keeps_the_limits_there_may_still_be_a_cheaper_pick() -> None:
    assert roles(None, [offer(9.0, 0.6)]) == {"cheaper": offer(9.0, 0.6)}


def test_what_has_no_price_is_on_no_frontier() -> None:
    assert frontier([offer(None, 0.99)]) == ()
    assert roles(offer(None, 0.9), [offer(None, 0.9)]) == {"recommended": offer(None, 0.9)}


def answer(confidence: float) -> Recommendation:
    workload = override(load_workload("rag"), rate=1.0, confidence=confidence)
    choice = choice_of("Llama-3.3-70B-Instruct", workload, gpus=["A100", "H100", "L40S", "H200"])
    return choose(choice, shipped_predictor(), shipped_quality())


def test_a_question_of_one_request_per_second_is_not_over_bought() -> None:
    # 16 H100 for 61.6 USD/h were first when every limit had to hold at its pessimistic end.
    found = answer(0.8)
    [first] = [pick.offer for pick in found.picks if pick.role == "recommended"]
    assert found.winner is not None
    assert first.deployment == found.winner.deployment
    assert first.keeps_all_limits >= 0.8
    assert (first.usd_per_hour or 0) < 20


@pytest.mark.parametrize(("loose", "strict"), [(0.5, 0.8), (0.8, 0.95)])
def test_more_confidence_never_costs_less(loose: float, strict: float) -> None:
    one, other = answer(loose).winner, answer(strict).winner
    assert one is not None
    assert other is not None
    assert one.cost is not None
    assert other.cost is not None
    assert one.cost.usd_per_hour <= other.cost.usd_per_hour
    assert other.keeps_all_limits >= strict


def test_what_might_be_cheaper_is_judged_once_and_where_it_is_little_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[list[tuple[object, ...]]] = []

    def judged(
        choice: Choice, loads: list[Load], deployments: list[Deployment], *rest: object
    ) -> JudgedTable:
        calls.append([d.key for d in deployments])
        return judge_fixed(choice, loads, deployments, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(certainty_frontier, "judge_fixed", judged)
    asked = override(load_workload("chat"), rate=8.0)
    choose(choice_of("Llama-3.1-8B-Instruct", asked), shipped_predictor(), shipped_quality())
    every = [key for call in calls for key in call]
    assert every
    assert len(every) == len(set(every))
    # Those of both probabilities, and the counts about what no other beats.
    assert len(calls) <= 2
