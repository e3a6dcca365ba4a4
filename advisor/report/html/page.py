"""The whole page as one text: everything inside, and a policy that forbids it to fetch anything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from advisor.advise.certainty_and_sensitivity import Decision
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.mixed.fleet import Mix
from advisor.advise.sensitivity.best_along_load import AlongLoad
from advisor.report.documents.mixed_fleet_document import mix_document
from advisor.report.documents.recommendation_document import recommendation_document
from advisor.report.html.assets import asset
from advisor.report.html.certainty_and_sensitivity import sure_section
from advisor.report.html.charts.best_along_load import load_chart
from advisor.report.html.charts.chart import Chart, figure
from advisor.report.html.charts.first_chart import first_picture
from advisor.report.html.charts.own_or_api import own_or_api_chart
from advisor.report.html.charts.ranking_intervals import intervals_chart
from advisor.report.html.charts.tradeoff import tradeoff_chart
from advisor.report.html.downloads import folder_zip, packed, rows_text
from advisor.report.html.elements.markup import Html, data_script, joined, tag
from advisor.report.html.elements.vega import library_script
from advisor.report.html.first_screen import answer_section, question, question_text, why_section
from advisor.report.html.tables.change_points import flips_section
from advisor.report.html.tables.evidence import evidence_section
from advisor.report.html.tables.mixed_fleet import mix_section
from advisor.report.html.tables.ranking import MOST_ROWS, ranking_section
from advisor.report.html.tables.refused import refused_section
from advisor.version import name_and_version

DOCUMENT_ROWS = 25
"""Ranked and refused deployments in the JSON that the page carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that a page shows."""

    recommendation: Recommendation
    along: AlongLoad | None = None
    decision: Decision | None = None
    mix: Mix | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The parts of a page that depend on the answer."""

    title: str
    html: Html
    charts: tuple[Chart, ...]


def report_page(findings: Findings) -> str:
    """The report, a whole HTML document. Same findings, same text, byte for byte.

    Raises MissingToolError when the `report` extra is not there.
    """
    files = report_files(findings)
    body = report_body(findings, files)
    document = recommendation_document(findings.recommendation, top=DOCUMENT_ROWS, decision=findings.decision)
    if findings.mix is not None:
        document["mixed"] = mix_document(findings.mix)
    return page_text(
        title=body.title,
        main=body.html,
        data=[
            data_script("charts", [drawing for chart in body.charts for drawing in chart.payload]),
            data_script("document", document),
            *(data_script(name, content) for name, content in files.items()),
        ],
        scripts=[asset("logic.js"), asset("page.js"), library_script()],
    )


def report_files(findings: Findings) -> dict[str, object]:
    """What is taken away beside the document, as the live page's server gives it."""
    recommendation, mix = findings.recommendation, findings.mix
    files: dict[str, object] = {}
    if recommendation.ranked:
        files["rows"] = {"gzip": packed(rows_text(recommendation, MOST_ROWS))}
    if recommendation.ranked or (mix is not None and mix.recommended):
        files["folder"] = {"base64": folder_zip(recommendation, mix)}
    return files


def report_body(findings: Findings, files: Collection[str] = ()) -> Body:
    """What stands between the page's head and its foot. files: what the page carries to be taken away."""
    recommendation, decision = findings.recommendation, findings.decision
    picture = first_picture(recommendation)
    charts = report_charts(findings, picture)
    is_mixed = findings.mix is not None and findings.mix.recommended
    return Body(
        title=question_text(recommendation),
        html=joined(
            head_section(recommendation),
            mix_section(findings.mix) if is_mixed else None,
            answer_section(
                recommendation,
                picture,
                decision,
                loosened=None if decision is None else decision.loosened,
                mixed=is_mixed,
                saves=("document", *files),
            ),
            folds(
                recommendation,
                joined(sure_section(recommendation, decision), flips_section(decision)),
                None if is_mixed else mix_section(findings.mix),
            ),
            charts_section(charts),
            ranking_section(recommendation),
        ),
        charts=charts if picture is None else (picture, *charts),
    )


def folds(recommendation: Recommendation, certain: Html, no_mix: Html | None = None) -> Html:
    """Why, how certain, on what evidence, what was refused: one line each until it is opened.

    no_mix: the mix of kinds that was looked for and is no cheaper.
    """
    refused = len(recommendation.refused)
    return tag(
        "div",
        fold("why-fold", "Why", why_section(recommendation)),
        fold("sure-fold", "How sure, and what would change it", certain or None),
        fold("mix-fold", "Mixing kinds of GPU", no_mix),
        fold("evidence-fold", "Evidence", evidence_section(recommendation)),
        fold("refused-fold", f"{refused:,} refused", refused_section(recommendation)),
        class_="folds",
    )


def fold(name: str, line: str, content: Html | None) -> Html | None:
    if content is None:
        return None
    return tag("details", tag("summary", line), content, id=name, class_="fold")


def report_charts(findings: Findings, picture: Chart | None) -> tuple[Chart, ...]:
    """The charts below the first screen, whose one picture is not drawn again."""
    recommendation = findings.recommendation
    made = (
        load_chart(findings.along, recommendation.workload),
        own_or_api_chart(None if findings.decision is None else findings.decision.own_or_api),
        tradeoff_chart(recommendation),
        intervals_chart(recommendation),
    )
    return tuple(c for c in made if c is not None and (picture is None or c.name != picture.name))


def charts_section(charts: Sequence[Chart]) -> Html | None:
    return tag("div", [figure(chart) for chart in charts], class_="charts") if charts else None


def head_section(recommendation: Recommendation, *, live: bool = False) -> Html:
    """live: a chip opens its field, and names no flag."""
    return tag(
        "div",
        tag("h1", question_text(recommendation)),
        question(recommendation, live=live),
        class_="question",
        id="question",
    )


def page_text(
    *,
    title: str,
    main: Html,
    data: Sequence[Html],
    scripts: Sequence[str],
    style: str = "",
    connect: bool = False,
) -> str:
    """A document with its style, data and scripts inside.

    `style` is added to the pages' common one. `connect`: whether scripts may ask the page's own server;
    nothing else is ever allowed.
    """
    style = asset("page.css") + style
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy(style, scripts, connect=connect)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="description", content=f"{title}: which quantization format, on which GPUs"),
        tag("meta", name="generator", content=name_and_version()),
        tag("title", f"{title} · quantadvise"),
        tag("link", rel="icon", href=ICON),
        tag("style", Html(style)),
    )
    body = tag(
        "body",
        tag("a", "Skip to the answer", href="#main", class_="skip"),
        tag(
            "header",
            tag("span", "quantadvise", class_="brand"),
            tag(
                "div",
                tag("button", "Dark", type="button", class_="quiet", id="theme", aria_pressed="false"),
                class_="tools",
            ),
        ),
        tag("main", main, id="main", tabindex="-1"),
        tag(
            "footer",
            tag(
                "p",
                f"{name_and_version()}. Intervals are 90 % intervals; percentiles are named; "
                "a deployment is ranked where it keeps all limits at once with the confidence asked for.",
            ),
        ),
        tag("div", id="tip", role="tooltip", hidden=True),
        tag("div", id="spoken", role="status", aria_live="polite", class_="unseen"),
        list(data),
        [tag("script", Html(script)) for script in scripts],
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def policy(style: str, scripts: Sequence[str], *, connect: bool) -> str:
    """A Content-Security-Policy: these texts may run and style, and nothing may be fetched."""
    asked = " ".join(_hash(script) for script in scripts)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {asked}",
            f"style-src {_hash(style)}",
            "img-src data:",
            f"connect-src {chr(39)}self{chr(39)}" if connect else "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' "
    "height='16' rx='4' fill='%231d4ed8'/%3E%3Cpath d='M3 12L7 5l3 4 3-6' fill='none' stroke='white' "
    "stroke-width='2'/%3E%3C/svg%3E"
)
