"""Hypothesis strategies for workloads of every kind."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from advisor.spec.api_price import LEAST_USD_PER_MILLION, MAX_USD_PER_MILLION, ApiPrice
from advisor.spec.workloads.conversations.conversation import ALONE, Conversation
from advisor.spec.workloads.conversations.turn_distributions import ThinkTime, Turns
from advisor.spec.workloads.workload import (
    MAX_CONFIDENCE,
    MIN_CONFIDENCE,
    Arrival,
    Goodput,
    LatencyLimit,
    Lengths,
    Load,
    Quality,
    Workload,
)


def _line(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()


lines = st.text(st.characters(codec="utf-8"), max_size=30).map(_line)
words = lines.map(lambda text: text or "x")
milliseconds = st.floats(1e-3, 1e9)


def _uniform(ends: tuple[int, int]) -> Lengths:
    return Lengths.uniform(min(ends), max(ends))


lengths = st.one_of(
    st.floats(1, 1e8).map(Lengths.constant),
    st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)).map(_uniform),
    st.builds(
        lambda mean, cv, room: Lengths.lognormal(mean, mean * cv, high=room and int(mean * room) + 2),
        mean=st.floats(2, 1e5),
        cv=st.floats(0.01, 2),
        room=st.none() | st.floats(2, 50),
    ),
    st.lists(st.integers(1, 10**6), min_size=1, max_size=20).map(Lengths.empirical),
)
arrivals = st.one_of(
    st.sampled_from([Arrival(kind="single"), Arrival(kind="maximum")]),
    st.integers(1, 10**7).map(lambda users: Arrival(kind="concurrency", value=users)),
    st.builds(
        lambda rate, burst: Arrival(kind="rate", value=rate, burstiness=burst),
        st.floats(1e-6, 1e7),
        st.floats(0.01, 1000),
    ),
)
limits = st.lists(
    st.builds(
        LatencyLimit,
        metric=st.sampled_from(["ttft", "tpot", "itl", "e2e"]),
        statistic=st.sampled_from(["mean", "p1", "p50", "p95", "p99", "p99.9", "p99.9999"]),
        max_ms=milliseconds,
    ),
    max_size=4,
    unique_by=lambda limit: limit.key,
).map(tuple)
goodputs = st.none() | st.builds(
    Goodput,
    ttft_ms=milliseconds,
    tpot_ms=st.none() | milliseconds,
    e2e_ms=st.none() | milliseconds,
    min_share=st.floats(0.01, 1),
)
qualities = st.builds(
    Quality,
    min_recovery=st.none() | st.floats(0.01, 1),
    tasks=st.lists(words, max_size=3, unique=True).map(tuple),
)
turns = st.one_of(
    st.floats(1, 100).map(Turns.constant),
    st.tuples(st.integers(1, 20), st.integers(0, 20)).map(lambda ends: Turns.uniform(ends[0], sum(ends))),
    st.floats(1.01, 100).map(Turns.geometric),
    st.lists(st.integers(1, 100), min_size=1, max_size=20).map(Turns.empirical),
)
usd = st.just(0.0) | st.floats(LEAST_USD_PER_MILLION, MAX_USD_PER_MILLION)
api_prices = st.builds(
    lambda prompt, answer, cached: ApiPrice(prompt=prompt, answer=answer, cached=cached),
    usd.filter(bool),
    usd,
    st.none() | st.just(0.0),
)
think_times = st.one_of(
    st.floats(0, 1e5).map(ThinkTime.constant),
    st.floats(1e-3, 1e5).map(ThinkTime.exponential),
    st.builds(
        lambda mean, cv: ThinkTime.lognormal(mean, mean * cv), st.floats(0.01, 1e5), st.floats(0.01, 5)
    ),
    st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)).map(lambda ends: ThinkTime.uniform(ends[0], sum(ends))),
    st.lists(st.floats(0, 1e5), min_size=1, max_size=20).map(ThinkTime.empirical),
)
conversations = st.builds(
    Conversation,
    turns=turns,
    think_time=think_times,
    system_tokens=st.integers(0, 10**6),
    history=st.none() | st.integers(0, 50),
)


def _load(parts: tuple[Lengths, Lengths, Arrival, float, Conversation]) -> Load:
    """Of what contradicts a conversation, the conversation goes."""
    prompt, answer, arrival, hits, conversation = parts
    queued = arrival.kind == "maximum" and conversation.has_turns
    idle = arrival.kind != "concurrency" and conversation.pauses and not conversation.has_turns
    return Load(
        input_tokens=prompt,
        output_tokens=answer,
        arrival=arrival,
        prefix_hit_rate=hits,
        conversation=ALONE if queued or idle or (hits and conversation.repeats) else conversation,
    )


loads = st.tuples(
    lengths,
    lengths,
    arrivals,
    st.just(0.0) | st.floats(0, 1, exclude_max=True),
    st.just(ALONE) | conversations,
).map(_load)


def _possible(workload: Workload) -> Workload:
    """A queue of all requests at once has no limits on latency."""
    if workload.load.arrival.kind != "maximum":
        return workload
    return replace(workload, limits=(), goodput=None)


workloads = st.builds(
    Workload,
    name=words,
    about=lines,
    source=lines,
    load=loads,
    limits=limits,
    goodput=goodputs,
    quality=qualities,
    objective=st.sampled_from(["cost", "latency", "throughput", "accuracy"]),
    gpu_count=st.sampled_from(["smallest", "same", "free"]),
    confidence=st.floats(MIN_CONFIDENCE, MAX_CONFIDENCE),
    price_list=st.none() | words.filter(lambda word: word != "none"),
    api_price=st.none() | api_prices,
    utilization=st.none() | st.floats(1e-6, 1),
).map(_possible)
