"""Means, percentiles and goodput of a load, from a simulation of every request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.serving.load_table import table_of_loads
from advisor.cost.serving.steady_state import steady_state
from advisor.cost.simulation.conversation_requests import (
    alone,
    draw_conversations,
    needs_conversations,
    plain_load,
    plain_mean,
    queue_grows,
    request_count,
    steady_period,
    turn_ttft_ms,
)
from advisor.cost.simulation.conversation_scheduler import ConversationScheduler
from advisor.cost.simulation.request_statistics import average, goodput_share, latencies_ms
from advisor.cost.simulation.scheduler import run
from advisor.cost.simulation.serving_result import LoadStatus, ServingResult, Window
from advisor.cost.simulation.simulated_requests import Chains, Requests, Run
from advisor.cost.step.memory import BLOCK_TOKENS
from advisor.errors import UnsupportedError
from advisor.spec.metrics import percentile_of
from advisor.spec.workloads.length_distribution import sample
from advisor.spec.workloads.workload import Arrival, Goodput, Load

STATISTICS = ("mean", "p50", "p90", "p95", "p99")

_REQUESTS = 1_000
"""Simulated unless the caller says otherwise; a p99 then rests on ten requests."""
_WAVES = 10
"""Requests per client of a closed loop, at least: what vLLM's and InferenceX's benchmarks send."""
_WARM_UP_WAVES = 2
"""Requests per client until the initial burst no longer shows, with lengths that vary."""
_OPEN_WARM_UP, _OPEN_DRAIN = 0.2, 0.1
"""Shares of an open loop's requests left out at either end."""
_QUEUE_SHARE = 0.05
"""Clients of a closed loop that must be waiting, on average, for it to be called saturated."""


def simulate(
    engine: EngineTable,
    load: Load,
    *,
    seed: int,
    num_requests: int | None = None,
    window: Window = "steady",
    statistics: Sequence[str] = STATISTICS,
    goodput: Goodput | None = None,
    sent_s: Sequence[float] | None = None,
) -> ServingResult:
    """What `load` meets on `engine`, from `num_requests` requests drawn with `seed`.

    window: see `Window`; a run too short to have a steady part is reported whole. sent_s: a trace of
    times at which requests are sent, in place of the load's arrival. A backlogged load has no latency
    in the steady window; in the whole window it has that of this very number of requests.

    Raises UnsupportedError when the largest request exceeds the KV cache.
    """
    for statistic in statistics:
        percentile_of(statistic)
    rng = np.random.default_rng(seed)
    if sent_s is None and needs_conversations(load):
        requests = draw_conversations(
            load, num_requests or request_count(engine, load), rng, _answer_s(engine, load)
        )
    else:
        n = len(sent_s) if sent_s is not None else num_requests or _default_count(engine, load)
        requests = draw(load, n, rng, sent_s)
    check_fits(engine, requests)
    chains = requests.chains
    if chains is None:
        happened = run(engine, requests)
        cut = _steady_cut(engine, load.arrival, happened) if window == "steady" else None
    else:
        happened = ConversationScheduler(engine, requests, chains).run()
        cut = _conversation_cut(happened, chains) if window == "steady" else None
        counted = np.ones(len(requests), dtype=bool) if cut is None else cut.counted
        load = plain_load(load, requests, counted, _hit_rate(happened, counted))
    system_tokens = 0 if chains is None else chains.system_tokens
    capacity = capacity_requests_per_s(engine, load, seed=seed, system_tokens=system_tokens)
    status = _status(load.arrival, requests, happened, capacity, traced=sent_s is not None)
    if (
        chains is not None
        and cut is not None
        and load.arrival.kind == "rate"
        and queue_grows(happened, cut.start_s, cut.end_s)
    ):
        status = "backlogged"
    return _result(engine, happened, cut, status, capacity, statistics, goodput)


def _answer_s(engine: EngineTable, load: Load) -> float:
    """About how long an answer takes, were there no queue."""
    mean = plain_mean(load)
    answer_s = float(steady_state(engine, table_of_loads([mean])).e2e_s[0])
    return answer_s if np.isfinite(answer_s) else 1.0


def draw(load: Load, n: int, rng: np.random.Generator, sent_s: Sequence[float] | None = None) -> Requests:
    """`n` requests of `load`; gaps of an open loop are gamma distributed (burstiness 1: Poisson).

    They are scaled to last as long as `n` requests should, as vLLM's benchmark does: a run then has the
    rate asked for, not one that chance made two percent larger.
    """
    prompts, outputs = sample(load.input_tokens, n, rng), sample(load.output_tokens, n, rng)
    arrival = load.arrival
    sent: Floats | None = None
    if sent_s is not None:
        sent = np.sort(np.asarray(sent_s, dtype=np.float64))
    elif arrival.kind == "maximum":
        sent = np.zeros(n)
    elif arrival.kind == "rate" and arrival.value is not None:
        gaps = rng.gamma(arrival.burstiness, size=n)
        sent = np.cumsum(gaps) * (n / arrival.value / np.sum(gaps))
    return Requests(
        input_tokens=prompts,
        # The last token of a prompt is always computed: it gives the first token of the answer.
        cached_tokens=np.minimum((prompts * load.prefix_hit_rate).astype(np.int64), prompts - 1),
        output_tokens=outputs,
        sent_s=sent,
        concurrency=int(arrival.value) if arrival.kind == "concurrency" and arrival.value else 1,
    )


def capacity_requests_per_s(engine: EngineTable, load: Load, *, seed: int, system_tokens: int = 0) -> float:
    """The most requests per second: the throughput while more wait than the batch can hold.

    system_tokens: leading tokens of all prompts, which the cache holds once.

    The batch starts with sequences of all ages, as it would look after a long time; started all at
    once, they would end in waves for just as long.
    """
    rng = np.random.default_rng(seed)
    mean_tokens = load.input_tokens.mean + load.output_tokens.mean / 2
    batch = int(min(engine.max_num_seqs[0], max(1.0, engine.kv_tokens[0] / mean_tokens)))
    queued = replace(load, arrival=Arrival(kind="maximum"))
    requests = draw(queued, 2 * batch + max(_REQUESTS // 2, 3 * batch), rng)
    check_fits(engine, requests)
    done = np.zeros(len(requests), dtype=np.int64)
    done[:batch] = requests.output_tokens[:batch] * rng.random(batch)
    aged = replace(
        requests,
        input_tokens=requests.input_tokens + done,
        output_tokens=np.maximum(requests.output_tokens - done, 1),
    )
    fast = replace(engine, request_overhead_s=np.zeros(1))
    if system_tokens:
        happened = ConversationScheduler(fast, aged, alone(aged, system_tokens)).run()
    else:
        happened = run(fast, aged)
    start, end = float(happened.admitted_s[2 * batch]), float(np.max(happened.admitted_s))
    tokens = float(np.sum(_overlap(happened, start, end) * happened.tokens))
    return tokens / (end - start) / float(np.mean(requests.output_tokens))


def _default_count(engine: EngineTable, load: Load) -> int:
    """Requests enough for as many waves, as large as the batch will be."""
    if load.arrival.kind in ("single", "maximum"):
        return _REQUESTS
    if load.arrival.kind == "concurrency" and load.arrival.value:
        return max(_REQUESTS, int(_WAVES * min(load.arrival.value, 4 * engine.max_num_seqs[0])))
    batch = float(steady_state(engine, table_of_loads([load])).batch[0])
    return max(_REQUESTS, int(_WAVES * batch))


def check_fits(engine: EngineTable, requests: Requests) -> None:
    """Raises UnsupportedError when the largest request exceeds the KV cache."""
    # The last token of an answer is never read again and takes no room.
    longest = int(np.max(requests.input_tokens + requests.output_tokens)) - 1
    blocks = int(engine.kv_blocks[0])
    if -(-longest // BLOCK_TOKENS) > blocks:
        raise UnsupportedError(
            f"a request of {longest + 1} tokens exceeds the KV cache of {blocks * BLOCK_TOKENS}; "
            "give more memory, more GPUs or shorter requests"
        )


def _status(
    arrival: Arrival, requests: Requests, happened: Run, capacity: float, *, traced: bool
) -> LoadStatus:
    if traced or arrival.kind == "rate":
        asked = arrival.value or 0.0
        if traced:
            span = float(happened.sent_s[-1] - happened.sent_s[0])
            asked = (len(requests) - 1) / span if span > 0 else 0.0
        return "backlogged" if asked >= capacity else "stable"
    if arrival.kind == "maximum":
        return "saturated"
    waiting = float(np.sum(happened.admitted_s - happened.sent_s)) / float(np.max(happened.finish_s))
    return "saturated" if waiting > max(1.0, _QUEUE_SHARE * requests.concurrency) else "stable"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A stretch of time, and the requests whose latencies count."""

    start_s: float
    end_s: float
    counted: np.ndarray
    queued: bool
    """All were sent at once, so that the time of sending does not order them."""


def _steady_cut(engine: EngineTable, arrival: Arrival, happened: Run) -> _Cut | None:
    """The part between warm-up and drain; None when there is none."""
    n = len(happened.sent_s)
    if happened.requests.sent_s is None:
        clients = happened.requests.concurrency
        first, last = _WARM_UP_WAVES * clients, n - 1
        if n <= (_WARM_UP_WAVES + 1) * clients:
            return None
        start, end = float(happened.sent_s[first]), float(happened.sent_s[last])
        counted = (happened.sent_s >= start) & (happened.sent_s < end)
    elif arrival.kind == "maximum":
        # Full from the first request done on, until the last one is let in.
        start, end = float(np.min(happened.finish_s)), float(np.max(happened.admitted_s))
        counted = (happened.admitted_s >= start) & (happened.finish_s <= end)
    else:
        first, last = int(_OPEN_WARM_UP * n), int((1 - _OPEN_DRAIN) * n) - 1
        if last <= first:
            return None
        start, end = float(happened.sent_s[first]), float(happened.sent_s[last])
        counted = (happened.sent_s >= start) & (happened.sent_s < end)
    if end <= start or not counted.any():
        return None
    return _Cut(start_s=start, end_s=end, counted=counted, queued=arrival.kind == "maximum")


def _conversation_cut(happened: Run, chains: Chains) -> _Cut | None:
    period = steady_period(happened, chains)
    if period is None:
        return None
    start, end = period
    counted = (happened.sent_s >= start) & (happened.sent_s < end)
    return _Cut(start_s=start, end_s=end, counted=counted, queued=False) if counted.any() else None


def _hit_rate(happened: Run, counted: np.ndarray) -> float:
    return float(np.sum(happened.cached_tokens[counted]) / np.sum(happened.requests.input_tokens[counted]))


def _overlap(happened: Run, start: float, end: float) -> Floats:
    """Share of each stretch of steps that lies between `start` and `end`."""
    inside = np.minimum(happened.end_s, end) - np.maximum(happened.start_s, start)
    return np.asarray(np.clip(inside / (happened.end_s - happened.start_s), 0.0, 1.0))


def _throughput(happened: Run, cut: _Cut | None) -> tuple[float, float]:
    """(requests/s, output tokens/s)."""
    outputs = happened.requests.output_tokens
    if cut is None:
        seconds = float(np.max(happened.finish_s) - np.min(happened.sent_s))
        return len(outputs) / seconds, float(np.sum(outputs)) / seconds
    share = _overlap(happened, cut.start_s, cut.end_s)
    tokens = float(np.sum(share * happened.tokens)) / (cut.end_s - cut.start_s)
    return tokens / float(np.mean(outputs)), tokens


def _result(
    engine: EngineTable,
    happened: Run,
    cut: _Cut | None,
    status: LoadStatus,
    capacity: float,
    statistics: Sequence[str],
    goodput: Goodput | None,
) -> ServingResult:
    start = float(np.min(happened.sent_s)) if cut is None else cut.start_s
    end = float(np.max(happened.finish_s)) if cut is None else cut.end_s
    counted = np.ones(len(happened.sent_s), dtype=bool) if cut is None else cut.counted
    share = _overlap(happened, start, end)
    lasted = share * (happened.end_s - happened.start_s)
    decoding = happened.decoding > 0
    steps = share * happened.steps
    requests_per_s, tokens_per_s = _throughput(happened, cut)
    if cut is not None and cut.queued:  # a run that starts full ends in waves; the capacity is free of them
        requests_per_s, tokens_per_s = capacity, capacity * float(np.mean(happened.requests.output_tokens))
    ttft, tpot, e2e = happened.ttft_s, happened.tpot_s, happened.e2e_s
    after_first = happened.requests.output_tokens - 1
    gaps = (happened.gap_end_s > start) & (happened.gap_end_s <= end)
    lasting: dict[str, tuple[Floats, Floats | None]] = {
        "ttft": (ttft[counted], None),
        "tpot": (tpot[counted & (after_first > 0)], None),
        "itl": (happened.gap_s[gaps], happened.gap_count[gaps]),
        "e2e": (e2e[counted], None),
    }
    if cut is not None and status == "backlogged":
        lasting = {}
    elif cut is not None and cut.queued:
        del lasting["ttft"], lasting["e2e"]
    waited = np.minimum(happened.admitted_s, end) - np.maximum(happened.sent_s, start)
    there = np.minimum(happened.finish_s, end) - np.maximum(happened.sent_s, start)
    chains = happened.requests.chains
    return ServingResult(
        status=status,
        window="whole" if cut is None else "steady",
        latency_ms=latencies_ms(lasting, statistics),
        requests_per_s=requests_per_s,
        output_tokens_per_s=tokens_per_s,
        capacity_requests_per_s=capacity,
        decode_batch=average(happened.decoding[decoding], steps[decoding]),
        kv_use=average(happened.blocks, lasted) / max(int(engine.kv_blocks[0]), 1),
        queue=float(np.sum(np.maximum(waited, 0.0))) / (end - start),
        preemptions=float(np.mean(happened.preempted[counted])),
        goodput_share=None if goodput is None else goodput_share(goodput, ttft, tpot, e2e, counted),
        hit_rate=_hit_rate(happened, counted),
        in_flight=float(np.sum(np.maximum(there, 0.0))) / (end - start),
        turn_ttft_ms=None if chains is None else turn_ttft_ms(happened, chains, counted),
        requests=int(np.sum(counted)),
    )
