"""Refuses benchmark runs whose figures are not true of their deployment, with the reason.

Tools report such runs with a straight face: vLLM writes 0.0 ms where every request failed and takes latencies
only of those that came through; an overloaded open loop measures how long it was run; a prompt that was sent
before costs nothing. A refused run is no row; its reason is for the user.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from advisor.errors import QuantAdviseError
from advisor.record.checks.bounds import Bounds, bounds
from advisor.record.checks.speed_figures import check_figures
from advisor.record.importers.imported_run import Run
from advisor.record.importers.stated_facts import Served
from advisor.record.measurement import SpeedMeasurement
from advisor.record.store import Located
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.metrics import LATENCIES_MS
from advisor.spec.models.catalog import find_model
from advisor.units import MS_PER_S

MAX_FAILED_SHARE = 0.01
"""Most requests a run may lose, as in our own runs: beyond it the survivors are a biased sample."""
MAX_GROWTH = 2.0
"""TTFT of the last third of requests over the first: above it the queue grows without end."""
MAX_DRIFT = 1.5
LEAST_REQUESTS = 30
"""Fewer requests show no trend."""
COLD_FACTOR, COLD_SHARE = 10.0, 0.2
"""One request that took ten times the median and a fifth of all waiting is a cold start."""
SHORTFALL = 0.9
TOLERANCE = 1 + 1e-6
_FLOOR_SLACK = 0.8
"""Clocks boost and data sheets round; a fifth below the roofline is still no other deployment."""


def refusal(run: Run) -> str | None:
    """Why the run is no measurement; None when nothing speaks against it."""
    checks = (_cancelled, _failed, _impossible, _order, _cold, _saturated, _unsteady)
    return next((reason for check in checks if (reason := check(run)) is not None), None)


def _cancelled(run: Run) -> str | None:
    return run.refused or None


def _failed(run: Run) -> str | None:
    if run.completed == 0:
        return "no request completed: its zeros are not latencies"
    if run.completed is not None and run.failed:
        total = run.completed + run.failed
        if run.failed > MAX_FAILED_SHARE * total:
            return f"{run.failed} of {total} requests failed: the others are a choice of the easy ones"
    if not run.figures:
        return "no figure that we know"
    return None


def _impossible(run: Run) -> str | None:
    for (metric, statistic), value in run.figures.items():
        if not math.isfinite(value) or value < 0:
            return f"{metric} {statistic} is {value}"
        if value == 0:
            return f"{metric} {statistic} is 0: nothing was measured"
    for name, tokens in (("prompt", run.input_tokens), ("answer", run.output_tokens)):
        if tokens is not None and not 0 < tokens < math.inf:
            return f"mean {name} length is {tokens:g} tokens"
    if run.duration_s is not None and not 0 < run.duration_s < math.inf:
        return f"duration is {run.duration_s:g} s"
    if (
        run.date is not None
        and run.date > (datetime.now(timezone.utc) + timedelta(days=1)).date().isoformat()
    ):
        return f"its date, {run.date}, is yet to come"
    return None


def _order(run: Run) -> str | None:
    for (metric, statistic), value in run.figures.items():
        first = run.figures.get(("ttft_ms", statistic))
        if metric == "e2e_ms" and first is not None and value * TOLERANCE < first:
            return (
                f"{statistic} E2E of {value:g} ms is below TTFT of {first:g} ms: units or runs are mixed up"
            )
    token, whole = run.figures.get(("tpot_ms", "mean")), run.figures.get(("e2e_ms", "mean"))
    if token is not None and whole is not None and (run.output_tokens or 0) > 2 and token > whole:
        return f"mean TPOT of {token:g} ms is above mean E2E of {whole:g} ms: units or runs are mixed up"
    for metric in LATENCIES_MS:
        ranked = sorted(
            (float(name[1:]), value)
            for (m, name), value in run.figures.items()
            if m == metric and name != "mean"
        )
        for (low, below), (high, above) in itertools.pairwise(ranked):
            if above * TOLERANCE < below:
                return f"{metric} p{high:g} of {above:g} is below p{low:g} of {below:g}"
    return None


def _cold(run: Run) -> str | None:
    mean, middle = run.figures.get(("ttft_ms", "mean")), run.figures.get(("ttft_ms", "p50"))
    if run.load == "maximum" or run.ttft_max_ms is None or not run.completed or not mean or not middle:
        return None
    share = run.ttft_max_ms / (mean * run.completed)
    if run.completed >= 5 and run.ttft_max_ms > COLD_FACTOR * middle and share > COLD_SHARE:
        return (
            f"one TTFT of {run.ttft_max_ms:.4g} ms, the median is {middle:.4g} ms: a cold start counts in; "
            "run again with warm-up requests"
        )
    return None


def _saturated(run: Run) -> str | None:
    if run.load != "rate" or run.load_value is None:
        return None
    if run.ttft_growth is not None and run.ttft_growth > MAX_GROWTH:
        return (
            f"saturated: TTFT grew {run.ttft_growth:.1f} times over the run at {run.load_value:g} "
            "requests/s; its latencies say how long it ran"
        )
    came = run.figures.get(("requests_per_s", "mean"))
    if came is None or came >= SHORTFALL * run.load_value or run.duration_s is None:
        return None
    e2e, ttft = run.figures.get(("e2e_ms", "mean")), run.figures.get(("ttft_ms", "mean"))
    if ttft is not None and ttft / 1000 > 0.05 * run.duration_s:
        # A queue that takes a tenth more than it gives has a mean wait of a twentieth of the run.
        return (
            f"saturated: {came:.3g} of {run.load_value:g} requests/s came back, TTFT is {ttft / 1000:,.4g} s"
        )
    if e2e is not None and e2e / 1000 > 0.25 * run.duration_s:
        return (
            f"not steady: an answer takes {e2e / 1000:.3g} s of a run of {run.duration_s:.3g} s; "
            "send more requests"
        )
    return None


def _unsteady(run: Run) -> str | None:
    drift = run.pace_drift
    if drift is not None and run.load != "maximum" and not 1 / MAX_DRIFT < drift < MAX_DRIFT:
        return f"not steady: TPOT changed {drift:.2g} times from the first third of requests to the last"
    inside = run.load_value if run.load == "concurrency" else None
    if inside is not None and inside > 1 and run.completed is not None and run.completed <= inside:
        return (
            f"not steady: {run.completed} requests at concurrency {inside:g} are one batch; "
            "send several times as many"
        )
    return None


def without_chunk_gaps(run: Run, served: Served) -> Run:
    """Without ITL percentiles shorter than one read of the weights: gaps inside a chunk of several tokens.

    A client that reads two tokens at once measures nothing between them; the mean and TPOT stay right.
    """
    floor = _floor(served)
    if floor is None:
        return run
    least_ms = _FLOOR_SLACK * floor.decode_step_ms
    gone = [key for key, value in run.figures.items() if key[0] == "itl_ms" and value < least_ms]
    if not gone or ("itl_ms", "mean") in gone:
        return run
    least = f"{floor.decode_step_ms:.3g} ms that reading the weights takes"
    reason = f"below the {least}: tokens came several at a time"
    return replace(
        run,
        figures={key: value for key, value in run.figures.items() if key not in gone},
        left_out=(*run.left_out, *((f"{metric} {statistic}", reason) for metric, statistic in gone)),
    )


def _floor(served: Served) -> Bounds | None:
    """The least times of a deployment; None where the catalogs do not know it."""
    try:
        model, fmt, gpu = find_model(served.model), find_format(served.format), find_gpu(served.gpu)
        return bounds(model, fmt, gpu, served.num_gpus)
    except QuantAdviseError:
        return None


def contaminated(run: Run, served: Served) -> str | None:
    """Faster than arithmetic allows on that GPU: a cached prompt, or another deployment than was said."""
    floor = _floor(served)
    if floor is None:
        return None
    assert run.input_tokens is not None
    least_ms = run.input_tokens * floor.prefill_ms_per_token
    seen = run.figures.get(("ttft_ms", "mean"))
    if seen is not None and seen < _FLOOR_SLACK * least_ms:
        return (
            f"mean TTFT of {seen:.4g} ms for {run.input_tokens:g} tokens, their arithmetic alone takes "
            f"{least_ms:.4g} ms on {served.num_gpus}x {served.gpu}: prompts came from the prefix cache, "
            "or a fact is wrong"
        )
    step = run.figures.get(("tpot_ms", "mean"))
    if step is not None and step < _FLOOR_SLACK * floor.decode_step_ms:
        return (
            f"mean TPOT of {step:.4g} ms, reading the weights takes {floor.decode_step_ms:.4g} ms on "
            f"{served.num_gpus}x {served.gpu}: speculative decoding, or a fact is wrong"
        )
    return _too_many(run, served, floor)


def _too_many(run: Run, served: Served, floor: Bounds) -> str | None:
    """More requests a second than the roofline allows."""
    came = run.figures.get(("requests_per_s", "mean"))
    if came is None or run.input_tokens is None or run.output_tokens is None:
        return None
    kv = find_model(served.model).kv_bytes_per_token(8 if served.kv_format == "fp8" else 16)
    most = floor.requests_per_s(run.input_tokens, run.output_tokens, kv)
    if run.load == "concurrency" and run.load_value is not None:
        alone_ms = floor.request_ms(run.input_tokens, run.output_tokens)
        most = min(most, run.load_value * MS_PER_S / alone_ms) if alone_ms > 0 else most
    if came > most / _FLOOR_SLACK:
        return (
            f"{came:.4g} requests/s, the roofline of {served.num_gpus}x {served.gpu} allows {most:.4g}: "
            "prompts came from the prefix cache, or a fact is wrong"
        )
    return None


def flagged(rows: Sequence[SpeedMeasurement], where: str) -> str | None:
    """The first thing that `quantadvise check` would call an error among a run's rows; None: nothing."""
    located = [Located(record=row, file=Path(where), line=at) for at, row in enumerate(rows, start=1)]
    return next((found.what for found in check_figures(located) if found.severity == "error"), None)


def growth(starts: Sequence[float], values: Sequence[float]) -> float | None:
    """Median of the last third (by start) over that of the first; None below `LEAST_REQUESTS`."""
    if len(starts) != len(values) or len(starts) < LEAST_REQUESTS:
        return None
    ordered = [value for _, value in sorted(zip(starts, values, strict=True))]
    third = len(ordered) // 3
    first, last = sorted(ordered[:third])[third // 2], sorted(ordered[-third:])[third // 2]
    return last / first if first > 0 and math.isfinite(first) and math.isfinite(last) else None
