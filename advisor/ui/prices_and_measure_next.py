"""The live page's own parts of an answer: prices that can be slid, and what to measure next."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.advise.certainty_and_sensitivity import Decision
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.measuring.best_measurements import Suggestion
from advisor.advise.sensitivity.price_break_even import BreakEven
from advisor.display_text import deployment_text, number
from advisor.report.documents.measure_plan import plan_files
from advisor.report.html.elements.markup import Html, scrolled, tag
from advisor.report.terminal.certainty_and_sensitivity_words import price_text
from advisor.report.terminal.print_crossover_and_suggestion import suggestion_lines
from advisor.spec.hardware.gpu import GpuSpec, Price
from advisor.spec.hardware.prices import price_of
from advisor.spec.workloads.workload import Workload
from advisor.ui.slider import slider

NO_GPUS: Mapping[str, GpuSpec] = {}
SPREAD = 4.0
"""A price slides from a quarter of what it is known to be to four times that."""
MOST_ROWS = 12


def prices_section(
    recommendation: Recommendation, decision: Decision, own: Mapping[str, GpuSpec] = NO_GPUS
) -> Html:
    """Each GPU's price with a slider, and the price at which the choice changes.

    own: the user's GPUs, by name, as they were given.
    """
    choice = recommendation.choice
    if choice is None:
        return tag("p", "Nothing is priced.", class_="card")
    at = {price.gpu: price for price in decision.prices}
    near = {price.gpu: place for place, price in enumerate(decision.prices)}
    gpus = sorted(choice.space.gpus, key=lambda gpu: near.get(gpu.name, len(near)))
    rows = [
        _price_row(recommendation, gpu, at.get(gpu.name), price_of(own.get(gpu.name, gpu), 1))
        for gpu in gpus[:MOST_ROWS]
    ]
    left = len(gpus) - MOST_ROWS
    heads = ("GPU", "USD per GPU-hour", "slide it", "the choice changes")
    table = tag(
        "table",
        tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
        tag("tbody", rows),
        class_="plain",
    )
    return tag(
        "section",
        tag("h2", "Prices", id="prices-title"),
        tag("p", _says(recommendation, decision), class_="says"),
        scrolled(table),
        tag("p", f"{left} GPUs more; tick fewer to see them.", class_="note") if left > 0 else None,
        class_="card",
        aria_labelledby="prices-title",
    )


def _says(recommendation: Recommendation, decision: Decision) -> str:
    first = recommendation.winner
    if first is None:
        return "Nothing keeps the limits, at any price."
    if not decision.prices:
        return f"{deployment_text(first.deployment)} stays first whatever one GPU alone costs."
    return (
        f"{deployment_text(first.deployment)} is first. Below, for each GPU, the price of it alone at which "
        "another would be; in brackets its 90 % interval."
    )


def _price_row(
    recommendation: Recommendation, gpu: GpuSpec, at: BreakEven | None, known: Price | None
) -> Html:
    """known: what it costs where nothing is typed: a slider's range stays while its price is slid."""
    choice = recommendation.choice
    price = None if choice is None else choice.price_of(gpu, 1)
    usd = None if price is None else price.usd_per_gpu_hour
    moved = None
    if usd is not None:
        usual = usd if known is None else known.usd_per_gpu_hour
        low, high = f"{usual / SPREAD:.4g}", f"{usual * SPREAD:.4g}"
        moved = slider(f"price:{gpu.name}", low, high, factors=True, label=f"Price of {gpu.name}: slide")
    return tag(
        "tr",
        tag("th", gpu.label, scope="row"),
        tag("td", "unknown" if usd is None else number(usd), class_="n"),
        tag("td", moved),
        tag("td", _change(recommendation, gpu, at), class_="long"),
    )


def _change(recommendation: Recommendation, gpu: GpuSpec, at: BreakEven | None) -> str:
    if at is not None:
        return f"{'below' if at.below else 'above'} {price_text(at)}: {deployment_text(at.to)}"
    kept = any(a.deployment.gpu.name == gpu.name for a in recommendation.ranked)
    return "at no price of it alone" if kept else "nothing on it keeps the limits"


def next_section(found: Suggestion, workload: Workload) -> Html:
    """What to measure next, and the plans that do."""
    first, *more = suggestion_lines(found)
    plans = plan_files(found, workload) if found.measurements else {}
    return tag(
        "section",
        tag("h2", "What to measure next", id="next-title"),
        tag("p", first, class_="says"),
        [tag("p", line.strip()) for line in more],
        [_plan(name, text, place) for place, (name, text) in enumerate(plans.items())],
        class_="card",
        aria_labelledby="next-title",
    )


def _plan(name: str, text: str, place: int) -> Html:
    """A file for `quantadvise measure`, to be copied."""
    return tag(
        "details",
        tag("summary", name),
        tag(
            "div",
            tag("pre", tag("code", text, id=f"plan-{place}"), tabindex="0"),
            tag("button", "Copy", type="button", class_="quiet", data_copy=f"plan-{place}"),
            class_="copy",
        ),
    )
