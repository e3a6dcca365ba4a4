"""The keys of a profile: what each means, how it is read, how it is written back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from advisor.spec.api_price import read_api_price
from advisor.spec.engines.engine_of_profile import read_engine, write_engine
from advisor.spec.reading import amounts
from advisor.spec.reading.given_value import Given, plain
from advisor.spec.reading.located_yaml import plain_number
from advisor.spec.reading.name_lookup import MOST_CHARACTERS
from advisor.spec.workloads.conversations.profile_keys import (
    read_history,
    read_system_tokens,
    read_think_time,
    read_turns,
    write_history,
    write_think_time,
    write_turns,
)
from advisor.spec.workloads.read_limits import read_goodput, read_limits, write_goodput, write_limits
from advisor.spec.workloads.workload import (
    MAX_CONCURRENCY,
    MAX_CONFIDENCE,
    MAX_REQUESTS_PER_S,
    MAX_TOKENS,
    MIN_CONFIDENCE,
    Arrival,
    GpuCount,
    Lengths,
    Objective,
    Quality,
)

LENGTH_KEYS: Mapping[str, tuple[str, ...]] = {
    "constant": ("kind", "value"),
    "uniform": ("kind", "min", "max"),
    "lognormal": ("kind", "mean", "std", "cv", "p50", "p99", "min", "max"),
    "empirical": ("kind", "values"),
}


def _tokens(given: Given, low: int = 1) -> int:
    return given.whole(low=low, high=MAX_TOKENS, unit="tokens")


def _average(given: Given) -> float:
    """Tokens; an average need not be whole."""
    return given.number(low=1, high=MAX_TOKENS, unit="tokens")


def read_lengths(given: Given) -> Lengths:
    """`512`, `{kind: lognormal, mean: 512, std: 128, min: 1, max: 1024}`, `{values: [..]}` …"""
    if not isinstance(given.value, Mapping):
        return Lengths.constant(_average(given))
    entries = given.keys({key for keys in LENGTH_KEYS.values() for key in keys})
    kind = entries["kind"].choice(LENGTH_KEYS) if "kind" in entries else _implied_kind(entries)
    for key, entry in entries.items():
        if key not in LENGTH_KEYS[kind]:
            raise entry.error(
                f"does not belong to {kind} lengths; known keys: {', '.join(LENGTH_KEYS[kind])}"
            )

    def need(key: str) -> Given:
        if key not in entries:
            raise given.error(f"{kind} lengths need '{key}'")
        return entries[key]

    if kind == "constant":
        return Lengths.constant(_average(need("value")))
    if kind == "uniform":
        low = _tokens(need("min"))
        return Lengths.uniform(low, _tokens(need("max"), low=low))
    if kind == "empirical":
        values = [_tokens(item) for item in need("values").items()]
        return given.build(lambda: Lengths.empirical(values))
    return _lognormal(given, entries)


def _implied_kind(entries: Mapping[str, Given]) -> str:
    """The kind that the other keys leave no doubt about."""
    if "values" in entries:
        return "empirical"
    if "value" in entries:
        return "constant"
    return "lognormal" if {"mean", "p50"} & set(entries) else "uniform"


def _lognormal(given: Given, entries: Mapping[str, Given]) -> Lengths:
    low = _tokens(entries["min"]) if "min" in entries else 1
    high = _tokens(entries["max"], low=low) if "max" in entries else None
    stated = {key for key in ("mean", "std", "cv", "p50", "p99") if key in entries}
    if stated == {"p50", "p99"}:
        p50 = entries["p50"].number(low=1, high=MAX_TOKENS, unit="tokens")
        p99 = entries["p99"].number(above=p50, high=MAX_TOKENS, unit="tokens")
        return given.build(lambda: Lengths.lognormal_of_percentiles(p50=p50, p99=p99, low=low, high=high))
    if stated not in ({"mean", "std"}, {"mean", "cv"}):
        raise given.error("lognormal lengths need mean with std, mean with cv, or p50 with p99")
    mean = entries["mean"].number(low=1, high=MAX_TOKENS, unit="tokens")
    if "cv" in entries:
        std = mean * entries["cv"].number(above=0, high=10)
    else:
        std = entries["std"].number(above=0, high=10 * mean, unit="tokens")
    return given.build(lambda: Lengths.lognormal(mean, std, low=low, high=high))


def write_lengths(lengths: Lengths) -> object:
    """What `read_lengths` turns back into the same lengths."""
    if lengths.kind == "empirical":
        return {"values": list(lengths.values)}
    if lengths.kind == "uniform":
        return {"kind": "uniform", "min": lengths.low, "max": lengths.high}
    if lengths.kind == "lognormal":
        cut = {"min": lengths.low} | ({} if lengths.high is None else {"max": lengths.high})
        return {
            "kind": "lognormal",
            "mean": plain_number(lengths.mean),
            "std": plain_number(lengths.std),
        } | cut
    return plain_number(lengths.mean)


def read_concurrency(given: Given) -> int:
    """Requests in flight."""
    return given.like(amounts.count(given.value)).whole(low=1, high=MAX_CONCURRENCY)


def read_rate(given: Given) -> float:
    """Requests per second."""
    value = amounts.per_second(given.value)
    if isinstance(value, str):
        raise given.error(
            f"'{plain(value)}' is not a rate; write 4 (requests per second), 300/min or 10k/day"
        )
    return given.like(value).number(above=0, high=MAX_REQUESTS_PER_S, unit="requests/s")


def read_burstiness(given: Given) -> float:
    """The gamma shape of the gaps."""
    return given.number(low=0.01, high=1000)


def read_arrival(given: Given) -> Arrival:
    """`single`, `maximum`, `{concurrency: 32}`, `{requests_per_s: 4, burstiness: 1}`."""
    if not isinstance(given.value, Mapping):
        word = given.choice(("single", "maximum", "concurrency", "requests_per_s"))
        if word in ("concurrency", "requests_per_s"):
            raise given.error(f"needs a number; write {{{word}: 4}}")
        return Arrival(kind="single") if word == "single" else Arrival(kind="maximum")
    entries = given.keys(("concurrency", "requests_per_s", "burstiness"))
    if "concurrency" in entries and "requests_per_s" in entries:
        raise given.error("concurrency and requests_per_s contradict each other; keep one")
    if "concurrency" in entries:
        if "burstiness" in entries:
            raise entries["burstiness"].error("belongs to requests_per_s, not to concurrency")
        return Arrival(kind="concurrency", value=read_concurrency(entries["concurrency"]))
    if "requests_per_s" not in entries:
        raise given.error("needs concurrency or requests_per_s, or is single or maximum")
    rate = read_rate(entries["requests_per_s"])
    burstiness = read_burstiness(entries["burstiness"]) if "burstiness" in entries else 1.0
    return Arrival(kind="rate", value=rate, burstiness=burstiness)


def write_arrival(arrival: Arrival) -> object:
    if arrival.kind == "concurrency" and arrival.value is not None:
        return {"concurrency": plain_number(arrival.value)}
    if arrival.kind == "rate" and arrival.value is not None:
        burst = {} if arrival.burstiness == 1.0 else {"burstiness": plain_number(arrival.burstiness)}
        return {"requests_per_s": plain_number(arrival.value)} | burst
    return arrival.kind


def read_quality(given: Given) -> Quality:
    """`{min_recovery: 0.99, tasks: [code]}`; `none` asks for nothing."""
    if given.value == "none":
        return Quality()
    entries = given.keys(("min_recovery", "recipe", "tasks"))
    floor = entries["min_recovery"].share(above=0) if "min_recovery" in entries else None
    tasks = tuple(item.text() for item in entries["tasks"].items()) if "tasks" in entries else ()
    recipe = entries["recipe"].text() if "recipe" in entries else None
    return given.build(lambda: Quality(min_recovery=floor, recipe=recipe, tasks=tasks))


def write_quality(quality: Quality) -> object:
    floor = {} if quality.min_recovery is None else {"min_recovery": plain_number(quality.min_recovery)}
    recipe = {} if quality.recipe is None else {"recipe": quality.recipe}
    return floor | recipe | ({"tasks": list(quality.tasks)} if quality.tasks else {})


def read_price_list(given: Given) -> str | None:
    """A list's name; `none` is the catalog's default."""
    name = given.text()
    return None if name == "none" else name


def read_prefix_hit_rate(given: Given) -> float:
    rate = given.share()
    if rate == 1:
        raise given.error("1 is impossible (the last prompt token is always computed); state a share below 1")
    return rate


def read_extends(given: Given) -> tuple[str, ...]:
    """One profile's name or path, or a list of them, later ones over earlier."""
    if isinstance(given.value, (list, tuple)):
        if len(given.value) > 4:
            raise given.error(f"{len(given.value)} profiles at once; name at most 4")
        return tuple(item.text() for item in given.items())
    return (given.text(),)


def _name(given: Given) -> str:
    """A workload's name, as long as any that goes into commands and files."""
    name = given.text()
    if len(name) > MOST_CHARACTERS:
        raise given.error(f"a name of {len(name):,} characters; give at most {MOST_CHARACTERS}")
    return name


READERS: Mapping[str, Callable[[Given], Any]] = {
    "name": _name,
    "about": Given.text,
    "source": Given.text,
    "extends": read_extends,
    "input_tokens": read_lengths,
    "output_tokens": read_lengths,
    "spread": lambda given: given.choice(("kept", "none")),
    "load": read_arrival,
    "prefix_hit_rate": read_prefix_hit_rate,
    "turns": read_turns,
    "think_time_s": read_think_time,
    "system_tokens": read_system_tokens,
    "history": read_history,
    "longest_request_tokens": _tokens,
    "slo": read_limits,
    "goodput": read_goodput,
    "quality": read_quality,
    "objective": lambda given: given.choice(get_args(Objective)),
    "gpu_count": lambda given: given.choice(get_args(GpuCount)),
    "confidence": lambda given: given.share(low=MIN_CONFIDENCE, high=MAX_CONFIDENCE),
    "price_list": read_price_list,
    "api_price": read_api_price,
    "utilization": lambda given: given.share(above=0),
    "engine": read_engine,
}
"""Every key of a profile and its strict reader, in the order they are written."""

WRITERS: Mapping[str, Callable[[Any], object]] = {
    "input_tokens": write_lengths,
    "output_tokens": write_lengths,
    "load": write_arrival,
    "prefix_hit_rate": plain_number,
    "turns": write_turns,
    "think_time_s": write_think_time,
    "history": write_history,
    "slo": write_limits,
    "goodput": write_goodput,
    "quality": write_quality,
    "confidence": plain_number,
    "api_price": str,
    "utilization": plain_number,
    "engine": write_engine,
}
"""The way back, for keys whose value is not written as it is."""
