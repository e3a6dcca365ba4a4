"""Answerer: a question in, the parts of the page out, as plain values for the browser."""

from __future__ import annotations

import gc
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from advisor.advise.certainty_and_sensitivity import decision
from advisor.advise.choose.choice import Choice
from advisor.advise.choose.confirm_by_simulation import rests_on_simulation
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.advise.measuring.best_measurements import measure_next
from advisor.advise.mixed.fleet import Mix, check_mixable, mix
from advisor.advise.mixed.integer_program import check_installed
from advisor.advise.sensitivity.best_along_load import along_load
from advisor.advise.sensitivity.loosened_limit import loosened
from advisor.advise.sensitivity.own_or_api import own_or_api
from advisor.advise.sensitivity.varied_load_property import known_over
from advisor.cost.predict.cached_predictor import CachedPredictor
from advisor.cost.predict.predictor import Predictor
from advisor.cost.quality.quality_model import QualityModel
from advisor.report.documents.mixed_fleet_document import mix_document
from advisor.report.documents.recommendation_document import recommendation_document
from advisor.report.html.certainty_and_sensitivity import sure_section
from advisor.report.html.certainty_badge import badge, settles
from advisor.report.html.charts.best_along_load import load_chart
from advisor.report.html.charts.chart import Chart, figure
from advisor.report.html.charts.first_chart import first_picture
from advisor.report.html.charts.own_or_api import own_or_api_chart
from advisor.report.html.choice_cards import ways
from advisor.report.html.downloads import folder_zip, rows_text
from advisor.report.html.elements.markup import joined, tag
from advisor.report.html.first_screen import answer_section
from advisor.report.html.page import DOCUMENT_ROWS, Findings, folds, head_section, report_charts
from advisor.report.html.tables.mixed_fleet import mix_section
from advisor.report.html.tables.ranking import ranking_section
from advisor.report.terminal.mixed.fleet_words import compared_text
from advisor.spec.reading.comma_lists import split
from advisor.ui.cached_quality import CachedQuality
from advisor.ui.dropped_file import take
from advisor.ui.figures_and_command import command_line, compared
from advisor.ui.form import asked_values
from advisor.ui.form_to_question import mixes, read_choice
from advisor.ui.own_models_workloads_gpus import OwnInputs
from advisor.ui.prices_and_measure_next import next_section, prices_section
from advisor.units import MS_PER_S

REMEMBERED = 16
"""Answers kept: going back to an earlier question costs nothing."""
MOST_UNCOLLECTED = 4 * REMEMBERED
"""Answers after which memory is freed although somebody waits: some 40 MB."""

TICKED = ("gpu", "formats")
"""Fields whose text is a set of names."""
OVER = "over"
"""What the load story goes along, beside the question."""
GIVE_WAY_S = 0.002
NOTHING_RANKED = tag("p", "Nothing keeps the limits; “Answer” says what is refused, and why.", class_="card")
NO_MIX = tag("p", "No kinds of GPU can be mixed for this question.", class_="card")

Said = tuple[tuple[str, str], ...]


class Superseded(Exception):
    """Another question was asked meanwhile; the answer to this one is no longer wanted."""


class Answerer:
    """Answers questions with one fit; safe to ask from several threads, which take turns."""

    def __init__(self, predictor: Predictor, quality: QualityModel, own_inputs: OwnInputs) -> None:
        self.predictor, self.quality, self.own_inputs = (
            CachedPredictor.of(predictor),
            CachedQuality.of(quality),
            own_inputs,
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
            self._latest = question_key(said)
            choice, recommendation = self._recommend(said)
            picture = first_picture(recommendation)
            parts = {
                "head": head_section(recommendation, live=True),
                "first": answer_section(
                    recommendation, picture, loosened=loosened(recommendation, self.predictor, self.quality)
                ),
            }
            asked = asked_values(choice)
        return {
            "parts": parts,
            "drawings": [] if picture is None else picture.payload,
            "asked": asked,
            **compared(recommendation),
            "ms": _ms_since(begun),
        }

    def figures(self, said: Mapping[str, str]) -> dict[str, object]:
        """What an answer is compared by; asking for it supersedes no other question."""
        with self._lock:
            return compared(self._recommend(said)[1])

    def rest(self, said: Mapping[str, str]) -> dict[str, object]:
        """Why, the evidence and the refused of the same answer."""
        begun = time.perf_counter()
        with self._lock:
            _, recommendation = self._recommend(said)
            folded = folds(recommendation, tag("div", id="sure-place"))
            self._collect()
        return {"folds": folded, "ms": _ms_since(begun)}

    def ranking(self, said: Mapping[str, str]) -> dict[str, object]:
        """Every deployment of the same answer: each chart with its place and what draws it, and the table."""
        begun = time.perf_counter()
        with self._lock:
            _, recommendation = self._recommend(said)
            made = report_charts(Findings(recommendation=recommendation), first_picture(recommendation))
            return {
                "charts": _charts(*made),
                "tables": ranking_section(recommendation, where_all="the CSV under Files") or NOTHING_RANKED,
                "ms": _ms_since(begun),
            }

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
            "prices": prices_section(recommendation, known, self.own_inputs.gpus),
            "ms": _ms_since(begun),
        }

    def measuring(self, said: Mapping[str, str]) -> dict[str, object]:
        """What to measure next."""
        begun = time.perf_counter()
        with self._lock:
            self._give_way(said)
            _, recommendation = self._recommend(said)
            found = measure_next(recommendation, self.predictor, self.quality)
        html = None if found is None else next_section(found, recommendation.workload)
        return {"html": joined(html), "ms": _ms_since(begun)}

    def along(self, said: Mapping[str, str]) -> dict[str, object]:
        """The load story of the same answer: the ranking under many loads, hence last. Along `over`, else
        along the question's own load. Raises InputError for what cannot be varied."""
        begun = time.perf_counter()
        stated = said.get(OVER)
        over = known_over(stated) if stated else None
        said = {name: text for name, text in said.items() if name != OVER}
        with self._lock:
            self._give_way(said)
            _, recommendation = self._recommend(said)
            found = along_load(
                recommendation,
                self.predictor,
                self.quality,
                over=over,
                pause=lambda: self._give_way(said),
            )
            self._give_way(said)
            own = own_or_api(recommendation, self.predictor, self.quality)
            self._collect()
        made = _charts(load_chart(found, recommendation.workload), own_or_api_chart(own))
        return {"charts": made, "none": _no_story(recommendation), "ms": _ms_since(begun)}

    def mixing(self, said: Mapping[str, str]) -> dict[str, object]:
        """What several kinds of GPU for one load cost. Raises InputError where nothing can be mixed,
        MissingToolError without the extra."""
        begun = time.perf_counter()
        check_installed()
        with self._lock:
            self._give_way(said)
            choice, recommendation = self._recommend(said)
            check_mixable(choice)
            found = mix(recommendation, self.predictor, self.quality)
        line = "" if found is None else compared_text(found)
        return {"html": mix_section(found) or NO_MIX, "line": line, "ms": _ms_since(begun)}

    def _mixed(self, said: Mapping[str, str], recommendation: Recommendation) -> Mix | None:
        """None where kinds are not to be mixed."""
        return mix(recommendation, self.predictor, self.quality) if mixes(said) else None

    def document(self, said: Mapping[str, str]) -> Mapping[str, object]:
        """The answer for programs, as `recommend --output json` gives it."""
        with self._lock:
            _, recommendation = self._recommend(said)
            document = recommendation_document(recommendation, top=DOCUMENT_ROWS)
            mixed = self._mixed(said, recommendation)
            return document if mixed is None else {**document, "mixed": mix_document(mixed)}

    def rows(self, said: Mapping[str, str]) -> dict[str, object]:
        """The rows of `recommend --output csv`."""
        with self._lock:
            return {"text": rows_text(self._recommend(said)[1])}

    def folder(self, said: Mapping[str, str]) -> dict[str, object]:
        """What `recommend --write` writes, as a zip. Raises InputError where nothing is recommended."""
        with self._lock:
            _, recommendation = self._recommend(said)
            return {"base64": folder_zip(recommendation, self._mixed(said, recommendation))}

    def command(self, said: Mapping[str, str]) -> dict[str, object]:
        """The command line that asks the same question."""
        with self._lock:
            self._recommend(said)
            return {"command": command_line(said, self.own_inputs)}

    def take(self, name: str, content: bytes) -> dict[str, object]:
        """A file that was dropped on the page: from now on its name can be asked for."""
        taken = take(name, content)
        with self._lock:
            self.own_inputs = taken.on(self.own_inputs)
            self._known.clear()  # a name may mean something else from now on
        return taken.told

    @contextmanager
    def _uncollected(self) -> Iterator[None]:
        """No search for unreachable cycles while somebody waits, nor soon among what was made here.

        Searching the hundreds of thousands of values that are remembered takes as long as an answer. An
        answer that is forgotten has cycles, which `_collect` frees: when nobody waits, or they are many.
        """
        gc.disable()
        try:
            yield
        finally:
            gc.freeze()
            gc.enable()
            self._uncollected_answers += 1
            if self._uncollected_answers >= MOST_UNCOLLECTED:
                self._collect(although_waited_for=True)

    def _collect(self, *, although_waited_for: bool = False) -> None:
        """Frees the answers forgotten since the last time; the lock is held."""
        if self._uncollected_answers >= REMEMBERED and (although_waited_for or not self._urgent):
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
        if self._latest is not None and self._latest != question_key(said):
            raise Superseded

    def _recommend(self, said: Mapping[str, str]) -> tuple[Choice, Recommendation]:
        key = question_key(said)
        if key not in self._known:
            choice = read_choice(said, self.own_inputs)
            self._known[key] = (choice, choose(choice, self.predictor, self.quality))
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return self._known[key]


def question_key(said: Mapping[str, str]) -> Said:
    """A question as it is remembered: what is ticked is a set, in whatever order a page names it."""
    stated = {name: text.strip() for name, text in said.items() if text.strip()}
    ticked = {name: ",".join(sorted(split(stated[name]))) for name in TICKED if name in stated}
    return tuple(sorted({**stated, **ticked}.items()))


def _no_story(recommendation: Recommendation) -> str:
    """Why nothing can be followed along a load, where there is no chart of it."""
    if recommendation.winner is None:
        return "Nothing is ranked for this question, so there is nothing to follow along a load."
    if rests_on_simulation(recommendation.table):
        return "Conversations are simulated at one load; ask for another to see what it changes."
    return "The model's context leaves no room to vary this."


def _charts(*charts: Chart | None) -> list[dict[str, object]]:
    """Each with its place in the page and what draws it; those that there is nothing to draw of left out."""
    return [{"html": figure(chart), "drawings": chart.payload} for chart in charts if chart is not None]


def _ms_since(begun: float) -> float:
    return round(MS_PER_S * (time.perf_counter() - begun), 1)
