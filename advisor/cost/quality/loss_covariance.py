"""Covariance of losses about the expected loss: what cells share, and noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.expected_loss import FOUR_BIT, Floats, log_context
from advisor.cost.quality.scores_to_losses import Cell
from advisor.spec.accuracy_benchmarks import Benchmark

ROUNDED_ACTIVATIONS = frozenset({"fp8", "int8", "nvfp4", "mxfp4", "w4a8-fp8"})
_FLOOR = 5e-4
"""Standard deviation of a printed score's rounding, as a share of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Standard deviations, fitted by the likelihood of all cells."""

    model: float = 0.002
    """Standard deviation of what a checkpoint loses beyond its factors, on every benchmark alike."""
    fragile: float = 0.1
    """Standard deviation of a base model's own share of the expected loss, in every format alike."""
    fragile_in_format: float = 0.15
    """Standard deviation of a base model's own share of the expected loss, in one format."""
    activations: float = 2.0
    """Factor on `fragile_in_format` and `recipe` for formats that round activations too: outliers are a
    model's."""
    mixtures: float = 1.5
    """Ratio of these and of the loss shared by all benchmarks for mixtures of experts over dense models."""
    benchmark: float = 0.40
    """Standard deviation of its loss on one benchmark, as a share of the expected loss."""
    checkpoint: float = 0.3
    """Standard deviation on one benchmark for one maker's checkpoint by one algorithm."""
    recipe: float = 0.15
    """Standard deviation of one maker's loss on every benchmark, as a share of the expected loss."""
    context: float = 0.5
    """Standard deviation of a base model's own share of the loss in one format, per factor e of context
    beyond a short one: a random walk, so that a score at one length informs longer ones."""
    choice: float = 0.55
    """Noise of choice benchmarks, 4 bits, as a share of two independent scores' noise."""
    generated: float = 0.7
    """Noise of texts judged as a whole."""
    worked: float = 1.0
    """Noise of answers parsed from a chain of thought."""
    eight_bit: float = 0.70
    """Noise of 8-bit formats as a share of that: fewer answers flip."""
    baseline: float = 0.30
    """Correlation of the noise of two formats compared with one BF16 score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Who shares what, as numbers: equal number, shared."""

    group: NDArray[np.int64]
    format: NDArray[np.int64]
    benchmark: NDArray[np.int64]
    maker: NDArray[np.int64]
    printed: NDArray[np.int64]
    """Model, benchmark and publisher: one BF16 score."""
    activations: NDArray[np.bool_]
    """Whether the format rounds activations too."""
    sparse: NDArray[np.bool_]
    """Whether the model is a mixture of experts."""
    context: Floats
    """Logarithm of the context over a short one."""

    def take(self, rows: NDArray[np.int64]) -> Shared:
        return Shared(**{f.name: getattr(self, f.name)[rows] for f in dataclasses.fields(self)})


class Who(NamedTuple):
    """What a score shares with others; an empty checkpoint or printed score is nobody else's."""

    group: str
    format: str
    benchmark: str
    maker: str
    printed: str
    """Names the BF16 score."""
    context_tokens: int
    sparse: bool = False


def who_of(cell: Cell) -> Who:
    return Who(
        group=cell.traits.group,
        format=cell.format,
        benchmark=cell.benchmark,
        maker=checkpoint_of(cell.recipe),
        printed=f"{cell.traits.key} {cell.benchmark} {cell.publisher}",
        context_tokens=cell.context_tokens,
        sparse=cell.traits.sparse,
    )


def checkpoint_of(recipe: Recipe) -> str:
    """What names one model's checkpoint in one format; empty where its maker is not known."""
    return f"{recipe.algorithm} {recipe.maker}" if recipe.maker else ""


def shared(whos: Sequence[Who], known: dict[str, int] | None = None) -> Shared:
    """Numbers for names; `known` carries them from one call to the next."""
    known = {} if known is None else known
    table = np.array([[known.setdefault(n, len(known)) for n in who[:5]] for who in whos], dtype=np.int64)
    group, fmt, row, maker, printed = table.reshape(-1, 5).T
    return Shared(
        group=group,
        format=fmt,
        benchmark=row,
        maker=maker,
        printed=printed,
        activations=np.array([who.format in ROUNDED_ACTIVATIONS for who in whos], dtype=np.bool_),
        sparse=np.array([who.sparse for who in whos], dtype=np.bool_),
        context=np.array([log_context(who.context_tokens) for who in whos]),
    )


def inverse(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def noise_share(
    spread: Spread, row: Benchmark, format: str, noise: Mapping[str, float] = MappingProxyType({})
) -> float:
    """Noise of a paired difference as a share of two independent scores'.

    noise: benchmark → how much more it has than its kind.
    """
    shares = {"choice": spread.choice, "generated": spread.generated, "worked": spread.worked}
    bits = 1.0 if format in FOUR_BIT else spread.eight_bit
    return shares[row.kind] * bits * noise.get(row.name, 1.0)


def noise_sd(
    cells: Sequence[Cell], spread: Spread, noise: Mapping[str, float] = MappingProxyType({})
) -> Floats:
    """Standard deviation of each cell's own measurement error; `noise` as in `noise_share`."""
    shares = np.array([noise_share(spread, c.row, c.format, noise) for c in cells])
    units = np.array([c.unit for c in cells])
    return np.asarray(np.hypot(shares * np.sqrt(units), _FLOOR), dtype=np.float64)


def deviations(
    a: Shared, b: Shared, loss: tuple[Floats, Floats], gain: tuple[Floats, Floats], s: Spread
) -> Floats:
    """Covariance of the true losses of cells `a` and `b` around their expectation."""

    def same(name: str) -> NDArray[np.bool_]:
        return np.asarray(np.equal.outer(getattr(a, name), getattr(b, name)), dtype=np.bool_)

    kin = same("group") & same("format")
    twins = kin & same("benchmark")
    made = kin & same("maker")
    wider = np.outer(*(np.where(who.activations, s.activations, 1.0) for who in (a, b)))
    mixed = np.outer(*(np.where(who.sparse, s.mixtures, 1.0) for who in (a, b)))
    relative = (
        s.fragile**2 * same("group") * mixed
        + wider * mixed * (s.fragile_in_format**2 * kin + s.recipe**2 * made)
        + s.context**2 * kin * np.minimum.outer(a.context, b.context)
        + s.benchmark**2 * twins
        + s.checkpoint**2 * (made & twins)
    )
    return np.asarray(relative * np.outer(*loss) + s.model**2 * kin * mixed * np.outer(*gain))


def noises(a: Shared, sd: Floats, s: Spread) -> Floats:
    """Covariance of the measurement errors: cells compared with one BF16 score share its error."""
    common = np.equal.outer(a.printed, a.printed) * s.baseline
    np.fill_diagonal(common, 1.0)
    return np.asarray(common * np.outer(sd, sd))
