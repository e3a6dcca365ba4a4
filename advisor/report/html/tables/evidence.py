"""What the answer rests on: the fit, its held-out error, the nearest measurements, prices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.display_text import deployment_text, number, share
from advisor.report.html.elements.format_marks import swatch
from advisor.report.html.elements.markup import Html, prose, scrolled, tag
from advisor.report.terminal.ranking_tables import shown_rows

MOST_ROWS = 40

BASES = (
    ("measured", "this very deployment was seen"),
    ("fitted", "model and GPU are among the records"),
    ("extrapolated", "one of them is new to the fit"),
    ("roofline", "physics alone"),
)


def evidence_section(recommendation: Recommendation) -> Html:
    fit: Mapping[str, Any] = recommendation.fit
    rows = [a for _, a in shown_rows(recommendation.ranked or recommendation.likely, MOST_ROWS)]
    return tag(
        "section",
        tag("h2", "What this rests on", id="evidence-title"),
        tag("p", str(fit.get("text", "")), class_="says"),
        tag(
            "dl",
            [
                tag("div", tag("dt", name), tag("dd", text))
                for name, text in (
                    *BASES,
                    ("interval", "90 % of such measurements are expected inside; its worse end is judged"),
                )
            ],
            class_="facts",
        ),
        _held_out(fit.get("held_out_model")),
        _nearest(rows) if rows else None,
        _scores(rows) if rows else None,
        tag("p", "Sources: ", ", ".join(map(str, fit["sources"])), ".", class_="note")
        if fit.get("sources")
        else None,
        class_="card",
        aria_labelledby="evidence-title",
        id="evidence",
    )  # fmt: skip


def _held_out(errors: object) -> Html | None:
    """Error on models that the fit had not seen."""
    if not isinstance(errors, Mapping) or not errors:
        return None
    return scrolled(
        tag(
            "table",
            tag("caption", "Error on models left out of the fit, each in turn"),
            tag(
                "thead",
                tag("tr", [tag("th", head, scope="col") for head in ("of", "rows", "mean", "median")]),
            ),
            tag(
                "tbody",
                [
                    tag(
                        "tr",
                        tag("th", str(name), scope="row"),
                        tag("td", f"{row['rows']:,}", class_="n"),
                        tag("td", share(row["mean"]), class_="n"),
                        tag("td", share(row["median"]), class_="n"),
                    )
                    for name, row in errors.items()
                ],
            ),
            class_="plain narrow",
        ),
    )


def _nearest(rows: list[Assessment]) -> Html:
    heads = ("deployment", "speed", "nearest measurement", "accuracy", "price, USD per GPU-hour")
    return scrolled(
        tag(
            "table",
            tag("caption", "The evidence behind each deployment; a head sorts."),
            tag("thead", tag("tr", [
                tag("th", tag("button", head, type="button"), scope="col", aria_sort="none",
                    class_="n" if head.startswith("price") else None)
                for head in heads
            ])),
            [_row(a) for a in rows],
            class_="sortable",
            id="evidence-table",
        )
    )  # fmt: skip


def _scores(rows: Sequence[Assessment]) -> Html | None:
    """The scores that accuracy rests on: of one checkpoint the same on every GPU, so each is told once. None
    where there are none."""
    known: dict[tuple[str, str], list[Assessment]] = {}
    for a in rows:
        if a.prediction is not None and a.prediction.recovery_note:
            known.setdefault((a.deployment.format.name, a.prediction.recovery_note), []).append(a)
    if not known:
        return None
    several = Counter(name for name, _ in known)
    body = []
    for (name, note), of in known.items():
        gpus = (
            f" on {', '.join(dict.fromkeys(a.deployment.gpu.label for a in of))}" if several[name] > 1 else ""
        )
        body.append(
            tag(
                "tr",
                tag("th", swatch(name), f"{name}{gpus}", scope="row"),
                tag("td", prose(note), class_="long"),
            )
        )
    return scrolled(
        tag(
            "table",
            tag("caption", "The scores that accuracy rests on."),
            tag("thead", tag("tr", [tag("th", head, scope="col") for head in ("format", "scores")])),
            tag("tbody", body),
            class_="plain",
            id="scores-table",
        )
    )


def _row(assessment: Assessment) -> Html:
    prediction, cost, recovery = assessment.prediction, assessment.cost, assessment.recovery
    speed = assessment.estimate("e2e") or assessment.requests_per_s
    name = deployment_text(assessment.deployment)
    nearest = "" if prediction is None else prediction.nearest_evidence
    price: list[object] = ["–"]
    if cost is not None:
        p = cost.price
        price = [
            number(p.usd_per_gpu_hour),
            tag("small", ", ".join(part for part in (p.provider, p.term, p.date) if part)),
        ]
    return tag(
        "tbody",
        tag(
            "tr",
            tag("th", swatch(assessment.deployment.format.name), name, scope="row", data_v=name),
            tag("td", "–" if speed is None else speed.basis),
            tag("td", nearest or "–", class_="mid"),
            tag("td", "–" if recovery is None else recovery.basis),
            tag(
                "td",
                price,
                class_="n",
                data_v="1e300" if cost is None else repr(cost.price.usd_per_gpu_hour),
                data_tip=None if cost is None else f"Price from {cost.price.source}",
            ),
        ),
        class_="row",
        data_text=name.lower(),
    )
