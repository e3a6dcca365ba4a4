"""What a benchmark of a closed loop reports: means over a whole run, its start and its end included.

Benchmarks send `concurrency` requests at once and then one for each that is done. The first ones find
an idle engine and a queue of each other's prompts, so that they wait many times longer than any later
one; in a run of ten requests per client they are a tenth of the mean. At the end the batch drains.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from advisor.cost.inside import TINY, Work, closed
from advisor.cost.serving import Floats
from advisor.cost.steady import Engines, Loads, Steady, steady_state, work_of


def whole_run(engines: Engines, loads: Loads, requests_per_client: Floats) -> Steady:
    """`steady_state`, but each closed loop as its benchmark of so many requests per client shows it.

    1: all are sent at once. inf: the steady state itself. Open loops stay as they are.
    """
    steady = steady_state(engines, loads)
    n = steady.ttft_s.shape
    finite = np.isfinite(loads.concurrency) & (loads.rate <= 0) & (steady.batch_limit > 0)
    clients = np.where(finite, loads.concurrency, 1.0)
    prompt, output = (np.broadcast_to(x, n) for x in (loads.input_tokens, loads.output_tokens))
    work = work_of(engines, loads, prompt, output)
    top = np.maximum(steady.batch_limit, 1.0)
    first = np.minimum(clients, top)
    share = np.where(finite, np.minimum(1.0 / np.maximum(requests_per_client, 1.0), 1.0), 0.0)

    # The first that find a place, and those who wait for theirs: from none before them to all.
    capacity = np.maximum(steady.capacity_requests_per_s, TINY)
    late = np.maximum(clients - top, 0.0)
    inside_s = np.where(late > 0, steady.ttft_s - clients / capacity + top / capacity, steady.ttft_s)
    at_start = (first * _burst_s(work, first) + late * (0.5 * late / capacity + inside_s)) / clients
    ttft = np.where(share > 0, share * at_start + (1.0 - share) * steady.ttft_s, steady.ttft_s)
    # The prompts of a burst are through, and those of the next ones not yet there, for half of the first
    # wave's tokens; at the end it is the other way round.
    plain = work.step_s(np.maximum(first, 1.0), np.zeros(n))
    tpot = steady.tpot_s - share * np.clip(steady.tpot_s - plain, 0.0, 0.5 * steady.tpot_s)
    e2e = ttft + work.steps * tpot

    # The drain: clients end one after another; what is left runs faster by as much as the step gets
    # shorter with half the batch.
    requests = clients / np.maximum(share, TINY)
    waves = np.minimum(1.0 / np.maximum(share, TINY), 1e6)
    apart = np.minimum(np.sqrt(12.0 * waves) * loads.output_std / output, 1.0)
    half = closed(work, np.maximum(0.5 * first, 1.0), np.zeros(n, dtype=np.bool_)).tpot_s
    idle = np.clip(2.0 * half / np.maximum(steady.tpot_s, TINY) - 1.0, 0.0, 1.0)
    stay_s = np.where(late > 0, top / capacity, steady.e2e_s)
    drain_s = 0.5 * apart * np.where(first > 1, idle, 0.0) * stay_s
    served = np.where(
        share > 0, requests / (requests / steady.requests_per_s + drain_s), steady.requests_per_s
    )
    return replace(steady, ttft_s=ttft, tpot_s=tpot, e2e_s=e2e, requests_per_s=served)


def _burst_s(work: Work, requests: Floats) -> Floats:
    """Mean time to first token of `requests` that find an idle engine together."""
    decoding = np.where(work.apart | (work.steps == 0), 0.0, 0.5 * requests)
    room = np.maximum(work.budget - decoding, 1.0)
    rounds = requests * work.fresh / room
    once = work.step_s(np.zeros_like(room), np.minimum(requests * work.fresh, room))
    full = work.prompt_step_s(decoding, room)
    return np.asarray(work.overhead_s + np.where(rounds <= 1.0, once, 0.5 * (rounds + 1.0) * full))
