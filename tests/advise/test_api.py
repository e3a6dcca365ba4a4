"""From names to an answer, with the fit that ships."""

from __future__ import annotations

import pytest

from advisor import predict, recommend
from advisor.advise.choose.recommendation import Recommendation
from advisor.errors import InputError, UnknownNameError
from advisor.spec.workloads.profile_flags import workload_from_flags
from advisor.spec.workloads.workload import Arrival, Goodput, LatencyLimit, Objective, Quality
from tests.advise.builders import workload

MODEL = "Llama-3.1-8B-Instruct"
SINGLE = workload(arrival=Arrival(kind="single"))


def kinds(answer: Recommendation) -> set[str]:
    return {a.deployment.format.name for a in answer.ranked}


def test_the_search_covers_formats_kv_types_gpus_and_tensor_parallelism() -> None:
    answer = recommend(MODEL, SINGLE, gpus=["A100", "H100"], kv_formats=["16bit", "fp8"])
    assert {a.deployment.gpu.label for a in answer.ranked} == {"A100", "H100"}
    assert {"bf16", "fp8", "int8", "int4"} <= kinds(answer)
    assert {a.deployment.kv_format for a in answer.ranked} == {"16bit", "fp8"}
    assert {a.deployment.tensor_parallel for a in answer.ranked} >= {1, 2, 4, 8}


def test_cost_scales_with_price() -> None:
    def winner_usd(price: float) -> float:
        answer = recommend(MODEL, SINGLE, gpus=["A100"], formats=["int4"], max_gpus=1, prices={"A100": price})
        estimate = answer.ranked[0].usd_per_million_output_tokens
        assert estimate is not None
        return estimate.value

    assert winner_usd(3.0) == pytest.approx(3 * winner_usd(1.0))


def test_a_dear_gpu_loses_to_a_cheap_one() -> None:
    def first(price: float) -> str:
        answer = recommend(MODEL, SINGLE, gpus=["A100", "H100"], prices={"A100": 1.0, "H100": price})
        return answer.ranked[0].deployment.gpu.label

    assert first(0.1) == "H100"
    assert first(100.0) == "A100"


def test_a_stricter_limit_never_admits_more() -> None:
    def admitted(max_ms: float) -> set[object]:
        asked = workload(limits=(LatencyLimit(metric="tpot", statistic="mean", max_ms=max_ms),))
        return {
            a.deployment.replica_key
            for a in recommend(MODEL, asked, gpus=["A6000", "H100"], max_gpus=4).ranked
        }

    loose, strict, strictest = admitted(100.0), admitted(30.0), admitted(10.0)
    assert strictest <= strict <= loose
    assert len(strictest) < len(loose)


def test_a_floor_on_recovery_does_not_stop_replicas_from_being_added() -> None:
    def replicas(**quality: float) -> int:
        asked = workload(arrival=Arrival(kind="rate", value=40.0))
        best = recommend(
            MODEL, asked, gpus=["A6000"], formats=["int8"], tensor_parallel=[1], **quality
        ).winner
        assert best is not None
        return best.deployment.replicas

    assert replicas(min_recovery=0.9) == replicas() > 1


@pytest.mark.parametrize("confidence", [0.95, "95%"])
def test_confidence_stands_in_place_of_the_workloads(confidence: float | str) -> None:
    answer = recommend(MODEL, workload(), gpus=["H100"], confidence=confidence)
    assert answer.choice.workload.confidence == 0.95


def test_a_bound_on_gpus_counts_replicas_too() -> None:
    asked = workload(arrival=Arrival(kind="rate", value=8.0))
    answer = recommend(MODEL, asked, gpus=["A6000"], max_gpus=8)
    assert any(a.deployment.replicas > 1 for a in answer.ranked)
    assert max(a.deployment.num_gpus for a in answer.ranked) <= 8


def test_an_exact_number_of_gpus_is_filled_with_replicas() -> None:
    answer = recommend(MODEL, workload(arrival=Arrival(kind="maximum")), gpus=["H100"], num_gpus=4)
    assert {a.deployment.num_gpus for a in answer.ranked} == {4}
    assert {(a.deployment.tensor_parallel, a.deployment.replicas) for a in answer.ranked} == {
        (1, 4),
        (2, 2),
        (4, 1),
    }


def test_more_gpus_never_serve_less_at_throughput() -> None:
    def best(max_gpus: int) -> float:
        answer = recommend(
            MODEL,
            workload(arrival=Arrival(kind="maximum")),
            gpus=["H100"],
            max_gpus=max_gpus,
            objective="throughput",
        )
        served = answer.ranked[0].requests_per_s
        assert served is not None
        return served.value

    assert best(1) <= best(2) <= best(4)


def test_the_papers_synchronous_convention() -> None:
    """70B on A100-80: BF16 on two, INT8 and INT4 on one (seed paper, Table 5)."""
    from advisor.spec.workloads.read_profile import load_workload

    asked = load_workload("docstring", scenario="synchronous")
    answer = recommend("Llama-3.1-70B-Instruct", asked, gpus=["A100"], formats=["bf16", "int8", "int4"])
    assert {a.deployment.format.name: a.deployment.num_gpus for a in answer.ranked} == {
        "bf16": 2,
        "int8": 1,
        "int4": 1,
    }


def test_the_papers_asynchronous_convention_fixes_the_count_for_all_formats() -> None:
    from advisor.spec.workloads.read_profile import load_workload

    asked = load_workload("docstring", scenario="asynchronous")
    fixed = recommend("Llama-3.1-70B-Instruct", asked, gpus=["A100"], formats=["bf16", "int8"], num_gpus=4)
    assert [a.deployment.num_gpus for a in fixed.ranked] == [4, 4]
    # Without a count, the one that BF16 needs: two A100-80 (seed paper, Table 5).
    needed = recommend("Llama-3.1-70B-Instruct", asked, gpus=["A100"], formats=["int8", "int4"])
    assert [a.deployment.num_gpus for a in needed.ranked] == [2, 2]


def test_goodput_is_judged_and_a_stricter_one_never_admits_more() -> None:
    def admitted(ttft_ms: float) -> set[object]:
        asked = workload(
            arrival=Arrival(kind="rate", value=1.0),
            goodput=Goodput(ttft_ms=ttft_ms, tpot_ms=200, min_share=0.9),
        )
        answer = recommend(MODEL, asked, gpus=["A100", "H100"], max_gpus=4)
        return {a.deployment.replica_key for a in answer.ranked}

    assert admitted(1.0) == set()
    assert admitted(500.0) <= admitted(5_000.0)
    assert admitted(5_000.0)


def test_a_recovery_floor_refuses_what_may_lose_more() -> None:
    strict = recommend(MODEL, workload(quality=Quality(min_recovery=0.999)), gpus=["H100"])
    assert kinds(strict) <= {"bf16", "fp8", "int8"}
    assert any(r.kind == "recovery" for a in strict.refused for r in a.refusals)


@pytest.mark.parametrize("objective", ["cost", "latency", "throughput", "accuracy"])
def test_every_objective_ranks_everything_kept(objective: Objective) -> None:
    answer = recommend(MODEL, SINGLE, gpus=["A100", "L40S"], objective=objective)
    assert answer.ranked
    assert answer.workload.objective == objective
    assert set(map(id, answer.pareto)) <= set(map(id, answer.ranked))


def test_accuracy_puts_sixteen_bits_first() -> None:
    answer = recommend(MODEL, SINGLE, gpus=["A100"], objective="accuracy", kv_formats=["16bit"])
    assert answer.ranked[0].deployment.format.name == "bf16"


def test_a_quantized_checkpoint_is_not_made_wider() -> None:
    answer = recommend("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", SINGLE, gpus=["H100"])
    assert "bf16" not in kinds(answer)
    assert "fp8" in kinds(answer)
    assert any("comes in fp8" in note for note in answer.notes)


def test_formats_that_are_named_are_taken_as_they_are() -> None:
    answer = recommend(MODEL, SINGLE, gpus=["A100"], formats=["W8A8-INT", "int8"])
    assert kinds(answer) == {"int8"}


def test_a_typical_shape_is_said_to_be_one() -> None:
    from advisor import typical_model

    answer = recommend(typical_model(13e9), SINGLE, gpus=["L4"])
    assert "is not a published model" in answer.notes[0]


def test_a_model_that_fits_nowhere_is_told_the_smallest_that_holds_it() -> None:
    answer = recommend("Llama-3.1-405B-Instruct", SINGLE, gpus=["A100"], max_gpus=1)
    assert answer.ranked == ()
    assert answer.smallest is not None
    # The seed paper runs 405B at INT4 on four A100-80 (Table 5).
    assert answer.smallest.deployment.num_gpus == 4
    assert answer.smallest.memory.fits


def test_a_gpu_without_a_price_is_ranked_where_it_was_named_and_refused_where_it_was_not() -> None:
    named = recommend(MODEL, SINGLE, gpus=["A100", "H800"], formats=["bf16"])
    assert {a.deployment.gpu.label for a in named.ranked} == {"A100", "H800"}
    everywhere = recommend(MODEL, SINGLE, formats=["bf16"])
    assert "H800" not in {a.deployment.gpu.label for a in everywhere.ranked}
    unpriced = next(reason.rows for reason in everywhere.reasons if reason.kind == "price")
    assert "H800" in {a.deployment.gpu.label for a in unpriced}


def test_a_budget_refuses_what_costs_more() -> None:
    answer = recommend(MODEL, SINGLE, gpus=["A100"], prices={"A100": 2.0}, max_usd_per_hour=4.5)
    assert {a.deployment.num_gpus for a in answer.ranked} == {1, 2}


def test_a_request_longer_than_the_context_is_wrong_input() -> None:
    with pytest.raises(InputError, match="longer than the 131,072 tokens"):
        recommend(MODEL, workload(input_tokens=131_072), gpus=["A100"])


def test_predict_and_recommend_say_the_same() -> None:
    asked = workload(arrival=Arrival(kind="concurrency", value=8))
    one = predict(MODEL, asked, gpu="A100", format="int8", tensor_parallel=2)
    same = next(
        a
        for a in recommend(MODEL, asked, gpus=["A100"], formats=["int8"], kv_formats=["16bit"]).ranked
        if (a.deployment.tensor_parallel, a.deployment.replicas) == (2, 1)
    )
    assert one == same


@pytest.mark.parametrize(
    "wrong",
    [
        {"gpus": []},
        {"formats": []},
        {"max_gpus": 0},
        {"num_gpus": -1},
        {"tensor_parallel": [0]},
        {"prices": {"A100": float("nan")}},
        {"max_usd_per_hour": float("inf")},
    ],
)
def test_arguments_that_cannot_be_right_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        recommend(MODEL, SINGLE, **wrong)  # type: ignore[arg-type]


def test_unknown_names_are_refused_by_name() -> None:
    with pytest.raises(UnknownNameError, match="unknown GPU"):
        recommend(MODEL, SINGLE, gpus=["H1000"])
    with pytest.raises(UnknownNameError, match="unknown price term"):
        recommend(MODEL, SINGLE, gpus=["A100"], pricing="monthly")


def test_a_first_token_that_nobody_waits_for_is_remarked_where_no_limit_speaks_of_it() -> None:
    asked = {"input_tokens": 100_000, "output_tokens": 200, "concurrency": 8}
    free = workload_from_flags(**asked)
    said = recommend(MODEL, free, gpus=["A6000"], formats=["fp8"]).notes
    assert any("longer than anyone waits in a chat" in note and "--prefix-hit-rate" in note for note in said)
    limited = workload_from_flags(**asked, slo=["ttft_p95=600s"])
    assert not any("anyone waits" in note for note in recommend(MODEL, limited, gpus=["A6000"]).notes)


def test_int4_of_a_model_that_ships_in_mxfp4_is_searched_only_when_named() -> None:
    asked = workload()
    searched = recommend("gpt-oss-20b", asked, gpus=["H100"])
    assert {one.deployment.format.name for one in (*searched.ranked, *searched.refused)} == {"mxfp4"}
    named = recommend("gpt-oss-20b", asked, gpus=["H100"], formats=["int4"])
    assert {one.deployment.format.name for one in (*named.ranked, *named.refused)} == {"int4"}


def test_accuracy_is_measured_of_the_very_checkpoint_that_is_served() -> None:
    """Red Hat's INT4 of Llama-3.1-8B orders weights by activation, which vLLM refuses since 0.30: another one
    is served there, and its scores are none of Red Hat's."""

    def accuracy(engine: str) -> tuple[str, str, str]:
        found = predict(
            MODEL, workload(quality=Quality(tasks=("mmlu",))), gpu="A100", format="int4", engine=engine
        )
        assert found.prediction is not None
        assert found.recovery is not None
        served = found.deployment.start.checkpoint.repo
        return str(served), found.recovery.basis, found.prediction.recovery_note

    red_hat, basis, evidence = accuracy("vllm 0.19.0")
    assert red_hat.startswith("RedHatAI/")
    assert (basis, "Red Hat's gptq checkpoint (this one)" in evidence) == ("measured", True)
    other, basis, evidence = accuracy("vllm 0.32.0")
    assert not other.startswith("RedHatAI/")
    assert basis != "measured"
    assert evidence.startswith("no score of ")
    assert "Red Hat's gptq checkpoint (this one)" not in evidence


def test_an_exact_number_of_gpus_beyond_the_most_is_refused() -> None:
    with pytest.raises(InputError, match="num_gpus: 2 is more than max_gpus, 1; keep one of them"):
        recommend(MODEL, SINGLE, gpus=["A100"], num_gpus=2, max_gpus=1)


@pytest.mark.parametrize("argument", ["gpus", "formats"])
def test_a_name_in_place_of_a_list_is_refused(argument: str) -> None:
    with pytest.raises(InputError, match=rf"{argument}: 'A6000' is a text; give a list"):
        recommend("Llama-3.1-8B-Instruct", "chat", **{argument: "A6000"})  # type: ignore[arg-type]
