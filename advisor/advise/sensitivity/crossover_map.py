"""Which format is best by requests in flight and prompt length: the map behind "will it help me?"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advisor.advise.choose.question import Choice
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.sensitivity.axis import Axis
from advisor.advise.sensitivity.crossover import BestMap, best_map
from advisor.spec.deployment import Deployment
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.workloads.workload import Arrival, Load
from advisor.units import MS_PER_S

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.recovery import QualityModel

CONCURRENCIES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
PROMPTS = (128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatMap:
    """What is best over a grid of loads; the answer's length is as asked."""

    gpus: tuple[GpuSpec, ...]
    """What was chosen from."""
    best: BestMap
    """Across: requests in flight. Down: prompt tokens."""


def format_maps(
    choice: Choice,
    recommendation: Recommendation,
    predictor: Predictor,
    quality: QualityModel | None = None,
    *,
    gpus: int = 3,
    pause: Callable[[], None] = lambda: None,
) -> tuple[FormatMap, ...]:
    """A map for all of the first GPUs of the ranking together, and for each alone.

    None where nothing is ranked, or where no prompt of the grid fits. `pause` is called before each row: who
    has something more urgent does it there, or raises.
    """
    prompts = tuple(tokens for tokens in PROMPTS if _fits(choice, tokens))
    if len(prompts) < 2:
        return ()
    first = tuple(dict.fromkeys(a.deployment.gpu for a in recommendation.ranked))[:gpus]
    spaces = [first, *((gpu,) for gpu in first)] if len(first) > 1 else [first] if first else []
    load = replace(choice.workload.load, arrival=Arrival(kind="concurrency", value=1))
    across = Axis(over="concurrency", levels=CONCURRENCIES)
    down = Axis(over="input-tokens", levels=prompts)
    maps = []
    for chosen in spaces:
        space, workload = replace(choice.space, gpus=chosen), replace(choice.workload, load=load)
        asked = replace(choice, space=space, workload=workload)
        rows: list[tuple[Deployment | None, ...]] = []
        for tokens in prompts:
            pause()
            row = Axis(over="input-tokens", levels=(tokens,))
            rows += best_map(asked, across, row, predictor, quality).best
        maps.append(FormatMap(gpus=chosen, best=BestMap(across=across, down=down, best=tuple(rows))))
    return tuple(maps)


def in_flight(recommendation: Recommendation) -> float | None:
    """Requests in flight under the load that was asked for; None where all are queued at once.

    Of an open loop by Little's law: what arrives in the time that one of them takes.
    """
    arrival = recommendation.workload.load.arrival
    if arrival.kind == "maximum" or recommendation.winner is None:
        return None
    if arrival.kind != "rate" or arrival.value is None:
        return arrival.value or 1.0
    e2e = recommendation.winner.estimate("e2e")
    return None if e2e is None else max(1.0, arrival.value * e2e.value / MS_PER_S)


def _fits(choice: Choice, tokens: float) -> bool:
    """Whether the longest request of such a load is within the model's context."""
    load: Load = choice.workload.load
    stretch = load.input_tokens.longest / load.input_tokens.mean
    return tokens * stretch + load.output_tokens.longest + 1 <= choice.space.model.max_context
