"""A checkpoint is broken when its loss is large and beyond noise, under the very same protocol."""

from __future__ import annotations

from typing import Any

import pytest

from advisor.measure.state.ledger import Entry
from advisor.measure.steps import quality_gate


def entry(format: str, value: float, **changed: Any) -> Entry:
    score = {
        "task": "facts",
        "metric": "acc",
        "filter": "none",
        "value": value,
        "stderr": 0.01,
        "samples": 500,
        "protocol": "0-shot",
        "higher_is_better": True,
    } | changed
    return Entry(
        key=format,
        kind="evaluate",
        title="",
        inputs={},
        seconds=1.0,
        date="2026-11-30",
        result={"scores": [score]},
        extra={"facts": {"model": "m", "format": format}},
    )


@pytest.mark.parametrize(
    ("score", "base", "broken"),
    [
        (entry("int4", 0.50), entry("bf16", 0.60), True),
        (entry("int4", 0.58), entry("bf16", 0.60), False),  # 3 %: what quantization costs
        (entry("int4", 0.50, stderr=0.05), entry("bf16", 0.60, stderr=0.05), False),  # within noise
        (entry("int4", 0.70), entry("bf16", 0.60), False),
        (entry("int4", 0.50, protocol="5-shot"), entry("bf16", 0.60), False),
        (entry("int4", 19.0, higher_is_better=False), entry("bf16", 10.0, higher_is_better=False), True),
        (entry("int4", 12.0, higher_is_better=False), entry("bf16", 10.0, higher_is_better=False), False),
    ],
)
def test_what_is_broken(score: Entry, base: Entry, broken: bool):
    assert (quality_gate.why_broken([score, base], "m", "int4") is not None) == broken


def test_without_a_16_bit_score_nothing_is_called_broken():
    assert quality_gate.why_broken([entry("int4", 0.0)], "m", "int4") is None
    assert quality_gate.why_broken([entry("bf16", 0.0)], "m", "bf16") is None
