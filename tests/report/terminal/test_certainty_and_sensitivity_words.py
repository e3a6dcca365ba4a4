"""How certain a choice is and what would change it, in sentences that can be read one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.advise.certainty.choice_probability import ChoiceProbability, Kept, Rival
from advisor.advise.certainty_and_sensitivity import Decision
from advisor.advise.sensitivity.crossover import Crossing, Crossover, Stretch
from advisor.advise.sensitivity.own_or_api import OwnOrApi, TrafficBreakEven, TrafficPoint
from advisor.advise.sensitivity.price_break_even import BreakEven
from advisor.advise.sensitivity.varied_load_property import Axis
from advisor.report.terminal.certainty_and_sensitivity_words import (
    MOST_STRETCHES,
    NEAREST,
    crossover_line,
    limit_name,
    own_or_api_lines,
    own_or_api_text,
    price_lines,
    price_text,
    sure_lines,
    why_text,
)
from advisor.spec.api_price import ApiPrice
from advisor.spec.hardware.gpu import Price
from tests.advise.builders import deployment
from tests.report.builders import three

INT4, INT8 = deployment(fmt="int4"), deployment(fmt="int8")


def sure(**changed: object) -> ChoiceProbability:
    made = ChoiceProbability(
        deployment=INT4,
        limits=(Kept(limit="ttft_p95_ms", probability=0.97), Kept(limit="recovery", probability=0.93)),
        keeps_all=0.91,
        best=0.86,
        loss=0.004,
        rival=None,
        fewer=None,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def lines(made: ChoiceProbability | None) -> list[str]:
    return sure_lines(three(), Decision(sure=made, crossover=None, prices=()))


def test_each_limit_has_its_probability_and_all_together_theirs() -> None:
    assert lines(sure()) == [
        "It keeps every limit with 91 % (TTFT p95 97 %, recovery 93 %).",
        "It is the cheapest that keeps the limits, or within 1 % of it, with 86 %.",
    ]


def test_without_limits_only_the_order_is_in_doubt() -> None:
    assert lines(sure(limits=())) == ["It is the cheapest, or within 1 % of it, with 86 %."]


def test_nothing_is_said_where_certainty_was_not_worked_out() -> None:
    assert lines(None) == []


@pytest.mark.parametrize(
    ("best", "loss", "start", "end"),
    [
        (0.8, 0.3, "It is the cheapest that keeps the limits, or within 1 % of it, with 80 %", "80 %."),
        (0.79, 0.02, "A near tie: it is the cheapest that keeps the limits with 79 %", "2 % on average."),
        (0.79, 0.021, "In doubt: it is the cheapest", "measure-next says what to measure."),
        (0.79, None, "In doubt: it is the cheapest that keeps the limits with 79 % only.", "only."),
    ],
)
def test_sure_from_80_per_cent_on_else_a_tie_up_to_2_per_cent_of_loss(
    best: float, loss: float | None, start: str, end: str
) -> None:
    line = lines(sure(best=best, loss=loss))[1]
    assert line.startswith(start)
    assert line.endswith(end)


def test_a_rival_is_named_where_it_may_be_the_best() -> None:
    rival = Rival(deployment=INT8, probability=0.35)
    assert " int8 on 1× A6000 may be it with 35 %." in lines(sure(best=0.6, loss=0.05, rival=rival))[1]
    assert "int8" not in lines(sure(rival=rival))[1]  # the choice is sure, and the rival unlikely
    even = replace(rival, probability=0.62)
    assert lines(sure(rival=even))[1].endswith("; int8 on 1× A6000 is too, with 62 %.")


def test_fewer_replicas_have_a_line_of_their_own() -> None:
    fewer = Rival(deployment=deployment(fmt="int4", replicas=2), probability=0.4)
    assert lines(sure(fewer=fewer))[-1] == (
        "int4 on 2 replicas of 1× A6000 would keep every limit with 40 %."
    )


@pytest.mark.parametrize(
    ("objective", "word"),
    [("cost", "cheapest"), ("latency", "fastest"), ("throughput", "one that serves most"),
     ("accuracy", "most accurate")],
)  # fmt: skip
def test_best_is_said_in_the_objectives_word(objective: str, word: str) -> None:
    made = sure_lines(
        three(objective),  # type: ignore[arg-type]
        Decision(sure=sure(limits=()), crossover=None, prices=()),
    )
    assert made[-1].startswith(f"It is the {word}, or within 1 % of it, with")


@pytest.mark.parametrize(
    ("key", "name"),
    [("ttft_p95_ms", "TTFT p95"), ("e2e_mean_ms", "E2E mean"), ("tpot_p99.9_ms", "TPOT p99.9"),
     ("capacity", "capacity"), ("recovery", "recovery")],
)  # fmt: skip
def test_a_limit_is_named_with_its_percentile(key: str, name: str) -> None:
    assert limit_name(key) == name


def break_even(at: float, low: float, high: float, *, gpu: str = "L40S") -> BreakEven:
    return BreakEven(
        gpu=gpu,
        label=gpu,
        usd_per_gpu_hour=1.0,
        at_usd_per_gpu_hour=at,
        low_usd_per_gpu_hour=low,
        high_usd_per_gpu_hour=high,
        to=INT8,
    )


def test_a_price_has_its_interval_unless_the_load_fixes_it() -> None:
    assert price_text(break_even(1.9, 1.5, 2.3)) == "1.9 (1.5–2.3)"
    assert price_text(break_even(1.9, 1.9, 1.905)) == "1.9"


def test_the_first_ones_own_price_must_rise_and_anothers_fall() -> None:
    own = break_even(1.9, 1.5, 2.3, gpu="A6000")
    [line] = price_lines(three(), (own,))
    assert line == (
        "A6000 is the cheapest until it costs more than 1.9 (1.5–2.3) USD per GPU-hour (now 1); "
        "then int8 on 1× A6000 is."
    )
    other = break_even(0.5, 0.4, 0.6)
    assert (own.below, other.below, other.factor) == (False, True, 0.5)
    assert "until L40S costs less than 0.5 (0.4–0.6) USD" in price_lines(three(), (other,))[0]


def test_only_the_nearest_prices_are_told() -> None:
    assert len(price_lines(three(), tuple(break_even(x, x, x) for x in (0.9, 0.7, 0.5)))) == NEAREST


def stretch(first: float, last: float, best: object, **more: object) -> Stretch:
    return Stretch(first=first, last=last, best=best, until=best, **more)  # type: ignore[arg-type]


def crossing(low: float | None, high: float | None, **more: object) -> Crossing:
    made = Crossing(level=15.0, following=16.0, low=low, high=high, why="objective", basis="fitted")
    return replace(made, **more)  # type: ignore[arg-type]


def along(stretches: tuple[Stretch, ...], crossings: tuple[Crossing, ...]) -> Crossover:
    axis = Axis(over="concurrency", levels=(1.0, 1024.0))
    return Crossover(axis=axis, stretches=stretches, crossings=crossings, here=None)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(11.0, 84.0, "(11–84)"), (None, 84.0, "(up to 84)"), (11.0, None, "(from 11 on)"),
     (None, None, "(may lie anywhere)")],
)  # fmt: skip
def test_a_crossing_says_where_it_truly_lies(low: float | None, high: float | None, text: str) -> None:
    found = along((stretch(1, 15, INT4), stretch(16, 1024, INT8)), (crossing(low, high),))
    assert crossover_line(found) == (f"On A6000: int4 up to 15 concurrent requests {text}, int8 above.")


def test_the_stretch_of_a_level_is_the_one_it_lies_in() -> None:
    found = along((stretch(1, 15, INT4), stretch(16, 1024, INT8)), (crossing(11.0, 84.0),))
    assert [found.at(level).best for level in (1, 15, 15.5, 16, 5000)] == [INT4, INT4, INT8, INT8, INT8]


def test_where_predictions_cannot_tell_both_are_named() -> None:
    either = stretch(1, 15, INT4, either=(INT4, INT8))
    found = along((either, stretch(16, 1024, None)), (crossing(11.0, None),))
    assert "either of int4 and int8 up to 15" in crossover_line(found)
    assert crossover_line(found).endswith("nothing above.")


def test_one_best_all_along_is_said_with_both_ends() -> None:
    assert crossover_line(along((stretch(1, 1024, INT4),), ())) == (
        "int4 is first from 1 to 1,024 concurrent requests on A6000."
    )


def test_many_changes_are_counted_not_listed() -> None:
    many = tuple(stretch(n, n, (INT4, INT8)[n % 2]) for n in range(1, 9))
    line = crossover_line(along(many, tuple(crossing(None, None) for _ in many[1:])))
    assert line.count("up to") == MOST_STRETCHES
    assert line.endswith(f"{len(many) - MOST_STRETCHES} more changes above.")


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"why": "objective"}, "int8 becomes the better one"),
        ({"why": "replicas"}, "int4 takes another replica"),
        ({"why": "limit", "limit": "tpot_p95_ms"}, "int4 misses TPOT p95"),
        ({"why": "limit", "limit": "memory"}, "int4 misses memory"),
    ],
)
def test_why_a_stretch_ends(changed: dict[str, object], text: str) -> None:
    one, two = stretch(1, 15, INT4), stretch(16, 1024, INT8)
    assert why_text(crossing(11.0, 84.0, **changed), one, two) == text


def test_a_format_that_goes_on_is_told_with_its_gpus() -> None:
    one, two = stretch(1, 15, INT4), stretch(16, 99, deployment(fmt="int4", gpu="A100"))
    assert why_text(crossing(11.0, 84.0), one, two) == "int4 on 1× A100 becomes the better one"


API = ApiPrice(prompt=0.2, answer=0.6)
PRICE = Price(
    provider="paper", num_gpus=1, usd_per_hour=0.8, term="on-demand", date="2024-10-28", source="table"
)
HERE = TrafficPoint(
    requests_per_s=8.0, api_usd_per_day=31.9, fleet=INT4, own_usd_per_day=26.2, own_cheaper=0.9
)
OWN = TrafficBreakEven(
    requests_per_s=0.575, low=0.5, high=0.7, cheaper="own", fleet=INT4, price=PRICE, basis="fitted"
)  # fmt: skip
AGAIN = replace(OWN, requests_per_s=3.0, low=None, high=None, cheaper="api", fleet=None, price=None)


def compared(**changed: object) -> OwnOrApi:
    made = OwnOrApi(
        api_price=API,
        usd_per_request=0.00005,
        utilization=1.0,
        is_assumed=False,
        points=(HERE,),
        break_evens=(OWN,),
        here=HERE,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def test_the_break_even_with_an_api_is_a_traffic_by_second_day_and_month() -> None:
    # 0.575 a second are 49,680 a day and, of 730 hours, 1.511 million a month
    assert own_or_api_text(compared()) == (
        "Own or API (0.2/0.6 USD per million tokens): owning costs less from 0.575 requests/s (90 %: "
        "0.5–0.7), 49,700 a day, 1.51 million a month, with int4 on 1× A6000 (fitted), the cheapest that "
        "keeps the limits at that traffic. At 8 requests/s: own 26.2, API 31.9 USD a day."
    )


def test_where_prices_alone_decide_no_interval_is_made_up() -> None:
    fixed = replace(OWN, low=0.575, high=0.575)
    assert "(prices alone decide)" in own_or_api_text(compared(break_evens=(fixed,)))
    assert "(90 %: from 0.5 on)" in own_or_api_text(compared(break_evens=(replace(OWN, high=None),)))


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(0.5, 0.575, "(90 %: 0.5 at the earliest)"), (0.575, 0.7, "(90 %: 0.7 at the latest)")],
)
def test_a_break_even_at_the_end_of_its_interval_is_said_to_be_that_end(
    low: float, high: float, text: str
) -> None:
    assert text in own_or_api_text(compared(break_evens=(replace(OWN, low=low, high=high),)))


def test_an_api_that_wins_again_is_told_with_what_lasts() -> None:
    back = replace(OWN, requests_per_s=5.0, low=4.0, high=6.0)
    found = compared(break_evens=(OWN, AGAIN, back))
    assert found.first is OWN
    assert found.lasting is back
    text = own_or_api_text(found)
    assert "owning costs less from 5 requests/s (90 %: 4–6), 432,000 a day" in text
    assert "at that traffic; at some traffic already from 0.575 requests/s." in text
    lost = compared(break_evens=(OWN, AGAIN))
    assert lost.lasting is None
    assert "above 3 requests/s the API does again, where nothing keeps the limits" in own_or_api_text(lost)


@pytest.mark.parametrize(
    ("points", "text"),
    [
        ((), "none of these GPUs has a known price; --price GPU=USD states one."),
        (
            (replace(HERE, own_usd_per_day=None),),
            "no fleet keeps the limits at any traffic up to 8 requests/s.",
        ),
        ((replace(HERE, own_usd_per_day=15.95),), "owning costs less at every traffic up to 8 requests/s."),
        (
            (replace(HERE, own_usd_per_day=63.8),),
            "owning costs at least 2 times as much with fleets that keep the limits with the "
            "confidence asked for.",
        ),
    ],
)
def test_without_a_break_even_it_is_said_which_side_wins_everywhere(
    points: tuple[TrafficPoint, ...], text: str
) -> None:
    assert text in own_or_api_text(compared(points=points, break_evens=(), here=None))


def test_even_traffic_is_named_as_an_assumption_and_a_mean_as_a_mean() -> None:
    assert ", even traffic assumed)" in own_or_api_text(compared(is_assumed=True))
    assert "At 8 requests/s on average: own" in own_or_api_text(compared(utilization=0.4))


def test_every_change_is_listed_with_its_fleet_and_price() -> None:
    first, *changes, last = own_or_api_lines(compared(break_evens=(OWN, AGAIN)))
    assert first.startswith("0.2/0.6 USD per million prompt/answer tokens: owning costs less from")
    assert changes == [
        "from 0.575 requests/s (90 %: 0.5–0.7) owning costs less: int4 on 1× A6000 (fitted), 0.8 USD per "
        "GPU-hour (paper, 2024-10-28)",
        "from 3 requests/s the API costs less",
    ]
    assert "A mean request costs 0.00005 USD at the API" in last
