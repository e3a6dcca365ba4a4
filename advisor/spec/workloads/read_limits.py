"""Service-level objectives as people write them: our keys, vLLM's, and goodput strings.

A percentile limit is on the distribution; a goodput threshold is on each request. The two never mix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from advisor.errors import InputError
from advisor.spec.metrics import LATENCIES, LatencyMetric, latency_key, percentile_of
from advisor.spec.reading.given_value import Given, plain
from advisor.spec.reading.located_yaml import plain_number
from advisor.spec.workloads.workload import MAX_LATENCY_MS, Goodput, LatencyLimit
from advisor.units import MS_PER_S

_SPELLINGS: dict[str, LatencyMetric] = {**{name: name for name in LATENCIES}, "e2el": "e2e"}
"""vLLM bench writes E2E latency as e2el."""
_STATISTICS = {"mean": "mean", "avg": "mean", "median": "p50"}

LIMIT_KEYS = tuple(
    latency_key(metric, statistic)
    for metric in LATENCIES
    for statistic in ("mean", "p50", "p90", "p95", "p99")
)
"""The keys to suggest; any percentile is accepted (`ttft_p99.9_ms`)."""

LIMIT_KEY_PATTERN = (
    r"^((ttft|tpot|itl|e2el?)_(mean|median|p[0-9]{1,2}(\.[0-9]{1,4})?)"
    r"|(mean|median|p[0-9]{1,2}(\.[0-9]{1,4})?)_(ttft|tpot|itl|e2el?))_ms$"
)
"""Both word orders, for the JSON Schema: ours `ttft_p95_ms` and vLLM's `p95_ttft_ms`."""

GOODPUT_NAMES = {
    "ttft": "ttft_ms",
    "ttft_ms": "ttft_ms",
    "time_to_first_token": "ttft_ms",  # AIPerf
    "tpot": "tpot_ms",
    "tpot_ms": "tpot_ms",
    # AIPerf's inter_token_latency is one average per request, which vLLM calls TPOT.
    "inter_token_latency": "tpot_ms",
    "e2e": "e2e_ms",
    "e2e_ms": "e2e_ms",
    "e2el": "e2e_ms",
    "e2el_ms": "e2e_ms",
    "request_latency": "e2e_ms",  # AIPerf
}
GOODPUT_KEYS = ("ttft_ms", "tpot_ms", "e2e_ms", "min_share")

_BOUND = re.compile(r"(<=|<|≤)?\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(ms|s)?")
_FLAG = re.compile(r"([A-Za-z0-9_.\-]+)\s*(<=|<|≤|=|:)\s*(.*)")
# GKE Inference Quickstart: gcloud's --target-ttft-milliseconds. Its targets are medians.
_GIQ = {
    "target_ttft_milliseconds": LatencyLimit(metric="ttft", statistic="p50", max_ms=1),
    "target_itl_milliseconds": LatencyLimit(metric="itl", statistic="p50", max_ms=1),
}


def _split_key(key: str) -> tuple[LatencyMetric, str] | None:
    """("ttft", "p95") of `ttft_p95` or `p95_ttft`, None for other words."""
    first, _, second = key.partition("_")
    for metric, statistic in ((first, second), (second, first)):
        if metric not in _SPELLINGS:
            continue
        percent = re.fullmatch(r"p([0-9]{1,2}(\.[0-9]{1,4})?)", statistic)
        name = f"p{float(percent[1]):.6g}" if percent else _STATISTICS.get(statistic, statistic)
        try:
            percentile_of(name)
        except ValueError:
            continue
        return _SPELLINGS[metric], name
    return None


def read_limit(given: Given) -> LatencyLimit:
    """One entry of a profile's `slo`: `ttft_p95_ms: 300` or `p95_ttft_ms: "<=300"`."""
    key = given.path[-1]
    parts = _split_key(key[: -len("_ms")]) if key.endswith("_ms") else None
    if parts is None:
        giq = _GIQ.get(key.replace("-", "_"))
        if giq is None:
            raise given.unknown_key(LIMIT_KEYS)
        parts = giq.metric, giq.statistic
    metric, statistic = parts
    max_ms = _bound_ms(given, default_unit="ms")
    return LatencyLimit(metric=metric, statistic=statistic, max_ms=max_ms)


def read_limits(given: Given) -> tuple[LatencyLimit, ...]:
    """A profile's whole `slo`; `none` or `{}` states no limit."""
    if given.value == "none":
        return ()
    found: dict[tuple[str, str], LatencyLimit] = {}
    for entry in given.mapping().values():
        limit = read_limit(entry)
        if (limit.metric, limit.statistic) in found:
            raise entry.error(f"{limit.statistic} of {limit.metric} is limited twice; keep one")
        found[limit.metric, limit.statistic] = limit
    return tuple(found.values())


def _bound_ms(given: Given, default_unit: str | None) -> float:
    """300 of 300, "<=300", "0.3s"; the unit must be there when `default_unit` is None."""
    value = given.value
    if isinstance(value, str):
        match = _BOUND.fullmatch(value.strip())
        if match is None:
            like = 'is not an upper limit in ms; write 300 or "<=300"'
            if default_unit is None:
                like = "is not an upper limit; write 300ms or 0.3s"
            raise given.error(f"'{plain(value)}' {like}")
        unit = match[3] or default_unit
        if unit is None:
            raise given.error(f"'{plain(value)}' has no unit; write {match[2]}ms or {match[2]}s")
        try:
            number = float(match[2]) * (MS_PER_S if unit == "s" else 1.0)
        except ValueError as error:
            raise given.error(f"'{plain(match[2])}' is not a number") from error
        given = given.like(number)
    return given.number(above=0, high=MAX_LATENCY_MS, unit="ms")


def parse_slo(text: str, *, where: str = "--slo") -> LatencyLimit:
    """A limit from a flag: `ttft_p95_ms=300`, `p99_ttft_ms<=500`, `e2e_p99<=3s`.

    Also `target-ttft-milliseconds=300` (GKE Inference Quickstart, a median).
    """
    match = _FLAG.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{where}: '{plain(text)}' is not a limit; write for example ttft_p95_ms=300")
    key, bound = match[1].lstrip("-").replace("-", "_"), match[3].strip()
    if key in _SPELLINGS:
        raise InputError(
            f"{where}: '{plain(text)}' names no statistic; write {_SPELLINGS[key]}_p99_ms="
            f"{plain(bound) or 300} (or p95, p50, mean)"
        )
    if key == "target_ntpot_milliseconds":
        raise InputError(
            f"{where}: NTPOT counts the first token too; state ttft_p50_ms and tpot_p50_ms instead"
        )
    given = Given(value=bound, where=where, path=(key,))
    if not key.endswith("_ms") and key not in _GIQ:
        parts = _split_key(key)
        if parts is not None:
            return LatencyLimit(metric=parts[0], statistic=parts[1], max_ms=_bound_ms(given, None))
    return read_limit(given)


def parse_slos(texts: Iterable[str], *, where: str = "--slo") -> tuple[LatencyLimit, ...]:
    """Several flags, each with one limit or a few separated by commas or spaces."""
    found: dict[tuple[str, str], LatencyLimit] = {}
    for text in texts:
        tight = re.sub(r"\s*(<=|<|≤|=|:)\s*", r"\1", text.strip())
        for part in re.split(r"[,;\s]+", tight):
            if not part:
                continue
            limit = parse_slo(part, where=where)
            if (limit.metric, limit.statistic) in found:
                raise InputError(f"{where}: {limit.statistic} of {limit.metric} is limited twice; keep one")
            found[limit.metric, limit.statistic] = limit
    if not found:
        raise InputError(f"{where}: is empty; write for example ttft_p95_ms=300")
    return tuple(found.values())


def read_goodput(given: Given) -> Goodput | None:
    """`"ttft:500 tpot:50 e2el:5000"`, or a mapping with the same keys and `min_share`; None for `none`."""
    if isinstance(given.value, str):
        if given.value == "none":
            return None
        entries = _goodput_pairs(given)
    else:
        entries = given.mapping()
    fields: dict[str, float] = {}
    for key, entry in entries.items():
        if key == "min_share":
            fields["min_share"] = entry.share(above=0)
            continue
        name = GOODPUT_NAMES.get(key)
        if name is None:
            raise entry.unknown_key((*GOODPUT_KEYS, "ttft", "tpot", "e2el"))
        if name in fields:
            raise entry.error(f"{name} appears twice; keep one")
        fields[name] = _bound_ms(entry, default_unit="ms")
    return given.build(lambda: Goodput(**fields))


def _goodput_pairs(given: Given) -> dict[str, Given]:
    """The KEY:VALUE words of vLLM's `--goodput`."""
    entries: dict[str, Given] = {}
    for word in given.text().replace(",", " ").split():
        key, _, value = word.partition(":")
        if not _BOUND.fullmatch(value):
            raise given.error(f"'{plain(word)}' is not KEY:VALUE in ms; write ttft:500 tpot:50 e2el:5000")
        if key in entries:
            raise given.error(f"'{plain(key)}' appears twice; keep one")
        entries[key] = given.child(key, value)
    return entries


def parse_goodput(
    text: str, *, min_share: float | str | None = None, where: str = "--goodput"
) -> Goodput | None:
    """Per-request thresholds from a flag, vLLM's or AIPerf's words, in ms; None for `none`."""
    found = read_goodput(Given(value=text.strip(), where=where))
    if found is None or min_share is None:
        return found
    share = Given(value=min_share, where="--min-share").share(above=0)
    return Goodput(ttft_ms=found.ttft_ms, tpot_ms=found.tpot_ms, e2e_ms=found.e2e_ms, min_share=share)


def write_limits(limits: Iterable[LatencyLimit]) -> object:
    return {limit.key: plain_number(limit.max_ms) for limit in limits}


def write_goodput(goodput: Goodput) -> object:
    fields = {key: getattr(goodput, key) for key in GOODPUT_KEYS}
    return {key: plain_number(value) for key, value in fields.items() if value is not None}
