"""ACCURACY.md: how far predictions are off on data they had not seen, from the fit's own report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.cost.fit_file import Fit

Row = Mapping[str, object]
POINTS = (0, 1, 3, 5, 10)
"""Points shown in the learning curve; see `cost.learning_curve`."""

_HEAD = """# How right quantadvise is

Made by `python -m advisor.report.accuracy` from the fit that ships; do not edit. Every error is
|predicted ÷ measured − 1| on rows that the fit had not seen. `quantadvise fit --report` makes the same
tables from your own measurements too.

**Left out** says what was new: *rows*, one row in ten, so that model, GPU and format are known; *model*,
every row of the model's shape (Llama-3.1-70B and its R1 distillation are one); *GPU*, every row of the
GPU; *source*, every row of whoever measured; *seed paper*, Tables 5 and 6 of arXiv:2411.02355. Groups are
left out by four steps from the full fit (Newton's, then along the same slopes), which come within a point of
full refits.

**Coverage** is the share of rows inside 90 % intervals that were made from the errors of the *other*
groups; **width** is their median width, high ÷ low; **score** their mean interval score in logs: the width,
and 20 × what lies outside (Gneiting and Raftery 2007; less is better). Intervals are made by quantity, load,
engine generation and, but for first tokens, whether the model is a mixture of experts. *source, its
deployments known*: rows of a source left out whose model, format and GPU another source has measured too.
That is what your own machine meets.

**Groups** is how many were left out in turn, **largest** the share of rows in the largest of them. Where one
group has most of the rows, coverage says whether *its* errors happen to be those of the few others: static
batches with the GPU left out are mostly one accelerator of another maker.
"""


def markdown(report: Mapping[str, Sequence[Row]], summary: str, noise: Mapping[str, float]) -> str:
    """The page's text."""
    parts = [
        _HEAD,
        summary,
        "## Held-out error of speed",
        _table(
            report["by_fold"],
            (
                *("left out", "quantity", "rows", "mean", "median", "p90"),
                *("coverage", "width", "score", "groups", "largest"),
            ),
        ),
        "### Percentiles",
        "No percentile teaches the fit: the queue's theory makes them of its step times. `itl` is the gap "
        "between two tokens, of all requests together.",
        _table(
            report["by_percentile"],
            (
                *("left out", "percentile", "rows", "mean", "median", "p90"),
                *("coverage", "width", "score", "groups", "largest"),
            ),
        ),
        "## The choice of a format",
        "A block is one model, GPU and use case that one source measured in several formats. *Best*: the "
        "format with the least measured cost per query was named. *Regret*: the mean extra cost of it. Where "
        "another source measured the same block, its best format is a choice too: no prediction can be "
        "expected to do better than such a measurement.",
        _table(report["decisions"], ("load", "by", "blocks", "best", "within 2 %", "regret")),
        "## What limits it: sources that disagree",
        "Cells of one shape that two sources measured, in the same format on the same GPUs. Both err: a "
        "perfect model would be off from each by what they differ ÷ √2.",
        _table(
            report["repeats"],
            ("load", "pairs", "mean", "median", "mean of a perfect model", "its median"),
        ),
        "And a few models that are unlike the rest: the only one that was spread over two nodes, those that "
        "hardly fit. Errors with the model left out, of all models and without these.",
        _table(report["hardest"], ("quantity", "models", "rows", "mean", "median", "p90")),
        "## How far each source scatters",
        "About the fit that knows it. A row weighs by this: one that scatters by a tenth weighs as much as "
        "four that scatter by a fifth. A source whose cells no other repeats is not trusted beyond what such "
        "sources mostly scatter by.",
        _table(
            [
                {"source": source, "quantity": quantity, "scatter": scatter}
                for (source, _, quantity), scatter in sorted(
                    (name.partition(": "), scatter) for name, scatter in noise.items()
                )
            ],
            ("source", "quantity", "scatter"),
        ),
        "## What a few points of one's own do",
        "Each GPU left out in turn, then some of its single-stream cells shown: *suggested* are those that "
        "the tool would measure first, *random* the mean of three draws. Mean error on its other cells; "
        "*all*: of the fit that has seen them all.",
        _table(
            report["learning"],
            ("GPU", "rows", *(f"suggested {k}" for k in POINTS), *(f"random {k}" for k in POINTS[1:]), "all"),
        ),
        "## Beside simpler means",
        _table(report["baselines"], ("baseline", "quantity", "rows", "mean", "median", "p90")),
        "## By model, that model left out",
        _split(report["by_model"], "model"),
        "## By format, models left out",
        _split(report["by_format"], "format"),
        "## By GPU, that GPU left out",
        _split(report["by_gpu"], "GPU"),
        "## By engine generation, models left out",
        _split(report["by_generation"], "vLLM"),
        "## By release of the engine, under load, the source left out",
        _split(report["by_release"], "vLLM"),
        "## By source, that source left out",
        _split(report["by_source"], "source"),
        "## Rows that are not in the fit",
        _table(report["left_out_rows"], ("why", "rows")),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _split(rows: Sequence[Row], name: str) -> str:
    return _table([{name: row["of"], **row} for row in rows], (name, "load", "rows", "mean", "median", "p90"))


def _table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    numeric = {c for c in columns if any(isinstance(row.get(c), (int, float)) for row in rows)}
    head = "| " + " | ".join(c.replace("_", "-") for c in columns) + " |"
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


def fit_markdown(fit: Fit) -> str:
    """The page for a fit."""
    return markdown(
        fit.summary["report"],  # type: ignore[arg-type]
        str(fit.summary["text"]),
        fit.speed.noise,
    )


def shipped_markdown() -> str:
    """The page for the fits that ship."""
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.recovery import QualityModel
    from advisor.report.quality_accuracy import quality_markdown

    return f"{fit_markdown(Predictor.shipped().fit)}\n{quality_markdown(QualityModel.shipped().about)}"


if __name__ == "__main__":
    print(shipped_markdown(), end="")
