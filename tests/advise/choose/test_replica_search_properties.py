"""The search for replicas against the same question with a number of GPUs, of questions drawn at random."""

from __future__ import annotations

from itertools import pairwise
from math import inf

from hypothesis import example, given, settings
from hypothesis import strategies as st

from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose.certainty_frontier import EVEN, Role
from advisor.advise.choose.rank import sure_enough
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Workload

loads = st.one_of(
    st.builds(lambda users: {"concurrency": float(users)}, st.integers(1, 4_000)),
    st.builds(lambda rate: {"rate": round(rate, 3)}, st.floats(0.05, 400)),
)
questions = st.tuples(
    st.sampled_from(["Llama-3.1-8B-Instruct", "Qwen2.5-32B-Instruct"]),
    st.sampled_from(["chat", "rag", "agents"]),
    loads,
    st.sampled_from(["L40S", "A6000", "H100", "L4"]),
    st.sampled_from([0.5, 0.8, 0.9]),
)
Question = tuple[str, str, dict[str, float], str, float]


def asked(question: Question) -> Workload:
    _, profile, load, _, confidence = question
    return override(load_workload(profile), confidence=confidence, **load)  # type: ignore[arg-type]


def answer(question: Question, *, num_gpus: int | None = None) -> Recommendation:
    model, _, _, gpu, _ = question
    choice = choice_of(model, asked(question), gpus=[gpu], num_gpus=num_gpus)
    return choose(choice, shipped_predictor(), shipped_quality())


@given(question=questions)
@settings(max_examples=15, deadline=None)
def test_nothing_keeps_the_limits_only_where_nothing_offered_does(question: Question) -> None:
    found = answer(question)
    offered = [offer.keeps_all_limits for offer in (*found.frontier, *(pick.offer for pick in found.picks))]
    assert found.ranked or max(offered, default=0.0) < question[-1]


@given(
    question=questions, role=st.sampled_from(["recommended", "surer", "cheaper"]), share=st.floats(0.2, 0.99)
)
@example(("Llama-3.1-8B-Instruct", "chat", {"rate": 300.0}, "L40S", 0.8), "surer", 36 / 46)
@example(("Qwen2.5-32B-Instruct", "agents", {"rate": 173.0}, "A6000", 0.8), "recommended", 0.875)
@settings(max_examples=25, deadline=None)
def test_no_number_of_gpus_is_as_sure_as_a_pick_for_less(
    question: Question, role: Role, share: float
) -> None:
    found = answer(question)
    picked = {pick.role: pick.offer for pick in found.picks}
    level = {"recommended": question[-1], "surer": sure_enough(question[-1]), "cheaper": EVEN}[role]
    if role not in picked and role != "recommended":
        return
    first = picked.get(role)
    most = 64 if first is None else first.deployment.num_gpus
    fixed = answer(question, num_gpus=max(int(share * most), 1))
    as_sure = [one for one in (*fixed.ranked, *fixed.refused) if one.keeps_all_limits >= level and one.cost]
    least = inf if first is None else (first.usd_per_hour or 0.0) * 0.99
    assert all(one.cost.usd_per_hour >= least for one in as_sure if one.cost)


@given(question=questions)
@settings(max_examples=25, deadline=None)
def test_every_pick_is_on_the_frontier(question: Question) -> None:
    found = answer(question)
    assert {pick.offer for pick in found.picks} <= set(found.frontier)
    for one, other in pairwise(found.frontier):
        assert (one.usd_per_hour or 0.0) <= (other.usd_per_hour or 0.0)
