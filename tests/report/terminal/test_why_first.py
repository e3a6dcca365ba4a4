"""What is said of an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate_with_interval import Basis, Estimate
from advisor.cost.step.bottleneck import Bottleneck
from advisor.display_text import chance
from advisor.report.terminal.bottleneck_words import bottleneck_number_lines
from advisor.report.terminal.question_and_evidence import (
    counts_line,
    evidence_lines,
    speed_line,
    workload_lines,
)
from advisor.report.terminal.refused import nothing_kept_line, refused_lines
from advisor.report.terminal.why_first import objective_text, winner_lines
from advisor.spec.models.model import Ffn, ModelSpec
from advisor.spec.workloads.workload import Arrival, Objective
from tests.advise.builders import GB, around, assessed, deployment, llama_8b, prediction, workload
from tests.report.builders import answer, cannot_run, limited, recommendation, three


def test_the_first_is_compared_with_another_format_and_another_gpu() -> None:
    lines = winner_lines(three())
    # 0.80 USD/h over 4 x 256 tokens/s is 0.217 USD per million; 3 x 256: 0.289; A100: 1.79 over 2.5 x 256.
    assert lines[:3] == [
        "int4 on 1× A6000: 0.217 (0.197–0.241) USD per million output tokens.",
        "The best of another format is int8 on 1× A6000: it costs 33 % more (0.289 (0.263–0.322) "
        "USD per million output tokens).",
        "The best on another GPU is bf16 on 1× A100: it costs 3.6 times as much (0.777 (0.706–0.863) "
        "USD per million output tokens).",
    ]


def typical_moe() -> ModelSpec:
    """The 8B with eight experts per layer, of which two are active."""
    [group] = llama_8b().groups
    experts = Ffn(linear_params=0, expert_params=3 * 4096 * 14_336, experts=8, active_experts=2)
    return replace(llama_8b(), groups=(replace(group, ffn=experts),))


def test_a_tie_says_what_the_other_lacks() -> None:
    first, other = answer("int8", 4.0, 0.99), answer("fp8", 4.0, 0.99)
    assert other.prediction is not None
    slow = replace(other.prediction, latency={**other.prediction.latency, ("e2e", "mean"): around(7_500.0)})
    slower = replace(other, predicted=lambda: slow)
    [line] = [text for text in winner_lines(recommendation(first, slower)) if "another format" in text]
    assert line.startswith("The best of another format is fp8 on 1× A6000: it costs the same (")
    assert line.endswith(") and takes 50 % longer for a request.")


def test_in_a_closed_loop_another_bill_is_said_where_the_hour_and_the_token_disagree() -> None:
    # Without limits, which are bought by the hour. Per token, 1.79 USD/h for 9.0 requests/s is 0.6 % less
    # than 0.80 for 4.0, and 4.5 % less than for 3.84.
    closed = Arrival(kind="concurrency", value=8)
    first = answer("int4", 9.0, 0.995, gpu="A100")
    tied = winner_lines(recommendation(first, answer("int8", 4.0, 0.96), arrival=closed, limits=False))
    assert any("), a tie, at 0.8 USD/h instead of 1.79, and" in line for line in tied), tied
    dearer = winner_lines(recommendation(first, answer("int8", 3.84, 0.96), arrival=closed, limits=False))
    assert any(line.endswith(" output tokens) at 0.8 USD/h instead of 1.79.") for line in dearer), dearer


def unpriced(fmt: str, e2e_ms: float, recovery: float, gpus: int = 1) -> Assessment:
    """On a GPU of which the tests know no price."""
    found = prediction(
        deployment(fmt=fmt, gpu="L40S", tensor_parallel=gpus),
        under=limited(),
        latency_ms={("ttft", "p95"): around(200.0), ("e2e", "mean"): around(e2e_ms)},
        capacity=8.0,
        recovery=Estimate(value=recovery, low=recovery, high=recovery, basis="measured"),
    )
    return assessed(found, limited())


def compared(*answers: Assessment) -> str:
    [line] = [text for text in winner_lines(recommendation(*answers)) if "another format" in text]
    return line.removeprefix("The best of another format is ")


def test_without_prices_the_comparison_says_what_put_the_first_first() -> None:
    first = unpriced("bf16", 8_000.0, 1.0)
    assert compared(first, unpriced("int8", 4_800.0, 0.99)) == (
        "int8 on 1× L40S: it is 40 % faster for a request but may lose more accuracy."
    )
    assert compared(first, unpriced("int8", 9_600.0, 0.99)) == (
        "int8 on 1× L40S: it takes 20 % longer for a request and may lose more accuracy."
    )
    assert compared(first, unpriced("int8", 9_600.0, 1.0)) == (
        "int8 on 1× L40S: it takes 20 % longer for a request."
    )
    assert compared(first, unpriced("int8", 6_000.0, 1.0, gpus=2)) == (
        "int8 on 2× L40S: it is 25 % faster for a request but takes 2 GPUs instead of 1."
    )
    assert compared(answer("bf16", 4.0, 1.0), unpriced("int8", 4_000.0, 1.0)).endswith(
        " for a request but its price is not known."
    )


def test_a_near_tie_is_called_a_tie() -> None:
    lines = winner_lines(recommendation(answer("int4", 4.0, 0.98), answer("int8", 3.99, 0.995)))
    assert "A tie within 1 % with int4 on A6000: the low end of accuracy decided." in lines


def test_what_binds_is_said_with_its_numbers() -> None:
    bound = replace(
        prediction(deployment(fmt="int4")),
        regime_decode="memory bandwidth",
        regime_prefill="compute",
        batch=8.0,
    )
    # 16 GB over the A6000's 768 GB/s are 20.8 ms; INT4 multiplies at the 16-bit rate.
    assert bottleneck_number_lines(bound) == [
        "Decode is bound by memory bandwidth: 16 GB of weights per GPU at 768 GB/s take 20.8 ms to read, "
        "of 20 ms per token; 8 sequences share a step",
        "Prefill is bound by compute: 155 dense TFLOPS in bf16, weights unpacked from int4",
    ]


def test_a_full_cache_is_told_as_a_bound_on_the_batch() -> None:
    [line] = bottleneck_number_lines(replace(prediction(max_concurrency=12), regime_decode="KV memory"))
    assert "its cache holds 12 sequences of this load at once" in line


def test_the_refused_are_grouped_with_their_nearest_miss() -> None:
    assert refused_lines(three()) == [
        "1 that miss TTFT p95 <= 300 ms: nearest is fp8 on 1× A6000, 400 (360–440) ms, missed by 39 % "
        "at 80 % confidence",
        "1 without a kernel for the format: w4a8-fp8 on 1 GPU",
    ]


def test_what_does_not_fit_is_named_and_the_rest_counted() -> None:
    small = [
        assessed(prediction(deployment(fmt=fmt, tensor_parallel=n), kv_bytes=-GB, max_concurrency=0))
        for fmt in ("bf16", "int8")
        for n in (1, 2, 4)
    ]
    [line] = refused_lines(recommendation(*small))
    assert line == (
        "6 too large for the memory: bf16 on 1× A6000, bf16 on 2× A6000, bf16 on 4× A6000, int8 on 1× A6000 "
        "and 2 more"
    )


def test_nothing_kept_names_the_closest_and_by_how_much() -> None:
    missed = recommendation(
        answer("fp8", 3.5, 0.999, ttft_p95_ms=400.0), answer("int8", 3.5, 0.999, ttft_p95_ms=900.0)
    )
    assert nothing_kept_line(missed) == (
        "Llama-3.1-8B-Instruct for test: nothing keeps the limits; closest is fp8 on 1× A6000, "
        "TTFT p95 <= 300 ms: 400 (360–440) ms, missed by 39 % at 80 % confidence; "
        "loosen that limit or allow other GPUs"
    )


def test_fitting_nowhere_names_the_smallest_that_would_hold_the_model() -> None:
    nowhere = replace(
        recommendation(assessed(prediction(kv_bytes=-GB, max_concurrency=0, status="does not fit"))),
        smallest=prediction(deployment(fmt="int4", gpu="H100")),
    )
    assert nothing_kept_line(nowhere) == (
        "Llama-3.1-8B-Instruct for test: fits none of the deployments allowed; "
        "the smallest that would hold it is int4 on 1× H100; allow that with --gpu, --formats or --max-gpus"
    )


def test_refusals_of_no_degree_are_told_by_their_commonest_reason() -> None:
    line = nothing_kept_line(recommendation(cannot_run("w4a8-fp8", "A100")))
    assert line == (
        "Llama-3.1-8B-Instruct for test: nothing keeps the limits; "
        "1 deployment without a kernel for the format"
    )


def test_nothing_to_choose_from_is_said() -> None:
    empty = Recommendation(
        model=three().model, workload=workload(), ranked=(), refused=(), pareto=(), smallest=None
    )
    assert "nothing to choose from" in nothing_kept_line(empty)


def test_the_evidence_has_the_fit_and_the_price() -> None:
    assert evidence_lines(three()) == [
        "Fitted on 100 rows.",
        "Price: 0.8 USD per GPU-hour, paper, on-demand, 2024-10-28, 711 days old, which is old "
        "(arXiv:2411.02355v4)",
    ]


def test_the_workload_is_told_with_its_percentiles() -> None:
    assert workload_lines(limited()) == [
        "prompt  512 tokens",
        "answer  256 tokens",
        "load    2 requests/s",
        "limits  TTFT p95 ≤ 300 ms",
        "aim     cost",
    ]


def test_the_count_says_what_a_table_leaves_out() -> None:
    assert counts_line(three(), 3) == "3 of 5 deployments keep the limits."
    assert counts_line(three(), 2).endswith("; 2 are shown, the best of each format on each GPU.")
    assert counts_line(three(), 1).endswith("; 1 is shown, the best of each format on each GPU.")


def test_a_throughput_answer_is_told_in_requests() -> None:
    best = replace(three(), workload=replace(limited(), objective="throughput"))
    assert winner_lines(best)[0] == "int4 on 1× A6000: 8 (7.2–8.8) requests per second at most."


def test_an_accuracy_answer_is_told_in_per_cent() -> None:
    best = replace(three(), workload=replace(limited(), objective="accuracy"))
    assert winner_lines(best)[0] == "int4 on 1× A6000: 98 (97–98) % of BF16's accuracy."


def test_a_latency_answer_is_told_in_seconds() -> None:
    best = replace(three(), workload=replace(limited(), objective="latency"))
    assert winner_lines(best)[0] == "int4 on 1× A6000: 5 (4.5–5.5) s per request."


def test_an_unknown_metric_is_not_invented() -> None:
    bare = assessed(replace(prediction(), latency={}, requests_per_s=None, output_tokens_per_s=None))
    best = replace(recommendation(bare), ranked=(bare,), workload=replace(limited(), objective="cost"))
    assert winner_lines(best)[0] == "bf16 on 1× A6000: its figure cannot be said."


def test_percentages_of_goodput_are_estimates_too() -> None:
    assert around(0.5).scaled(100).value == 50


def test_a_mixture_of_experts_does_not_read_all_its_weights() -> None:
    moe = typical_moe()
    [line] = bottleneck_number_lines(
        replace(prediction(deployment(model=moe)), regime_decode="memory bandwidth")
    )
    assert "of which a step reads the experts it touches, 20 ms per token" in line
    assert "to read, of" not in line


@pytest.mark.parametrize(
    ("regime", "words"),
    [
        ("overhead", "launches and scheduling outweigh the work"),
        ("communication", "the GPUs wait for each other's sums"),
        ("memory bandwidth", "16 GB of weights per GPU at 768 GB/s take 20.8 ms to read"),
    ],
)
def test_each_bound_of_decode_has_its_words(regime: Bottleneck, words: str) -> None:
    [line] = bottleneck_number_lines(replace(prediction(), regime_decode=regime))
    assert line.startswith(f"Decode is bound by {regime}: ")
    assert words in line


@pytest.mark.parametrize(
    ("regime", "words"),
    [
        ("overhead", "launches and scheduling outweigh the work"),
        ("communication", "pcie at"),
        ("memory bandwidth", "768 GB/s, for prompts too short to use the matrix units"),
    ],
)
def test_each_bound_of_prefill_has_its_words(regime: Bottleneck, words: str) -> None:
    [line] = bottleneck_number_lines(replace(prediction(), regime_prefill=regime))
    assert words in line


def test_what_is_only_likely_kept_is_told_when_it_would_be_better() -> None:
    # 290 (261-319) ms: the value keeps 300 ms, its pessimistic end does not; it would cost a fifth less.
    better = answer("fp8", 5.0, 0.999, ttft_p95_ms=290.0)
    lines = winner_lines(recommendation(better, answer("int8", 4.0, 0.99)))
    assert (
        "Not sure enough: fp8 on 1× A6000 costs 20 % less, but TTFT p95 <= 300 ms is kept with 76 % only "
        "(290 (261–319) ms); measure it to know."
    ) in lines


def test_what_is_only_likely_kept_and_no_better_is_not_worth_a_line() -> None:
    worse = answer("fp8", 3.0, 0.999, ttft_p95_ms=290.0)
    lines = winner_lines(recommendation(worse, answer("int8", 4.0, 0.99)))
    assert not any(line.startswith("Not sure enough") for line in lines)


def test_a_first_whose_accuracy_nobody_measured_is_set_beside_one_that_was() -> None:
    first = answer("int4", 5.0, 0.98)
    assert first.prediction is not None
    prediction = replace(first.prediction, recovery=None)
    unmeasured = replace(first, predicted=lambda: prediction)
    lines = winner_lines(recommendation(unmeasured, answer("int8", 4.0, 0.99)))
    assert any(line.startswith("The best whose accuracy is known is int8 on 1× A6000") for line in lines)


@pytest.mark.parametrize(
    ("objective", "line"),
    [
        ("latency", "bf16 on 1× A100: it takes as long (5 (4.5–5.5) s per request)."),
        (
            "throughput",
            "int8 on 1× A6000: it serves 25 % fewer requests (6 (5.4–6.6) requests per second at most).",
        ),
        (
            "accuracy",
            "int8 on 1× A6000: it loses 0.5 % more of the score (99.5 (98.5–99.5) % of BF16's accuracy).",
        ),
    ],
)
def test_every_objective_compares_in_its_own_words(objective: Objective, line: str) -> None:
    lines = winner_lines(three(objective))
    assert f"The best of another format is {line}" in lines


def test_the_figure_of_what_was_never_predicted_cannot_be_said() -> None:
    bare = cannot_run("int4", "A100")
    assert objective_text(bare, workload()) == "its figure cannot be said"


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (1.0, "over 99 %"),
        (0.9999, "over 99 %"),
        (0.994, "99 %"),
        (0.5, "50 %"),
        (0.006, "under 1 %"),
        (0.0100, "1 %"),
        (0.0, "under 1 %"),
    ],
)
def test_no_probability_is_a_certainty(probability: float, text: str) -> None:
    assert chance(probability) == text


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        ("measured", "measured on this very deployment"),
        ("fitted", "fitted to 8,015 measurements"),
        ("extrapolated", "extrapolated from 8,015 measurements"),
        ("roofline", "physics alone (roofline)"),
    ],
)
def test_the_basis_of_speeds_is_named(basis: Basis, words: str) -> None:
    latency = {key: replace(estimate, basis=basis) for key, estimate in prediction().latency.items()}
    of = replace(prediction(), latency=latency, regime_decode="compute", regime_prefill=None)
    assert speed_line(assessed(of), 8015) == f"Speed: {words}; decode bound by compute."
