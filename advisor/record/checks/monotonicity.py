"""Speed rows of one set-up that differ in lengths, GPU count or GPU: more work must not take less time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from advisor.record.checks.bounds import Bounds
from advisor.record.checks.comparable_rows import (
    Row,
    grouped,
    least,
    lengths,
    most,
    place,
    requests_per_s,
)
from advisor.record.checks.finding import Finding, Severity, find
from advisor.record.measurement import SpeedMeasurement
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.metrics import LATENCIES_MS, RATES

Limits = Callable[[SpeedMeasurement], Bounds]

# Repeats of one run lie a few per cent apart; a rate under full load more than a lone request's time.
_LATENCY_NOISE = 0.03
_RATE_NOISE = 0.05
# Attention grows faster than the lengths: k times the tokens may take somewhat more than k times the time.
_MORE_THAN_LINEAR = 1.25
_TOKENS_OF_A_WHOLE_REQUEST = 16
"""Shorter answers are bound by what a request costs the front end."""
_GRAPH_LIMIT_TOKENS = 8192
"""vLLM 0.6 and 0.7 decode without CUDA graphs beyond this context: time jumps there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conflict:
    """Two rows that cannot both be true."""

    one: Row
    other: Row
    what: str


def check_neighbours(rows: Sequence[Row], limits: Limits) -> Iterator[Finding]:
    """Findings from comparing rows of one set-up; every model, format and GPU of `rows` is known."""
    for group in grouped(rows, _but_lengths):
        conflicts: dict[frozenset[int], _Conflict] = {}
        for one in group:
            for other in group:
                if lengths(one.record) != lengths(other.record):
                    for conflict in _conflicts(one.record, other.record, one, other, limits):
                        conflicts.setdefault(frozenset((id(one), id(other))), conflict)
        yield from _blamed(list(conflicts.values()))
    yield from _more_gpus(rows)
    yield from _better_gpu(rows)


def _but_lengths(r: SpeedMeasurement) -> tuple[str | int | float | None, ...] | None:
    comparable = r.load in ("single", "maximum", "batch") and (r.metric == "e2e_ms" or r.metric in RATES)
    return (r.gpu, r.num_gpus, r.load, r.load_value, r.date) if comparable else None


def _conflicts(
    a: SpeedMeasurement, b: SpeedMeasurement, one: Row, other: Row, limits: Limits
) -> Iterator[_Conflict]:
    """What `b` contradicts, given `a`: too fast for its length, or too slow for it."""
    ratios = (b.input_tokens / a.input_tokens, b.output_tokens / a.output_tokens)
    times_longer = max(*ratios, 1.0)
    both = f"{lengths(a)} and {lengths(b)} on the same set-up: {a.metric} {a.value:g} and {b.value:g}"
    if a.metric == "e2e_ms":
        if min(ratios) >= 1.0 and max(ratios) > 1.0:
            limit = limits(a)
            extra_ms = (b.input_tokens - a.input_tokens) * limit.prefill_ms_per_token + (
                b.output_tokens - a.output_tokens
            ) * limit.decode_step_ms
            if most(b) < (least(a) + extra_ms) * (1 - _LATENCY_NOISE):
                yield _Conflict(
                    one=one, other=other, what=f"{both}, though the rest takes at least {extra_ms:.3g} ms"
                )
        past_limit = b.input_tokens + b.output_tokens > _GRAPH_LIMIT_TOKENS
        if a.load == "single" and not past_limit and least(b) > most(a) * times_longer * _MORE_THAN_LINEAR:
            yield _Conflict(
                one=one, other=other, what=f"{both}, for at most {times_longer:.3g} times the work"
            )
    else:
        # Work grows with the tokens and the batch that fits shrinks with them: twice, not more.
        allowed = times_longer**2 * (1 + _RATE_NOISE)
        if requests_per_s(a, least(a)) > requests_per_s(b, most(b)) * allowed:
            times = requests_per_s(a, a.value) / requests_per_s(b, b.value)
            work = f"for at most {times_longer**2:.3g} times the work"
            yield _Conflict(one=one, other=other, what=f"{both}, {times:.3g} times the requests {work}")
        times_shorter = min(ratios)
        rate_ratio = requests_per_s(b, least(b)) / requests_per_s(a, most(a))
        if (
            times_shorter > 1.0
            and a.output_tokens >= _TOKENS_OF_A_WHOLE_REQUEST
            and rate_ratio > _MORE_THAN_LINEAR / times_shorter
        ):
            work = f"{times_shorter:.3g} times the work at {100 * rate_ratio:.0f} % of the rate"
            yield _Conflict(one=one, other=other, what=f"{both}, {work}")


def _blamed(conflicts: Sequence[_Conflict]) -> Iterator[Finding]:
    """The fewest rows whose removal leaves the others at peace; both rows of a lone conflict."""
    left = list(conflicts)
    while left:
        counts = Counter(id(row) for conflict in left for row in (conflict.one, conflict.other))
        (worst, count), *_ = counts.most_common(1)
        if count == 1:
            for conflict in left:
                for row, twin in ((conflict.one, conflict.other), (conflict.other, conflict.one)):
                    yield find(row, "error", f"{conflict.what} ({place(twin, row)})", twin)
            return
        mine = [conflict for conflict in left if worst in (id(conflict.one), id(conflict.other))]
        first = mine[0]
        row, twin = (first.one, first.other) if id(first.one) == worst else (first.other, first.one)
        more = f", and {len(mine) - 1} more such" if len(mine) > 1 else ""
        yield find(row, "error", f"{first.what} ({place(twin, row)}{more})", twin)
        left = [conflict for conflict in left if worst not in (id(conflict.one), id(conflict.other))]


def _more_gpus(rows: Sequence[Row]) -> Iterator[Finding]:
    """More GPUs at a lower rate: tensor parallelism may cost a little, not half."""

    def key(r: SpeedMeasurement) -> tuple[str | float | None, ...] | None:
        same = (r.gpu, r.input_tokens, r.output_tokens, r.load, r.load_value)
        return same if r.metric in RATES else None

    for group in grouped(rows, key):
        for few in group:
            for many in group:
                a, b = few.record, many.record
                if b.num_gpus > a.num_gpus and b.value < a.value * 0.9:
                    severity: Severity = "error" if b.value < a.value / 2 else "warning"
                    what = f"{b.num_gpus} GPUs give {b.value:g}, {a.num_gpus} give {a.value:g}"
                    yield find(many, severity, f"{what} ({place(few, many)})", few)


def _better_gpu(rows: Sequence[Row]) -> Iterator[Finding]:
    """A GPU with more of everything at less than half the speed of a lesser one."""

    def key(r: SpeedMeasurement) -> tuple[str | float | None, ...] | None:
        same = (r.num_gpus, r.input_tokens, r.output_tokens, r.load)
        return same if r.load in ("single", "maximum") else None

    for group in grouped(rows, key):
        for good in group:
            for poor in group:
                a, b = good.record, poor.record
                if _times_faster(b, a) > 2 and _dominates(a, b):
                    what = f"{a.gpu} reaches {a.value:g}, {b.gpu} with less of everything {b.value:g}"
                    yield find(good, "error", f"{what} ({place(poor, good)})", poor)


def _times_faster(fast: SpeedMeasurement, slow: SpeedMeasurement) -> float:
    """How many times `fast` beats `slow` at least, rounding allowed for."""
    if fast.metric in LATENCIES_MS:
        return least(slow) / most(fast)
    return least(fast) / most(slow)


def _dominates(good: SpeedMeasurement, poor: SpeedMeasurement) -> bool:
    """Whether the GPU of `good` has no less memory, bandwidth, arithmetic or link than that of `poor`."""
    a, b = find_gpu(good.gpu), find_gpu(poor.gpu)
    run_a, run_b = find_format(good.format).execution(a), find_format(poor.format).execution(b)
    if a.name == b.name or run_a is None or run_b is None:
        return False
    flops_a, flops_b = a.flop_per_s(run_a.compute), b.flop_per_s(run_b.compute)
    return (
        flops_a is not None
        and flops_b is not None
        and flops_a >= flops_b
        and a.memory_mib >= b.memory_mib
        and a.memory_bytes_per_s >= b.memory_bytes_per_s
        and (good.num_gpus == 1 or a.link_bytes_per_s >= b.link_bytes_per_s)
    )
