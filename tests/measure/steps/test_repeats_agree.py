"""When repeats agree, and which results keep the limits."""

from __future__ import annotations

import pytest

from advisor.measure.steps import repeats_agree
from advisor.measure.steps.bench import BenchResult, Point
from advisor.spec.workloads.workload import Goodput, LatencyLimit


def result(
    rate: float = 10.0, e2e: float = 100.0, share: float | None = None, **figures: float
) -> BenchResult:
    base = {"requests_per_s/mean": rate, "e2e_ms/mean": e2e, "tpot_ms/mean": 5.0}
    return BenchResult(
        completed=40,
        failed=0,
        duration_s=4.0,
        input_tokens=64,
        output_tokens=16,
        figures=base | {name.replace("__", "/"): value for name, value in figures.items()},
        goodput_share=share,
    )


def test_variation_by_hand():
    # sample standard deviation of 9, 10, 11 is 1
    assert repeats_agree.variation([9.0, 10.0, 11.0]) == pytest.approx(0.1)


def test_one_value_has_no_variation():
    assert repeats_agree.variation([3.0]) is None


def test_three_equal_repeats_are_enough_and_two_are_not():
    same = [result()] * 3
    assert not repeats_agree.enough(same[:2], least=3, most=6, steady=0.05)
    assert repeats_agree.enough(same, least=3, most=6, steady=0.05)


def test_unsteady_repeats_go_on_to_the_most():
    noisy = [result(rate=rate) for rate in (5.0, 10.0, 20.0, 5.0, 10.0, 20.0)]
    assert not repeats_agree.enough(noisy[:5], least=3, most=6, steady=0.05)
    assert repeats_agree.enough(noisy, least=3, most=6, steady=0.05)


def test_the_worst_figure_decides():
    results = [result(e2e=e2e) for e2e in (100.0, 200.0)]
    assert repeats_agree.worst_variation(results) == pytest.approx(
        repeats_agree.variation([100.0, 200.0]) or 0
    )


def test_a_limit_without_its_figure_is_broken():
    limit = LatencyLimit(metric="ttft", statistic="p95", max_ms=500)
    assert repeats_agree.broken([limit], None, result()) == ["ttft p95 not measured > 500 ms"]
    assert repeats_agree.broken([limit], None, result(ttft_ms__p95=501.0)) == ["ttft p95 501 ms > 500 ms"]
    assert repeats_agree.broken([limit], None, result(ttft_ms__p95=500.0)) == []


def test_goodput_counts_requests():
    goal = Goodput(ttft_ms=500.0, min_share=0.95)
    assert repeats_agree.broken([], goal, result(share=0.94)) == ["goodput share 0.94 < 0.95"]
    assert repeats_agree.broken([], goal, result(share=0.96)) == []


def test_a_saturated_point_keeps_no_limit():
    from advisor.spec.workloads.workload import Arrival, Lengths, Load, Workload

    load = Load(
        input_tokens=Lengths.constant(64),
        output_tokens=Lengths.constant(16),
        arrival=Arrival(kind="rate", value=20.0),
    )
    workload = Workload(name="any", about="any", load=load)
    point = Point(kind="rate", value=20.0)
    assert not repeats_agree.keeps(workload, point, result(rate=10.0))
    assert repeats_agree.keeps(workload, point, result(rate=19.0))
