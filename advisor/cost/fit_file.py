"""The fit as a file: small, readable, regenerated bit for bit from the same records."""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from advisor.cost.fitting.measured_deployments import DeploymentKey, Evidence, MeasuredCell
from advisor.cost.step.deployment_work import ERAS
from advisor.cost.step.fitted_step_model import FittedSpeed
from advisor.cost.uncertainty.error_class import EngineClass, ErrorClass
from advisor.cost.uncertainty.intervals import Interval, Intervals
from advisor.cost.uncertainty.shared_errors import SharedErrors, Shares
from advisor.errors import DataError
from advisor.record.mean_interval import t90

NAME = "fit.json"
VERSION = 8
_NAMES_OF_VERSION_6 = {
    "tail_waves": "wave_quantization",
    "blend": "overlap_sharpness",
    "pace": "engine_time_factor",
    "attend": "prefill_attention",
    "attend_narrow": "prefill_attention_fp8",
    "kv_narrow": "kv_read_fp8",
    "narrow_layer_s": "kv_to_fp8_layer_s",
}
"""Parameters by another name in version 6, which is otherwise the same as 7. Both held a correction of each
deployment, which is not read, and own cells without their figure."""
_LAUNCH_OF_VERSION_7 = math.log(120.0 / 400.0)
"""Where the launches of a layer started in version 7, from where they start now; the rest is the same."""
T = TypeVar("T")
EXPERTS_BY = "architecture*era"
"""The groups of deployments in which experts were measured or not: their kernels change with the era."""
_ERA_ENTRIES = frozenset(f"layer_overhead_s@{era}" for _, era in ERAS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """All that predictions need: parameters, measured figures, intervals, evidence."""

    speed: FittedSpeed
    intervals: Intervals
    evidence: tuple[Evidence, ...]
    measured: Mapping[DeploymentKey, Sequence[MeasuredCell]]
    summary: Mapping[str, object]
    ratios: Intervals = Intervals(table={})
    """Intervals of the ratio of two formats of one model on the same GPUs and load; symmetric."""
    shared: SharedErrors = SharedErrors()
    """What the errors of two predictions have in common."""
    experts: frozenset[str] = frozenset()
    """Where mixtures of experts were measured: groups `EXPERTS_BY`; empty where the fit does not say."""

    @property
    def evidence_keys(self) -> frozenset[DeploymentKey]:
        """Deployments that some evidence is of."""
        return frozenset(e.key for e in self.evidence)

    @property
    def kernels(self) -> frozenset[str]:
        """Kernel families that some evidence ran in."""
        return frozenset(e.kernel for e in self.evidence)

    @property
    def own_cells(self) -> frozenset[MeasuredCell]:
        """What the user's own runs measured."""
        return frozenset(cell for of in self.measured.values() for cell in of if cell.value is not None)

    @property
    def hosts(self) -> frozenset[tuple[str, str]]:
        """GPUs with the engine generations that ran on them."""
        return frozenset((e.gpu, e.key.generation) for e in self.evidence)

    @property
    def era_jump(self) -> float:
        """Factor that the launches and small kernels of a step may take over the model's in an era of
        releases in which they were not measured: the 95 % quantile of one era more, as the measured few
        differ (Student's t)."""
        found = [v for name, v in self.speed.theta.items() if name in _ERA_ENTRIES]
        if len(found) < 2:
            return 1.0
        return math.exp(t90(len(found) - 1) * statistics.stdev(found) * math.sqrt(1.0 + 1.0 / len(found)))

    @property
    def spanned(self) -> frozenset[str]:
        """Engine generations of which something was measured that spans several nodes."""
        name = "node_sequence_s@"
        return frozenset(entry.removeprefix(name) for entry in self.speed.theta if entry.startswith(name))


def dumps(fit: Fit) -> str:
    """The file's text."""
    keys = sorted({*(e.key for e in fit.evidence), *fit.measured})
    number = {key: i for i, key in enumerate(keys)}
    document = {
        "version": VERSION,
        "summary": fit.summary,
        "parameters": dict(sorted(fit.speed.theta.items())),
        "noise": dict(sorted(fit.speed.noise.items())),
        "kernels": dict(sorted(fit.speed.kernels.items())),
        "intervals": _rows(fit.intervals.table),
        "ratios": _rows(fit.ratios.table),
        "shared_errors": {
            "first_token": fit.shared.first_token,
            "shares": _rows(fit.shared.table),
        },
        "experts": sorted(fit.experts),
        "deployments": [list(key) for key in keys],
        "evidence": [{**_fields(e), "key": number[e.key]} for e in fit.evidence],
        "measured": {
            str(number[key]): [_cell_row(cell) for cell in cells]
            for key, cells in sorted(fit.measured.items())
        },
    }
    lines = json.dumps(document, indent=1, ensure_ascii=False)
    # One line per interval, measured cell and piece of evidence, so that a change reads as one.
    return re.sub(r"(?<=[\[{,])\n {3,}(?=[^\n]*)|\n {2}(?=[\]}])", " ", lines) + "\n"


def _sorted(table: Mapping[ErrorClass, Any]) -> list[tuple[ErrorClass, Any]]:
    return sorted(table.items(), key=lambda item: [str(part) for part in item[0]])


def _class_row(of: ErrorClass) -> list[object]:
    return [of.metric, of.part, of.load, *of.engine, of.distance]


def _class_of(row: Sequence[Any]) -> ErrorClass:
    metric, part, load, generation, moe, fp4, distance = row
    return ErrorClass(metric, part, load, EngineClass(generation, moe, fp4), distance)


def _cell_row(cell: MeasuredCell) -> list[object]:
    """The cell's fields, without trailing ones at their defaults: published cells do not state them."""
    row: list[object] = list(cell)
    names, usual = list(cell._fields), cell._field_defaults
    while names and row[-1] == usual.get(names[-1], ...):
        row.pop()
        names.pop()
    return row


_CLASS_COLUMNS = 7
"""Entries of a row that name its class; its figures follow, in the order of their type's fields."""


def _rows(table: Mapping[ErrorClass, Any]) -> list[list[object]]:
    """Figures by class, one row each."""
    return [[*_class_row(of), *asdict(figures).values()] for of, figures in _sorted(table)]


def _table(kind: type[T], rows: Sequence[Sequence[Any]]) -> dict[ErrorClass, T]:
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return {
        _class_of(row[:_CLASS_COLUMNS]): kind(**dict(zip(names, row[_CLASS_COLUMNS:], strict=True)))
        for row in rows
    }


def _fields(evidence: Evidence) -> dict[str, object]:
    return {name: getattr(evidence, name) for name in Evidence.__dataclass_fields__ if name != "key"}


def _renamed(parameters: Mapping[str, float]) -> dict[str, float]:
    """Parameters of version 6 by today's names; a group follows its parameter's name after an `@`."""
    split = ((name.partition("@"), value) for name, value in parameters.items())
    return {_NAMES_OF_VERSION_6.get(name, name) + at + group: value for (name, at, group), value in split}


def read(path: Path) -> Fit:
    """The fit in `path`. Raises DataError when it is missing, damaged or of another version."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] not in (6, 7, VERSION):
            raise DataError(f"{path}: version {document['version']}, known is {VERSION}; run quantadvise fit")
        if document["version"] == 6:
            document |= {part: _renamed(document[part]) for part in ("parameters", "kernels")}
        if document["version"] < VERSION:
            launch = document["parameters"].get("launch_layer_s", 0.0) + _LAUNCH_OF_VERSION_7
            document["parameters"]["launch_layer_s"] = launch
        keys = [DeploymentKey(*key) for key in document["deployments"]]
        shared = document["shared_errors"]
        return Fit(
            speed=FittedSpeed(
                theta=document["parameters"], noise=document["noise"], kernels=document["kernels"]
            ),
            intervals=Intervals(table=_table(Interval, document["intervals"])),
            ratios=Intervals(table=_table(Interval, document["ratios"])),
            evidence=tuple(Evidence(**{**e, "key": keys[e["key"]]}) for e in document["evidence"]),
            measured={
                keys[int(i)]: [MeasuredCell(*cell) for cell in cells]
                for i, cells in document["measured"].items()
            },
            summary=document["summary"],
            shared=SharedErrors(
                table=_table(Shares, shared["shares"]),
                first_token=float(shared["first_token"]),
            ),
            experts=frozenset(document.get("experts", ())),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"{path}: not a readable fit ({error}); run quantadvise fit") from error
