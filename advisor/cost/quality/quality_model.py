"""Recovery: what a model keeps of its own accuracy in another format, with its 90 % interval."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.cost.estimate_with_interval import Basis
from advisor.cost.quality import accuracy_fit_file as quality_file
from advisor.cost.quality import own_scores as quality_own
from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.benchmark_warnings import warnings_for
from advisor.cost.quality.checkpoint_of_recipe import recipe_of
from advisor.cost.quality.fitted_accuracy import Z90, Expectation, Fitted
from advisor.cost.quality.interval_widths import Widths
from advisor.cost.quality.loss_distribution import (
    LossDistribution,
    ScoreDistribution,
    answered,
    true_loss,
    weighted_sum,
)
from advisor.cost.quality.model_traits import Traits, traits_of
from advisor.cost.quality.own_scores import OwnScore, own_scores
from advisor.cost.quality.question_and_recovery import KvFormat, Question, Recovery, recovery_of
from advisor.cost.quality.score_evidence import Evidence
from advisor.cost.quality.scores_to_losses import KV_FP8, SIXTEEN_BIT, Cell, cells_of
from advisor.cost.quality.tasks import Task, find_task, require_known, task_notes
from advisor.shipped_files import shipped
from advisor.spec.accuracy_benchmarks import SHORT_TOKENS
from advisor.spec.models.catalog import known_checkpoint
from advisor.spec.models.model import ModelSpec

if TYPE_CHECKING:
    from advisor.record.measurement import QualityMeasurement
    from advisor.record.prior_constants import AccuracyConstant

_SAME_WEIGHTS = (frozenset({"fp8", "fp8-w8a16"}), frozenset({"int8", "int8-w8a16"}))
_KV_RECIPE = Recipe(algorithm="none")
WIDEST = 1.0
"""An interval wider than this, all that a score can lose, tells nothing: the number is refused."""

MAX_KEPT_ANSWERS = 4_096


@dataclass(frozen=True, kw_only=True)
class QualityModel:
    """The fitted accuracy model; `shipped()` is the one that comes with the tool."""

    fitted: Fitted
    widths: Widths
    """How much wider than predicted the true loss and a score's noise are, from held-out figures."""
    about: Mapping[str, object]
    """What it was fitted on and how well it predicts what was held out."""
    own: tuple[OwnScore, ...] = ()
    """The user's scores on their own tasks."""
    user_cells: tuple[Cell, ...] = ()
    """A user's scores on benchmarks that others publish too."""

    @cached_property
    def _evidence(self) -> Evidence:
        return Evidence(fitted=self.fitted)

    @staticmethod
    def shipped() -> QualityModel:
        """The model that came with this installation. Raises DataError when its file is damaged."""
        return _shipped(shipped("measurements") / quality_file.NAME)

    @staticmethod
    def read(path: Path) -> QualityModel:
        """The model in a file. Raises DataError when it is missing, damaged or of another version."""
        fitted, widths, about = quality_file.read(path)
        return QualityModel(fitted=fitted, widths=widths, about=about)

    def to_json(self) -> str:
        return quality_file.dumps(self.fitted, self.widths, self.about)

    @staticmethod
    def from_json(text: str, where: str = "quality fit") -> QualityModel:
        """The inverse of `to_json`. Raises DataError when `text` is not such a file."""
        fitted, widths, about = quality_file.loads(text, where)
        return QualityModel(fitted=fitted, widths=widths, about=about)

    def with_rows(self, rows: Iterable[QualityMeasurement]) -> QualityModel:
        """This model, conditioned on the user's own scores as well; its factors stay, nothing is fitted."""
        rows = list(rows)
        cells = cells_of(rows)
        fitted = dataclasses.replace(
            self.fitted,
            cells=(*self.fitted.cells, *cells),
            weights=(*self.fitted.weights, *([1.0] * len(cells))),
        )
        return dataclasses.replace(
            self,
            fitted=fitted,
            own=(*self.own, *own_scores(rows)),
            user_cells=(*self.user_cells, *cells),
        )

    def recovery(
        self,
        model: ModelSpec | Traits,
        format: str,
        tasks: Sequence[str] = (),
        recipe: Recipe | None = None,
        kv_format: KvFormat = "16bit",
        context_tokens: int | None = None,
        checkpoint: str | None = None,
    ) -> Recovery:
        """Recovery of `model` in `format` (canonical name), the mean over `tasks`; none = accuracy at large.

        A task is a benchmark, an average or a family, by any of its names; UnknownNameError for another
        word that none of the user's own scores has. A model that ships quantized is compared with that
        checkpoint. Where nothing is known of a format, `true` is None and `note` says why.
        """
        return self.answer(
            Question(
                model=model,
                format=format,
                tasks=tuple(tasks),
                recipe=recipe,
                kv_format=kv_format,
                context_tokens=context_tokens,
                checkpoint=checkpoint,
            )
        )

    def answer(self, q: Question) -> Recovery:
        """The recovery that a question is about; see `recovery`. One asked before is not worked out again."""
        return self._answered(q)

    @cached_property
    def _answered(self) -> Callable[[Question], Recovery]:
        return lru_cache(maxsize=MAX_KEPT_ANSWERS)(self._worked_out)

    def _worked_out(self, q: Question) -> Recovery:
        tasks = _tasks_of(q)
        require_known(tasks, {score.task for score in self.own})
        native = q.model.native_format if isinstance(q.model, ModelSpec) else None
        notes = task_notes(tasks)
        if q.format in SIXTEEN_BIT or (native and _same_weights(q.format, native)):
            return self._exact(q, native, notes)
        if own := self._own(q):
            return self._with_own(q, own)
        if why := self._evidence.refusal(q.format):
            return Recovery(true=None, note=why)
        if native:
            notes.append(f"relative to the {native} checkpoint the model ships as")
        who, recipe = traits_of(q.model), self._recipe(q)
        notes += self._evidence.shown(who, q.format, recipe, tasks)
        if self._served_all_the_same(q):
            notes.append(f"no score in {q.format} is by {q.recipe}: it is that of {q.checkpoint}")
            notes += self._evidence.remarks(q.format, None)
        else:
            if q.recipe and q.checkpoint and not q.recipe.may_be(recipe_of(q.checkpoint)):
                notes.append(f"of a checkpoint by {q.recipe}, as asked: {q.checkpoint} is by another recipe")
            notes += self._evidence.remarks(q.format, q.recipe)
        notes += self._evidence.context_remarks(q.format, q.context_tokens)
        basis = self._evidence.basis(who, q.format, recipe, tasks, q.context_tokens)
        if q.kv_format == "fp8":
            if not self._knows_kv:
                return Recovery(true=None, note=_NO_KV_SCORES)
            basis = "extrapolated"
            notes.append(self._evidence.kv_remark(q.context_tokens))
        expected, true, noise = self._losses(q, recipe, q.context_tokens or 0)
        score = ScoreDistribution(true=true, noise_sd=noise)
        found = recovery_of(true, score, basis, most=self._at_most(q, recipe))
        if score.width > WIDEST:
            found = Recovery(true=None)
            notes.insert(0, _too_wide(expected))
        return dataclasses.replace(
            found,
            note="; ".join(notes),
            evidence=self._evidence.text(who, q.format, recipe),
            warnings=warnings_for(self.fitted, who, q.format, tasks),
        )

    def _losses(
        self, q: Question, recipe: Recipe, context_tokens: int
    ) -> tuple[Expectation, LossDistribution, float]:
        """The loss of the weights, that of weights and cache, and a new score's noise, at one length."""
        expected = self.fitted.expect(traits_of(q.model), q.format, recipe, _tasks_of(q), context_tokens)
        true, noise = self._distribution(q, expected, q.format)
        if q.kv_format == "fp8":
            true = weighted_sum([(1.0, true), (1.0, self._kv_loss(q, context_tokens)[0])])
        return expected, true, noise

    def _at_most(self, q: Question, recipe: Recipe) -> float:
        """The recovery at a short context: a longer one is known less well, and takes no loss back."""
        if (q.context_tokens or 0) <= SHORT_TOKENS:
            return math.inf
        return 1.0 - answered(self._losses(q, recipe, 0)[1])

    @property
    def _knows_kv(self) -> bool:
        return ("format", KV_FP8) in self.fitted.factors

    def _kv_loss(self, q: Question, context_tokens: int) -> tuple[LossDistribution, float]:
        """What an FP8 KV cache loses by itself, and the noise of a new score of that."""
        expected = self.fitted.expect(traits_of(q.model), KV_FP8, _KV_RECIPE, _tasks_of(q), context_tokens)
        return self._distribution(q, expected, KV_FP8)

    def _recipe(self, q: Question) -> Recipe:
        """The recipe of the checkpoint meant: as given, one a user scored, the served, the best published.

        Where only a maker or only an algorithm is known, the other is what that format usually has.
        """
        who = traits_of(q.model)
        asked = q.recipe
        mine = [c for c in self.user_cells if (c.traits.key, c.format) == (who.key, q.format)]
        if asked is None and mine:
            return max(mine, key=lambda c: c.scores).recipe
        if asked is None:
            repository = q.checkpoint
            if repository is None and isinstance(q.model, ModelSpec):
                repository = known_checkpoint(q.model, q.format)
            asked = recipe_of(repository) if repository else Recipe()
        elif q.checkpoint and (self._served_all_the_same(q) or asked.may_be(recipe_of(q.checkpoint))):
            asked = recipe_of(q.checkpoint)
        if asked.algorithm:
            return asked
        return Recipe(algorithm=self._evidence.usual_algorithm(who, q.format, asked.maker), maker=asked.maker)

    def _served_all_the_same(self, q: Question) -> bool:
        """Whether the recipe asked is none of the format's, so that the checkpoint that is served counts."""
        how = q.recipe.algorithm if q.recipe else None
        known = how is None or ("algorithm", f"{q.format}/{how}") in self.fitted.factors
        return bool(q.checkpoint) and not known

    def _distribution(self, q: Question, of: Expectation, format: str) -> tuple[LossDistribution, float]:
        """The true loss's distribution and a new score's noise, as wide as held-out scores need them."""
        wider = self.widths.of_true(of.distance, format, sparse=traits_of(q.model).sparse)
        noise = of.noise * self.widths.of_noise(of.distance, of.shape, format)
        return true_loss(of.loss, of.true_sd).widened(wider), noise

    def _own(self, q: Question) -> dict[str, OwnScore]:
        """The asked tasks that only scores of the user's can answer for, and do."""
        who = traits_of(q.model).key
        asked = q.recipe.algorithm if q.recipe else None
        found = {
            task: quality_own.find(
                self.own, model=who, format=q.format, task=task, kv_format=q.kv_format, algorithm=asked
            )
            for task in q.tasks
            if self.own and quality_own.answers_for_itself(find_task(task))
        }
        return {task: score for task, score in found.items() if score is not None}

    def _with_own(self, q: Question, own: Mapping[str, OwnScore]) -> Recovery:
        """Own scores as they were measured, together with the model's answer for the other tasks."""
        left = tuple(task for task in q.tasks if task not in own)
        count, many = len(own), len(own) + len(left)
        cached = q.kv_format == "fp8" and any(score.kv_format != "fp8" for score in own.values())
        if cached and not self._knows_kv:
            return Recovery(true=None, note=_NO_KV_SCORES, evidence="")
        variance = sum(score.stderr**2 for score in own.values()) / count**2
        true = LossDistribution(
            mean=1.0 - sum(score.recovery for score in own.values()) / count, sd=variance**0.5
        )
        # A new measurement would draw other items: its own error is as large as that of this one.
        noise = true.sd
        if cached:
            cache, _ = self._kv_loss(dataclasses.replace(q, tasks=tuple(own)), q.context_tokens or 0)
            true = weighted_sum([(1.0, true), (1.0, cache)])
        basis: Basis = "extrapolated" if cached else "measured"
        evidence = ", ".join(score.text for score in own.values())
        if not left:
            note = self._evidence.kv_remark(q.context_tokens) if cached else ""
            return dataclasses.replace(
                recovery_of(true, true.with_noise(noise), basis), note=note, evidence=evidence
            )
        rest = self.answer(dataclasses.replace(q, tasks=left))
        evidence = f"{evidence}; {rest.evidence}".strip("; ")
        if rest.true is None or rest.new_score is None or rest.loss is None:
            return dataclasses.replace(rest, evidence=evidence)
        mixed = weighted_sum([(count / many, true), (len(left) / many, rest.loss)])
        half = (rest.new_score.high - rest.new_score.low) / (2 * Z90)
        others = max(half**2 - rest.loss.sd**2, 0.0) ** 0.5
        noise = math.hypot(count / many * noise, len(left) / many * others)
        return dataclasses.replace(
            recovery_of(mixed, mixed.with_noise(noise), rest.true.basis if basis == "measured" else basis),
            note=rest.note,
            evidence=evidence,
            warnings=rest.warnings,
        )

    def _exact(self, q: Question, native: str | None, notes: list[str]) -> Recovery:
        """The reference itself: 1, unless the KV cache is narrower."""
        if native:
            notes.append(f"the model ships in {native}: this is the checkpoint recovery is relative to")
        if q.kv_format == "16bit":
            nothing = LossDistribution(mean=0.0, sd=0.0)
            exact = recovery_of(nothing, nothing, "measured")
            return dataclasses.replace(exact, note="; ".join(notes), evidence="the reference itself")
        if not self._knows_kv:
            return Recovery(true=None, note=_NO_KV_SCORES)
        cache, noise = self._kv_loss(q, q.context_tokens or 0)
        most = 1.0 - answered(self._kv_loss(q, 0)[0])
        score = ScoreDistribution(true=cache, noise_sd=noise)
        return dataclasses.replace(
            recovery_of(cache, score, "extrapolated", most=most),
            note="; ".join([*notes, self._evidence.kv_remark(q.context_tokens)]),
            evidence=self._evidence.text(traits_of(q.model), KV_FP8, _KV_RECIPE),
        )


_NO_KV_SCORES = (
    "no accuracy of an FP8 KV cache is in the fit; run quantadvise fit on measurements that have one"
)


def _tasks_of(q: Question) -> tuple[Task, ...]:
    return tuple(find_task(name) for name in q.tasks) or (find_task(""),)


def _too_wide(said: Expectation) -> str:
    """Why a number is refused whose interval is too wide, by what makes it so."""
    noise = "the 16-bit score is too small, or the questions too few, to tell a loss from noise"
    thin = "the scores are of models too unlike this one"
    why = noise if said.noise**2 > said.sd**2 / 2 else thin
    return f"no number for accuracy, as its 90 % interval would span over {100 * WIDEST:.0f} points: {why}"


def _same_weights(format: str, native: str) -> bool:
    return format == native or any({format, native} <= kin for kin in _SAME_WEIGHTS)


@lru_cache(maxsize=4)
def _shipped(path: Path) -> QualityModel:
    return QualityModel.read(path)


def fit_quality(
    rows: Sequence[QualityMeasurement], constants: Iterable[AccuracyConstant] = ()
) -> QualityModel:
    """The accuracy model learned from scores; the same rows give the same model, bit for bit.

    constants: what is known of single factors before the scores count. Raises DataError when there are too
    few rows to learn from.
    """
    from advisor.cost.quality.fitting.fit import fit
    from advisor.cost.quality.fitting.held_out_report import summary

    found = fit(rows, {constant.factor: (constant.value, constant.sd) for constant in constants})
    return QualityModel(fitted=found.fitted, widths=found.widths, about=summary(found))
