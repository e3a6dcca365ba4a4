"""Tables of held-out errors of the fit, as Markdown: `quantadvise fit --report`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from advisor.cost.fit_report import FitReport, LearningRow

Row = Mapping[str, object]
POINTS = (0, 1, 3, 5, 10)
"""Cells shown in the learning curve; see `evaluation.learning_curve`."""
_ERRORS = ("rows", "mean", "median", "p90")
_INTERVALS = ("coverage", "width", "score")


def summary_table(report: FitReport) -> str:
    """The commonest deployments: the typical error and the interval, their sources left out in turn."""
    return _table(
        [
            {
                "deployment": row.deployment,
                "what": row.metric.upper() if row.metric != "throughput" else row.metric,
                "sources": row.sources,
                "rows": row.errors.rows,
                "typical error": row.errors.median,
                "90 % interval": None if row.intervals is None else f"×{row.intervals.width:.2f}",
                "holds": None if row.intervals is None else row.intervals.coverage,
            }
            for row in report.deployments
        ],
        ("deployment", "what", "sources", "rows", "typical error", "90 % interval", "holds"),
    )


def fit_tables(report: FitReport) -> str:
    """Every table, with what it shows."""
    parts = [
        *_accuracy_parts(report),
        *_calibration_parts(report),
        *_choice_parts(report),
        *_split_parts(report),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _accuracy_parts(report: FitReport) -> list[str]:
    fold = ("left_out", "quantity", *_ERRORS, *_INTERVALS, "groups", "largest")
    return [
        report.text,
        "## Held-out error of speed",
        _table(_flat(report.by_fold), fold),
        "### Percentiles",
        "No percentile teaches the fit: the queue's theory makes them of its step times. `itl` is the gap "
        "between two tokens, of all requests together.",
        _table(_flat(report.by_percentile), fold),
    ]


def _calibration_parts(report: FitReport) -> list[str]:
    return [
        "## The ratio of two formats on the same GPUs",
        "Pairs of one source, model, load and engine. What is wrong with the model, the GPU, the source or "
        "the load cancels, so that the ratio has an interval of its own, made of the other groups' pairs.",
        _table(_flat(report.ratios), ("left_out", "quantity", "kernels", "pairs", "median", *_INTERVALS)),
        "## Whether narrow intervals hold as often as wide ones",
        "Rows under load by tenths of the stated width, sources left out; 1 is the narrowest tenth.",
        _table(_flat(report.deciles), ("quantity", "decile", "rows", *_INTERVALS)),
        "## Whether a limit is kept as often as is said",
        f"{sum(row.limits for row in report.reliability)} limits on TTFT, TPOT, E2E and throughput under "
        "load, drawn at 0.7 to 1.4 of the measured value, the row's source left out. *Expected*: the central "
        "90 % of the shares that so many limits, each kept with the probability said, would show.",
        _table(
            [
                {
                    "probability": f"{row.low:.0%} to {row.high:.0%}".replace("%", " %"),
                    "limits": row.limits,
                    "said": row.said,
                    "kept": row.kept,
                    "expected": f"{row.range_low:.0%} to {row.range_high:.0%}".replace("%", " %"),
                    "inside": "yes" if row.range_low <= row.kept <= row.range_high else "no",
                }
                for row in report.reliability
            ],
            ("probability", "limits", "said", "kept", "expected", "inside"),
        ),
    ]


def _choice_parts(report: FitReport) -> list[str]:
    repeats = [
        {**row, "mean of a perfect model": _half(row["mean"]), "its median": _half(row["median"])}
        for row in _flat(report.repeats)
    ]
    return [
        "## The choice of a format",
        "A block is one model, GPU and use case that one source measured in several formats. *Best*: the "
        "format with the least measured cost per query was named. *Regret*: the mean extra cost of it. Where "
        "another source measured the same block, its best format is a choice too: no prediction can be "
        "expected to do better than such a measurement.",
        _table(
            [{**row, "within 2 %": row["near"]} for row in _flat(report.decisions)],
            ("load", "by", "blocks", "best", "within 2 %", "regret"),
        ),
        "## What limits it: sources that disagree",
        "Cells of one shape that two sources measured, in the same format on the same GPUs. Both err: a "
        "perfect model would be off from each by what they differ ÷ √2.",
        _table(repeats, ("load", "pairs", "mean", "median", "mean of a perfect model", "its median")),
        "And a few models that are unlike the rest: the only one that was spread over two nodes, those that "
        "hardly fit. Errors with the model left out, of all models and without these.",
        _table(_flat(report.hardest), ("quantity", "models", *_ERRORS)),
        "## How far each source scatters",
        "About the fit that knows it. A row weighs by this: one that scatters by a tenth weighs as much as "
        "four that scatter by a fifth. A source whose cells no other repeats is not trusted beyond what such "
        "sources mostly scatter by.",
        _table(
            [
                {"source": source, "quantity": quantity, "scatter": scatter}
                for (source, _, quantity), scatter in sorted(
                    (name.partition(": "), scatter) for name, scatter in report.noise.items()
                )
            ],
            ("source", "quantity", "scatter"),
        ),
        "## What a few points of one's own do",
        "Each GPU left out in turn, then some of its single-stream cells shown: *suggested* are those that "
        "the tool would measure first, *random* the mean of three draws. Mean error on its other cells; "
        "*all*: of the fit that has them all.",
        _learning(report.learning),
    ]


def _split_parts(report: FitReport) -> list[str]:
    parts = [
        "## Beside simpler means",
        _table(_flat(report.baselines), ("baseline", "quantity", *_ERRORS)),
    ]
    for title, name, rows in (
        ("By model, that model left out", "model", report.by_model),
        ("By format, models left out", "format", report.by_format),
        ("By GPU, that GPU left out", "GPU", report.by_gpu),
        ("By engine generation, models left out", "vLLM", report.by_generation),
        ("By release of the engine, under load, the source left out", "vLLM", report.by_release),
        ("By source, that source left out", "source", report.by_source),
    ):
        named = [{name: row["of"], **row} for row in _flat(rows)]
        parts += [f"## {title}", _table(named, (name, "load", *_ERRORS))]
    return [*parts, "## Rows that are not in the fit", _table(_flat(report.left_out_rows), ("why", "rows"))]


def _learning(rows: Sequence[LearningRow]) -> str:
    shown = [
        {
            "GPU": row.gpu,
            "rows": row.rows,
            **{f"suggested {k}": value for k, value in row.suggested.items()},
            **{f"random {k}": value for k, value in row.random.items()},
            "all": row.all,
        }
        for row in rows
    ]
    columns = (*(f"suggested {k}" for k in POINTS), *(f"random {k}" for k in POINTS[1:]))
    return _table(shown, ("GPU", "rows", *columns, "all"))


def _flat(rows: Iterable[object]) -> list[dict[str, object]]:
    """Each row with the figures inside it beside its own."""
    made = []
    for row in rows:
        parts = asdict(row)  # type: ignore[call-overload]
        made.append({**parts, **(parts.pop("errors", None) or {}), **(parts.pop("intervals", None) or {})})
    return made


def _half(value: object) -> float:
    return float(value) / 2**0.5  # type: ignore[arg-type]


def _table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    numeric = {c for c in columns if any(isinstance(row.get(c), (int, float)) for row in rows)}
    head = "| " + " | ".join(c.replace("_", " ") for c in columns) + " |"
    rule = "|" + "|".join("---:" if c in numeric else "---" for c in columns) + "|"
    return "\n".join(
        [head, rule, *("| " + " | ".join(_cell(c, row.get(c)) for c in columns) + " |" for row in rows)]
    )


def _cell(column: str, value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float) and column == "width":
        return f"×{value:.2f}"
    if isinstance(value, float) and column == "score":
        return f"{value:.2f}"
    if isinstance(value, float):
        return f"{value:.1%}".replace("%", " %")
    return f"{value:,}" if isinstance(value, int) else str(value)
