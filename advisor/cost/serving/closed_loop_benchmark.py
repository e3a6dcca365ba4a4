"""What a benchmark of a closed loop reports: means over a whole run, its start and its end included.

Benchmarks send `concurrency` requests at once and then one for each that is done. The first ones find an idle
engine and a queue of each other's prompts, so that they wait many times longer than any later one; in a run
of ten requests per client they are a tenth of the mean. At the end the batch drains.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.normal_quantiles import median_of_largest
from advisor.cost.serving.batching import closed_loop
from advisor.cost.serving.engine_table import EngineTable, request_work
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.request_times import TINY, RequestWork
from advisor.cost.serving.serving_stats import SteadyState

_NORMAL_NODES = (
    (0.0, 0.533333),
    (-1.355626, 0.222076),
    (1.355626, 0.222076),
    (-2.856970, 0.011257),
    (2.856970, 0.011257),
)
"""Gauss-Hermite quadrature of the standard normal: (where, weight)."""
_ENDED = 0.3
"""Share of a burst's answers that have ended in the time of a mean one, where lengths vary as much as they
are long: for exponential lengths, 1 - ln 2."""


def benchmark_run(steady: SteadyState, engines: EngineTable, loads: LoadTable) -> SteadyState:
    """The steady state's means as a benchmark of `loads.requests_per_client` reports them.

    1: all requests are sent at once. inf: the steady state itself. Open loops stay as they are.
    """
    runs = np.isfinite(loads.clients) & np.isfinite(loads.requests_per_client)
    runs = runs & (loads.requests_per_s <= 0) & (steady.batch_limit > 0)

    def of_runs(values: Floats) -> Floats:
        return np.where(runs, values, 1.0)

    clients, per_client = of_runs(loads.clients), np.maximum(of_runs(loads.requests_per_client), 1.0)
    ttft, tpot, e2e = of_runs(steady.ttft_s), of_runs(steady.tpot_s), of_runs(steady.e2e_s)
    capacity, served = of_runs(steady.capacity_requests_per_s), of_runs(steady.requests_per_s)
    output, request = loads.output_tokens, request_work(engines, loads)
    top = np.maximum(steady.batch_limit, 1.0)
    first = np.minimum(clients, top)

    # The first requests are admitted at once; of the others, each waits for between none and all before it.
    # Answers of nearly one length end in waves: half a wave later than at a steady rate, and with a burst
    # each.
    together = _together(request, top)
    late = np.maximum(clients - top, 0.0)
    spread = np.minimum(np.sqrt(12.0) * loads.output_std / output, 1.0)
    at_once = np.minimum(clients, together)
    burst_s = _burst_s(request, at_once)
    # Where preemption lengthens TPOT, a request is admitted sooner than the capacity alone says.
    at_least_s = of_runs(steady.request.wait_s + steady.request.prefill_s)
    admitted_s = np.maximum(ttft - np.where(late > 0, late / capacity, 0.0), np.minimum(at_least_s, ttft))
    variation = loads.output_std / output
    behind = 0.5 * np.maximum(1.0 - variation**2, 0.0) * together / capacity
    waiting = clients - at_once
    after_s = behind + spread * admitted_s + burst_s
    # Where answers end while prompts of the burst are still computed, prompt simply follows prompt.
    after_s = np.where(together < top, 2.0 * burst_s, after_s)
    late_s = 0.5 * waiting / capacity + after_s
    at_start = (at_once * burst_s + waiting * late_s) / clients
    run_ttft = (at_start + (per_client - 1.0) * ttft) / per_client
    run_tpot = _run_tpot(request, loads, first, clients * per_client, tpot)

    # The drain: clients end one after another; what is left runs faster by as much as the step gets
    # shorter with half the batch.
    scattered = np.minimum(np.sqrt(12.0 * per_client) * variation, 1.0)
    half = closed_loop(request, np.maximum(0.5 * first, 1.0), np.zeros(len(loads), dtype=np.bool_)).tpot_s
    idle = np.where(first > 1, np.clip(2.0 * half / tpot - 1.0, 0.0, 1.0), 0.0)
    drain_s = 0.5 * scattered * idle * np.where(late > 0, top / capacity, e2e)
    last_s = _last_s(request, output, variation, first, late > 0)
    drain_s = np.where(per_client > 1.0, np.maximum(drain_s, last_s), last_s)
    requests = clients * per_client
    run_e2e = run_ttft + request.decode_steps * run_tpot
    # Little's law: no more requests are in flight than there are clients.
    run_served = np.minimum(requests / (requests / served + drain_s), clients / run_e2e)
    return replace(
        steady,
        ttft_s=np.where(runs, run_ttft, steady.ttft_s),
        tpot_s=np.where(runs, run_tpot, steady.tpot_s),
        e2e_s=np.where(runs, run_e2e, steady.e2e_s),
        requests_per_s=np.where(runs, run_served, steady.requests_per_s),
    )


def _run_tpot(
    request: RequestWork, loads: LoadTable, first: Floats, requests: Floats, tpot: Floats
) -> Floats:
    """Mean TPOT over a run of so many `requests`, of which the `first` are admitted together.

    An answer is slowed by the prompts that are computed while it lasts: in the long run by as many as are
    admitted in its time; those that came first by the rest of the first burst, those that came last by fewer.
    """
    none = np.zeros_like(first)
    variation = loads.output_std / loads.output_tokens
    at_once = np.where(request.prefill_first, 0.0, 0.5 * first)
    room = np.maximum(request.token_budget - at_once, 1.0)
    burst_steps = np.maximum(first * request.uncached_tokens / room - 1.0, 0.0)
    # Answers of different lengths end one by one, and the batch shrinks while the last ones run.
    last_wave = np.minimum(first / requests, 1.0)
    alive = np.maximum(first * (1.0 - _ENDED * np.minimum(variation, 1.0) * last_wave), 1.0)
    decode_s = request.step_s(alive, none)
    slower_s = np.maximum(
        request.prefill_step_s(at_once, room) - np.where(request.prefill_first, 0.0, decode_s), TINY
    )
    steady_s = request.step_s(np.maximum(first, 1.0), none)
    share = np.maximum(tpot - steady_s, 0.0) / slower_s
    share = np.where(request.prefill_first, share, np.minimum(share, 1.0))
    in_burst = _slowed_share(request, burst_steps, variation)
    spread = np.minimum(np.sqrt(12.0) * variation, 1.0)
    later = np.maximum(requests - first, 0.0)
    follow = np.minimum(later / first, 1.0)
    free = np.where(request.prefill_first, 1.0, 1.0 - in_burst)
    of_first = in_burst + follow * share * (spread * free + (1.0 - spread) * 0.5)
    ending = (
        0.5 * np.minimum(later, first) * np.minimum(request.decode_steps / np.maximum(burst_steps, TINY), 1.0)
    )
    mean_share = (first * of_first + np.maximum(later - ending, 0.0) * share) / requests
    return np.asarray(np.where(request.decode_steps > 0, decode_s + mean_share * slower_s, tpot))


def _slowed_share(request: RequestWork, burst_steps: Floats, variation: Floats) -> Floats:
    """Share of its decode steps that an answer of a burst meets in the rest of that burst, on average.

    Lengths of answers are taken as lognormal. Where prompts have steps of their own it may exceed 1.
    """
    width = np.sqrt(np.log1p(variation**2))
    share = np.zeros_like(burst_steps)
    for node, weight in _NORMAL_NODES:
        steps = np.maximum(request.decode_steps * np.exp(width * node - 0.5 * width**2), 1.0)
        ratio = burst_steps / steps
        capped = np.where(ratio <= 1.0, 0.5 * ratio, 1.0 - 0.5 / np.maximum(ratio, 1.0))
        share = share + weight * np.where(request.prefill_first, 0.5 * ratio, capped)
    return share


def _together(request: RequestWork, top: Floats) -> Floats:
    """Requests that are in the engine before the first of them leaves it, of at most `top`.

    Where prompts are long and answers short, answers end while the burst is still being prefilled.
    """
    prompts_per_step = request.token_budget / np.maximum(request.uncached_tokens, 1.0)
    reached = (request.decode_steps + 1.0) * prompts_per_step + 1.0
    return np.asarray(np.where(request.prefill_first, top, np.clip(reached, 1.0, top)))


def _last_s(
    request: RequestWork, output: Floats, variation: Floats, running: Floats, queued: Bools
) -> Floats:
    """What the longest answer adds to a run whose requests were all sent at once: it goes on by itself.

    Lengths are taken as lognormal, and the longest as the median of the longest of so many. Where requests
    waited, those that run at the end are of all ages, and long ones among them by the rule of inspection.
    """
    width = np.sqrt(np.log1p(variation**2))
    longest = output * np.exp(width * median_of_largest(running) - 0.5 * width**2)
    usual = output * np.where(queued, 0.5 * (1.0 + variation**2), 1.0)
    one = request.step_s(np.ones_like(running), np.zeros_like(running))
    return np.asarray(np.maximum(longest - usual, 0.0) * np.where(variation > 0, one, 0.0))


def _burst_s(request: RequestWork, requests: Floats) -> Floats:
    """Mean time to first token of `requests` that find an idle engine together.

    The server reads their prompts one after another. As measured, that adds to what computing them takes and
    does not hide behind it.
    """
    read_s = 0.5 * (requests - 1.0) * request.tokenizing_s
    decoding = np.where(request.prefill_first | (request.decode_steps == 0), 0.0, 0.5 * requests)
    room = np.maximum(request.token_budget - decoding, 1.0)
    rounds = requests * request.uncached_tokens / room
    once = request.step_s(np.zeros_like(room), np.minimum(requests * request.uncached_tokens, room))
    full = request.prefill_step_s(decoding, room)
    computed_s = np.where(rounds <= 1.0, once, 0.5 * (rounds + 1.0) * full)
    return np.asarray(request.overhead_s + read_s + computed_s)
