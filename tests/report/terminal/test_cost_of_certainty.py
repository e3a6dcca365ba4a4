"""What certainty costs, in lines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.choose.certainty_frontier import Offer, Pick
from advisor.advise.measuring.best_measurements import Measurement
from advisor.advise.sensitivity.ways_out_if_infeasible import WayOut
from advisor.display_text import chance
from advisor.report.terminal.cost_of_certainty import (
    BAR,
    MOST_POINTS,
    frontier_bars,
    frontier_line,
    other_picks,
    pick_lines,
    settles_text,
    way_out_lines,
)
from advisor.spec.workloads.workload import Arrival
from tests.advise.builders import deployment, workload
from tests.report.builders import three


def offer(usd: float | None, keeps: float, *, replicas: int = 1, tightest: str = "ttft_p95_ms") -> Offer:
    return Offer(
        deployment=deployment(replicas=replicas),
        usd_per_hour=usd,
        keeps_all_limits=keeps,
        tightest=tightest,
        keeps_tightest=keeps,
    )


PICKS = (
    Pick(role="recommended", offer=offer(2.0, 0.84, replicas=2)),
    Pick(role="surer", offer=offer(3.0, 0.97, replicas=3)),
    Pick(role="cheaper", offer=offer(1.0, 0.55)),
)
MEASUREMENT = Measurement(
    what="speed",
    deployment=deployment(),
    arrival=Arrival(kind="rate", value=1.0),
    gpu_minutes=9.23,
    gain=0.1,
)


def test_a_pick_says_its_cost_by_hour_and_month_and_how_probably_it_keeps_all_limits() -> None:
    first, *_ = pick_lines(replace(three(), picks=PICKS))
    assert first == (
        "recommended: bf16 on 2 replicas of 1× A6000, 2 USD/h (1,460 a month), "
        "keeps all limits with 84 % (tightest: TTFT p95, 84 %)"
    )


def test_without_a_price_or_limits_none_is_made_up() -> None:
    [line] = pick_lines(
        replace(three(), picks=(Pick(role="recommended", offer=offer(None, 1.0, tightest="")),))
    )
    assert line.endswith("price unknown, no limits asked")


def test_the_other_picks_are_those_beside_the_recommended() -> None:
    others = other_picks(replace(three(), picks=PICKS))
    assert [(pick.role, pick.cost, pick.certainty) for pick in others] == [
        ("surer", "3 USD/h", "keeps all limits 97 %"),
        ("cheaper, measure first", "1 USD/h", "keeps all limits 55 %"),
    ]


def test_a_cheaper_pick_that_is_sure_enough_need_not_be_measured_first() -> None:
    """The recommended is the best by the objective, which is not always the cheapest by the hour."""
    sure = Pick(role="cheaper", offer=offer(1.0, 0.97))
    free = Pick(role="cheaper", offer=offer(1.0, 1.0, tightest=""))
    others = other_picks(replace(three(), picks=(PICKS[0], sure, free)))
    assert [(pick.role, pick.certainty) for pick in others] == [
        ("cheaper", "keeps all limits 97 %"),
        ("cheaper", ""),
    ]


@pytest.mark.parametrize(("picks", "saved"), [(PICKS, True), (PICKS[:2], False)])
def test_a_measurement_may_save_the_difference_to_the_cheaper_pick(
    picks: tuple[Pick, ...], saved: bool
) -> None:
    answer = replace(three(), picks=picks)
    text = settles_text(answer, MEASUREMENT)
    assert text.startswith("to settle it, measure bf16 on 1× A6000: 9.2 GPU-minutes")
    assert text.endswith(", may save 1 USD/h") == saved
    assert "the accuracy of bf16" in settles_text(answer, replace(MEASUREMENT, what="accuracy"))


def test_of_a_batch_the_picks_and_what_may_be_saved_are_told_by_the_token() -> None:
    dear = replace(offer(2.0, 0.84, replicas=2), usd_per_million=0.9)
    cheap = replace(offer(3.0, 0.55, replicas=3), usd_per_million=0.6)
    picks = (Pick(role="recommended", offer=dear), Pick(role="cheaper", offer=cheap))
    batch = workload(arrival=Arrival(kind="maximum"))
    answer = replace(three(), picks=picks, workload=batch)
    assert [pick.cost for pick in other_picks(answer)] == ["3 USD/h, 0.6 USD/M tokens"]
    assert settles_text(answer, MEASUREMENT).endswith(", may save 0.3 USD/M tokens")


def test_the_frontier_is_one_line_of_at_most_eight_points_and_nothing_where_nothing_is_to_choose() -> None:
    points = tuple(offer(float(i), i / 20, replicas=i) for i in range(1, 13))
    line = frontier_line(replace(three(), frontier=points))
    assert line.count(" %)") == MOST_POINTS
    assert line.startswith("What certainty costs, USD/h (all limits kept): 5 (25 %), 6 (30 %)"), (
        "those near 80 %"
    )
    picked = replace(three(), frontier=points, picks=(Pick(role="cheaper", offer=points[0]),))
    assert "kept): 1 (5 %), 6 (30 %)" in frontier_line(picked), "every pick is there"
    assert frontier_line(replace(three(), frontier=points[:1])) == ""
    assert frontier_bars(replace(three(), frontier=points[:1])) == []


def test_what_is_below_the_confidence_is_not_printed_as_reaching_it() -> None:
    below, above = offer(121.0, 0.7988), offer(122.0, 0.8051, replicas=2)
    answer = replace(three(), frontier=(below, above), picks=(PICKS[0], Pick(role="cheaper", offer=below)))
    assert frontier_line(answer).endswith("121 (79.8 %), 122 (80 %).")
    assert [pick.certainty for pick in other_picks(answer)] == ["keeps all limits 79.8 %"]
    assert "79.8 %" in frontier_bars(answer)[0]
    assert "keeps all limits with 79.8 % (tightest: TTFT p95, 79.8 %)" in pick_lines(answer)[1]


@given(st.floats(0.0, 1.0), st.sampled_from([0.5, 0.8, 0.804, 0.95, 0.99, 0.999]))
def test_what_is_printed_of_a_probability_below_what_was_asked_is_below_it_too(
    p: float, asked: float
) -> None:
    text = chance(p, asked)
    if p < asked and text != "under 1 %":
        assert float(text.removesuffix(" %")) < 100 * asked


def test_bars_are_as_long_as_the_probability() -> None:
    points = (offer(9.5, 0.5), offer(15.0, 1.0, replicas=2))
    half, whole = frontier_bars(replace(three(), frontier=points))
    assert (half.count("█"), whole.count("█")) == (BAR // 2, BAR)
    assert half.index("█") == whole.index("█")


@pytest.mark.parametrize(
    ("way", "text"),
    [
        (
            {"change": "limit", "limit": "ttft_p95_ms", "bound": 200.0, "to": 310.0},
            "loosen TTFT p95 from 200 to 310 ms",
        ),
        (
            {"change": "limit", "limit": "recovery", "bound": 0.995, "to": 0.98},
            "loosen recovery from 99.5 to 98 %",
        ),
        ({"change": "confidence"}, "accept 60 % (--confidence)"),
        ({"change": "budget"}, "allow a larger budget"),
        ({"change": "gpus"}, "allow more GPUs"),
        ({"change": "budget and gpus"}, "allow more GPUs and a larger budget"),
        ({"change": "gpu"}, "allow any GPU (--gpu any)"),
    ],
)
def test_a_way_out_says_what_to_change_from_what_to_what(way: dict[str, object], text: str) -> None:
    made = WayOut(deployment=deployment(), usd_per_hour=0.8, keeps_all_limits=0.6, **way)  # type: ignore[arg-type]
    assert way_out_lines([made], 100) == [f"{text}  bf16 on 1× A6000  0.8 USD/h"]
