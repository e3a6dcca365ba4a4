"""The slider beside a field or a price."""

from __future__ import annotations

from advisor.report.html.elements.markup import Html, tag


def slider(of: str, low: str, high: str, *, factors: bool, label: str) -> Html:
    """A range input that fills the field `of`, or its `price:GPU`; its own steps are parts of the way.

    factors: the way from `low` to `high` is one of equal factors, not of equal steps.
    """
    return tag(
        "input",
        type="range",
        min="0",
        max="100",
        step="1",
        class_="slider",
        data_slides=of,
        data_low=low,
        data_high=high,
        data_factors=factors,
        aria_label=label,
    )
