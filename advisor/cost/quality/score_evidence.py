"""Evidence for an accuracy: the scores it rests on, how near they are, and remarks on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from advisor.cost.estimate_with_interval import Basis
from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.expected_loss import BASE_FORMAT
from advisor.cost.quality.fitted_accuracy import Z90, Fitted
from advisor.cost.quality.model_traits import Traits
from advisor.cost.quality.scores_to_losses import Cell
from advisor.cost.quality.tasks import Task
from advisor.spec.accuracy_benchmarks import SHORT_TOKENS

DEFAULT_ALGORITHM: Mapping[str, str] = {"int4": "gptq", "int8": "gptq", "w4a8-fp8": "awq", "mxfp4": "quark"}
"""What makes the checkpoints people deploy (the seed paper's recipes, AMD's MXFP4); round to nearest
for the rest."""

_SIZE_MARGIN = 1.5
"""Sizes up to this factor beyond those measured in a format still count as inside."""
_FEWEST_MODELS = 3
"""Base models a format must be measured on before anything of it counts as fitted."""
_MOST_SHOWN = 3
"""Checkpoints whose scores are told, and benchmarks told one by one."""
_FEWER_ACTIVATION_BITS = frozenset({"w4a8-fp8"})
"""Formats that round more than the one whose weights they share: that one's scores are no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """What was measured in one format."""

    low_b: float
    high_b: float
    sparse: bool
    base_models: int
    scores: int


def count(number: int, what: str) -> str:
    """`no scores`, `1 score`, `1,109 scores`."""
    return f"{f'{number:,}' if number else 'no'} {what}{'' if number == 1 else 's'}"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The scores of a fitted model, by what can be asked of them."""

    fitted: Fitted

    @cached_property
    def _by_format(self) -> dict[str, list[Cell]]:
        found: dict[str, list[Cell]] = {}
        for cell in self.fitted.cells:
            found.setdefault(cell.format, []).append(cell)
        return found

    @cached_property
    def _spans(self) -> dict[str, _Span]:
        return {format: _span(cells) for format, cells in self._by_format.items()}

    @cached_property
    def _by_model(self) -> dict[tuple[str, str], list[Cell]]:
        found: dict[tuple[str, str], list[Cell]] = {}
        for cell in self.fitted.cells:
            found.setdefault((cell.traits.key, cell.format), []).append(cell)
        return found

    @cached_property
    def _noise(self) -> dict[int, float]:
        """Standard deviation of each cell's measurement error, by the cell's `id`."""
        return dict(zip(map(id, self.fitted.cells), self.fitted.noise.tolist(), strict=True))

    def refusal(self, format: str) -> str:
        """Why no number can be given for a format; empty when one can."""
        has = self._by_format
        shares = BASE_FORMAT.get(format) in has and format not in _FEWER_ACTIVATION_BITS
        if format in has or shares:
            return ""
        weights = sorted(name for name in has if not name.startswith("kv-"))
        return f"no accuracy was ever measured in {format}; there are scores in {', '.join(weights)}"

    def usual_algorithm(self, who: Traits, format: str, maker: str | None) -> str:
        """How the maker's scored checkpoint of the model in a format was made, else how they usually are."""
        usual = DEFAULT_ALGORITHM.get(format, "rtn")
        own = [
            c.algorithm
            for c in self._by_model.get((who.key, format), ())
            if maker is None or c.publisher == maker
        ]
        return usual if usual in own or not own else max(sorted(set(own)), key=own.count)

    def remarks(self, format: str, asked: Recipe | None) -> list[str]:
        """What to say where few scores, or none, stand behind a format or an asked algorithm."""
        out = []
        span = self._spans.get(format)
        if format in BASE_FORMAT and (span is None or span.base_models < _FEWEST_MODELS):
            known = (
                f"{count(span.scores, 'score')} in {format}: mostly as"
                if span
                else f"no score in {format}: as"
            )
            out.append(f"{known} {BASE_FORMAT[format]}, whose weights it shares")
        algorithm = asked.algorithm if asked else None
        if algorithm and ("algorithm", f"{format}/{algorithm}") not in self.fitted.factors:
            out.append(f"no score in {format} made by {algorithm}: taken as the format's average")
        return out

    def context_remarks(self, format: str, context_tokens: int | None) -> list[str]:
        """What to say of a context beyond what scores in a format reach; nothing of a short one."""
        if context_tokens is None or context_tokens <= SHORT_TOKENS:
            return []
        longest = self._longest(format)
        if longest <= SHORT_TOKENS:
            return [f"no score in {format} at long contexts: at {context_tokens:,} tokens it is a guess"]
        reach = f"scores in {format} reach {longest:,} tokens"
        return [f"at {context_tokens:,} tokens losses are larger and less certain; {reach}"]

    def _longest(self, format: str) -> int:
        form = format if format in self._by_format else BASE_FORMAT.get(format, format)
        return max((c.context_tokens for c in self._by_format.get(form, ())), default=SHORT_TOKENS)

    def kv_remark(self, context_tokens: int | None) -> str:
        """What an FP8 KV cache's loss rests on, and how long the contexts of those scores are."""
        cells = [c for c in self.fitted.cells if c.format.startswith("kv-")]
        models = count(len({c.traits.key for c in cells}), "model")
        scores = count(sum(c.scores for c in cells), "score")
        text = f"FP8 KV cache: from {scores} of {models} with 8-bit caches, whether with scales is not stated"
        if context_tokens is None or context_tokens <= SHORT_TOKENS:
            return text
        longest = max((c.context_tokens for c in cells), default=SHORT_TOKENS)
        return f"{text}; none is longer than {longest:,} tokens: at {context_tokens:,} it is a guess"

    def basis(
        self,
        who: Traits,
        format: str,
        recipe: Recipe,
        tasks: Sequence[Task],
        context_tokens: int | None = None,
    ) -> Basis:
        """measured: this very checkpoint was scored on every benchmark named. extrapolated: beyond the sizes,
        kinds or tasks that scores exist for.

        A checkpoint is a model's, a maker's and an algorithm's: another maker's scores are no measurement.
        """
        if not all(task.known for task in tasks):
            return "extrapolated"
        length = context_tokens or 0
        long = length > SHORT_TOKENS
        own = {
            c.benchmark
            for c in self._of_checkpoint(who, format, recipe)
            if not long or c.context_tokens >= length
        }
        if {name for task in tasks for name in task.parts} <= own:
            return "measured"
        if long and length > _SIZE_MARGIN * self._longest(format):
            return "extrapolated"
        span = self._spans.get(format)
        if span is None or span.base_models < _FEWEST_MODELS or (who.sparse and not span.sparse):
            return "extrapolated"
        inside = span.low_b / _SIZE_MARGIN <= who.params_b <= span.high_b * _SIZE_MARGIN
        return "fitted" if inside else "extrapolated"

    def _of_checkpoint(self, who: Traits, format: str, recipe: Recipe) -> list[Cell]:
        """Scores of the very checkpoint; none where its maker is not known."""
        return [
            c
            for c in self._by_model.get((who.key, format), ())
            if c.publisher == recipe.maker and recipe.algorithm in (c.algorithm, *c.algorithm.split("+"))
        ]

    def text(self, who: Traits, format: str, recipe: Recipe) -> str:
        """The scores behind an answer, of which checkpoint: the very one's first, then the model's others.

        Without any of the model, how many of others there are, and the nearest of them.
        """
        form = format if format in self._by_format else BASE_FORMAT[format]
        own = self._by_model.get((who.key, form))
        if own:
            very = self._of_checkpoint(who, form, recipe)
            none = "" if very or not recipe.maker else f"no score of {_checkpoint(recipe)} (this one), "
            return f"{none}{_whose(own, very, recipe)} of {own[0].traits.name} in {form}"
        cells = self._by_format[form]
        near = min(
            (c.traits for c in cells),
            key=lambda t: (
                t.group != who.group,
                t.family != who.family,
                abs(math.log(t.params_b / who.params_b)),
                t.name,
            ),
        )
        models = count(len({c.traits.key for c in cells}), "model")
        scores = count(self._spans[form].scores, "score")
        return f"no score of {who.name} in {form}, {scores} of {models}; nearest: {near.name}"

    def shown(self, who: Traits, format: str, recipe: Recipe, tasks: Sequence[Task]) -> list[str]:
        """What each checkpoint of the model scored on the very benchmarks asked, the one meant first.

        `Red Hat's gptq checkpoint (this one) keeps 99.7 ±4.9 % of HumanEval`; ± is a score's noise, nine of
        ten.
        """
        asked = list(dict.fromkeys(name for task in tasks for name in task.parts))
        very = self._of_checkpoint(who, format, recipe)
        by_maker: dict[_Maker, list[Cell]] = {}
        for c in self._by_model.get((who.key, format), ()):
            if c.benchmark in asked:
                by_maker.setdefault(_maker(c, very, recipe), []).append(c)
        out = []
        for maker, cells in sorted(by_maker.items())[:_MOST_SHOWN]:
            cells.sort(key=lambda c: asked.index(c.benchmark))
            kept = _kept(cells, [self._noise[id(c)] for c in cells], len(asked))
            out.append(f"{_checkpoint(cells[0].recipe)}{_this_one(maker)} keeps {kept}")
        return out


_Maker = tuple[bool, bool, str, str]
"""Sorts the checkpoints of a model: the one meant first, then those of its algorithm, then by name."""


def _maker(cell: Cell, very: Sequence[Cell], recipe: Recipe) -> _Maker:
    return cell not in very, recipe.algorithm != cell.algorithm, cell.publisher, cell.algorithm


def _this_one(maker: _Maker) -> str:
    return "" if maker[0] else " (this one)"


def _checkpoint(recipe: Recipe) -> str:
    return f"{recipe.maker}'s {recipe.algorithm} checkpoint"


def _whose(cells: Sequence[Cell], very: Sequence[Cell], recipe: Recipe) -> str:
    """`8 scores of Red Hat's gptq checkpoint (this one), 13 of intel's autoround`."""
    makers: dict[_Maker, tuple[int, Recipe]] = {}
    for c in cells:
        key = _maker(c, very, recipe)
        makers[key] = (makers.get(key, (0,))[0] + c.scores, c.recipe)
    parts = [
        f"{count(number, 'score')} of {_checkpoint(of)}{_this_one(maker)}"
        for maker, (number, of) in sorted(makers.items(), key=lambda one: (one[0][:2], -one[1][0], one[0]))
    ]
    return ", ".join(parts)


def _kept(cells: Sequence[Cell], noise: Sequence[float], asked: int) -> str:
    """`99.7 ±4.9 % of HumanEval, 97.4 ±5.7 % of HumanEval+`; of many the mean, each by its 16-bit score."""
    if len(cells) <= _MOST_SHOWN:
        return ", ".join(
            f"{_share(c.loss, sd)} of {c.benchmark}{_length(c)}" for c, sd in zip(cells, noise, strict=True)
        )
    weight = np.array([c.baseline for c in cells]) / sum(c.baseline for c in cells)
    loss = float(weight @ np.array([c.loss for c in cells]))
    sd = float(np.sqrt(weight**2 @ np.array(noise) ** 2))
    return f"{_share(loss, sd)} on average over {len(cells)} of the {asked} benchmarks asked"


def _length(cell: Cell) -> str:
    return f" at {cell.context_tokens:,} tokens" if cell.context_tokens > SHORT_TOKENS else ""


def _share(loss: float, sd: float) -> str:
    return f"{100 * (1 - loss):.1f} ±{100 * Z90 * sd:.1f} %"


def _span(cells: Sequence[Cell]) -> _Span:
    sizes = [c.traits.params_b for c in cells]
    return _Span(
        low_b=min(sizes),
        high_b=max(sizes),
        sparse=any(c.traits.sparse for c in cells),
        base_models=len({c.traits.group for c in cells}),
        scores=sum(c.scores for c in cells),
    )
