"""JSON Schemas of what the commands print, made from the types in `document_types`.

`pytest --regenerate tests/report/documents` writes the files in `schema/`; a test holds them to the types.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

FOLDER = Path(__file__).parent / "schema"
NAMES = ("recommendation", "crossover", "suggestion", "comparison", "prediction")

Schema = dict[str, Any]

_SIMPLE = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def shipped_schema(name: str) -> Schema:
    """One of `NAMES`, as it stands in its file."""
    found: Schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    return found


def schema_of(name: str) -> Schema:
    """One of `NAMES`, made from its type: it stands by itself, with all the definitions that it needs."""
    from advisor.advise.choose.assessment import RefusalKind
    from advisor.cost.estimate_with_interval import Basis
    from advisor.report.documents import certainty_and_sensitivity_types as d
    from advisor.report.documents import document_types as c
    from advisor.report.documents import shared_document_types as p

    answers = {
        "recommendation": c.RecommendationDocument,
        "crossover": c.CrossoverAnswer,
        "suggestion": c.SuggestionAnswer,
        "comparison": c.ComparisonAnswer,
        "prediction": c.PredictionAnswer,
    }
    maker = _Maker(
        {
            "model": p.ModelDocument,
            "workload": p.WorkloadDocument,
            "deployment": p.DeploymentDocument,
            "api_price": p.ApiPriceDocument,
            "basis": Basis,
            "estimate": p.EstimateDocument,
            "probability": p.Probability,
            "offer": p.OfferDocument,
            "pick": p.PickDocument,
            "refusal_kind": RefusalKind,
            "refusal": p.RefusalDocument,
            "assessment": p.AssessmentDocument,
            "ranked": c.RankedDocument,
            "refused": c.RefusedDocument,
            "rival": d.RivalDocument,
            "sureness": d.SurenessDocument,
            "crossover": d.CrossoverDocument,
            "measurement": d.MeasurementDocument,
            "traffic_break_even": d.TrafficBreakEvenDocument,
            "traffic_point": d.TrafficPointDocument,
            "own_or_api": d.OwnOrApiDocument,
            "decision": d.DecisionDocument,
            "mixed": c.MixDocument,
            "fleet": c.FleetDocument,
            "fleet_kind": c.FleetKindDocument,
        }
    )
    body = maker.object_of(answers[name])
    about = body.pop("description")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{name}.schema.json",
        "title": f"quantadvise {name}",
        "description": f"{about} Fields may be added; one that is renamed, removed or changes its meaning "
        "raises `version`.",
        **body,
        "$defs": maker.definitions_for(body),
    }


def schema_text(name: str) -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n"


class _Maker:
    """Makes the schema of a type; types that have a name are referred to by it."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self.named = named

    def definitions_for(self, body: Schema) -> Schema:
        """The definitions that a schema refers to, directly or through another."""
        found: Schema = {}
        open_ = list(_references(body))
        while open_:
            name = open_.pop()
            if name not in found:
                found[name] = self._own(self.named[name])
                open_ += _references(found[name])
        return {name: found[name] for name in self.named if name in found}

    def object_of(self, document: Any) -> Schema:
        """A TypedDict's keys, each with its schema; its docstring describes it."""
        hints = get_type_hints(document, include_extras=True)
        about = document.__doc__
        return ({"description": about} if about else {}) | {
            "type": "object",
            "required": [key for key in hints if key in document.__required_keys__],
            "properties": {key: self.of(hint) for key, hint in hints.items()},
        }

    def of(self, hint: Any) -> Schema:
        """The schema of a type: a reference where it has a name."""
        name = next((name for name, known in self.named.items() if known == hint), None)
        return self._own(hint) if name is None else {"$ref": f"#/$defs/{name}"}

    def _own(self, hint: Any) -> Schema:
        """The schema of a type by what it is made of."""
        if is_typeddict(hint):
            return self.object_of(hint)
        if hint is Any:
            return {}
        if hint in _SIMPLE:
            return {"type": _SIMPLE[hint]}
        made = {
            Annotated: self._annotated,
            Literal: lambda _: _choice(get_args(hint)),
            list: lambda _: {"type": "array", "items": self.of(get_args(hint)[0])},
            dict: lambda _: self._mapping(get_args(hint)[1]),
            Union: self._union,
            types.UnionType: self._union,
        }[get_origin(hint)]
        return made(hint)

    def _annotated(self, hint: Any) -> Schema:
        """Texts describe, rules bound; `Annotated` of a named type is that type with more said of it."""
        base, *notes = get_args(hint)
        for count in range(len(notes) - 1, 0, -1):
            part = Annotated.__class_getitem__((base, *notes[:count]))  # type: ignore[attr-defined]
            named = self.of(part)
            if "$ref" in named:
                return _noted(named, notes[count:])
        return _noted(self.of(base), notes)

    def _mapping(self, of: Any) -> Schema:
        return {"type": "object"} | ({} if of is Any else {"additionalProperties": self.of(of)})

    def _union(self, hint: Any) -> Schema:
        parts = [None if one is type(None) else one for one in get_args(hint)]
        if all(one is None or get_origin(one) is Literal for one in parts):
            choices = [choice for one in parts if one is not None for choice in get_args(one)]
            return {"enum": [*choices, *([None] if None in parts else [])]}
        if all(one is None or one in _SIMPLE for one in parts):
            return {"type": [_SIMPLE[type(None) if one is None else one] for one in parts]}
        return {"anyOf": [{"type": "null"} if one is None else self.of(one) for one in parts]}


def _choice(values: Sequence[Any]) -> Schema:
    return {"const": values[0]} if len(values) == 1 else {"enum": list(values)}


def _noted(schema: Schema, notes: Sequence[Any]) -> Schema:
    """The schema with what its notes say of it, the description first."""
    about = " ".join(note for note in notes if isinstance(note, str))
    rules = {
        key: list(value) if isinstance(value, tuple) else value
        for note in notes
        if not isinstance(note, str)
        for key, value in note.keywords
    }
    return ({"description": about} if about else {}) | schema | rules


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].removeprefix("#/$defs/")
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _references(inner)


if __name__ == "__main__":
    for _name in NAMES:
        print(schema_text(_name), end="")
