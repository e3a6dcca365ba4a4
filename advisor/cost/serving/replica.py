"""One replica of each cell's deployment, and its load, in the words of the queue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.serving.load_table import CONCURRENCY, MAXIMUM, RATE, SINGLE, Cells
from advisor.cost.serving.steady_state import Engines, Loads
from advisor.cost.step.memory import sequence_bytes
from advisor.cost.step.step_time import Coefficients, parts
from advisor.cost.step.work import DeploymentArrays


@dataclass(frozen=True, slots=True)
class FittedSteps:
    """The fitted step time as the serving model asks for it; entry i belongs to row i."""

    c: Coefficients

    def step_s(
        self,
        decode_sequences: Floats,
        decode_context: Floats,
        prefill_tokens: Floats,
        prefill_context: Floats,
    ) -> Floats:
        prompts = np.where(prefill_tokens > 0, 1.0, 0.0)
        made = parts(self.c, decode_sequences, decode_context, prefill_tokens, prefill_context, prompts)
        return made.total_s


def kv_tokens(a: DeploymentArrays, kv_bytes: Floats, cells: Cells) -> Floats:
    """Tokens of the cells' own sequences that the cache holds, per cell."""
    d = cells.deployment
    whole = cells.input_tokens + cells.output_tokens
    one = sequence_bytes(a.kv_store_bytes[d], a.kv_window[d], a.sequence_state_bytes[d], whole)
    return np.asarray(np.maximum(kv_bytes[d], 0.0) / np.maximum(one, 1.0) * whole)


def engines(a: DeploymentArrays, c: Coefficients, kv_bytes: Floats, cells: Cells) -> Engines:
    """The engine of each cell.

    Stages of a pipeline work on as many batches in turn: one engine here is one of these batches, with its
    share of the cache and of the places.
    """
    d = cells.deployment
    stages = a.pipeline_parallel[d]
    tokens = kv_tokens(a, kv_bytes, cells) / stages
    slots = np.maximum(a.max_num_seqs[d] / stages, 1.0)
    # Answers of one length that are all sent at once come in waves: all are long at the same time.
    waves = (cells.kind == MAXIMUM) & (cells.output_std == 0)
    together = np.maximum(tokens / (cells.input_tokens + cells.output_tokens), 1.0)
    return Engines(
        step=FittedSteps(c.take(d)),
        kv_tokens=tokens,
        max_num_seqs=np.where(waves, np.minimum(slots, together), slots),
        max_num_batched_tokens=np.maximum(a.max_num_batched_tokens, a.max_num_seqs)[d],
        chunked_prefill=a.chunked_prefill[d] > 0,
        v0=np.array([g == "v0" for g in a.generation], dtype=np.bool_)[d],
        schedule_ahead=a.schedule_ahead[d] > 0,
        request_overhead_s=c.request_s[d],
    )


def loads(a: DeploymentArrays, cells: Cells) -> Loads:
    """What each of these engines is asked."""
    stages = a.pipeline_parallel[cells.deployment]
    shared = np.where(cells.kind == SINGLE, 1.0, np.maximum(cells.level / stages, 1.0))
    return Loads(
        input_tokens=cells.input_tokens,
        output_tokens=np.maximum(cells.output_tokens, 1.0),
        input_std=cells.input_std,
        output_std=cells.output_std,
        prefix_hit_rate=cells.prefix_hit_rate,
        concurrency=np.where(
            cells.kind == MAXIMUM, np.inf, np.where(np.isin(cells.kind, (SINGLE, CONCURRENCY)), shared, 0.0)
        ),
        rate=np.where(cells.kind == RATE, cells.level / stages, 0.0),
        burstiness=cells.burstiness,
    )
