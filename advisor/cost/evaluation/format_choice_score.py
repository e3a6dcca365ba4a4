"""How good the choice of a format is: named best against measured best, block by block.

A block is one model, GPU and use case that one source measured in several formats. What is compared is
what is paid for: GPU-hours × price per query, so that formats on different numbers of GPUs compare as
the seed paper compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.fitting.observations import Observations
from advisor.record.measurement import SpeedMeasurement
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.hardware.prices import price_of
from advisor.units import MS_PER_S, S_PER_HOUR

PRICES = "paper-2024-10"
RIGHT_WITHIN = 0.02
"""A choice within this share of the best counts as right: measurements repeat no better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows of one model, GPU and use case, one per format; positions in the observations."""

    model: str
    gpu: str
    load: str
    rows: tuple[int, ...]
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionScore:
    """How often the format named first was right, and what a wrong one cost."""

    blocks: int
    best: float
    """Share of blocks in which the measured best was named."""
    near: float
    """Share in which it, or a format within 2 % of it, was named."""
    regret: float
    """Mean extra cost of the named format over the best."""


def blocks(seen: Observations) -> list[Block]:
    """Blocks of the reference harness: two formats or more in lone requests or at maximum throughput."""
    groups: dict[tuple[object, ...], dict[str, int]] = {}
    for i, row in enumerate(seen.rows):
        kept = (row.load, row.metric) in (("single", "e2e_ms"), ("maximum", "requests_per_s"))
        if kept and seen.sources.is_reference(row.source):
            key = (row.source, row.model, row.gpu, row.load, row.input_tokens, row.output_tokens)
            groups.setdefault(key, {})[row.format] = i
    return [
        Block(
            model=str(key[1]),
            gpu=str(key[2]),
            load=str(key[3]),
            rows=tuple(found.values()),
            formats=tuple(found),
        )
        for key, found in groups.items()
        if len(found) > 1
    ]


def usd_per_query(row: SpeedMeasurement, value: float) -> float:
    """Cost of one query at a latency (ms) or a throughput (requests/s)."""
    gpu = find_gpu(row.gpu)
    price = price_of(gpu, row.num_gpus, price_list=PRICES)
    # A GPU the list does not price costs the same for every format: one unit each.
    usd_per_s = (row.num_gpus if price is None else price.usd_per_hour) / S_PER_HOUR
    return usd_per_s * (value / MS_PER_S if row.metric == "e2e_ms" else 1.0 / value)


def score(seen: Observations, found: Sequence[Block], choose: Callable[[Block], str]) -> DecisionScore:
    """Score of a way to choose, on measured costs."""
    return score_choices(seen, [(block, choose(block)) for block in found])


def score_choices(seen: Observations, chosen: Sequence[tuple[Block, str]]) -> DecisionScore:
    """Score of formats chosen, on measured costs."""
    regrets = []
    for block, choice in chosen:
        cost = _measured_cost(seen, block)
        regrets.append(cost[choice] / min(cost.values()) - 1.0)
    r = np.array(regrets)
    return DecisionScore(
        blocks=len(r),
        best=float(np.mean(r <= 1e-9)),
        near=float(np.mean(r <= RIGHT_WITHIN)),
        regret=float(np.mean(r)),
    )


def _measured_cost(seen: Observations, block: Block) -> dict[str, float]:
    """Cost of a query by format."""
    return {
        f: usd_per_query(seen.rows[i], seen.rows[i].value)
        for f, i in zip(block.formats, block.rows, strict=True)
    }


def named_by_another_source(
    seen: Observations, found: Sequence[Block], shapes: Sequence[str]
) -> list[tuple[Block, str]]:
    """Blocks that another source measured as well, cut to the formats of both, each with the format that is
    best *there*: how well one does who has measured the very thing before, elsewhere.

    shapes: of each row, what models must have in common to be the same.
    """
    cells: dict[tuple[object, ...], list[Block]] = {}
    for block in found:
        row = seen.rows[block.rows[0]]
        cell = (block.load, shapes[block.rows[0]], block.gpu, row.input_tokens, row.output_tokens)
        cells.setdefault(cell, []).append(block)
    chosen = []
    for same in cells.values():
        for one, other in permutations(same, 2):
            common = tuple(f for f in one.formats if f in other.formats)
            if len(common) > 1:
                cost = _measured_cost(seen, other)
                rows = tuple(one.rows[one.formats.index(f)] for f in common)
                chosen.append((replace(one, formats=common, rows=rows), min(common, key=cost.__getitem__)))
    return chosen


def by_prediction(seen: Observations, predicted: Floats) -> Callable[[Block], str]:
    """Names the format whose predicted cost is least."""

    def choose(block: Block) -> str:
        costs = [usd_per_query(seen.rows[i], float(predicted[i])) for i in block.rows]
        return block.formats[int(np.argmin(costs))]

    return choose


def always(wanted: Mapping[str, Sequence[str]]) -> Callable[[Block], str]:
    """Names the first of `wanted[load]` that the block has; its first format otherwise."""

    def choose(block: Block) -> str:
        return next((f for f in wanted[block.load] if f in block.formats), block.formats[0])

    return choose


EIGHT_BITS = dict.fromkeys(("single", "maximum"), ("fp8", "int8"))
"""The baseline 'always the 8-bit format'."""
RULE_OF_THUMB = {"single": ("int4",), "maximum": ("fp8", "int8")}
"""The seed paper's advice: W4A16 for synchronous use, W8A8 for asynchronous."""
