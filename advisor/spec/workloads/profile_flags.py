"""Flags → Workload: everything a profile says, said or overridden on the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from advisor.errors import InputError
from advisor.spec.reading.amounts import plain_number
from advisor.spec.reading.amounts import tokens as tokens_of
from advisor.spec.reading.given_value import Given
from advisor.spec.reading.located_yaml import parse_yaml
from advisor.spec.workloads.conversations.conversation import ONE_TURN, Conversation
from advisor.spec.workloads.profile_keys import (
    READERS,
    read_burstiness,
    read_concurrency,
    read_lengths,
    read_rate,
)
from advisor.spec.workloads.read_limits import parse_goodput, parse_slos
from advisor.spec.workloads.read_profile import (
    MAXIMUM,
    build,
    option_of,
    scenario_profile,
    values_of,
    values_over,
)
from advisor.spec.workloads.workload import Arrival, Goodput, LatencyLimit, Lengths, Quality, Workload

TokenCount = int | float | str | Lengths
"""`512`, `512+-128` (lognormal), `100-300` (uniform), `{kind: …}` as in a profile, or Lengths."""

Share = float | str
"""`0.97`, `97` and `97 %` are the same."""

Amount = int | float | str
"""`4`, `4±2`, `2-8`, `{kind: …}` as in a profile, or a word."""

_SPREAD = re.compile(r"([0-9.]+)\s*(?:±|\+-|\+/-)\s*([0-9.]+)")
_RANGE = re.compile(r"([0-9]+)\s*(?:-|…|\.\.)\s*([0-9]+)")


def parse_lengths(text: TokenCount, *, where: str) -> Lengths:
    """Lengths as a flag states them."""
    if isinstance(text, Lengths):
        return text
    return read_lengths(_given(text, where, spread="lognormal", span="uniform"))


def parse_amount(text: Amount, *, where: str) -> Given:
    """Turns, think time, system tokens or history as a flag states them, for the reader of the key."""
    if isinstance(text, str):
        text = re.sub(r"(?<=[0-9])\s*s(ec)?$", "", text.strip())
    return _given(text, where)


def _given(text: Amount, where: str, *, spread: str | None = None, span: str | None = None) -> Given:
    """What a flag states, as the mapping or number that a profile states; spread, span: the `kind` of `4±2`
    and of `2-8`, where the key's reader wants one."""
    if not isinstance(text, str):
        return Given(value=text, where=where)
    text = text.strip()
    if text.startswith("{"):
        return parse_yaml(text, where=where)
    text = re.sub(r"[^\s±+\-]+", lambda part: tokens_of(part[0]), text)
    value: object = _number(text)
    if match := _SPREAD.fullmatch(text):
        value = _of_kind(spread, mean=_number(match[1]), std=_number(match[2]))
    elif match := _RANGE.fullmatch(text):
        value = _of_kind(span, min=_number(match[1]), max=_number(match[2]))
    return Given(value=value, where=where)


def _of_kind(kind: str | None, **figures: object) -> dict[str, object]:
    return figures if kind is None else {"kind": kind, **figures}


def _number(text: str) -> object:
    """The number in `text`, or the text itself for the reader to refuse."""
    number = plain_number(text)
    if number is None:
        return text
    return int(text) if text.lstrip("+-").isdecimal() else number


def override(
    workload: Workload,
    *,
    scenario: str | None = None,
    input_tokens: TokenCount | None = None,
    output_tokens: TokenCount | None = None,
    single: bool = False,
    concurrency: float | str | None = None,
    rate: float | str | None = None,
    burstiness: float | None = None,
    maximum: bool = False,
    slo: Sequence[str] = (),
    goodput: str | None = None,
    min_share: Share | None = None,
    min_recovery: Share | None = None,
    tasks: Sequence[str] | None = None,
    recipe: str | None = None,
    objective: str | None = None,
    gpu_count: str | None = None,
    confidence: Share | None = None,
    price_list: str | None = None,
    prefix_hit_rate: Share | None = None,
    api_price: str | float | None = None,
    utilization: Share | None = None,
    turns: Amount | None = None,
    think_time_s: Amount | None = None,
    system_tokens: Amount | None = None,
    history: Amount | None = None,
) -> Workload:
    """`workload` with what the flags say in place of its own; None and empty leave it alone.

    The flags stand over the scenario. A limit replaces those on its metric, whatever their statistic;
    `slo=["none"]` drops them all, `goodput="none"` goodput. Raises InputError that names the flag.
    """
    values = values_of(workload)
    if scenario is not None:
        values = values_over(values, scenario_profile(scenario))
    said = {"turns": turns, "think_time_s": think_time_s, "system_tokens": system_tokens, "history": history}
    stated = _lengths(input_tokens=input_tokens, output_tokens=output_tokens) | _conversation(**said)
    values = values_over(values, stated, named=True)
    _check_history(history is not None, workload.load.conversation, values)
    arrival = _arrival(values["load"], single, concurrency, rate, burstiness, maximum)
    if not slo and not goodput:
        _check_queue(workload.name, values, arrival)
    values["load"] = arrival
    values["slo"] = _limits(values["slo"], slo)
    values["goodput"] = _goodput(values["goodput"], goodput, min_share)
    values["quality"] = _quality(values["quality"], min_recovery, tasks, recipe)
    values |= _plain(
        objective=objective,
        gpu_count=gpu_count,
        confidence=confidence,
        price_list=price_list,
        prefix_hit_rate=prefix_hit_rate,
        api_price=api_price,
        utilization=utilization,
    )
    _check_utilization(utilization, values["api_price"])
    return build(values, where=None)


def _check_history(stated: bool, own: Conversation, values: Mapping[str, Any]) -> None:
    """Raises InputError where a history is stated that neither the workload nor the flags have turns for."""
    turns = values["turns"] or ONE_TURN
    if stated and turns.longest == 1 and not own.has_turns:
        raise InputError(
            "--history: a request alone has no earlier turns to repeat, so it changes nothing; add turns "
            "(conversations: --turns 4), or drop it"
        )


def _check_utilization(utilization: Share | None, api_price: object) -> None:
    if utilization is not None and api_price is None:
        raise InputError("--utilization: applies only beside the price of an API; add --api-price 0.20/0.60")


def _check_queue(name: str, values: Mapping[str, Any], arrival: Arrival) -> None:
    """Raises InputError where the flags queue all requests and the workload's own limits are on latencies."""
    is_new = arrival.kind == "maximum" and values["load"].kind != "maximum"
    if is_new and (values["slo"] or values["goodput"]):
        raise InputError(
            f"{MAXIMUM}: '{name}' has latency limits, which no queue of all requests keeps; "
            "add --slo none, or state --rate or --concurrency"
        )


def _plain(**said: str | float | None) -> dict[str, Any]:
    """What is stated of keys that a flag states as a profile does, by key."""
    stated = {key: value for key, value in said.items() if value is not None}
    return {key: READERS[key](Given(value=value, where=option_of(key))) for key, value in stated.items()}


def _lengths(**said: TokenCount | None) -> dict[str, Any]:
    """What is stated of the lengths of prompts and answers, by key."""
    stated = {key: tokens for key, tokens in said.items() if tokens is not None}
    return {key: parse_lengths(tokens, where=option_of(key)) for key, tokens in stated.items()}


def _conversation(**said: Amount | None) -> dict[str, Any]:
    """What is stated of conversations, by key."""
    stated = {key: amount for key, amount in said.items() if amount is not None}
    return {key: READERS[key](parse_amount(amount, where=option_of(key))) for key, amount in stated.items()}


def workload_from_flags(
    *,
    input_tokens: TokenCount | None = None,
    output_tokens: TokenCount | None = None,
    name: str | None = None,
    **flags: Any,
) -> Workload:
    """A workload without a profile: both lengths are needed, the load is a single stream unless said.

    Takes the flags of `override`.
    """
    if input_tokens is None or output_tokens is None:
        raise InputError("no workload: name one (--workload chat) or give --input-tokens and --output-tokens")
    prompt = parse_lengths(input_tokens, where="--input-tokens")
    answer = parse_lengths(output_tokens, where="--output-tokens")
    values = {
        "name": name or f"{_mean(prompt)}/{_mean(answer)}",
        "about": "As stated by flags",
        "input_tokens": prompt,
        "output_tokens": answer,
        "load": Arrival(kind="single"),
    }
    return override(build(values, where=None), **flags)


def _mean(lengths: Lengths) -> str:
    """`1,000,000`, `200.5`: never with an exponent."""
    return f"{round(lengths.mean, 2):,.12g}"


def _arrival(
    own: Arrival,
    single: bool,
    concurrency: float | str | None,
    rate: float | str | None,
    burstiness: float | None,
    maximum: bool,
) -> Arrival:
    said = {
        "--single": single,
        "--concurrency": concurrency is not None,
        "--rate": rate is not None,
        MAXIMUM: maximum,
    }
    flags = [flag for flag, is_said in said.items() if is_said]
    if len(flags) > 1:
        raise InputError(f"{' and '.join(flags)} contradict each other; keep one")
    if burstiness is not None and rate is None and (flags or own.kind != "rate"):
        raise InputError("--burstiness: needs a rate; add --rate")
    if single or maximum:
        return Arrival(kind="single" if single else "maximum")
    if concurrency is not None:
        users = read_concurrency(Given(value=concurrency, where="--concurrency"))
        return Arrival(kind="concurrency", value=users)
    shape = None if burstiness is None else read_burstiness(Given(value=burstiness, where="--burstiness"))
    value = own.value if rate is None else read_rate(Given(value=rate, where="--rate"))
    if rate is None and shape is None:
        return own
    # A profile's burstiness is its own only as long as requests come by themselves.
    return Arrival(kind="rate", value=value, burstiness=own.burstiness if shape is None else shape)


def _limits(own: tuple[LatencyLimit, ...], texts: Sequence[str]) -> tuple[LatencyLimit, ...]:
    if not texts:
        return own
    if "none" in texts:
        if len(texts) > 1:
            raise InputError("--slo: none contradicts the other limits; keep one")
        return ()
    said = parse_slos(texts)
    metrics = {limit.metric for limit in said}
    return (*(limit for limit in own if limit.metric not in metrics), *said)


def _goodput(own: Goodput | None, text: str | None, min_share: Share | None) -> Goodput | None:
    if text is not None:
        return parse_goodput(text, min_share=min_share)
    if min_share is None:
        return own
    if own is None:
        raise InputError("--min-share: needs goodput; add --goodput 'ttft:500 tpot:50'")
    share = Given(value=min_share, where="--min-share").share(above=0)
    return Goodput(ttft_ms=own.ttft_ms, tpot_ms=own.tpot_ms, e2e_ms=own.e2e_ms, min_share=share)


def _quality(
    own: Quality, min_recovery: Share | None, tasks: Sequence[str] | None, recipe: str | None
) -> Quality:
    floor = own.min_recovery
    how = own.recipe if recipe is None else Given(value=recipe, where="--recipe").text()
    if min_recovery is not None:
        floor = Given(value=min_recovery, where="--min-recovery").share(above=0)
    if tasks is None:
        return Quality(min_recovery=floor, recipe=how, tasks=own.tasks)
    given = Given(value=list(tasks), where="--tasks")
    return given.build(
        lambda: Quality(min_recovery=floor, recipe=how, tasks=tuple(item.text() for item in given.items()))
    )
