"""A profile of the traffic that a request log shows: lengths, arrivals, how much of a prompt is shared."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from advisor.errors import InputError
from advisor.spec.workloads.conversations.from_log import FoundConversations, conversations_of
from advisor.spec.workloads.conversations.prompt_lengths import most_hits
from advisor.spec.workloads.request_log import SentRequest, Trace, TracedRequest
from advisor.spec.workloads.traces.arrivals import arrival_of, burstiness, day_of, spread
from advisor.spec.workloads.traces.read_trace import read_trace
from advisor.spec.workloads.workload import Arrival, Lengths, Load, Workload

MAX_VALUES = 100
"""Lengths are kept as so many equally likely values: a hundredth of the requests each."""
_NO_PROMPT = {
    "vllm": "newer vLLM logs prompts at level DEBUG: VLLM_LOGGING_LEVEL=DEBUG with --enable-log-requests"
}
"""What helps where a log of this format says no prompt lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceProfile:
    """A workload and what its reader should know of where it comes from."""

    workload: Workload
    requests: int
    notes: tuple[str, ...] = ()
    log: tuple[SentRequest, ...] = ()
    """The requests themselves, for a replay; empty where the log does not say when they came, or how long the
    answers were."""


def profile_from_trace(
    path: Path,
    *,
    name: str | None = None,
    chars_per_token: float | None = None,
    output_tokens: Lengths | None = None,
    arrival: Arrival | None = None,
    conversations: bool = True,
) -> TraceProfile:
    """The traffic of a log as a workload without limits.

    conversations: False takes every request by itself, with the hits that the log shows.

    `chars_per_token` turns text into approximate token counts where the log has no counts; `output_tokens`
    and `arrival` stand for what it does not say, and go over what it does. Raises InputError, naming the
    flag, when something is said by neither.
    """
    trace = read_trace(path)
    if not trace.requests:
        raise InputError(f"{path}: no request with a prompt and an answer; give a log of answered requests")
    prompts = _lengths(trace, "input", path, chars_per_token)
    if output_tokens is None:
        logged = _lengths(trace, "output", path, chars_per_token)
        answers, longest = lengths_of(logged), max(map(sum, zip(prompts, logged, strict=True)))
    else:
        logged, answers, longest = None, output_tokens, max(prompts) + output_tokens.longest
    notes = [*_count_notes(trace, chars_per_token), *_model_notes(trace), *_media_notes(trace)]
    arrives, utilization = (arrival, None) if arrival is not None else _arrival(trace, path, notes)
    talks = None
    if conversations and logged is not None and arrives.kind != "maximum":
        talks = conversations_of(trace.requests, prompts, logged)
    load = replace(_load(trace, prompts, answers, arrives, talks, notes), longest_request_tokens=longest)
    if not load.conversation.repeats and longest > load.input_tokens.longest + load.output_tokens.longest:
        notes.append(
            f"the longest request has {longest:,} tokens, prompt and answer: --max-model-len has room for it"
        )
    workload = Workload(
        name=name or path.name.removesuffix(".gz").rpartition(".")[0] or path.stem,
        about=f"Traffic of {len(trace.requests)} requests in {path.name}",
        load=load,
        source=f"{trace.format} log {path.name}",
        utilization=utilization,
    )
    return TraceProfile(
        workload=workload,
        requests=len(trace.requests),
        notes=tuple(notes),
        log=_sent(trace, prompts, logged) if arrival is None and logged is not None else (),
    )


def _count_notes(trace: Trace, chars_per_token: float | None) -> list[str]:
    """How tokens and requests were counted: by characters, and without those that reach no engine."""
    notes = []
    if chars_per_token is not None and any(one.input_tokens is None for one in trace.requests):
        notes.append(f"token counts are approximate: {chars_per_token:g} characters taken for a token")
    if trace.skipped:
        notes.append(f"{trace.skipped} lines or requests without prompt and answer were left out")
    if trace.proxy_answers:
        notes.append(
            f"{trace.proxy_answers} requests were answered from the proxy's own cache and reach no engine: "
            "left out"
        )
    return notes


_MOST_MODELS = 4


def _model_notes(trace: Trace) -> list[str]:
    """The models of a log, where it has requests of several: one engine serves one."""
    models = Counter(one.model for one in trace.requests if one.model is not None)
    if len(models) < 2:
        return []
    named = [f"{name} {number:,}" for name, number in models.most_common(_MOST_MODELS)]
    more = f" and {len(models) - _MOST_MODELS} more" if len(models) > _MOST_MODELS else ""
    return [
        f"requests of {len(models)} models ({', '.join(named)}{more}): all are taken; keep the lines of the "
        "one to be served"
    ]


def _media_notes(trace: Trace) -> list[str]:
    media = sum(one.media > 0 for one in trace.requests)
    if not media:
        return []
    return [
        f"{media} of {len(trace.requests)} requests carry images, sound or video: the work of their "
        "encoder is not counted, nor are their tokens where the log has text alone"
    ]


def _load(
    trace: Trace,
    prompts: Sequence[int],
    answers: Lengths,
    arrives: Arrival,
    talks: FoundConversations | None,
    notes: list[str],
) -> Load:
    """The load of a log, of conversations where it has some; adds what a reader should know."""
    shared = prefix_hit_rate(trace.requests)
    if shared:
        notes.append(
            f"{100 * shared:.0f} % of prompt tokens were seen before: a cache that forgets nothing finds them"
        )
    elif shared is None and talks is None:
        notes.append("the log does not say what prompts share; prefix_hit_rate is taken as 0")
    if talks is None:
        return Load(
            input_tokens=lengths_of(prompts),
            output_tokens=answers,
            arrival=arrives,
            prefix_hit_rate=round(shared or 0.0, 4),
        )
    load = Load(
        input_tokens=lengths_of(talks.new_tokens),
        output_tokens=answers,
        arrival=arrives,
        conversation=talks.conversation,
    )
    notes += talks.notes
    hits = most_hits(load.conversation, load.input_tokens.mean, load.output_tokens.mean)
    notes.append(f"such a cache has {100 * hits:.0f} % of the prompt tokens of the profile's conversations")
    return load


def _sent(trace: Trace, prompts: Sequence[int], answers: Sequence[int]) -> tuple[SentRequest, ...]:
    times = [one.at_s for one in trace.requests if one.at_s is not None]
    if len(times) < len(trace.requests):
        return ()
    times = spread(times, trace.resolution_s)
    start = min(times)
    return tuple(
        SentRequest(
            sent_s=at - start, input_tokens=prompt, cached_tokens=one.cached_tokens or 0, output_tokens=answer
        )
        for one, at, prompt, answer in zip(trace.requests, times, prompts, answers, strict=True)
    )


def _lengths(trace: Trace, side: str, path: Path, chars_per_token: float | None) -> list[int]:
    """Tokens of every request's prompt (`input`) or answer (`output`)."""
    if chars_per_token is not None and not 0.1 <= chars_per_token <= 100:
        raise InputError(f"--chars-per-token {chars_per_token:g}: not between 0.1 and 100")
    found = []
    for one in trace.requests:
        tokens, chars = getattr(one, f"{side}_tokens"), getattr(one, f"{side}_chars")
        if tokens is None and chars is None:
            what = "prompt" if side == "input" else "answer"
            flag = _NO_PROMPT.get(trace.format, "a log with token counts is needed")
            if side == "output":
                flag = f"add --output-tokens N{_allowed(trace)}"
            raise InputError(f"{path}: does not state {what} lengths; {flag}")
        if tokens is None:
            if chars_per_token is None:
                raise InputError(
                    f"{path}: has text and no token counts, which only the model's tokenizer gives; "
                    "log `usage`, or accept an approximation with --chars-per-token (4 is usual for English)"
                )
            tokens = max(1, round(chars / chars_per_token))
        found.append(tokens)
    return found


def _allowed(trace: Trace) -> str:
    limits = [one.max_output_tokens for one in trace.requests if one.max_output_tokens is not None]
    return f" (its requests allow {max(limits)} at most)" if limits else ""


def lengths_of(counts: Sequence[int]) -> Lengths:
    """The distribution of token counts: one number where all are equal, else values equally likely.

    More than `MAX_VALUES` counts become the means of as many groups of equal size: the mean stays, and the
    last value stands for the longest hundredth. (The single longest among a hundred equally likely values
    would move the mean of a long-tailed log by a third.)
    """
    ordered = sorted(counts)
    if ordered[0] == ordered[-1]:
        return Lengths.constant(ordered[0])
    if len(ordered) <= MAX_VALUES:
        return Lengths.empirical(ordered)
    edges = [at * len(ordered) // MAX_VALUES for at in range(MAX_VALUES + 1)]
    groups = [ordered[low:high] for low, high in itertools.pairwise(edges)]
    return Lengths.empirical([round(statistics.fmean(group)) for group in groups])


def prefix_hit_rate(requests: Sequence[TracedRequest]) -> float | None:
    """Share of prompt tokens that were seen before; None where the log does not say."""
    tokens = [(one.cached_tokens, one.input_tokens) for one in requests]
    chars = [(one.cached_chars, one.input_chars) for one in requests]
    for pairs in (tokens, chars):
        known = [(cached, total) for cached, total in pairs if cached is not None and total]
        if known:
            share = sum(cached for cached, _ in known) / sum(total for _, total in known)
            return min(share, 0.9999)
    return None


def _arrival(trace: Trace, path: Path, notes: list[str]) -> tuple[Arrival, float | None]:
    """How requests come, at the busiest hour of a whole day, and the mean of the day as a share of that."""
    if trace.format == "batch":
        notes.append(
            "a batch has no arrivals: all requests at once is taken (load maximum); --rate or --concurrency "
            "state another load"
        )
        return Arrival(kind="maximum"), None
    times = [one.at_s for one in trace.requests if one.at_s is not None]
    if len(times) < len(trace.requests) or len(times) < 2 or max(times) <= min(times):
        raise InputError(f"{path}: does not say when requests came; add --rate or --concurrency")
    arrival, remarks = arrival_of(trace.requests, trace.resolution_s)
    notes += remarks
    day = day_of(sorted(times))
    if day is None or arrival.value is None:
        return arrival, None
    served = float(f"{max(day.busiest, arrival.value):.4g}")
    utilization = float(f"{min(day.mean / served, 1.0):.3g}")
    notes.append(
        f"over the day the rate is {day.mean:.3g} requests/s, in its busiest hour {day.busiest:.3g}: the "
        f"profile has the {served:g} to be served, and the mean as its utilization, {utilization:g}"
    )
    return replace(arrival, value=served), utilization


__all__ = ["TraceProfile", "burstiness", "lengths_of", "prefix_hit_rate", "profile_from_trace"]
