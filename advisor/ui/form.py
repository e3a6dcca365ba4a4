"""The form of the live page, made from the list of fields, and what it shows where nothing is typed; what has
its own look is drawn here by hand."""

from __future__ import annotations

from collections.abc import Iterable

from advisor.advise.choose.choice import Choice
from advisor.advise.formats_to_search import ALIKE
from advisor.report.html.elements.format_marks import swatch
from advisor.report.html.elements.markup import Html, tag
from advisor.spec.formats.catalog import known_formats
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.hardware.prices import offers
from advisor.spec.models.catalog import known_models
from advisor.spec.workloads.conversations.profile_keys import write_history
from advisor.spec.workloads.load_kind import SPELLING
from advisor.spec.workloads.read_profile import known_workloads, values_of
from advisor.ui.fields import FORMATS, GPUS, GROUPS, LOAD, MORE, UNITS, USE, fields
from advisor.ui.fields_from_signatures import ENGINE
from advisor.ui.form_to_question import LIMITED
from advisor.ui.own_models_workloads_gpus import OwnInputs
from advisor.ui.question_field import Field, Options
from advisor.ui.slider import slider

PERCENT = 100.0


def form(own_inputs: OwnInputs) -> Html:
    """Every field of the question, in its groups."""
    return tag(
        "form",
        tag("h2", "Ask", class_="unseen"),
        [_group(name, own_inputs) for name in GROUPS],
        tag(
            "p",
            tag("button", "Start again", type="button", class_="quiet", id="again"),
            tag("output", "", id="took", class_="note"),
            class_="tools",
        ),
        tag("p", "Answered on this machine; nothing leaves it.", class_="note"),
        id="ask",
        class_="card ask",
        autocomplete="off",
        aria_label="The question",
    )


def _group(name: str, own_inputs: OwnInputs) -> Html:
    plain = [_field(field) for field in fields().values() if field.group == name and field.kind != "own"]
    if name == USE:
        plain = [*_named(own_inputs), *plain]
    elif name == LOAD:
        plain = [_load(), *plain]
    inside = tag("div", plain, class_="fields") if plain else None
    if name == GPUS:
        return tag("fieldset", tag("legend", name), inside, _gpu_rows(own_inputs), class_="group")
    if name == FORMATS:
        return tag("fieldset", tag("legend", name), _format_chips(), inside, class_="group")
    if name == MORE:
        # A fieldset names the group for a screen reader; the details fold it for everyone.
        return tag(
            "details", tag("summary", "Everything else that can be said"), inside, class_="group", id="more"
        )
    return tag("fieldset", tag("legend", name), inside, class_="group")


def _named(own_inputs: OwnInputs) -> list[Html]:
    models = [tag("option", value=name) for name in (*own_inputs.models, *known_models())]
    model = tag(
        "input",
        type="text",
        name="model",
        list="models",
        placeholder="Llama-3.1-8B-Instruct or 13B",
        spellcheck="false",
        aria_describedby="message",
    )
    workloads = tuple((name, name) for name in (*own_inputs.workloads, *known_workloads()))
    return [
        _around(fields()["model"], model),
        tag("datalist", models, id="models"),
        _around(fields()["workload"], _select("workload", workloads)),
    ]


def _load() -> Html:
    """The unit stands inside the control: a number is never without one."""
    field = fields()["level"]
    return tag(
        "div",
        tag("span", field.label),
        tag(
            "div",
            _text(field, "decimal", aria_label=field.label),
            _select("load", UNITS, aria_label="Unit of the load"),
            class_="with-unit",
        ),
        _slider(field),
        class_="field wide",
        data_field="level",
    )


def _field(field: Field) -> Html:
    if field.options:
        control = _select(field.name, field.options)
    else:
        control = _text(field, "" if field.kind == "text" else field.kind)
    return _around(field, control)


def _around(field: Field, control: Html) -> Html:
    """The label around its control; the slider stands outside, or a label would name two controls."""
    return tag(
        "div",
        tag("label", tag("span", field.label, title=field.about or None), control),
        _slider(field),
        class_="field wide" if field.wide else "field",
        data_field=field.name,
    )


def _text(field: Field, keyboard: str, **attributes: object) -> Html:
    return tag(
        "input",
        type="text",
        name=field.name,
        inputmode=keyboard or None,
        placeholder=field.empty or None,
        spellcheck="false",
        aria_describedby="message",
        **attributes,
    )


def _slider(field: Field) -> Html | None:
    if field.slider is None:
        return None
    low, high = f"{field.slider.low:g}", f"{field.slider.high:g}"
    return slider(field.name, low, high, factors=field.slider.factors, label=f"{field.label}: slide")


def _select(name: str, options: Options, **attributes: object) -> Html:
    return tag(
        "select",
        [tag("option", text, value=value) for value, text in options],
        name=name,
        aria_describedby="message",
        **attributes,
    )


def _gpu_rows(own_inputs: OwnInputs) -> Iterable[Html]:
    """Every GPU, to be ticked, each with its price to be changed."""
    newest = known_gpus()[::-1]
    # What can be rented stands before what no price is known of.
    known = sorted(newest, key=lambda gpu: not offers(gpu))
    names = [gpu.name for gpu in (*own_inputs.gpus.values(), *known)]
    yield tag(
        "input",
        type="search",
        id="gpu-find",
        placeholder="search GPUs",
        aria_label="Search GPUs",
        spellcheck="false",
    )
    yield tag("div", [gpu_row(name) for name in names], class_="gpu-list", role="group", aria_label="GPUs")
    yield tag(
        "p",
        tag("button", "Any GPU", type="button", class_="quiet", id="any-gpu"),
        tag("span", "", id="gpu-count", class_="note"),
        class_="tools",
    )


def gpu_row(name: str) -> Html:
    return tag(
        "div",
        tag(
            "label",
            tag("input", type="checkbox", name="gpu", value=name),
            tag("span", name, class_="gpu"),
        ),
        tag(
            "input",
            type="text",
            inputmode="decimal",
            name="price",
            data_gpu=name,
            size="6",
            aria_label=f"Price of {name}, USD per GPU-hour",
            aria_describedby="message",
        ),
        class_="gpu-row",
        data_name=name,
        data_field=f"price:{name}",
    )


def _format_chips() -> Html:
    names = [f.name for f in known_formats() if f.name not in ALIKE]
    chips = [
        tag(
            "label",
            tag("input", type="checkbox", name="formats", value=name, checked=True),
            tag("span", swatch(name), name),
            class_="chip",
        )
        for name in names
    ]
    return tag("div", chips, class_="chips", data_field="formats")


def asked_values(choice: Choice) -> dict[str, object]:
    """What was asked in the end, the profile's part included: what a form shows where nothing is typed."""
    workload = choice.workload
    load = workload.load
    prices = {gpu.name: choice.price_of(gpu, 1) for gpu in (*choice.every_gpu, *choice.space.gpus)}
    return {
        "load": SPELLING[load.arrival.kind],
        "level": load.arrival.value,
        "shown": {name: shown(value) for name, value in stated_values(choice).items()},
        "prices": {name: None if price is None else price.usd_per_gpu_hour for name, price in prices.items()},
    }


def stated_values(choice: Choice) -> dict[str, object]:
    """By field; None where nothing holds."""
    workload, space = choice.workload, choice.space
    recovery = workload.quality.min_recovery
    limits = {metric: workload.limit_on(metric) for metric in LIMITED}
    own = {**values_of(workload), **space.engine.stated}
    return {
        **{name: own[name] for name in fields() if isinstance(own.get(name), (int, float, str))},
        **{metric: None if limit is None else limit.max_ms for metric, limit in limits.items()},
        "level": workload.load.arrival.value,
        "input": workload.load.input_tokens.mean,
        "output": workload.load.output_tokens.mean,
        "turns": workload.load.conversation.turns.mean,
        "think": workload.load.conversation.think_time.mean,
        "system": workload.load.conversation.system_tokens,
        "history": write_history(workload.load.conversation.history),
        "recovery": None if recovery is None else PERCENT * recovery,
        "confidence": PERCENT * workload.confidence,
        ENGINE: str(space.engine),
    }


def shown(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
