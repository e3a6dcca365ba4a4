"""Scores to cells: what one publisher saw one model lose in one format on one benchmark, and its noise.

A cell's loss is 1 - score / baseline. Three things are done to make losses comparable:

- Guessing. Quantization can only take what a model knows: of a four-choice score of 30 % at most 5 points.
  So the loss is modelled as (share of the score above guessing) x (loss of that part); `gain` is the share.
  A near-random baseline then predicts almost no loss instead of noise in either direction.
- Noise. Scores have binomial errors. Two formats answer the same questions, so their difference has less:
  only answers that flip count. `unit` is the variance of the loss if the two were independent,
  2 p (1-p) / (items x runs) / baseline^2; how much of it is real is fitted (`fitting/`).
  A small baseline inflates it, as it should.
- Pooling. One publisher prints one run several times (a table, its average, the model's card, two
  judgements): equal cells of a publisher are averaged and count once.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.cost.quality.algorithm_and_maker import Recipe, algorithm_name, maker_name
from advisor.cost.quality.model_traits import Traits, traits_by_name
from advisor.cost.quality.tasks import context_of, find_task
from advisor.spec.accuracy_benchmarks import SHORT_TOKENS, Benchmark, benchmark, known_averages

if TYPE_CHECKING:
    from advisor.record.measurement import QualityMeasurement

SIXTEEN_BIT = frozenset({"bf16", "fp16"})
SIMULATED = ", simulated"
"""Ends the name of a publisher whose kernels were simulated."""
KV_FP8 = "kv-fp8"
KV_FORMATS = {"FP8 KV cache": KV_FP8, "INT8 KV cache": "kv-int8"}
"""What a record's conditions say of the KV cache → the format whose loss it shows."""
MIN_BASELINE = 0.02
"""Below 2 % of full score a ratio is noise."""
MIN_GAIN = 0.02
MAX_LOSS = 0.6
"""A score that loses more than this is a broken run (a wrong template, a missing kernel), not a format."""
_RELATIVE_BASELINE = 0.65
"""Accuracy assumed for the noise of figures printed only relative to BF16."""
_LEADERBOARD = frozenset({"IFEval", "BBH", "MATH-lvl-5", "GPQA", "MuSR", "MMLU-Pro"})
_RUNS = re.compile(r"over (\d+) runs|n=(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One pooled observation."""

    traits: Traits
    format: str
    algorithm: str
    benchmark: str
    publisher: str
    loss: float
    """1 - recovery."""
    gain: float
    """Share of the baseline that lies above guessing."""
    unit: float
    """Variance of the loss were the two scores independent."""
    baseline: float
    """BF16 score, 0..1, as printed (rescaled where the source rescales)."""
    scores: int
    """Printed figures pooled here."""
    context_tokens: int = SHORT_TOKENS

    @property
    def recipe(self) -> Recipe:
        """The algorithm; the maker is taken to be the publisher of the scores."""
        return Recipe(algorithm=self.algorithm, maker=self.publisher)

    @property
    def row(self) -> Benchmark:
        return benchmark(self.benchmark)


def publisher_of(row: QualityMeasurement) -> str:
    """The organisation behind a row: the first word of its source that names one.

    Scores of simulated kernels (weights and activations rounded, then multiplied in 16 bits) stand apart.
    """
    words = row.source.removeprefix("model card ").split()
    first = words[0].split("/")[0] if words else row.source
    name = maker_name(first)
    return f"{name}{SIMULATED}" if "simulated" in row.conditions else name


def unit_variance(
    row: Benchmark, baseline: float, *, normalized: bool, samples: float | None = None
) -> float:
    """Variance of the loss of one comparison, its two scores taken as independent."""
    items = samples if samples else row.items * row.runs
    share = 1.0 - row.chance if normalized else 1.0
    accuracy = row.chance + share * baseline if normalized else baseline
    spread = max(accuracy * (1.0 - accuracy), 0.01)
    return 2.0 * spread / items / (share * baseline) ** 2


def gain_of(row: Benchmark, baseline: float, *, normalized: bool) -> float:
    """Share of the score that lies above guessing; all of it where the score is rescaled."""
    return 1.0 if normalized else max(baseline - row.chance, MIN_GAIN * baseline) / baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class _Score:
    """One usable printed pair, scores 0..1."""

    row: QualityMeasurement
    benchmark: Benchmark
    value: float
    baseline: float
    relative: bool

    @property
    def measured(self) -> tuple[str, str, str, int]:
        """What was scored: in which format by which algorithm, on what, at which length."""
        return self.row.format, self.row.algorithm, self.benchmark.name, self.context_tokens

    @property
    def context_tokens(self) -> int:
        named = context_of(f"{self.row.task} {self.row.protocol}")
        long = self.benchmark.family == "long context"
        return named if long and named is not None else self.benchmark.context_tokens


def _is_percent(rows: Sequence[QualityMeasurement]) -> bool:
    """Whether one source prints one model's scores in percent: a fraction never passes 1."""
    return max(max(r.value, r.baseline or 0.0) for r in rows) > 1.0


def _cached(row: QualityMeasurement) -> QualityMeasurement:
    """A 16-bit model's score with a narrower KV cache, as a score of the cache's own format."""
    for words, format in KV_FORMATS.items():
        if row.format in SIXTEEN_BIT and words in row.conditions and row.baseline is not None:
            return dataclasses.replace(row, format=format)
    return row


def _paired(rows: Iterable[QualityMeasurement]) -> list[QualityMeasurement]:
    """Every quantized row with its baseline: printed beside it, else its own source's 16-bit row."""
    rows = [_cached(r) for r in rows]
    plain = {
        (r.model, r.task, r.metric, r.protocol, r.source): r.value for r in rows if r.format in SIXTEEN_BIT
    }
    out = []
    for r in rows:
        if r.format in SIXTEEN_BIT or r.suspect:
            continue
        baseline = r.baseline
        if baseline is None:
            baseline = plain.get((r.model, r.task, r.metric, r.protocol, r.source))
        if baseline is not None and baseline > 0:
            out.append(dataclasses.replace(r, baseline=baseline))
    return out


def _single(row: QualityMeasurement) -> Benchmark | None:
    """The benchmark a row scores; None for averages of several (their parts are used) and unknown ones."""
    name = "TruthfulQA-mc1" if row.task == "TruthfulQA" and "mc1" in row.protocol else row.task
    if name in known_averages():
        return None
    task = find_task(name)
    return benchmark(task.parts[0]) if len(task.parts) == 1 and not task.asked else None


def _scores(rows: Sequence[QualityMeasurement]) -> list[_Score]:
    scale = 100.0 if _is_percent(rows) else 1.0
    out = []
    for r in rows:
        row = _single(r)
        if row is None or r.baseline is None:
            continue
        value, baseline = r.value / scale, r.baseline / scale
        relative = r.metric.startswith("relative")
        if baseline >= MIN_BASELINE and 1.0 - value / baseline <= MAX_LOSS:
            out.append(_Score(row=r, benchmark=row, value=value, baseline=baseline, relative=relative))
    # Where a card prints a benchmark's own average, the subtasks that it prints, too, are a choice of them.
    whole = {s.measured for s in out if s.row.metric == "average"}
    return [s for s in out if s.row.metric == "average" or s.measured not in whole]


def _rescaled(scores: Sequence[_Score]) -> bool:
    """Whether a source's leaderboard scores are rescaled to 0 at guessing: one of them lies below it."""
    return any(
        "normalized" in s.row.protocol
        or (s.benchmark.name in _LEADERBOARD and s.baseline < 0.9 * s.benchmark.chance)
        for s in scores
    )


def _cell(scores: Sequence[_Score], traits: Traits, *, normalized: bool) -> Cell:
    first = scores[0]
    count = len(scores)
    row = first.benchmark
    baseline = sum(s.baseline for s in scores) / count
    value = sum(s.value for s in scores) / count
    usual = _RELATIVE_BASELINE if first.relative else baseline
    units = []
    for s in scores:
        if s.row.stderr is not None:
            units.append(2.0 * (s.row.stderr / (s.row.baseline or s.row.value)) ** 2)
            continue
        runs = _RUNS.search(s.row.protocol)
        samples = float(s.row.samples) if s.row.samples else None
        if runs:
            samples = (samples or row.items) * float(runs.group(1) or runs.group(2))
        units.append(unit_variance(row, usual, normalized=normalized, samples=samples))
    return Cell(
        traits=traits,
        format=first.row.format,
        algorithm=algorithm_name(first.row.algorithm),
        benchmark=row.name,
        publisher=publisher_of(first.row),
        loss=1.0 - value / baseline,
        gain=gain_of(row, usual, normalized=normalized),
        unit=sum(units) / count,
        baseline=usual,
        scores=count,
        context_tokens=first.context_tokens,
    )


def cells_of(rows: Iterable[QualityMeasurement]) -> tuple[Cell, ...]:
    """All that can be learned from, pooled; suspect rows, averages and unknown models are left out.

    Averages are left out because their parts are in; the order follows the rows', so the same records
    give the same cells.
    """
    by_source: dict[tuple[str, str], list[QualityMeasurement]] = defaultdict(list)
    for r in _paired(rows):
        by_source[(r.source, r.model)].append(r)
    pooled: dict[tuple[str, str, str, str, str, int], list[tuple[_Score, bool]]] = defaultdict(list)
    kinds: dict[str, Traits] = {}
    for (_, model), group in by_source.items():
        traits = traits_by_name(model)
        if traits is None:
            continue
        kinds.setdefault(traits.key, traits)
        scores = _scores(group)
        rescaled = _rescaled(scores)
        for s in scores:
            normalized = rescaled and s.benchmark.name in _LEADERBOARD
            key = (
                publisher_of(s.row),
                traits.key,
                s.row.format,
                algorithm_name(s.row.algorithm),
                s.benchmark.name,
                s.context_tokens,
            )
            pooled[key].append((s, normalized))
    cells = []
    for key, found in pooled.items():
        normalized = sum(flag for _, flag in found) * 2 > len(found)
        same = [s for s, flag in found if flag == normalized]
        cells.append(_cell(same, kinds[key[1]], normalized=normalized))
    return tuple(cells)
