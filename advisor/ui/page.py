"""The page with the form; its parts come from the same functions as the report's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from advisor.advise.api import ALIKE
from advisor.report.html.assets import asset
from advisor.report.html.elements.markup import Html, data_script, tag
from advisor.report.html.elements.palette import swatch
from advisor.report.html.elements.vega import library_script
from advisor.report.html.page import page_text
from advisor.spec.formats.catalog import known_formats
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.hardware.prices import TERMS
from advisor.spec.models.catalog import known_models
from advisor.spec.workloads.profile import known_workloads
from advisor.ui.question import Shelf

FIRST: Mapping[str, str] = {
    "model": "Llama-3.1-8B-Instruct",
    "workload": "chat",
    "gpu": "A6000,L40S,A100-SXM-80GB,H100-SXM",
}
"""What the page asks when it opens and nothing was said."""


def ui_page(first: Mapping[str, str], shelf: Shelf) -> str:
    """The whole page. Raises MissingToolError when the `report` extra is not there."""
    return page_text(
        title="live",
        main=tag(
            "div",
            tag("details", tag("summary", "Change the question"), _form(shelf), open=True, id="panel"),
            tag(
                "div",
                tag("p", "", id="message", role="alert", hidden=True, class_="message"),
                tag("div", id="part-head"),
                tag(
                    "div",
                    tag("span", "", id="was"),
                    tag("button", "Undo", type="button", class_="quiet", id="undo"),
                    class_="change",
                    id="change",
                    role="status",
                    hidden=True,
                ),
                tag("div", id="part-first", class_="parts"),
                tag("div", id="part-folds", class_="parts"),
                tag("div", id="part-load", class_="charts"),
                tag("div", id="part-charts", class_="charts"),
                tag("div", id="part-tables", class_="parts"),
                class_="parts",
                id="answered",
                aria_busy="true",
            ),
            class_="live",
        ),
        data=[data_script("first", {**FIRST, **first})],
        scripts=[library_script(), asset("page.js"), asset("ui.js")],
        style=asset("ui.css"),
        save=True,
        connect=True,
    )


def _form(shelf: Shelf) -> Html:
    return tag(
        "form",
        tag("h2", "Ask", class_="unseen"),
        _use(shelf),
        _load(),
        _gpus(shelf),
        _limits(),
        _formats(),
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


AIMS = (
    ("", "as the workload has it"),
    ("cost", "least cost"),
    ("latency", "least latency"),
    ("throughput", "most throughput"),
    ("accuracy", "most accuracy"),
)
UNITS = (
    ("", "as the workload has it"),
    ("rate", "requests/s"),
    ("concurrency", "in flight, or users who think"),
    ("single", "one at a time"),
    ("max", "all at once"),
)
STATISTICS = (
    ("", "p95"),
    ("p50", "p50"),
    ("p90", "p90"),
    ("p99", "p99"),
    ("mean", "mean"),
    ("none", "no limits"),
)
KV = (("", "any"), ("auto", "16 bits"), ("fp8", "FP8"))


def _use(shelf: Shelf) -> Html:
    workloads = [(name, name) for name in (*shelf.workloads, *known_workloads())]
    names = [tag("option", value=name) for name in (*shelf.models, *known_models())]
    return _group(
        "Model and use",
        [
            _field(
                "model",
                "Model",
                _text("model", list_="models", placeholder="Llama-3.1-8B-Instruct or 13B"),
            ),
            tag("datalist", names, id="models"),
            _field("workload", "Workload", _select("workload", workloads)),
            _field("objective", "Aim", _select("objective", AIMS)),
        ],
    )


def _load() -> Html:
    """The unit stands inside the control: a number is never without one."""
    level = tag(
        "div",
        tag("span", "Load"),
        tag(
            "div",
            _text("level", inputmode="decimal", aria_label="Load"),
            _select("load", UNITS, aria_label="Unit of the load"),
            class_="with-unit",
        ),
        class_="field",
        data_field="level",
    )
    return _group(
        "Load",
        [
            level,
            _field("input", "Prompt, tokens", _text("input")),
            _field("output", "Answer, tokens", _text("output")),
            _field("turns", "Turns", _text("turns")),
            _field("think", "Seconds between turns", _text("think")),
            _field("system", "System prompt, tokens", _text("system", inputmode="numeric")),
            _field("history", "Earlier turns repeated", _text("history")),
        ],
    )


def _limits() -> Html:
    decimal = {"inputmode": "decimal"}
    return _group(
        "Limits",
        [
            _field("ttft", "TTFT, ms", _text("ttft", **decimal)),
            _field("tpot", "TPOT, ms", _text("tpot", **decimal)),
            _field("e2e", "E2E, ms", _text("e2e", **decimal)),
            _field("at", "of the", _select("at", STATISTICS)),
            _field("recovery", "Accuracy kept, %", _text("recovery", **decimal)),
            _field("confidence", "Confidence, %", _text("confidence", **decimal)),
            _field(
                "maxgpus", "GPUs at most", _text("maxgpus", inputmode="numeric", placeholder="any number")
            ),
            _field("budget", "USD per hour at most", _text("budget", placeholder="any", **decimal)),
            _field("kv", "KV cache", _select("kv", KV)),
            _field("api", "API, USD per million", _text("api", placeholder="0.20/0.60")),
            _field("used", "Mean of the load, %", _text("used", placeholder="100", **decimal)),
        ],
    )


def _group(legend: str, fields: Iterable[Html]) -> Html:
    return tag("fieldset", tag("legend", legend), tag("div", list(fields), class_="fields"), class_="group")


def _field(name: str, label: str, control: Html) -> Html:
    return tag("label", tag("span", label), control, class_="field", data_field=name)


def _text(name: str, **attributes: object) -> Html:
    return tag("input", type="text", name=name, spellcheck="false", aria_describedby="message", **attributes)


def _select(name: str, options: Iterable[tuple[str, str]], **attributes: object) -> Html:
    return tag(
        "select", [tag("option", text, value=value) for value, text in options], name=name, **attributes
    )


def _gpus(shelf: Shelf) -> Html:
    """Every GPU, to be ticked, each with its price to be changed."""
    rows = [
        tag(
            "div",
            tag(
                "label",
                tag("input", type="checkbox", name="gpu", value=name),
                tag("span", title, class_="gpu"),
            ),
            tag(
                "input",
                type="text",
                inputmode="decimal",
                name="price",
                data_gpu=name,
                size="6",
                aria_label=f"Price of {title}, USD per GPU-hour",
            ),
            class_="gpu-row",
            data_name=name,
        )
        for name, title in ((gpu.name, gpu.name) for gpu in (*shelf.gpus.values(), *reversed(known_gpus())))
    ]
    return tag(
        "fieldset",
        tag("legend", "GPUs and USD per GPU-hour"),
        _field(
            "pricing", "Known prices", _select("pricing", [("", "on-demand"), *((t, t) for t in TERMS[1:])])
        ),
        tag(
            "p",
            tag("button", "None ticked: any", type="button", class_="quiet", id="any-gpu"),
            class_="tools",
        ),
        tag(
            "input",
            type="search",
            id="gpu-find",
            placeholder="search GPUs",
            aria_label="Search GPUs",
            spellcheck="false",
        ),
        tag("div", rows, class_="gpu-list", tabindex="0", role="group", aria_label="GPUs"),
        class_="group",
    )


def _formats() -> Html:
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
    return tag("fieldset", tag("legend", "Formats"), tag("div", chips, class_="chips"), class_="group")
