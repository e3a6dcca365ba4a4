"""The expected loss: a product of factors, one per property, each shrunk towards "as its kind".

    loss = gain x exp(format + algorithm + size + sparsity + family + benchmark family + benchmark …)

A product, because what makes INT4 worse makes it worse by a share: half a percent of loss at 70B is five
percent at 0.5B. Every factor has a prior centred on 1, so that a benchmark seen twice borrows from its
family and an algorithm seen once from its format: the hierarchy is in the widths below.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.model_traits import Traits
from advisor.cost.quality.scores_to_losses import Cell
from advisor.spec.accuracy_benchmarks import SHORT_TOKENS, benchmark

Floats = NDArray[np.float64]
Key = tuple[str, str]
"""Section and name: ("algorithm", "int4/gptq")."""

PRIORS: Mapping[str, tuple[float, float]] = {
    "four-bit floats": (math.log(0.03), 2.0),
    "format": (math.log(0.01), 2.0),
    "as": (0.0, 0.5),
    "algorithm": (0.0, 0.8),
    "recipe": (0.0, 0.3),
    "size": (-0.35, 0.2),
    "size curve": (0.0, 0.1),
    "size by format": (0.0, 0.1),
    "sparsity": (0.0, 0.15),
    "family": (0.0, 0.15),
    "activations by family": (0.0, 0.2),
    "benchmark family": (0.0, 0.7),
    "benchmark": (0.0, 0.5),
    "format by benchmark family": (0.0, 0.2),
    "algorithm by benchmark family": (0.0, 0.2),
    "context": (0.2, 0.2),
}
"""Mean and standard deviation of each factor's logarithm before any score is seen. Chosen once by the
error on held-out models; doubling or halving them moves it by less than 5 %."""

BASE_FORMAT: Mapping[str, str] = {
    "fp8-w8a16": "fp8",
    "int8-w8a16": "int8",
    "w4a8-fp8": "int4",
    "kv-int8": "kv-fp8",
}
"""Formats that differ from another in the activations only share its weights, and so its factors; "as"
is what the activations change. 8-bit KV caches share theirs."""

FOUR_BIT_FLOATS = frozenset({"nvfp4", "mxfp4"})
"""They share a factor, and each is a deviation from it with this prior."""
_AMONG_FOUR_BIT_FLOATS = (0.0, 0.6)

QUANTIZED_ACTIVATIONS = frozenset({"int8"})
"""Formats that round activations to integers: outliers, and so losses, are a family's own."""

FOUR_BIT = frozenset({"int4", "nvfp4", "mxfp4", "w4a8-fp8"})

REFERENCE_B = 8.0
"""Billions of parameters at which a format's factor is stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where the expected loss is wanted."""

    traits: Traits
    format: str
    recipe: Recipe
    benchmark: str
    context_tokens: int = SHORT_TOKENS


def point_of(cell: Cell) -> Point:
    return Point(
        traits=cell.traits,
        format=cell.format,
        recipe=cell.recipe,
        benchmark=cell.benchmark,
        context_tokens=cell.context_tokens,
    )


def effective_size(traits: Traits) -> float:
    """Logarithm of the geometric mean of all and active parameters, over the reference.

    The geometric mean is the usual stand-in for a mixture's dense size; `sparsity` corrects it.
    """
    return 0.5 * math.log(traits.params_b * traits.active_b / REFERENCE_B**2)


def log_context(tokens: int) -> float:
    """Logarithm of a context over what counts as short; 0 for shorter ones."""
    return max(math.log(tokens / SHORT_TOKENS), 0.0)


def context_class(format: str) -> str:
    """Formats whose losses grow alike with the context."""
    if format.startswith("kv-"):
        return "KV cache"
    return "4 bits" if format in FOUR_BIT else "8 bits"


def factors(point: Point) -> Iterator[tuple[Key, float]]:
    """The factors of one point, with the power each enters with."""
    base = BASE_FORMAT.get(point.format, point.format)
    row = benchmark(point.benchmark)
    size = effective_size(point.traits)
    if base in FOUR_BIT_FLOATS:
        yield ("four-bit floats", ""), 1.0
    yield ("format", base), 1.0
    if base != point.format:
        yield ("as", point.format), 1.0
    yield ("algorithm", f"{point.format}/{point.recipe.algorithm}"), 1.0
    yield ("recipe", f"{point.format}/{point.recipe}"), 1.0
    yield ("size", ""), size
    yield ("size curve", ""), size**2
    yield ("size by format", base), size
    yield ("sparsity", ""), math.log(point.traits.params_b / point.traits.active_b)
    yield ("family", point.traits.family), 1.0
    if base in QUANTIZED_ACTIVATIONS:
        yield ("activations by family", f"{base}/{point.traits.family}"), 1.0
    yield ("benchmark family", row.family), 1.0
    yield ("benchmark", row.name), 1.0
    yield ("format by benchmark family", f"{base}/{row.family}"), 1.0
    yield ("algorithm by benchmark family", f"{point.format}/{point.recipe.algorithm}/{row.family}"), 1.0
    if long := log_context(point.context_tokens):
        yield ("context", context_class(base)), long


def columns(points: Sequence[Point], priors: Mapping[Key, tuple[float, float]]) -> dict[Key, int]:
    """An index of every factor that occurs or has a prior, in a fixed order: by section, then name."""
    seen = {key for point in points for key, _ in factors(point)} | set(priors)
    order = {section: i for i, section in enumerate(PRIORS)}
    return {key: i for i, key in enumerate(sorted(seen, key=lambda k: (order[k[0]], k[1])))}


def design(points: Sequence[Point], index: Mapping[Key, int]) -> Floats:
    """One row per point, one column per factor of `index`; factors it lacks count as 1."""
    out = np.zeros((len(points), len(index)))
    for i, point in enumerate(points):
        for key, power in factors(point):
            j = index.get(key)
            if j is not None:
                out[i, j] = power
    return out


def design_by_size(points: Sequence[Point], index: Mapping[Key, int]) -> Floats:
    """The slopes of the design's rows by the logarithm of the model's size."""
    out = np.zeros((len(points), len(index)))
    for i, point in enumerate(points):
        base = BASE_FORMAT.get(point.format, point.format)
        curve = 2.0 * effective_size(point.traits)
        for key, slope in ((("size", ""), 1.0), (("size curve", ""), curve), (("size by format", base), 1.0)):
            if key in index:
                out[i, index[key]] = slope
    return out


def prior(index: Mapping[Key, int], priors: Mapping[Key, tuple[float, float]]) -> tuple[Floats, Floats]:
    """Mean and standard deviation per column; `priors` stand before those of the sections."""
    pairs = np.array([priors.get(key, prior_of(key)) for key in index]).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def prior_of(key: Key) -> tuple[float, float]:
    """Mean and standard deviation of one factor's logarithm before any score counts."""
    section, name = key
    if section == "format" and name in FOUR_BIT_FLOATS:
        return _AMONG_FOUR_BIT_FLOATS
    return PRIORS[section]


def _base_and_family(name: str) -> tuple[str, str]:
    """`int8-w8a16/gptq/maths` → int8, maths."""
    format, _, rest = name.partition("/")
    return BASE_FORMAT.get(format, format), rest.rpartition("/")[2]


def _moves(index: Mapping[Key, int]) -> Iterator[tuple[list[int], dict[int, float]]]:
    """Columns whose weighted mean moves elsewhere, and with which sign where; inner ones first."""

    def of(section: str) -> dict[str, int]:
        return {name: i for (kind, name), i in index.items() if kind == section}

    kinds, formats, like = of("benchmark family"), of("format"), of("as")
    for pair, parent in of("format by benchmark family").items():
        fmt, _, family = pair.partition("/")
        crossed = of("algorithm by benchmark family").items()
        rows = [i for name, i in crossed if _base_and_family(name) == (fmt, family)]
        yield rows, {parent: 1.0}
    for algorithm, parent in of("algorithm").items():
        yield [i for name, i in of("recipe").items() if name.split("@")[0] == algorithm], {parent: 1.0}
    for family, parent in kinds.items():
        rows = [i for name, i in of("benchmark").items() if benchmark(name).family == family]
        yield rows, {parent: 1.0}
    for fmt, parent in formats.items():
        crossed = of("format by benchmark family").items()
        yield [i for name, i in crossed if name.split("/")[0] == fmt], {parent: 1.0}
        # Formats that share these weights have algorithms of their own: what the parent gains they lose.
        followers = {i: -1.0 for name, i in like.items() if BASE_FORMAT[name] == fmt}
        ways = [i for name, i in of("algorithm").items() if name.split("/")[0] == fmt]
        yield ways, {parent: 1.0, **followers}
        outliers = [i for name, i in of("activations by family").items() if name.split("/")[0] == fmt]
        yield outliers, {parent: 1.0}
    for fmt, parent in like.items():
        yield [i for name, i in of("algorithm").items() if name.split("/")[0] == fmt], {parent: 1.0}
    everywhere = dict.fromkeys(formats.values(), 1.0)
    yield list(kinds.values()), everywhere
    yield list(of("family").values()), everywhere
    yield list(of("size by format").values()), dict.fromkeys(of("size").values(), 1.0)
    floats = [i for name, i in formats.items() if name in FOUR_BIT_FLOATS]
    yield floats, dict.fromkeys(of("four-bit floats").values(), 1.0)


def centred(theta: Floats, covariance: Floats, x: Floats, index: Mapping[Key, int]) -> tuple[Floats, Floats]:
    """Factors as deviations from the mean of their kind, with their standard deviations.

    Predictions do not change. Stated like this the factors are nearly independent, so a value and an
    error each can stand for the whole covariance, and a factor never seen is 1: the mean of its kind.
    """
    count = np.abs(x).sum(axis=0)
    move = np.eye(len(theta))
    for children, parents in _moves(index):
        weight = count[children]
        if not parents or weight.sum() == 0:
            continue
        step = np.eye(len(theta))
        for j, part in zip(children, weight / weight.sum(), strict=True):
            step[children, j] -= part
            for parent, sign in parents.items():
                step[parent, j] += sign * part
        move = step @ move
    return move @ theta, np.sqrt(np.clip(np.diag(move @ covariance @ move.T), 0.0, None))
