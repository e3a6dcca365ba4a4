"""Answerer: a question in, the parts of the page out, as plain values for the browser."""

from __future__ import annotations

import gc
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from advisor.advise.choose.question import Choice
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.advise.decision import decision
from advisor.advise.sensitivity.along_load import along_load
from advisor.advise.sensitivity.own_or_api import own_or_api
from advisor.cost.predict.cache import CachedPredictor
from advisor.cost.predict.predictor import Predictor
from advisor.cost.quality.recovery import QualityModel
from advisor.report.documents.document import recommendation_document
from advisor.report.html.answer import answer_section, ways
from advisor.report.html.charts.certainty import certainty_chart
from advisor.report.html.charts.chart import Chart, figure
from advisor.report.html.charts.load import load_chart
from advisor.report.html.charts.own_or_api import own_or_api_chart
from advisor.report.html.elements.markup import joined, tag
from advisor.report.html.page import DOCUMENT_ROWS, Findings, folds, head_section, report_charts
from advisor.report.html.sure import sure_section
from advisor.report.html.tables.ranking import ranking_section
from advisor.report.html.verdict import badge, settles
from advisor.report.terminal.answer import headline
from advisor.spec.workloads.conversations.keys import write_history
from advisor.spec.workloads.load_kind import SPELLING
from advisor.ui.cached_quality import CachedQuality
from advisor.ui.question import Shelf, read_choice
from advisor.units import MS_PER_S

REMEMBERED = 16
"""Answers kept: going back to an earlier question costs nothing."""

GIVE_WAY_S = 0.002

Said = tuple[tuple[str, str], ...]


class Superseded(Exception):
    """Another question was asked meanwhile: nobody waits for this one any more."""


class Answerer:
    """Answers questions with one fit; safe to ask from several threads, which take turns."""

    def __init__(self, predictor: Predictor, quality: QualityModel, shelf: Shelf) -> None:
        self.predictor, self.quality, self.shelf = (
            CachedPredictor(predictor),
            CachedQuality.of(quality),
            shelf,
        )
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._urgent = 0
        """Answers that wait for the lock."""
        self._uncollected_answers = 0
        self._latest: Said | None = None
        self._known: OrderedDict[Said, tuple[Choice, Recommendation]] = OrderedDict()

    def answer(self, said: Mapping[str, str]) -> dict[str, object]:
        """The answer, its figures and why. Raises QuantAdviseError for a question that cannot be right."""
        begun = time.perf_counter()
        with self._counting:
            self._urgent += 1
        with self._lock, self._uncollected():
            with self._counting:
                self._urgent -= 1
            self._latest = _key(said)
            choice, recommendation = self._recommend(said)
            picture = certainty_chart(recommendation)
            parts = {
                "head": head_section(recommendation),
                "first": answer_section(recommendation, picture),
            }
            asked = asked_values(choice)
        return {
            "parts": parts,
            "drawings": [] if picture is None else picture.payload,
            "asked": asked,
            "headline": _headline(recommendation),
            "ms": _ms_since(begun),
        }

    def rest(self, said: Mapping[str, str]) -> dict[str, object]:
        """The tables and charts of the same answer: each chart with its place and what draws it."""
        begun = time.perf_counter()
        with self._lock:
            _, recommendation = self._recommend(said)
            tables = ranking_section(recommendation)
            folded = folds(recommendation, tag("div", id="sure-place"))
            made = report_charts(Findings(recommendation=recommendation))
            self._collect()
        return {"tables": tables, "folds": folded, "charts": _charts(*made), "ms": _ms_since(begun)}

    def sure(self, said: Mapping[str, str]) -> dict[str, object]:
        """How certain the same answer is, and what would change it."""
        begun = time.perf_counter()
        with self._lock:
            self._give_way(said)
            _, recommendation = self._recommend(said)
            known = decision(recommendation, predictor=self.predictor, quality=self.quality, api=False)
        return {
            "html": joined(sure_section(recommendation, known)),
            "badge": badge(recommendation, known),
            "settles": settles(recommendation, known),
            "ways": joined(ways(known)),
            "ms": _ms_since(begun),
        }

    def along(self, said: Mapping[str, str]) -> dict[str, object]:
        """The load story of the same answer: the ranking under many loads, hence last."""
        begun = time.perf_counter()
        with self._lock:
            self._give_way(said)
            _, recommendation = self._recommend(said)
            found = along_load(
                recommendation, self.predictor, self.quality, pause=lambda: self._give_way(said)
            )
            self._give_way(said)
            own = own_or_api(recommendation, self.predictor, self.quality)
            self._collect()
        made = _charts(load_chart(found, recommendation.workload), own_or_api_chart(own))
        return {"charts": made, "ms": _ms_since(begun)}

    def document(self, said: Mapping[str, str]) -> Mapping[str, object]:
        """The same answer for programs, as `recommend --output json` gives it."""
        with self._lock:
            _, recommendation = self._recommend(said)
            return recommendation_document(recommendation, top=DOCUMENT_ROWS)

    @contextmanager
    def _uncollected(self) -> Iterator[None]:
        """No search for unreachable cycles while somebody waits, nor soon among what was made here.

        Searching the hundreds of thousands of values that are remembered takes as long as an answer. An
        answer that is forgotten has cycles; they are freed by `_collect`, when nobody waits.
        """
        gc.disable()
        try:
            yield
        finally:
            gc.freeze()
            gc.enable()
            self._uncollected_answers += 1

    def _collect(self) -> None:
        """Frees the answers forgotten since the last time; the lock is held."""
        if self._uncollected_answers >= REMEMBERED and not self._urgent:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            self._uncollected_answers = 0

    def _give_way(self, said: Mapping[str, str]) -> None:
        """Let answers that wait go first; the lock is held before and after.

        Raises Superseded when one of them was to another question.
        """
        while self._urgent:
            self._lock.release()
            time.sleep(GIVE_WAY_S)
            self._lock.acquire()
        if self._latest is not None and self._latest != _key(said):
            raise Superseded

    def _recommend(self, said: Mapping[str, str]) -> tuple[Choice, Recommendation]:
        key = _key(said)
        if key not in self._known:
            choice = read_choice(said, self.shelf)
            self._known[key] = (choice, choose(choice, self.predictor, self.quality))
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return self._known[key]


def _key(said: Mapping[str, str]) -> Said:
    return tuple(sorted((name, text.strip()) for name, text in said.items() if text.strip()))


def _charts(*charts: Chart | None) -> list[dict[str, object]]:
    """Each with its place in the page and what draws it; those that there is nothing to draw of left out."""
    return [{"html": figure(chart), "drawings": chart.payload} for chart in charts if chart is not None]


def _headline(recommendation: Recommendation) -> str:
    """What another answer is compared with."""
    first = recommendation.winner
    return "nothing keeps the limits" if first is None else headline(first, recommendation.workload)


def _ms_since(begun: float) -> float:
    return round(MS_PER_S * (time.perf_counter() - begun), 1)


def asked_values(choice: Choice) -> dict[str, object]:
    """What was asked in the end, the profile's part included: what a form shows where nothing is typed."""
    workload = choice.workload
    load = workload.load
    values: dict[str, object] = {
        "load": SPELLING[load.arrival.kind],
        "level": load.arrival.value,
        "input": load.input_tokens.mean,
        "output": load.output_tokens.mean,
        "turns": load.conversation.turns.mean,
        "think": load.conversation.think_time.mean,
        "system": load.conversation.system_tokens,
        "history": write_history(load.conversation.history),
        "recovery": workload.quality.min_recovery,
        "confidence": workload.confidence,
        "objective": workload.objective,
    }
    for metric in ("ttft", "tpot", "e2e"):
        limit = workload.limit_on(metric)
        values[metric] = None if limit is None else limit.max_ms
    statistics = {limit.statistic for limit in workload.limits}
    values["at"] = statistics.pop() if len(statistics) == 1 else None
    prices = {gpu.name: choice.price_of(gpu, 1) for gpu in (*choice.every_gpu, *choice.space.gpus)}
    values["prices"] = {
        name: None if price is None else price.usd_per_gpu_hour for name, price in prices.items()
    }
    return values
