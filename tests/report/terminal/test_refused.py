"""Why deployments were refused: one line for each cause, with what takes them after all."""

from __future__ import annotations

from dataclasses import replace

from advisor.advise.choose.assessment import Assessment, Refusal, RefusalKind
from advisor.advise.choose.judged_rows import Reason
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate_with_interval import Estimate
from advisor.report.documents.missed_limit_words import needs_engine, release_that_starts, worst_refusal
from advisor.report.terminal.refused import (
    NEVER,
    TOO_NEW,
    TOO_OLD,
    limit_lines,
    nothing_kept_line,
    nothing_kept_lines,
    refused_lines,
)
from advisor.spec.engines.engine import Engine
from tests.advise.builders import assessed, deployment, prediction, workload
from tests.report.builders import limited, three


def refused(fmt: str, gpu: str, version: str, kind: RefusalKind = "engine") -> Assessment:
    """What this release of vLLM does not start."""
    of = replace(deployment(fmt=fmt, gpu=gpu), engine=Engine(version=version))
    assert not of.kernels.starts
    return Assessment(deployment=of, cost=None, refusals=(Refusal(kind=kind),))


OLD = refused("nvfp4", "H100", "0.8.0")
NEW = refused("bf16", "V100-32GB", "0.32.0")
LOST = refused("fp8", "V100-32GB", "0.32.0")
NO_KERNEL = refused("w4a8-fp8", "A100", "0.32.0", "format")


def of(*rows: Assessment, kind: RefusalKind = "engine") -> Recommendation:
    return replace(three(), ranked=(), refused=rows, reasons=(Reason(kind=kind, rows=rows),))  # type: ignore[arg-type]


def test_what_a_release_is_too_old_for_says_which_one_starts_it() -> None:
    assert release_that_starts(OLD) == (">=", "0.9.1")
    assert needs_engine(OLD) == "vLLM >= 0.9.1 for nvfp4 on H100-SXM"
    assert refused_lines(of(OLD)) == [
        f"1 {TOO_OLD}: vLLM >= 0.9.1 for nvfp4 on H100-SXM; --ignore-engine-version takes them"
    ]


def test_what_a_release_is_too_new_for_names_the_newest_that_starts_it() -> None:
    assert release_that_starts(NEW) == ("<=", "0.19.0")
    [line] = refused_lines(of(NEW))
    assert line.startswith(
        f"1 {TOO_NEW}: vLLM <= 0.19.0 for bf16 on V100-32GB, since its published builds need"
    )
    assert line.endswith("; --engine 'vllm 0.19.0' takes them")


def test_what_no_release_starts_has_no_remedy() -> None:
    assert release_that_starts(LOST) is None
    [line] = refused_lines(of(LOST))
    gpu = LOST.deployment.gpu.label
    assert line == f"1 {NEVER}: fp8 on {gpu}, since its published builds need capability 7.5, the GPU has 7.0"


def test_a_format_that_no_kernel_of_the_gpu_runs_is_counted_by_its_gpus() -> None:
    twice = (NO_KERNEL, replace(NO_KERNEL, deployment=deployment(fmt="w4a8-fp8", gpu="L40S")))
    assert refused_lines(of(*twice, kind="format")) == [
        "2 without a kernel for the format: w4a8-fp8 on 2 GPUs"
    ]


def test_causes_are_told_apart_the_largest_first() -> None:
    lines = refused_lines(of(OLD, NEW, LOST, NEW))
    assert [line.split(":")[0] for line in lines] == [f"2 {TOO_NEW}", f"1 {NEVER}", f"1 {TOO_OLD}"]


def test_where_everything_is_refused_for_one_cause_the_line_has_the_remedy() -> None:
    line = nothing_kept_line(replace(of(OLD), smallest=None))
    assert line.endswith(f"1 deployment {TOO_OLD} (--ignore-engine-version takes them)")


def test_several_causes_are_all_named_those_with_a_remedy_first() -> None:
    line = nothing_kept_line(replace(of(LOST, LOST, NEW), smallest=None))
    first, second = line.split("nothing keeps the limits; ")[1].rsplit(", 2 ", 1)
    assert first.startswith(f"1 deployment {TOO_NEW}, since its published builds")
    assert second == NEVER


def test_the_limit_missed_by_most_is_the_worst_and_one_of_no_degree_before_all() -> None:
    by_degree = (Refusal(kind="latency", excess=0.2), Refusal(kind="recovery", excess=0.5))
    assert worst_refusal(replace(OLD, refusals=by_degree)).kind == "recovery"
    assert worst_refusal(replace(OLD, refusals=(*by_degree, Refusal(kind="memory")))).kind == "memory"


NEARLY = Refusal(
    kind="latency",
    metric="tpot",
    statistic="p95",
    bound=50.0,
    expected=Estimate(value=49.6, low=38.6, high=64.9, basis="extrapolated"),
    excess=0.11,
    likely_kept=True,
)


def test_a_limit_that_the_estimate_keeps_is_said_with_the_probability_that_judges_it() -> None:
    judged = Assessment(deployment=deployment(), cost=None, refusals=(NEARLY,), keeps_all_limits=0.512)
    assert limit_lines(judged, limited()) == [
        "all are kept with 51 %, 80 % is asked for",
        "TPOT p95 <= 50 ms: 49.6 (38.6–64.9) ms, kept by the estimate, missed by 11 % at 80 % confidence",
    ]
    kept = replace(judged, refusals=(), keeps_all_limits=0.94)
    assert limit_lines(kept, limited()) == ["all are kept with 94 %"]
    assert limit_lines(kept, workload()) == []


def test_what_misses_a_limit_still_serves_and_what_does_not_start_or_hold_a_request_does_not() -> None:
    short = Refusal(kind="context", bound=4096.0)
    judged = Assessment(deployment=deployment(), cost=None, refusals=(NEARLY,))
    assert judged.serves
    assert replace(judged, refusals=(replace(NEARLY, likely_kept=False),)).serves
    assert replace(judged, refusals=(replace(short, likely_kept=True),)).serves
    assert not replace(judged, refusals=(NEARLY, short)).serves
    assert not OLD.serves
    assert not NO_KERNEL.serves


def test_where_the_longest_request_does_not_fit_that_is_the_headline() -> None:
    short = Refusal(kind="context", bound=37_000.0, excess=2.676)
    found = prediction(deployment(), max_context=10_064)
    row = replace(assessed(found, workload()), refusals=(short,), keeps_all_limits=0.0)
    nothing = of(row, kind="context")
    head, *_ = nothing_kept_lines(nothing, None, width=160)
    assert head.text.startswith(
        "The longest request, 37,000 tokens, does not fit · nearest bf16 on 1× A6000 · "
    )
    assert head.text.endswith(" · its KV cache holds 10,064")
    line = nothing_kept_line(nothing)
    assert (
        "the longest request, 37,000 tokens, does not fit; closest is bf16 on 1× A6000, its KV cache" in line
    )
    assert "nothing keeps the limits" not in line
    # A limit that is missed by more is what hinders.
    late = replace(NEARLY, excess=5.0, likely_kept=False)
    both = of(replace(row, refusals=(short, late)))
    assert nothing_kept_lines(both, None, width=160)[0].text.startswith("Nothing keeps all limits with 80 %")
