"""The seed paper's own blocks, asked through its two scenario profiles: is the format named first its winner?

Computed from predictions with the fit that ships, in which the paper's rows are; the cost model's own tests
leave them out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

import pytest

from advisor import recommend
from advisor.data import shipped
from advisor.record.measurement import SpeedMeasurement
from advisor.record.store import read_speed
from advisor.spec.gpus import find_gpu
from advisor.spec.prices import price_of
from advisor.spec.profile_flags import workload_from_flags
from advisor.units import MS_PER_S, S_PER_HOUR

PAPER = "arXiv:2411.02355v4 Table"
NEAR = 1.02
"""A format within 2 % of the winner is as good: the tables print two digits."""

Block = tuple[str, str, str, float, float]


@cache
def blocks() -> Mapping[Block, tuple[SpeedMeasurement, ...]]:
    """Sound cells of Tables 5 and 6 by load, model, GPU and lengths, where formats can be compared."""
    found: dict[Block, list[SpeedMeasurement]] = defaultdict(list)
    for row in read_speed(shipped("measurements")):
        if row.source.startswith(PAPER) and not row.suspect:
            found[row.load, row.model, row.gpu, row.input_tokens, row.output_tokens].append(row)
    return {block: tuple(rows) for block, rows in found.items() if len({row.format for row in rows}) > 1}


def usd_per_query(row: SpeedMeasurement) -> float:
    """At the paper's prices: what its queries per dollar say, upside down."""
    price = price_of(find_gpu(row.gpu), row.num_gpus, price_list="paper-2024-10")
    assert price is not None
    usd_per_s = price.usd_per_hour / S_PER_HOUR
    return usd_per_s * row.value / MS_PER_S if row.metric == "e2e_ms" else usd_per_s / row.value


def first_named(block: Block, rows: tuple[SpeedMeasurement, ...]) -> str:
    load, model, gpu, input_tokens, output_tokens = block
    synchronous = load == "single"
    asked = workload_from_flags(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        scenario="synchronous" if synchronous else "asynchronous",
    )
    answer = recommend(
        model,
        asked,
        gpus=[gpu],
        formats=sorted({row.format for row in rows}),
        num_gpus=None if synchronous else rows[0].num_gpus,
        engine=f"vllm {rows[0].engine_version}",
    )
    assert answer.winner is not None
    return answer.winner.deployment.format.name


@pytest.mark.parametrize(("load", "least"), [("single", 0.97), ("maximum", 0.90)])
def test_the_papers_winner_is_named_first(load: str, least: float) -> None:
    hits = []
    for block, rows in blocks().items():
        if block[0] != load:
            continue
        usd = {row.format: usd_per_query(row) for row in rows}
        hits.append(usd[first_named(block, rows)] <= NEAR * min(usd.values()))
    assert len(hits) >= 40
    assert sum(hits) / len(hits) >= least


def test_the_paper_calls_int4_the_cheapest_per_query_one_at_a_time() -> None:
    """Its finding for all synchronous cells; checked on the records themselves."""
    for block, rows in blocks().items():
        if block[0] == "single":
            assert min(rows, key=usd_per_query).format == "int4", block
