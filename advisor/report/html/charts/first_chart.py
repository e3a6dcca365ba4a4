"""The one picture of the first screen: what certainty costs; without limits, what accuracy costs."""

from __future__ import annotations

from dataclasses import replace

from advisor.advise.choose.recommendation import Recommendation
from advisor.report.html.charts.chart import Chart
from advisor.report.html.charts.cost_of_certainty import certainty_chart
from advisor.report.html.charts.tradeoff import tradeoff_chart
from advisor.spec.workloads.workload_words import asks_limits

HEIGHT = 270


def first_picture(recommendation: Recommendation) -> Chart | None:
    """None where there is nothing to choose between."""
    certain = certainty_chart(recommendation)
    if certain is not None or not recommendation.ranked or asks_limits(recommendation.workload):
        return certain
    chart = tradeoff_chart(recommendation)
    if chart is None or len(chart.sets["points"]) + len(chart.sets["others"]) < 2:
        return None
    # The first screen is read at a glance: the drawing, what its marks are of, its table.
    return replace(chart, says="", notes=(), spec={**chart.spec, "height": HEIGHT})
