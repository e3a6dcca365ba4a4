"""The page around the form; its parts come from the same functions as the report's."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.advise.sensitivity.varied_load_property import UNITS
from advisor.report.html.assets import asset
from advisor.report.html.downloads import save_buttons
from advisor.report.html.elements.markup import Html, data_script, tag
from advisor.report.html.elements.vega import library_script
from advisor.report.html.page import page_text
from advisor.ui.form import form
from advisor.ui.own_models_workloads_gpus import OwnInputs

FIRST: Mapping[str, str] = {
    "model": "Llama-3.1-8B-Instruct",
    "workload": "chat",
    "gpu": "A6000,L40S,A100-SXM-80GB,H100-SXM",
}
"""What the page asks when it opens and nothing was said."""

TABS: Mapping[str, str] = {
    "answer": "Answer",
    "load": "Load",
    "ranking": "All deployments",
    "prices": "Prices",
    "mixed": "Mix GPUs",
    "next": "Measure next",
    "compare": "Compare",
    "files": "Files",
}
"""What stands behind each other, by the name in the address."""


def ui_page(first: Mapping[str, str], own_inputs: OwnInputs) -> str:
    """The whole page. Raises MissingToolError when the `report` extra is not there."""
    return page_text(
        title="live",
        main=tag(
            "div",
            tag("details", tag("summary", "Change the question"), form(own_inputs), open=True, id="panel"),
            _answered(),
            class_="live",
        ),
        data=[data_script("first", {**FIRST, **first})],
        scripts=[*(asset(name) for name in ("logic.js", "page.js", "ui.js", "ui_more.js")), library_script()],
        style=asset("ui.css"),
        connect=True,
    )


def _answered() -> Html:
    contents = {
        "answer": [_mixed(), _part("first"), _part("folds")],
        "load": [_along(), _part("load", "charts")],
        "ranking": [_part("ranking")],
        "prices": [_part("prices")],
        "mixed": [_part("mixed")],
        "next": [_part("next")],
        "compare": [
            tag("section", tag("h2", "Answers side by side"), _part("compare", "scroll"), class_="card")
        ],
        "files": [_files()],
    }
    return tag(
        "div",
        tag("p", "", id="message", role="alert", hidden=True, class_="message"),
        tag("div", tag("h1", "What to deploy"), id="part-head"),
        tag(
            "div",
            tag("span", "", id="was"),
            tag("button", "Undo", type="button", class_="quiet", id="undo"),
            class_="change",
            id="change",
            role="status",
            hidden=True,
        ),
        tag(
            "div",
            tag("div", [_tab(name, text) for name, text in TABS.items()], role="tablist", aria_label="Views"),
            tag(
                "button",
                "Pin",
                type="button",
                class_="quiet",
                id="pin",
                aria_pressed="false",
                title="Keep this answer in Compare, beside the next",
            ),
            class_="tabs",
        ),
        [
            tag(
                "div",
                contents[name],
                role="tabpanel",
                id=f"tab-{name}",
                aria_labelledby=f"to-{name}",
                class_="parts",
                hidden=name != "answer",
            )
            for name in TABS
        ],
        class_="parts",
        id="answered",
        aria_busy="true",
    )


def _along() -> Html:
    """What the load story goes along."""
    options = [("", "the load as asked"), *UNITS.items()]
    return tag(
        "p",
        tag(
            "label",
            "Along ",
            tag("select", [tag("option", text, value=v) for v, text in options], id="along"),
        ),
        class_="tools",
    )


def _mixed() -> Html:
    """Where kinds may be mixed: what that comes to, and the way to the whole of it."""
    return tag(
        "div",
        tag("span", "", id="mix-says"),
        tag("button", "Mix GPUs", type="button", class_="quiet", id="to-mix"),
        class_="change",
        id="part-mix",
        role="status",
        hidden=True,
    )


def _tab(name: str, text: str) -> Html:
    on = name == "answer"
    return tag(
        "button",
        text,
        type="button",
        role="tab",
        id=f"to-{name}",
        data_tab=name,
        aria_controls=f"tab-{name}",
        aria_selected="true" if on else "false",
        tabindex="0" if on else "-1",
    )


def _part(name: str, class_: str = "parts") -> Html:
    return tag("div", id=f"part-{name}", class_=class_, tabindex="0" if class_ == "scroll" else None)


def _files() -> Html:
    """What can be taken away, and what can be brought."""
    return tag(
        "section",
        tag("h2", "Take it away"),
        save_buttons(),
        tag("p", "The command line that asks the same:", class_="note"),
        tag(
            "div",
            tag("pre", tag("code", "", id="asks"), tabindex="0"),
            tag("button", "Copy", type="button", class_="quiet", data_copy="asks"),
            class_="copy",
        ),
        tag("h2", "Bring your own"),
        tag(
            "label",
            "Drop files anywhere on the page, paste their text, or choose them: a workload or a GPU as YAML, "
            "a request log, a model's config.json, result files of a benchmark.",
            tag("input", type="file", id="drop", multiple=True),
            class_="drop",
        ),
        tag("p", "They are read on this machine and kept until the command ends.", class_="note"),
        tag("ul", id="dropped", aria_live="polite"),
        class_="card",
    )
