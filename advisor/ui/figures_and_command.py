"""What is told of an answer elsewhere than on its page: figures to compare, the command line."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from advisor.advise.choose.recommendation import Recommendation
from advisor.display_text import chance, number
from advisor.report.html.elements.shown_quantities import PERCENT, quantities
from advisor.report.terminal.answer import headline
from advisor.spec.reading.comma_lists import split
from advisor.ui.fields import MORE, fields
from advisor.ui.fields_from_signatures import NO, YES, flag
from advisor.ui.form_to_question import LEVELLED, SIZE, kind_said, limits_said, mixes, profile_said
from advisor.ui.own_models_workloads_gpus import OwnInputs

PLAIN = (
    "recovery", "confidence", "objective", "formats", "kv", "pricing", "maxgpus", "budget", "api", "used",
)  # fmt: skip
"""Fields whose text is what the option takes."""
_FLAGS = {"prefix_caching": "enable-prefix-caching", "tensor_parallel": "tensor-parallel-size"}
"""Options of the command line that are called otherwise than their setting."""


def compared(recommendation: Recommendation) -> dict[str, object]:
    """What another answer is compared with: one line, and every figure with its value."""
    first = recommendation.winner
    if first is None:
        return {"headline": "nothing keeps the limits", "figures": []}
    return {"headline": headline(first, recommendation.workload), "figures": compared_figures(recommendation)}


def compared_figures(recommendation: Recommendation) -> list[dict[str, object]]:
    """Every figure of the first: its name with the unit, its value, and what a table shows."""
    first = recommendation.winner
    if first is None:
        return []
    made: list[dict[str, object]] = []
    usd = None if first.cost is None else first.cost.usd_per_hour
    if usd is not None:
        made.append({"name": "USD per hour", "value": usd, "text": number(usd)})
    if recommendation.workload.limits:
        kept = first.keeps_all_limits
        made.append({"name": "Keeps all limits", "value": kept, "points": PERCENT, "text": chance(kept)})
    for quantity in quantities(recommendation.workload, recommendation.model):
        estimate = quantity.read(first)
        if estimate is not None:
            text = number(estimate.value, digits=quantity.digits)
            name = f"{quantity.name}, {quantity.unit}"
            points = {"points": 1} if quantity.unit == "%" else {}
            made.append({"name": name, "value": estimate.value, "text": text, **points})
    return made


def command_line(said: Mapping[str, str], own_inputs: OwnInputs) -> str:
    """The command that asks the same question. Files that were dropped stand by their names."""
    get = {name: said.get(name, "").strip() for name in fields()}
    return shlex.join(["quantadvise", "recommend", *_words(get, own_inputs)])


def _words(get: Mapping[str, str], own_inputs: OwnInputs) -> Iterator[str]:
    workload = get["workload"] or "chat"
    yield from ("--params", get["model"]) if SIZE.fullmatch(get["model"]) else (get["model"],)
    yield from ("--workload", f"{workload}.yaml" if workload in own_inputs.workloads else workload)
    yield from _load_words(get, own_inputs)
    for limit in limits_said(get, profile_said(workload, own_inputs)):
        yield from ("--slo", limit)
    if get["stock"]:
        # What there is of each kind is said with the kinds, of a fleet that may mix them.
        yield from ("--gpu", ",".join(split(get["stock"])), "--allow-mixed")
    elif gpus := [f"{name}.yaml" if name in own_inputs.gpus else name for name in split(get["gpu"])]:
        yield from ("--gpu", ",".join(gpus))
    if mixes(get) and not get["stock"]:
        yield "--allow-mixed"
    for price in split(get["price"]):
        yield from ("--price", price)
    for name in PLAIN:
        if get[name]:
            yield from (fields()[name].flags[0], get[name])
    for name, field in fields().items():
        if field.group == MORE and name != "stock" and get[name]:
            yield from _further_words(name, get[name])


def _load_words(get: Mapping[str, str], own_inputs: OwnInputs) -> Iterator[str]:
    kind = kind_said(get, profile_said(get["workload"] or "chat", own_inputs))
    if kind in LEVELLED:
        yield from (f"--{kind}", get["level"])
    elif kind == "single":
        yield "--single"
    elif kind == "maximum":
        yield from ("--concurrency", "max")
    for name in ("input", "output", "turns", "think", "system", "history"):
        if get[name]:
            yield from (fields()[name].flags[0], get[name])


def _further_words(name: str, text: str) -> Iterator[str]:
    option = f"--{_FLAGS[name]}" if name in _FLAGS else flag(name)
    if text == YES:
        yield option
    elif text == NO and name == "enforce_eager":
        return  # as it is by default, and the option has no other side
    elif text == NO:
        yield f"--no-{option[2:]}"
    else:
        yield from (option, text)
