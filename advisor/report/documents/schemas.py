"""JSON Schemas of what `crossover`, `measure-next`, `compare` and `predict` print, for programs.

What they share with a recommendation is taken from its schema, so that each file stands by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from advisor.report.documents.document import VERSION

FOLDER = Path(__file__).parent / "schema"
NAMES = ("crossover", "suggestion", "comparison", "prediction")
"""recommendation.schema.json, which they borrow from, is written by hand."""

Schema = dict[str, Any]


def schema_of(name: str) -> Schema:
    """One of `NAMES`: a schema with all the definitions that it needs."""
    title, about, body = {
        "crossover": _crossover,
        "suggestion": _suggestion,
        "comparison": _comparison,
        "prediction": _prediction,
    }[name]()
    shared = recommendation_schema()["$defs"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{name}.schema.json",
        "title": f"quantadvise {title}",
        "description": f"{about} Fields may be added; one that is renamed, removed or changes its meaning "
        "raises `version`.",
        **body,
        "$defs": {key: shared[key] for key in shared if key in _needed(body, shared)},
    }


def schema_text(name: str) -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n"


def recommendation_schema() -> Schema:
    found: Schema = json.loads((FOLDER / "recommendation.schema.json").read_text(encoding="utf-8"))
    return found


def _needed(body: Any, shared: Mapping[str, Any]) -> set[str]:
    """Names of the definitions that a schema refers to, directly or through another."""
    found: set[str] = set()
    open_ = list(_references(body))
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += _references(shared[name])
    return found


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].removeprefix("#/$defs/")
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _references(inner)


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


def _or_null(of: Schema) -> Schema:
    return {"anyOf": [of, {"type": "null"}]}


def _ref(name: str, about: str = "") -> Schema:
    return ({"description": about} if about else {}) | {"$ref": f"#/$defs/{name}"}


_SHARE: Schema = {"type": "number", "minimum": 0}
_VERSION: Schema = {"const": VERSION}
_QUESTION: Mapping[str, Schema] = {
    "version": _VERSION,
    "model": {"description": "Its name.", "type": "string"},
    "workload": _ref("workload"),
}


def _crossover() -> tuple[str, str, Schema]:
    about = "What `quantadvise crossover --output json` prints: where the best format or GPU changes."
    own = recommendation_schema()["$defs"]["crossover"]["properties"]
    return "crossover", about, _object({**_QUESTION, **own})


def _suggestion() -> tuple[str, str, Schema]:
    about = "What `quantadvise measure-next --output json` prints: the measurements worth making."
    sureness = recommendation_schema()["$defs"]["sureness"]["properties"]
    sure = _object({"deployment": _ref("deployment"), **sureness}) | {
        "description": "How sure the choice is now; where nothing keeps the limits for sure, of the best "
        "bet; null: nothing has a chance to keep them."
    }
    load = _object(
        {
            "kind": {"enum": ["single", "concurrency", "rate", "maximum"]},
            "value": {"description": "Requests in flight, or per second.", "type": ["number", "null"]},
        }
    )
    measurement = _object(
        {
            "what": {"enum": ["speed", "accuracy"]},
            "deployment": _ref("deployment", "One replica."),
            "load": load | {"description": "One replica's share."},
            "gpu_minutes": {"type": "number", "exclusiveMinimum": 0},
            "expected_gain_share": {
                "description": "What it is expected to save beyond those before it, of the objective of the "
                "first (of the best bet).",
                "type": "number",
            },
            "sure_then": {
                "description": "Probability that something then keeps every limit for sure; null: something "
                "does already.",
                **_or_null(_ref("probability")),
            },
        }
    )
    body = _object(
        {
            "kept_for_sure": {
                "description": "Whether something keeps every limit for sure now.",
                "type": "boolean",
            },
            "sure": _or_null(sure),
            "most_that_could_be_saved_share": {"description": "By knowing everything.", **_SHARE},
            "expected_gain_share": {"description": "By all the measurements.", "type": "number"},
            "gpu_minutes": _SHARE,
            "why_nothing": {"description": "Where nothing is worth measuring.", "type": ["string", "null"]},
            "usd_per_hour": {"description": "Of the recommended.", "type": ["number", "null"]},
            "may_fall_to_usd_per_hour": {
                "description": "Of the cheaper pick, which a measurement may admit.",
                "type": ["number", "null"],
            },
            "measurements": {
                "description": "The most gain per GPU-minute first.",
                "type": "array",
                "items": measurement,
            },
        }
    )
    return "suggestion", about, _object({**_QUESTION, "suggestion": body})


def _comparison() -> tuple[str, str, Schema]:
    from advisor.advise.compare.deployments import Basis

    about = "What `quantadvise compare --output json` prints: two deployments or two result files."
    end = {"type": ["number", "null"]}
    difference = _object(
        {
            "name": {"type": "string"},
            "unit": {"description": "Of `a` and `b`; empty for a bare number.", "type": "string"},
            "a": {"type": "number"},
            "b": {"type": "number"},
            "change": {"description": "b ÷ a − 1; of a score, b − a in points.", "type": "number"},
            "change_is": {"enum": ["share", "points"]},
            "low": end | {"description": "90 % interval of the change; null where it cannot be said."},
            "high": end,
            "significant": {"description": "null: cannot be said.", "type": ["boolean", "null"]},
            "rests_on": {"enum": list(get_args(Basis))},
        }
    )
    text: Schema = {"description": "A deployment, or a file.", "type": "string"}
    body = {
        "version": _VERSION,
        "a": text,
        "b": text,
        "differences": {"type": "array", "items": difference},
        "notes": {"type": "array", "items": {"type": "string"}},
    }
    return "comparison", about, _object(body)


def _prediction() -> tuple[str, str, Schema]:
    about = "What `quantadvise predict --output json` prints: one deployment in full."
    body = {
        "version": _VERSION,
        "model": _ref("model"),
        "workload": _ref("workload"),
        "prediction": _ref("assessment"),
    }
    return "prediction", about, _object(body)


if __name__ == "__main__":
    for _name in NAMES:
        print(schema_text(_name), end="")
