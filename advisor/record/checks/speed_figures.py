"""Speed figures that cannot be true: unknown names, wrong units, faster than the hardware, contradicting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from advisor.record.checks.bounds import Bounds, bounds
from advisor.record.checks.comparable_rows import Row, least, requests_per_s
from advisor.record.checks.finding import Finding, find, unknown_names
from advisor.record.checks.monotonicity import check_neighbours
from advisor.record.checks.repeats import check_repeats
from advisor.record.measurement import SpeedMeasurement
from advisor.spec.engines.engine import parse_engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.units import GB, MS_PER_S

# Clocks, data sheets and repeats of a run agree to a few per cent.
_SLACK = 0.03
_BANDS = {
    "ttft_ms": (1.0, 3_600_000.0),
    "tpot_ms": (0.2, 10_000.0),
    "itl_ms": (0.2, 10_000.0),
    "e2e_ms": (5.0, 36_000_000.0),
    "requests_per_s": (0.0005, 2_000.0),
    "output_tokens_per_s": (0.05, 500_000.0),
    "total_tokens_per_s": (0.5, 5_000_000.0),
}


def check_speed(rows: Sequence[Row]) -> Iterator[Finding]:
    """All findings on `rows`, in no particular order; those on flagged rows count as known."""
    named: list[Row] = []
    for row in rows:
        unknown = _unknown(row)
        yield from unknown
        if not unknown:
            named.append(row)
    yield from _figures(rows, named)


def check_figures(rows: Sequence[Row]) -> Iterator[Finding]:
    """The findings on figures alone: rows whose names no catalog has are held against no hardware."""
    yield from _figures(rows, [row for row in rows if not _unknown(row)])


def _unknown(row: Row) -> list[Finding]:
    r = row.record
    names = [(find_model, r.model), (find_gpu, r.gpu), (find_format, r.format)]
    if r.engine_version is not None:
        names.append((parse_engine, f"{r.engine} {r.engine_version}"))
    return list(unknown_names(row, *names))


def _figures(rows: Sequence[Row], named: Sequence[Row]) -> Iterator[Finding]:
    """`named`: those of `rows` whose names the catalogs have."""
    for row in rows:
        yield from _band(row)
    limits = _Limits()
    for row in named:
        yield from _against_hardware(row, limits.of(row.record))
    yield from check_neighbours(named, limits.of)
    yield from check_repeats(rows)


class _Limits:
    """Bounds by model, format, GPU and count, worked out once each."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str, int], Bounds] = {}

    def of(self, record: SpeedMeasurement) -> Bounds:
        key = (record.model, record.format, record.gpu, record.num_gpus)
        if key not in self._known:
            self._known[key] = bounds(
                find_model(record.model), find_format(record.format), find_gpu(record.gpu), record.num_gpus
            )
        return self._known[key]


def _band(row: Row) -> Iterator[Finding]:
    low, high = _BANDS[row.record.metric]
    if _is_within_chunks(row.record):
        low = 0.0
    if not low <= row.record.value <= high:
        yield find(
            row,
            "error",
            f"{row.record.metric} of {row.record.value:g} is outside {low:g} to {high:g}",
            remedy="check the unit",
        )


def _is_within_chunks(record: SpeedMeasurement) -> bool:
    """Whether it may be a gap between tokens that came in one chunk, which is next to no time."""
    return record.metric == "itl_ms" and record.statistic != "mean"


def _against_hardware(row: Row, limit: Bounds) -> Iterator[Finding]:
    """Faster than data sheets allow, or more than memory holds."""
    r = row.record
    if not limit.fits:
        yield find(
            row,
            "error",
            f"{limit.weight_bytes / GB:.0f} GB of weights in {limit.memory_bytes / GB:.0f} GB of memory",
        )
        return
    if _is_within_chunks(r):
        return
    value, slack = least(r), 1 - _SLACK
    floor_ms = None
    if r.metric in ("tpot_ms", "itl_ms"):
        floor_ms, why = limit.decode_step_ms, "reading the weights once"
    elif r.metric == "ttft_ms":
        floor_ms, why = (
            r.input_tokens * limit.prefill_ms_per_token,
            "the prompt's arithmetic at the dense peak",
        )
    elif r.metric == "e2e_ms":
        floor_ms, why = (
            limit.request_ms(r.input_tokens, r.output_tokens),
            "prefill and decode at the roofline",
        )
    if floor_ms is not None:
        if value < floor_ms * slack:
            yield find(row, "error", f"{r.metric} of {r.value:g} is below {floor_ms:.4g} ms, {why}")
        return
    model = find_model(r.model)
    kv = model.kv_bytes_per_token(8 if r.kv_format == "fp8" else 16)
    ceiling = limit.requests_per_s(r.input_tokens, r.output_tokens, kv)
    if r.load in ("concurrency", "batch") and r.load_value is not None:
        alone_ms = limit.request_ms(r.input_tokens, r.output_tokens)
        ceiling = min(ceiling, r.load_value * MS_PER_S / alone_ms)
    if requests_per_s(r, value) > ceiling / slack:
        yield find(
            row, "error", f"{r.metric} of {r.value:g} means {requests_per_s(r, r.value):.3g} requests/s, "
            f"the roofline allows {ceiling:.3g}"
        )  # fmt: skip
