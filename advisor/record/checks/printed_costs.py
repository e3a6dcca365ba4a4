"""Printed queries per dollar against the price that the source says it used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from advisor.record.checks.finding import Finding
from advisor.record.measurement import PrintedCost
from advisor.record.store import Located

# Prices are printed to the cent: that much may be lost on the way.
_SLACK = 0.002


def check_costs(rows: Sequence[Located[PrintedCost]]) -> Iterator[Finding]:
    """Rows whose speed and queries per dollar imply another price than the source's own."""
    prices = sorted({(row.record.usd_per_hour, row.record.gpu, row.record.num_gpus) for row in rows})
    for row in rows:
        r = row.record
        low, high = r.implied_usd_per_hour
        low, high = low * (1 - _SLACK), high * (1 + _SLACK)
        if low <= r.usd_per_hour <= high:
            continue
        fits = [f"{count} x {gpu} costs {price:g}" for price, gpu, count in prices if low <= price <= high]
        hint = f" ({fits[0]})" if len(fits) == 1 else ""
        yield Finding(
            file=row.file,
            line=row.line,
            severity="known" if r.suspect else "error",
            what=(
                f"{r.queries_per_usd:g} queries per dollar at {r.metric} {r.value:g} implies {low:.4g} to "
                f"{high:.4g} $/h, {r.num_gpus} x {r.gpu} costs {r.usd_per_hour:g}{hint}"
            ),
        )
