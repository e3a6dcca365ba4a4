"""Recovery: what a model keeps of its own accuracy in another format, with its 90 % interval."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

from advisor.cost.estimate import Basis, Estimate
from advisor.cost.quality import file as quality_file
from advisor.cost.quality import own_scores as quality_own
from advisor.cost.quality.benchmarks import benchmark
from advisor.cost.quality.evidence import Evidence
from advisor.cost.quality.models import traits
from advisor.cost.quality.own_scores import OwnScore, own_scores
from advisor.cost.quality.posterior import DEFAULT_WIDTH, Z90, Expectation, Fitted, interval_class
from advisor.cost.quality.scores import SIXTEEN_BIT, algorithm_name, cells_of
from advisor.cost.quality.tasks import Task, find_task, task_notes
from advisor.cost.quality.warnings import warnings_for
from advisor.data import shipped
from advisor.record.measurement import QualityMeasurement
from advisor.spec.models.model import ModelSpec

KvFormat = Literal["16bit", "fp8"]

_SAME_WEIGHTS = (frozenset({"fp8", "fp8-w8a16"}), frozenset({"int8", "int8-w8a16"}))

KV_FP8_LOSS, KV_FP8_SD = 0.0, 0.005
"""FP8 KV cache on short tasks. Loss 0.0 %, deviation 0.7 % (their own noise included) over 24 scores of
four 7B models with 8-bit KV caches: lmdeploy docs/en/quantization/kv_quant.md."""
KV_FP8_LONG_LOSS, KV_FP8_LONG_SD = 0.03, 0.03
"""At long contexts: 97.8 % kept of a needle search at 128k (vLLM blog, 2026-04-22) and 94.1 % of two-needle
MRCR, within its runs' deviation (vLLM blog, 2026-05-11)."""

WIDEST = 1.0
"""An interval wider than this, all that a score can lose, tells nothing: the number is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Quantized score / 16-bit score, and how we know."""

    estimate: Estimate | None
    """Its interval is where nine of ten new measurements fall: the noise of a benchmark of that size is
    in it. None = no evidence, or too thin for a number; `note` says why."""
    underlying: Estimate | None = None
    """The same without that noise: the recovery itself. What a minimum should be judged by."""
    note: str = ""
    """What the figure is relative to, what was assumed, why there is none."""
    evidence: str = ""
    """The scores it rests on."""
    warnings: tuple[str, ...] = ()
    """Single benchmarks that are known to break, with the scores that show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One recovery that is asked for."""

    model: ModelSpec
    format: str
    tasks: tuple[str, ...] = ()
    algorithm: str | None = None
    kv_format: KvFormat = "16bit"


@dataclass(frozen=True, kw_only=True)
class QualityModel:
    """The fitted accuracy model; `shipped()` is the one that comes with the tool."""

    fitted: Fitted
    widths: Mapping[str, float]
    """Interval class → factor on the predicted standard deviation (conformal, from held-out figures)."""
    about: Mapping[str, object]
    """What it was fitted on and how well it predicts what was held out."""
    own: tuple[OwnScore, ...] = ()
    """A user's scores on tasks of his own."""

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
        """The same factors, conditioned on a user's own scores as well: no new fit, no waiting."""
        rows = list(rows)
        cells = cells_of(rows)
        fitted = dataclasses.replace(
            self.fitted,
            cells=(*self.fitted.cells, *cells),
            weights=(*self.fitted.weights, *([1.0] * len(cells))),
        )
        return dataclasses.replace(self, fitted=fitted, own=(*self.own, *own_scores(rows)))

    def recovery(
        self,
        model: ModelSpec,
        format: str,
        tasks: Sequence[str] = (),
        algorithm: str | None = None,
        kv_format: KvFormat = "16bit",
    ) -> Recovery:
        """Recovery of `model` in `format` (canonical name), the mean over `tasks`; none = accuracy at large.

        A task is a benchmark, an average or a family, by any of its names. `algorithm` is how the
        checkpoint was made (`gptq`, `awq`, `rtn`, `autoround` …); none = as it is usually made. A model
        that ships quantized is compared with that checkpoint. Never raises for what it does not know:
        `estimate` is None and `note` says why.
        """
        asked = Question(
            model=model, format=format, tasks=tuple(tasks), algorithm=algorithm, kv_format=kv_format
        )
        return self.recoveries((asked,))[0]

    def recoveries(self, questions: Sequence[Question]) -> list[Recovery]:
        """`recovery` of many; equal questions are answered once."""
        known: dict[tuple[object, ...], Recovery] = {}
        out = []
        for q in questions:
            key = (id(q.model), q.format, q.tasks, q.algorithm, q.kv_format)
            if key not in known:
                known[key] = self._answer(q)
            out.append(known[key])
        return out

    def _answer(self, q: Question) -> Recovery:
        tasks = tuple(find_task(name) for name in q.tasks) or (find_task(""),)
        native = q.model.native_format
        notes = task_notes(tasks)
        if q.format in SIXTEEN_BIT or (native and _same_weights(q.format, native)):
            return self._exact(q, native, tasks, notes)
        if own := self._own(q):
            return self._with_own(q, own)
        if why := self._evidence.refusal(q.format):
            return Recovery(estimate=None, underlying=None, note=why)
        if native:
            notes.append(f"relative to the {native} checkpoint the model ships as")
        who = traits(q.model)
        asked = algorithm_name(q.algorithm) if q.algorithm else None
        how = asked or self._evidence.usual_algorithm(who, q.format)
        notes += self._evidence.remarks(q.format, asked)
        said = self.fitted.expect(who, q.format, how, tasks)
        basis: Basis = "extrapolated" if native else self._evidence.basis(who, q.format, asked, tasks)
        if q.kv_format == "fp8":
            said, basis = _with_kv(said, tasks), "extrapolated"
            notes.append("FP8 KV cache: a little wider, from 8-bit caches of other models")
        estimate: Estimate | None = self._estimate(said, q.format, basis, noisy=True)
        underlying: Estimate | None = self._estimate(said, q.format, basis, noisy=False)
        if 2 * self._half(said, q.format, noisy=True) > WIDEST:
            estimate = underlying = None
            notes.insert(0, _too_wide(said))
        return Recovery(
            estimate=estimate,
            underlying=underlying,
            note="; ".join(notes),
            evidence=self._evidence.text(who, q.format),
            warnings=warnings_for(self.fitted, who, q.format, tasks),
        )

    def _own(self, q: Question) -> dict[str, OwnScore]:
        """The asked tasks that only scores of the user's can answer for, and do."""
        who = traits(q.model).key
        asked = algorithm_name(q.algorithm) if q.algorithm else None
        found = {
            task: quality_own.find(
                self.own, model=who, format=q.format, task=task, kv_format=q.kv_format, algorithm=asked
            )
            for task in q.tasks
            if self.own and quality_own.answers_for_itself(find_task(task))
        }
        return {task: score for task, score in found.items() if score is not None}

    def _with_own(self, q: Question, own: Mapping[str, OwnScore]) -> Recovery:
        """Own scores as they were measured; what they say nothing of, as ever."""
        left = tuple(task for task in q.tasks if task not in own)
        count, many = len(own), len(own) + len(left)
        cached = q.kv_format == "fp8" and any(score.kv_format != "fp8" for score in own.values())
        value = sum(score.recovery for score in own.values()) / count
        variance = sum(score.stderr**2 for score in own.values()) / count**2
        variance += KV_FP8_SD**2 if cached else 0.0
        basis: Basis = "extrapolated" if cached else "measured"
        evidence = ", ".join(score.text for score in own.values())
        if not left:
            # A new measurement would draw other items: twice the variance.
            return Recovery(
                estimate=_around(value, Z90 * (2 * variance) ** 0.5, basis),
                underlying=_around(value, Z90 * variance**0.5, basis),
                note="FP8 KV cache: a little wider, from 8-bit caches of other models" if cached else "",
                evidence=evidence,
            )
        rest = self._answer(dataclasses.replace(q, tasks=left))
        if rest.estimate is None or rest.underlying is None:
            return dataclasses.replace(rest, evidence=f"{evidence}; {rest.evidence}".strip("; "))
        mixed = []
        for known, factor in ((rest.estimate, 2.0), (rest.underlying, 1.0)):
            half = (known.high - known.low) / 2
            spread = (
                (count / many) ** 2 * factor * Z90**2 * variance + (len(left) / many * half) ** 2
            ) ** 0.5
            mean = (count * value + len(left) * known.value) / many
            mixed.append(_around(mean, spread, known.basis if basis == "measured" else basis))
        return Recovery(
            estimate=mixed[0],
            underlying=mixed[1],
            note=rest.note,
            evidence=f"{evidence}; {rest.evidence}",
            warnings=rest.warnings,
        )

    def _exact(self, q: Question, native: str | None, tasks: Sequence[Task], notes: list[str]) -> Recovery:
        """The reference itself: 1, unless the KV cache is narrower."""
        one = Estimate(value=1.0, low=1.0, high=1.0, basis="measured")
        if native:
            notes.append(f"the model ships in {native}: this is the checkpoint recovery is relative to")
        if q.kv_format == "16bit":
            return Recovery(
                estimate=one, underlying=one, note="; ".join(notes), evidence="the reference itself"
            )
        none = Expectation(loss=0.0, true_sd=0.0, noise=0.0, distance="new model", shape="average")
        said = _with_kv(none, tasks)
        wide = self._estimate(said, q.format, "extrapolated", noisy=True)
        notes.append("FP8 KV cache: from 8-bit caches of other models")
        return Recovery(estimate=wide, underlying=wide, note="; ".join(notes), evidence="8-bit KV caches")

    def _estimate(self, said: Expectation, format: str, basis: Basis, *, noisy: bool) -> Estimate:
        return _around(max(1.0 - said.loss, 0.0), self._half(said, format, noisy=noisy), basis)

    def _half(self, said: Expectation, format: str, *, noisy: bool) -> float:
        """Half the width of the 90 % interval, before it is cut at 0."""
        width = self.widths.get(interval_class(said.distance, said.shape, format), DEFAULT_WIDTH)
        return Z90 * width * (said.sd if noisy else said.true_sd)


def _around(value: float, half: float, basis: Basis) -> Estimate:
    return Estimate(value=value, low=max(value - half, 0.0), high=value + half, basis=basis)


def _too_wide(said: Expectation) -> str:
    """Why a number is refused whose interval is too wide, by what makes it so."""
    noise = "the 16-bit score is too small, or the questions too few, to tell a loss from noise"
    thin = "the scores are of models too unlike this one"
    why = noise if said.noise**2 > said.sd**2 / 2 else thin
    return f"no number for accuracy, as its 90 % interval would span over {100 * WIDEST:.0f} points: {why}"


def _same_weights(format: str, native: str) -> bool:
    return format == native or any({format, native} <= kin for kin in _SAME_WEIGHTS)


def _with_kv(said: Expectation, tasks: Sequence[Task]) -> Expectation:
    """The expectation with what an FP8 KV cache may add, by the share of long-context tasks."""
    long = [
        sum(benchmark(name).family == "long context" for name in task.parts) / len(task.parts)
        for task in tasks
    ]
    share = sum(long) / len(long)
    loss = (1 - share) * KV_FP8_LOSS + share * KV_FP8_LONG_LOSS
    sd = (1 - share) * KV_FP8_SD + share * KV_FP8_LONG_SD
    return dataclasses.replace(said, loss=said.loss + loss, true_sd=(said.true_sd**2 + sd**2) ** 0.5)


@lru_cache(maxsize=4)
def _shipped(path: Path) -> QualityModel:
    return QualityModel.read(path)


def fit_quality(rows: Sequence[QualityMeasurement]) -> QualityModel:
    """The accuracy model learned from scores; the same rows give the same model, bit for bit.

    Raises DataError when there are too few rows to learn from.
    """
    from advisor.cost.quality.fit import fit
    from advisor.cost.quality.report import summary

    found = fit(rows)
    return QualityModel(fitted=found.fitted, widths=found.widths, about=summary(found))
