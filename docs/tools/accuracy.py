"""ACCURACY.md and its plots, from the reports of the fits that ship: `python docs/tools/accuracy.py`."""

from __future__ import annotations

import csv
from pathlib import Path

from advisor.cost import fit_report
from advisor.cost.fit_report import FitReport
from advisor.cost.quality.quality_model import QualityModel
from advisor.report.accuracy_md_recovery import quality_markdown
from advisor.report.held_out_error_tables import fit_tables, summary_table
from advisor.shipped_files import shipped

ROOT = Path(__file__).resolve().parents[2]
BESIDE = ROOT / "docs" / "data" / "aiconfigurator.csv"
POINTS_PLOT, COVERAGE_PLOT = "docs/predicted.svg", "docs/coverage.svg"

_HEAD = """# How right quantadvise is

Made by `python docs/tools/accuracy.py` from the fits that ship; do not edit. `quantadvise fit --report`
prints the same tables from your own measurements too.

## In a minute

The ten deployments on current vLLM that most sources, then most rows, have measured under load. Each source
is left out in turn, so that these are errors on a machine that the fit has not seen, as yours is. **Typical
error**: half of the predictions are closer to what was measured. **90 % interval**: its upper end ÷ its
lower end. **Holds**: the share of measurements inside.

"""
_PEERS = """
For comparison, what others state: Vidur below 9 % (end to end, its own test), BLIS 6.7 % end to end, 17.6 %
TTFT and 7.1 % between tokens over 36 held-out runs. None of them states an interval.
"""
_BESIDE = """
Beside NVIDIA's AIConfigurator 0.12 (since 0.13 AISimulate), which adds up timed kernels: closed loops of vLLM
V1 that are not from its own package, on GPUs and models that both know. Median / mean error, and the median
of predicted ÷ measured; ours are with the row's source left out. `python -m benchmarks.aiconfigurator` makes
the table.

"""
_PLOTS = f"""
![TTFT and TPOT under load, predicted with the source left out against measured]({POINTS_PLOT})

![Measurements inside their interval by its width; limits kept by stated probability]({COVERAGE_PLOT})

## How to read the tables

Every error is |predicted ÷ measured − 1| on rows that the fit had not seen.

**Left out** is what was new: *rows*, one row in ten, so that model, GPU and format are known; *model*,
every row of the model's shape (Llama-3.1-70B and its R1 distillation are one); *GPU*, every row of the GPU;
*source*, every row of one source; *seed paper*, Tables 5 and 6 of arXiv:2411.02355. Groups are left out by
four steps from the full fit (Newton's, then along the same slopes), which come within a point of full
refits.

**Coverage** is the share of rows inside 90 % intervals that were made from the errors of the *other*
groups; **width** is their median upper end ÷ lower end; **score** is their mean interval score in logs: the
width, and 20 × what lies outside (Gneiting and Raftery 2007; less is better). Intervals are made by
quantity, load, engine generation and, but for first tokens, whether the model is a mixture of experts.
*source, its deployments known*: rows of a source left out whose model, format and GPU another source has
measured too, which is what your own machine meets. Rows left out one by one are judged by the interval that
a deployment in the records has on a new machine, which is wider than they need.

**Groups** is how many were left out in turn, **largest** the share of rows in the largest of them. Where
one group has most of the rows, coverage says whether *its* errors happen to be those of the few others:
static batches with the GPU left out are mostly one accelerator of another maker.

"""


def page() -> str:
    """The page's text."""
    report = read()
    speed = _HEAD + summary_table(report) + "\n" + _PEERS + beside() + _PLOTS + fit_tables(report)
    return f"{speed}\n{quality_markdown(QualityModel.shipped().about)}"


def beside() -> str:
    """The comparison with AIConfigurator, as the benchmark kept it; nothing where it did not."""
    if not BESIDE.exists():
        return ""
    head, *rows = csv.reader(BESIDE.read_text(encoding="utf-8").splitlines())
    lines = [head, ["---", "---", *["---:"] * (len(head) - 2)], *rows]
    return _BESIDE + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def read() -> FitReport:
    """The report of the fit that ships."""
    return fit_report.read(shipped("measurements") / fit_report.NAME)


def predicted_plot(report: FitReport) -> dict[str, object]:
    """Predicted against measured under load, as a Vega-Lite chart."""
    rows = [
        {"metric": p.metric.upper(), "measured": p.measured, "predicted": p.predicted} for p in report.points
    ]
    ends = {m: [p.measured for p in report.points if p.metric == m] for m in ("tpot", "ttft")}
    line = [
        {"metric": m.upper(), "measured": end, "predicted": end}
        for m, values in ends.items()
        if values
        for end in (min(values), max(values))
    ]

    def axis(field: str) -> dict[str, object]:
        return {
            "field": field,
            "type": "quantitative",
            "scale": {"type": "log"},
            "title": f"{field} (ms)",
        }

    def layer(values: object, mark: object) -> dict[str, object]:
        return {
            "data": {"values": values},
            "mark": mark,
            "encoding": {"x": axis("measured"), "y": axis("predicted")},
        }

    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "hconcat": [
            {
                "title": name,
                "width": 320,
                "height": 320,
                "layer": [
                    layer(
                        [r for r in rows if r["metric"] == name],
                        {"type": "point", "size": 14, "opacity": 0.5},
                    ),
                    layer([r for r in line if r["metric"] == name], {"type": "line", "color": "#888"}),
                ],
            }
            for name in ("TPOT", "TTFT")
        ],
    }


def coverage_plot(report: FitReport) -> dict[str, object]:
    """Coverage by tenth of stated width, and limits kept by stated probability, as a Vega-Lite chart."""
    by_width = [
        {"quantity": d.quantity, "decile": d.decile, "inside": d.intervals.coverage} for d in report.deciles
    ]
    limits = [
        {"said": r.said, "kept": r.kept, "low": r.range_low, "high": r.range_high} for r in report.reliability
    ]
    said = {"field": "said", "type": "quantitative", "title": "probability stated"}
    share = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "hconcat": [
            {
                "title": "Inside the 90 % interval",
                "width": 320,
                "height": 240,
                "layer": [
                    {
                        "data": {"values": by_width},
                        "mark": {"type": "line", "point": True},
                        "encoding": {
                            "x": {
                                "field": "decile",
                                "type": "ordinal",
                                "title": "tenth of the width, narrowest first",
                            },
                            "y": {**share, "field": "inside", "title": "share inside"},
                            "color": {"field": "quantity", "title": None, "legend": {"orient": "bottom"}},
                        },
                    },
                    {
                        "data": {"values": [{}]},
                        "mark": {"type": "rule", "strokeDash": [4, 4]},
                        "encoding": {"y": {"datum": 0.9}},
                    },
                ],
            },
            {
                "title": "Limits kept",
                "width": 320,
                "height": 240,
                "data": {"values": limits},
                "layer": [
                    {
                        "mark": {"type": "errorbar"},
                        "encoding": {
                            "x": said,
                            "y": {**share, "field": "low", "title": "share kept"},
                            "y2": {"field": "high"},
                        },
                    },
                    {
                        "mark": {"type": "point", "filled": True, "size": 50},
                        "encoding": {"x": said, "y": {**share, "field": "kept"}},
                    },
                ],
            },
        ],
    }


def main() -> None:
    import vl_convert

    (ROOT / "ACCURACY.md").write_text(page(), encoding="utf-8")
    report = read()
    for name, chart in ((POINTS_PLOT, predicted_plot(report)), (COVERAGE_PLOT, coverage_plot(report))):
        (ROOT / name).write_text(vl_convert.vegalite_to_svg(chart), encoding="utf-8")


if __name__ == "__main__":
    main()
