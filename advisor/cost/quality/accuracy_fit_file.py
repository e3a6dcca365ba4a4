"""The accuracy model as a file: every factor by name, and every score it conditions on, one per line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from advisor.cost.quality.expected_loss import PRIORS, Key
from advisor.cost.quality.fitted_accuracy import Fitted
from advisor.cost.quality.interval_widths import Widths
from advisor.cost.quality.loss_covariance import Spread
from advisor.cost.quality.model_traits import Traits
from advisor.cost.quality.scores_to_losses import Cell
from advisor.errors import DataError

NAME = "quality_fit.json"
VERSION = 4
_COLUMNS = (
    "model",
    "format",
    "algorithm",
    "benchmark",
    "publisher",
    "loss",
    "above_guessing",
    "independent_sd",
    "baseline",
    "context_tokens",
    "scores",
    "weight",
)


def dumps(fitted: Fitted, widths: Widths, about: Mapping[str, object]) -> str:
    """The file's text; factors are natural logarithms with their standard deviation."""
    sections: dict[str, dict[str, list[float]]] = {section: {} for section in PRIORS}
    for (section, name), pair in fitted.factors.items():
        sections[section][name] = list(pair)
    models = {c.traits.name: c.traits for c in fitted.cells}
    lists = {
        "models": {
            name: [t.key, t.family, t.group, t.params_b, t.active_b] for name, t in sorted(models.items())
        },
        "columns": list(_COLUMNS),
        "scores": [
            [
                c.traits.name,
                c.format,
                c.algorithm,
                c.benchmark,
                c.publisher,
                c.loss,
                c.gain,
                round(c.unit**0.5, 5),
                c.baseline,
                c.context_tokens,
                c.scores,
                weight,
            ]
            for c, weight in zip(fitted.cells, fitted.weights, strict=True)
        ],
    }
    head = {
        "version": VERSION,
        "about": dict(about),
        "widths": asdict(widths),
        "spread": asdict(fitted.spread),
    }
    parts = [json.dumps(head, indent=1, ensure_ascii=False)[:-2]]
    parts.append(_table("factors", {k: _lines(v, 3) for k, v in sections.items()}))
    parts.append(f' "noise": {_lines(dict(sorted(fitted.noise_ratios.items())), 2)}')
    parts.append(f' "baselines": {_lines({k: list(v) for k, v in fitted.baselines.items()}, 2)}')
    parts.append(f' "models": {_lines(lists["models"], 2)}')
    parts.append(f' "columns": {json.dumps(lists["columns"])}')
    rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in lists["scores"])
    parts.append(f' "scores": [\n  {rows}\n ]')
    return ",\n".join(parts) + "\n}\n"


def _lines(table: Any, indent: int) -> str:
    """A mapping with one entry a line: readable, and a changed factor is one changed line."""
    pad = " " * indent
    body = (",\n" + pad).join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in table.items())
    return "{" + (f"\n{pad}{body}\n{pad[:-1]}" if body else "") + "}"


def _table(name: str, sections: Mapping[str, str]) -> str:
    body = ",\n  ".join(f"{json.dumps(k)}: {v}" for k, v in sections.items())
    return f" {json.dumps(name)}: {{\n  {body}\n }}"


def loads(text: str, where: str) -> tuple[Fitted, Widths, dict[str, object]]:
    """Fitted model, widths, and what it rests on. Raises DataError when `text` is not such a file."""
    try:
        document = json.loads(text)
        if document["version"] != VERSION:
            raise DataError(
                f"{where}: version {document['version']}, known is {VERSION}; run quantadvise fit"
            )
        if document["columns"] != list(_COLUMNS):
            raise DataError(f"{where}: columns are not {', '.join(_COLUMNS)}; run quantadvise fit")
        return _fitted(document), Widths(**document["widths"]), dict(document["about"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{where}: not a readable accuracy fit ({error}); run quantadvise fit") from error


def _fitted(document: Mapping[str, Any]) -> Fitted:
    models = {
        name: Traits(name=name, key=key, family=family, group=group, params_b=params, active_b=active)
        for name, (key, family, group, params, active) in document["models"].items()
    }
    factors: dict[Key, tuple[float, float]] = {
        (section, name): (value, sd)
        for section, entries in document["factors"].items()
        for name, (value, sd) in entries.items()
    }
    cells = tuple(
        Cell(
            traits=models[row[0]],
            format=row[1],
            algorithm=row[2],
            benchmark=row[3],
            publisher=row[4],
            loss=row[5],
            gain=row[6],
            unit=row[7] ** 2,
            baseline=row[8],
            context_tokens=row[9],
            scores=row[10],
        )
        for row in document["scores"]
    )
    return Fitted(
        factors=factors,
        spread=Spread(**document["spread"]),
        baselines={name: (level, slope) for name, (level, slope) in document["baselines"].items()},
        cells=cells,
        noise_ratios={name: float(ratio) for name, ratio in document["noise"].items()},
        weights=tuple(row[11] for row in document["scores"]),
    )


def read(path: Path) -> tuple[Fitted, Widths, dict[str, object]]:
    """The file at `path`. Raises DataError when it is missing or damaged."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; run quantadvise fit") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text; run quantadvise fit") from error
    return loads(text, str(path))
