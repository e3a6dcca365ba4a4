"""The only list of the fields of a question: every field, what stands beside it, and which errors are about
it.

The form, the address, the reading and the errors are made from this list. Arguments of the library
beyond it get their fields from `fields_from_signatures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from advisor.spec.hardware.prices import LIVE, TERMS
from advisor.ui.fields_from_signatures import further_fields
from advisor.ui.question_field import Field, Options, Slider

AIMS: Options = (
    ("", "as the workload has it"),
    ("cost", "least cost"),
    ("latency", "least latency"),
    ("throughput", "most throughput"),
    ("accuracy", "most accuracy"),
)
UNITS: Options = (
    ("", "as the workload has it"),
    ("rate", "requests/s"),
    ("concurrency", "in flight, or users who think"),
    ("single", "one at a time"),
    ("max", "all at once"),
)
STATISTICS: Options = (
    ("", "p95"),
    ("p50", "p50"),
    ("p90", "p90"),
    ("p99", "p99"),
    ("mean", "mean"),
    ("none", "no limits"),
)
MIXED: Options = (("", "one"), ("yes", "may be mixed"))
KV: Options = (("", "any"), ("auto", "16 bits"), ("fp8", "FP8"))

USE, LOAD, LIMITS, GPUS, FORMATS, MORE = "Model and use", "Load", "Limits", "GPUs", "Formats", "More"
GROUPS = (USE, LOAD, GPUS, LIMITS, FORMATS, MORE)
"""In the order of the form."""

STATED: tuple[Field, ...] = (
    Field(name="model", label="Model", flags=("--model", "model"), group=USE, kind="own", wide=True),
    Field(name="workload", label="Workload", flags=("--workload",), group=USE, kind="own", wide=True),
    Field(name="objective", label="Aim", flags=("--objective",), group=USE, options=AIMS, wide=True),
    Field(
        name="level",
        label="Load",
        flags=("--rate", "--concurrency"),
        group=LOAD,
        kind="own",
        slider=Slider(low=0.1, high=1000),
        wide=True,
    ),
    Field(
        name="load", label="Unit of the load", flags=("--load", "--concurrency max"), group=LOAD, kind="own"
    ),
    Field(name="input", label="Prompt, tokens", flags=("--input-tokens",), group=LOAD),
    Field(name="output", label="Answer, tokens", flags=("--output-tokens",), group=LOAD),
    Field(name="turns", label="Turns", flags=("--turns",), group=LOAD),
    Field(name="think", label="Seconds between turns", flags=("--think-time",), group=LOAD),
    Field(name="system", label="System prompt, tokens", flags=("--system-tokens",), group=LOAD),
    Field(name="history", label="Earlier turns repeated", flags=("--history",), group=LOAD),
    Field(name="gpu", label="GPUs", flags=("--gpu",), group=GPUS, kind="own"),
    Field(name="price", label="USD per GPU-hour", flags=("--price", "price"), group=GPUS, kind="own"),
    Field(
        name="pricing",
        label="Known prices",
        flags=("--pricing",),
        group=GPUS,
        options=(("", "on-demand"), *((term, term) for term in (*TERMS[1:], *LIVE))),
        about="live, live-spot: as quantadvise prices update fetched them last.",
    ),
    Field(
        name="mixed",
        label="Kinds of GPU",
        flags=("--allow-mixed",),
        group=GPUS,
        options=MIXED,
        about="Whether one load may be shared by two or more kinds of GPU, where that is cheaper.",
    ),
    Field(
        name="ttft",
        label="TTFT, ms",
        flags=("--slo ttft",),
        group=LIMITS,
        kind="decimal",
        slider=Slider(low=10, high=10_000),
    ),
    Field(
        name="tpot",
        label="TPOT, ms",
        flags=("--slo tpot",),
        group=LIMITS,
        kind="decimal",
        slider=Slider(low=2, high=500),
    ),
    Field(
        name="e2e",
        label="E2E, ms",
        flags=("--slo e2e",),
        group=LIMITS,
        kind="decimal",
        slider=Slider(low=100, high=100_000),
    ),
    Field(name="at", label="of the", flags=("--slo",), group=LIMITS, options=STATISTICS),
    Field(
        name="recovery",
        label="Accuracy kept, %",
        flags=("--min-recovery",),
        group=LIMITS,
        kind="decimal",
        empty="none",
        slider=Slider(low=90, high=100, factors=False),
    ),
    Field(
        name="confidence",
        label="Confidence, %",
        flags=("--confidence",),
        group=LIMITS,
        kind="decimal",
        slider=Slider(low=50, high=99, factors=False),
    ),
    Field(
        name="budget",
        label="USD per hour at most",
        flags=("--max-cost-per-hour", "max_usd_per_hour"),
        group=LIMITS,
        empty="any",
    ),
    Field(
        name="maxgpus",
        label="GPUs at most",
        flags=("--max-gpus", "max_gpus"),
        group=LIMITS,
        kind="numeric",
        empty="any number",
    ),
    Field(
        name="api",
        label="API, USD per million",
        flags=("--api-price", "api_price"),
        group=LIMITS,
        empty="0.20/0.60",
        about="Prices of a hosted API, prompt/answer: the page says from which traffic own GPUs cost less.",
    ),
    Field(
        name="used",
        label="Mean of the load, %",
        flags=("--utilization", "utilization"),
        group=LIMITS,
        kind="decimal",
        empty="100",
        about="Mean traffic ÷ the load that is asked for, against the price of an API.",
    ),
    Field(name="formats", label="Formats", flags=("--formats",), group=FORMATS, kind="own"),
    Field(name="kv", label="KV cache", flags=("--kv-cache-dtype",), group=FORMATS, options=KV),
)


@lru_cache(maxsize=1)
def fields() -> Mapping[str, Field]:
    """Every field by its name, in the order of the form."""
    return {field.name: field for field in (*STATED, *further_fields())}


def field_of_words(text: str) -> str:
    """The field that an error is about by what it begins with; empty where it is about none of them."""
    begun = text.split(":", 1)[0]
    return next((field.name for field in fields().values() if begun in field.flags), "")
