"""Predictions made of what arrays say: one object per deployment, for those who read them one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advisor.cost.estimate import Basis, Estimate
from advisor.cost.predict.deployment_table import Prepared
from advisor.cost.predict.nearest import EvidenceIndex
from advisor.cost.predict.prediction import MemoryPlan, Prediction, Status
from advisor.cost.predict.prediction_table import LoadAnswers, Range
from advisor.cost.serving.load_table import Cells
from advisor.cost.serving.serving_stats import typical_steps
from advisor.cost.step.bottleneck import regime, times_ms
from advisor.spec.workloads.workload import Load


def told(
    p: Prepared,
    loads: Sequence[Load],
    cells: Cells,
    found: LoadAnswers,
    within: Range | None,
    evidence: EvidenceIndex,
) -> list[Prediction]:
    """One prediction per deployment, each under the load of its place; `within`: the share in goodput."""
    m = found.means.means
    n = len(p.deployments)
    plans = memory_plans(p, found)
    bases = [found.means.basis(i) for i in range(n)]
    of = {name: _estimates(values, bases) for name, values in found.latency_ms.items()}
    rates = _estimates(found.means.requests_per_s, bases)
    tokens = _estimates(found.means.output_tokens_per_s, bases)
    capacities = _estimates(found.means.capacity_requests_per_s, bases)
    shares = [None] * n if within is None else _estimates(within, bases)
    prompt, decode = typical_steps(p.arrays, p.coefficients, cells, m)
    fresh = cells.input_tokens * (1.0 - cells.prefix_hit_rate)
    prefill_ms = times_ms(prompt, p.coefficients, fresh)
    decode_ms = times_ms(decode, p.coefficients, np.where(np.isfinite(m.batch), m.batch, 1.0))
    batch, kv_use = m.batch.tolist(), m.kv_use.tolist()
    endless, waiting = (~np.isfinite(m.tpot_s)).tolist(), (m.saturated > 0).tolist()
    made = []
    for i, (deployment, plan) in enumerate(zip(p.deployments, plans, strict=True)):
        fits = plan.fits
        status: Status = "stable"
        if not fits:
            status = "does not fit"
        elif loads[i].arrival.kind == "rate" and endless[i]:
            status = "backlogged"
        elif waiting[i]:
            status = "saturated"
        made.append(
            Prediction(
                deployment=deployment,
                load=loads[i],
                memory=plan,
                status=status,
                latency={name: e for name, values in of.items() if (e := values[i]) is not None}
                if fits
                else {},
                requests_per_s=rates[i] if fits else None,
                output_tokens_per_s=tokens[i] if fits else None,
                capacity_requests_per_s=capacities[i] if fits else None,
                regime_prefill=regime(prefill_ms[i]),
                regime_decode=regime(decode_ms[i]),
                prefill_ms=prefill_ms[i],
                decode_ms=decode_ms[i],
                nearest_evidence=evidence.nearest(deployment, p.keys[i]),
                batch=batch[i] if fits else None,
                kv_use=kv_use[i] if fits else None,
                goodput_share=shares[i] if fits else None,
            )
        )
    return made


def memory_plans(p: Prepared, found: LoadAnswers) -> list[MemoryPlan]:
    """What must fit on a GPU of each deployment."""
    held = p.memory
    columns = (
        held.weight_bytes,
        held.overhead_bytes,
        held.kv_bytes,
        held.usable_bytes,
        found.max_context,
        found.means.max_concurrency,
    )
    return [
        MemoryPlan(
            weight_bytes=weight,
            overhead_bytes=overhead,
            kv_bytes=kv,
            usable_bytes=usable,
            max_context=context,
            max_concurrency=concurrency,
        )
        for weight, overhead, kv, usable, context, concurrency in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _estimates(of: Range, bases: Sequence[Basis]) -> list[Estimate | None]:
    """Each entry as an Estimate; None where the value does not exist."""
    return [
        Estimate(value=value, low=low, high=high, basis=basis) if known else None
        for known, value, low, high, basis in zip(
            np.isfinite(of.value).tolist(),
            of.value.tolist(),
            of.low.tolist(),
            of.high.tolist(),
            bases,
            strict=True,
        )
    ]
