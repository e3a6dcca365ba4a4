"""vLLM's V0 scheduler (before 0.8), as read in vllm/core/scheduler.py of 0.6: all that only V0 needs.

With chunked prefill V0 mixes prefill and decode as V1 does. Without it, V0 prefills every waiting prompt in
steps of their own before it decodes again. CUDA graphs end at a context of
`EngineDefaults.graph_context_limit` tokens, which the step time knows as `graph_limit`.
"""

from __future__ import annotations

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.serving.engines.scheduler_rules import EngineRules
from advisor.cost.serving.request_times import TINY, RequestTimes, RequestWork

RULES = EngineRules(
    watermark=0.01,  # vllm/core/block_manager.py
    prefills_first_unchunked=True,
    runs_on_the_host=True,
)

_MAX_LOG_RUN = 10.0


def prefill_runs(rate: Floats, decode_step_s: Floats, prefill_s: Floats, prefills_per_step: Floats) -> Floats:
    """Prefill steps per decode step of an open loop of `rate` requests per second.

    Requests that arrive during a prefill step lengthen the run of prefills: the probability that a run starts
    in a decode step times its expected length (a busy period).
    """
    run_starts = -np.expm1(-rate * decode_step_s)
    run_length = np.exp(np.minimum(rate * prefill_s, _MAX_LOG_RUN))
    return np.asarray(np.clip(run_starts * run_length, TINY, np.maximum(prefills_per_step, TINY)))


def lockstep(request: RequestWork, batch: Floats, request_waiting: Bools) -> RequestTimes:
    """Times where all answers have one length: `batch` requests start, are prefilled and end together."""
    together = np.maximum(np.floor(request.token_budget / request.uncached_tokens), 1.0)
    rounds = np.ceil(batch / together)
    none = np.zeros_like(batch)
    full_s = request.step_s(none, np.minimum(together, batch) * request.uncached_tokens)
    left = np.maximum(batch - (rounds - 1.0) * together, TINY)
    prefills_s = (rounds - 1.0) * full_s + request.step_s(none, left * request.uncached_tokens)
    # Half of the other rounds come before a request's own, and half after it, before the first decode step.
    after_s = 0.5 * (rounds - 1.0) * full_s
    decode_step_s = request.step_s(batch, none)
    return RequestTimes(
        wait_s=np.where(request_waiting, 0.0, request.overhead_s),
        prefill_s=prefills_s - after_s,
        tpot_s=decode_step_s + after_s / np.maximum(request.decode_steps, 1.0),
        decode_batch=np.where(request.decode_steps > 0, batch, 0.0),
        decode_step_s=decode_step_s,
        prefill_step_s=full_s,
        prefill_step_share=none,
        prefills_per_step=none,
        prefill_queue_s=after_s,
        token_room=request.token_budget,
    )
