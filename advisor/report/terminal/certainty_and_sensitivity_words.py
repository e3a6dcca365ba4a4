"""How sure a choice is and what would change it, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.sensitivity.varied_load_property import UNITS
from advisor.display_text import amount_text, chance, deployment_text, latency_name, number, rate_text, share
from advisor.spec.api_price import ApiPrice
from advisor.spec.deployment import Deployment
from advisor.spec.hardware.gpu import Price
from advisor.spec.metrics import latency_of_key
from advisor.spec.reading.amounts import HOURS_PER_DAY, HOURS_PER_MONTH
from advisor.units import S_PER_HOUR

if TYPE_CHECKING:
    from advisor.advise.certainty.choice_probability import ChoiceProbability
    from advisor.advise.certainty_and_sensitivity import Decision
    from advisor.advise.sensitivity.crossover import Crossing, Crossover, Stretch
    from advisor.advise.sensitivity.own_or_api import OwnOrApi, TrafficBreakEven, TrafficPoint
    from advisor.advise.sensitivity.price_break_even import BreakEven

BEST: Mapping[str, str] = {
    "cost": "cheapest",
    "latency": "fastest",
    "throughput": "one that serves most",
    "accuracy": "most accurate",
}
NEAREST = 2
"""Break-even prices that an answer tells."""
MOST_STRETCHES = 5


def sure_lines(recommendation: Recommendation, decision: Decision) -> list[str]:
    """Whether the first keeps the limits and is the best that does."""
    sure = decision.sure
    if sure is None:
        return []
    lines = []
    if sure.limits:
        each = ", ".join(f"{limit_name(kept.limit)} {chance(kept.probability)}" for kept in sure.limits)
        lines.append(f"It keeps every limit with {chance(sure.keeps_all)} ({each}).")
    return [*lines, *_best_lines(sure, BEST[recommendation.workload.objective])]


def _best_lines(sure: ChoiceProbability, best: str) -> list[str]:
    that = f"the {best} that keeps the limits" if sure.limits else f"the {best}"
    rival = ""
    if sure.rival is not None and sure.verdict != "sure":
        rival = f" {deployment_text(sure.rival.deployment)} may be it with {chance(sure.rival.probability)}."
    lines = []
    if sure.verdict == "sure":
        also = ""
        if sure.rival is not None and sure.rival.probability >= 0.5:
            also = f"; {deployment_text(sure.rival.deployment)} is too, with {chance(sure.rival.probability)}"
        lines.append(f"It is {that}, or within 1 % of it, with {chance(sure.best)}{also}.")
    elif sure.loss is None:
        lines.append(f"In doubt: it is {that} with {chance(sure.best)} only.{rival}")
    elif sure.verdict == "tie":
        lines.append(
            f"A near tie: it is {that} with {chance(sure.best)}, but taking another would save "
            f"{share(sure.loss)} on average.{rival}"
        )
    else:
        lines.append(
            f"In doubt: it is {that} with {chance(sure.best)} only.{rival} Knowing would save "
            f"{share(sure.loss)} on average: quantadvise measure-next says what to measure."
        )
    if sure.fewer is not None:
        lines.append(
            f"{deployment_text(sure.fewer.deployment)} would keep every limit with "
            f"{chance(sure.fewer.probability)}."
        )
    return lines


def limit_name(key: str) -> str:
    """`TTFT p95` for `ttft_p95_ms`; a limit on something else is its own name."""
    latency = latency_of_key(key)
    if key == "kv_cache":
        return "the KV cache's room"
    return key if latency is None else latency_name(*latency)


def change_lines(recommendation: Recommendation, decision: Decision) -> list[str]:
    """At which load and which prices another would be first."""
    lines = []
    if decision.crossover is not None:
        lines.append(crossover_line(decision.crossover))
    lines += price_lines(recommendation, decision.prices)
    return lines


def price_lines(recommendation: Recommendation, prices: tuple[BreakEven, ...]) -> list[str]:
    """`L40S is the cheapest until H100 costs less than 1.9 USD …`: the nearest few."""
    first = recommendation.winner
    if first is None:
        return []
    own = first.deployment.gpu
    lines = []
    for price in prices[:NEAREST]:
        until = "it costs more" if price.gpu == own.name else f"{price.label} costs less"
        lines.append(
            f"{own.label} is the cheapest until {until} than {price_text(price)} USD per "
            f"GPU-hour (now {number(price.usd_per_gpu_hour)}); then {deployment_text(price.to)} is."
        )
    return lines


def price_text(price: BreakEven) -> str:
    """`1.9 (1.5–2.3)`, the value alone where the load fixes it."""
    low, high = price.low_usd_per_gpu_hour, price.high_usd_per_gpu_hour
    value = number(price.at_usd_per_gpu_hour)
    wide = high / low > 1.005
    return f"{value} ({number(low)}–{number(high)})" if wide else value


def crossover_line(crossover: Crossover) -> str:
    """`On A6000: int4 up to 15 concurrent requests (15–84), int8 above.`"""
    unit = UNITS[crossover.axis.over]
    if not crossover.crossings:
        [only] = crossover.stretches
        return (
            f"{_zone(only)} is first from {level(only.first)} to {amount_text(only.last, unit)} on "
            f"{_gpu(only)}."
        )
    parts = [
        f"{_zone(stretch)} up to {level(at.level) if n else amount_text(at.level, unit)}{_interval(at)}"
        for n, (stretch, at) in enumerate(
            zip(crossover.stretches[:MOST_STRETCHES], crossover.crossings, strict=False)
        )
    ]
    left = len(crossover.stretches) - MOST_STRETCHES
    last = f"{_zone(crossover.stretches[-1])} above" if left <= 0 else f"{left} more changes above"
    gpu = next((s for s in crossover.stretches if s.best is not None), crossover.stretches[0])
    return f"On {_gpu(gpu)}: {', '.join(parts)}, {last}."


def _gpu(stretch: Stretch) -> str:
    return "these GPUs" if stretch.best is None else stretch.best.gpu.label


def _zone(stretch: Stretch) -> str:
    """`int4`, or `either of int4 and int8` where predictions cannot tell."""
    names = list(dict.fromkeys(_name(d) for d in stretch.kinds)) or ["nothing"]
    return names[0] if len(names) == 1 else f"either of {', '.join(names[:-1])} and {names[-1]}"


def _name(deployment: Deployment | None) -> str:
    return "nothing" if deployment is None else deployment.format.name


def level(value: float) -> str:
    """A level of an axis: `1,024`, `2.16`."""
    return number(value)


def _interval(crossing: Crossing) -> str:
    """` (15–84)`: where the change truly lies, with 90 %."""
    if crossing.low is None and crossing.high is None:
        return " (may lie anywhere)"
    low = "under" if crossing.low is None else number(crossing.low)
    if crossing.high is None:
        return f" (from {low} on)" if crossing.low is not None else " (anywhere)"
    if crossing.low is None:
        return f" (up to {number(crossing.high)})"
    return f" ({low}–{number(crossing.high)})"


def why_text(crossing: Crossing, stretch: Stretch, following: Stretch) -> str:
    """What changes there; with the GPUs where a format goes on, on others."""
    formats = {d.format.name for d in stretch.kinds} & {d.format.name for d in following.kinds}
    name = _on_gpus if formats else _name
    if crossing.why == "objective":
        return f"{name(following.best) if formats else _zone(following)} becomes the better one"
    if crossing.why == "replicas":
        return f"{name(stretch.until)} takes another replica"
    who = name(following.best) if stretch.until is None else name(stretch.until)
    limit = limit_name(crossing.limit)
    return f"{who} {'misses' if stretch.best is not None else 'keeps'} {limit}"


def _on_gpus(deployment: Deployment | None) -> str:
    """`int8 on 2× A6000`: one replica."""
    return "nothing" if deployment is None else deployment_text(deployment.times(1))


def own_or_api_text(found: OwnOrApi) -> str:
    """The break-even with a hosted API in three lines; `own_or_api_says` says it in full."""
    even = ", even traffic assumed" if found.is_assumed and found.points else ""
    first, lasting, here = found.first, found.lasting, found.here
    if first is None or lasting is None:
        text = _break_even(found)
    else:
        before = (
            "" if lasting is first else f"; at some traffic already from {rate_text(first.requests_per_s)}"
        )
        text = f"owning costs less from {_traffic(lasting)}, {_with_fleet(lasting)}{before}."
    return (
        f"Own or API ({found.api_price} USD per million tokens{even}): {text} {_costs(found, here)}".rstrip()
    )


def _costs(found: OwnOrApi, here: TrafficPoint | None) -> str:
    """`At 8 requests/s: own 26.2, API 31.9 USD a day.`"""
    if here is None:
        return ""
    own = (
        "no fleet keeps the limits" if here.own_usd_per_day is None else f"own {number(here.own_usd_per_day)}"
    )
    mean = "" if found.utilization == 1.0 else " on average"
    api = number(here.api_usd_per_day)
    return f"At {rate_text(here.requests_per_s)}{mean}: {own}, API {api} USD a day."


def _price_text(price: ApiPrice) -> str:
    """`0.2/0.02/0.6 USD per million prompt/cached/answer tokens`."""
    kinds = "prompt/answer" if price.cached is None else "prompt/cached/answer"
    return f"{price} USD per million {kinds} tokens"


def own_or_api_says(found: OwnOrApi) -> str:
    """From which traffic on which of the two costs less, and what both cost at the asked one."""
    parts = [_break_even(found)]
    if found.here is not None:
        parts.append(_here(found, found.here))
    if found.is_assumed and found.points:
        parts.append("Traffic is taken as even day and night (--utilization).")
    return " ".join(parts)


def _break_even(found: OwnOrApi) -> str:
    first, lasting = found.first, found.lasting
    if not found.points:
        return "none of these GPUs has a known price; --price GPU=USD states one."
    top = number(found.points[-1].requests_per_s)
    if first is None:
        ratio = found.least_ratio
        if ratio is None:
            return f"no fleet keeps the limits at any traffic up to {top} requests/s."
        if ratio <= 1.0:
            return f"owning costs less at every traffic up to {top} requests/s."
        return (
            f"the API costs less at every traffic up to {top} requests/s; owning costs at least "
            f"{number(ratio)} times as much with fleets that keep the limits with the confidence asked for."
        )
    text = f"owning costs less from {_traffic(first)}, {_with_fleet(first)}"
    if lasting is None:
        last = found.break_evens[-1].requests_per_s
        return f"{text}; above {rate_text(last)} the API does again, where {_step(found)}."
    if lasting is not first:
        return (
            f"{text}; for good from {rate_text(lasting.requests_per_s)}{_range(lasting)}: between "
            "them the API does where the fleet has to grow."
        )
    return f"{text}."


def _step(found: OwnOrApi) -> str:
    fleet = found.break_evens[-1].fleet
    return "nothing keeps the limits" if fleet is None else f"{deployment_text(fleet)} is needed"


def _traffic(one: TrafficBreakEven) -> str:
    """`0.575 requests/s (90 %: 0.5–0.7), 49,700 a day, 1.51 million a month`."""
    hourly = one.requests_per_s * S_PER_HOUR
    return (
        f"{rate_text(one.requests_per_s)}{_range(one)}, {_count(hourly * HOURS_PER_DAY)} a day, "
        f"{_count(hourly * HOURS_PER_MONTH)} a month"
    )


def _count(requests: float) -> str:
    """Three digits of a large number: `49,700`, `1.51 million`."""
    if requests >= 1e6:
        return f"{number(requests / 1e6)} million"
    return number(float(f"{requests:.3g}"))


def _range(one: TrafficBreakEven) -> str:
    if one.low is None or one.high is None:
        return "" if one.low is None else f" (90 %: from {number(one.low)} on)"
    if one.low == one.high:
        return " (prices alone decide)"
    # The fleet keeps the limits with some confidence, so that errors may leave only one direction.
    if one.high == one.requests_per_s:
        return f" (90 %: {number(one.low)} at the earliest)"
    if one.low == one.requests_per_s:
        return f" (90 %: {number(one.high)} at the latest)"
    return f" (90 %: {number(one.low)}–{number(one.high)})"


def _fleet(one: TrafficBreakEven) -> str:
    return "nothing" if one.fleet is None else f"{deployment_text(one.fleet)} ({one.basis})"


def _with_fleet(one: TrafficBreakEven) -> str:
    """It may differ from the first of the ranking, which is sized for another traffic."""
    return f"with {_fleet(one)}, the cheapest that keeps the limits at that traffic"


def _here(found: OwnOrApi, here: TrafficPoint) -> str:
    own = (
        "no fleet keeps the limits" if here.own_usd_per_day is None else f"own {number(here.own_usd_per_day)}"
    )
    mean = "" if found.utilization == 1.0 else ", the mean of the rate asked for"
    return (
        f"At {rate_text(here.requests_per_s)}{mean}: {own}, API {number(here.api_usd_per_day)} "
        f"USD a day; a fleet no dearer than the API keeps all limits with {chance(here.own_cheaper)}."
    )


def own_or_api_lines(found: OwnOrApi) -> list[str]:
    """Own GPUs against the API: every traffic at which the cheaper one changes, and what it rests on."""
    says = own_or_api_says(found)
    lines = [f"{_price_text(found.api_price)}: {says}"]
    for one in found.break_evens:
        what = "owning costs less" if one.cheaper == "own" else "the API costs less"
        price = "" if one.price is None else f", {_price_of(one.price)}"
        with_ = "" if one.fleet is None else f": {_fleet(one)}{price}"
        lines.append(f"from {rate_text(one.requests_per_s)}{_range(one)} {what}{with_}")
    lines.append(
        f"A mean request costs {number(found.usd_per_request)} USD at the API; a fleet is sized for the mean "
        f"traffic ÷ {number(found.utilization)}, keeps all limits there and is paid all day. Whether the API "
        "keeps them is not known. Intervals are of the predictions: prices and lengths are taken as stated. "
        "An interval of one end reaches to the break-even itself: the fleet keeps the limits with the "
        "confidence asked for, so that one of fewer GPUs may suffice, and rarely is one of more needed."
    )
    return lines


def _price_of(price: Price) -> str:
    dated = f", {price.date}" if price.date else ""
    return f"{number(price.usd_per_gpu_hour)} USD per GPU-hour ({price.provider}{dated})"
