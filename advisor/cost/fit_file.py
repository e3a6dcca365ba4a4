"""The fit as a file: small, readable, regenerated bit for bit from the same records."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from advisor.cost.fit import FittedSpeed
from advisor.cost.intervals import Interval, Intervals
from advisor.errors import DataError
from advisor.spec.deployment import Deployment
from advisor.spec.engine import defaults
from advisor.spec.model import ModelSpec

NAME = "fit.json"
VERSION = 1


def shape_key(model: ModelSpec) -> str:
    """Models of one shape are one model to a clock: R1-Distill-Llama-70B is a Llama-3.1-70B."""
    return f"{model.layers}x{model.hidden}x{model.vocab}/{round(model.linear_params / 1e6)}M"


def deployment_key(d: Deployment, *, any_arrangement: bool = False) -> str:
    """What must be equal for a measurement to speak of this very deployment; engines by generation.

    any_arrangement: of all its GPUs, however they are split into replicas, as the seed paper and the
    model cards state their counts in maximum throughput.
    """
    fmt = "bf16" if d.format.weight_bits >= 16 else d.format.name
    count = f"{d.num_gpus}any" if any_arrangement else f"{d.tensor_parallel}"
    generation = defaults(d.engine, d.gpu).generation
    return f"{shape_key(d.model)} {fmt} {d.kv_format} {d.gpu.name}x{count} {generation}"


def release(d: Deployment) -> str:
    """The engine's version, first two numbers."""
    return ".".join(d.engine.version.split(".")[:2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One deployment that the fit has seen."""

    model: str
    format: str
    gpu: str
    num_gpus: int
    engine: str
    source: str
    rows: int
    key: str

    @property
    def text(self) -> str:
        gpus = f"{self.num_gpus} × {self.gpu}" if self.num_gpus > 1 else self.gpu
        return f"{self.model} {self.format} on {gpus}, {self.engine} ({self.source}, {self.rows} rows)"


MeasuredCell = tuple[str, float, float, str, float | None, str, float, int]
"""(release, input tokens, output tokens, load, level, quantity, log(measured ÷ physics), rows): a mean
that was seen under `deployment_key`; level None where the load has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """All that predictions need: parameters, corrections where data is near, intervals, evidence."""

    speed: FittedSpeed
    intervals: Intervals
    effects: Mapping[str, Mapping[str, float]]
    """`quantity load` → deployment key → log(measured ÷ physics), shrunk by its scatter."""
    evidence: tuple[Evidence, ...]
    measured: Mapping[str, Sequence[MeasuredCell]]
    """Deployment key → the cells seen."""
    summary: Mapping[str, object]

    @property
    def seen(self) -> frozenset[str]:
        return frozenset(e.key for e in self.evidence)

    @property
    def hosts(self) -> frozenset[str]:
        """GPUs with the engine generations that ran on them: `A6000 v0`."""
        return frozenset(f"{e.gpu} {e.key.split()[-1]}" for e in self.evidence)

    def nearest(self, d: Deployment) -> str:
        """The measured deployment most like `d`, in words; empty without any."""
        if not self.evidence:
            return ""
        wanted, shape = deployment_key(d), shape_key(d.model)

        def likeness(e: Evidence) -> tuple[bool, int, int]:
            return (
                e.key == wanted,
                2 * (e.key.startswith(shape)) + 2 * (e.gpu == d.gpu.name) + (e.format == d.format.name),
                e.rows,
            )

        return max(self.evidence, key=likeness).text


def write(path: Path, fit: Fit) -> None:
    """The fit as JSON with sorted keys, replacing `path` whole."""
    path.write_text(dumps(fit), encoding="utf-8")


def dumps(fit: Fit) -> str:
    """The file's text."""
    document = {
        "version": VERSION,
        "summary": fit.summary,
        "parameters": dict(sorted(fit.speed.theta.items())),
        "intervals": {k: asdict(v) for k, v in sorted(fit.intervals.table.items())},
        "effects": {k: dict(sorted(v.items())) for k, v in sorted(fit.effects.items())},
        "evidence": [asdict(e) for e in fit.evidence],
        "measured": {k: [list(cell) for cell in v] for k, v in sorted(fit.measured.items())},
    }
    lines = json.dumps(document, indent=1, ensure_ascii=False)
    # One line per measured cell and per evidence, so that a change reads as one.
    return re.sub(r"(?<=[\[{,])\n {3,}(?=[^\n]*)|\n {2}(?=[\]}])", " ", lines) + "\n"


def read(path: Path) -> Fit:
    """The fit in `path`. Raises DataError when it is missing, damaged or of another version."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != VERSION:
            raise DataError(f"{path}: version {document['version']}, known is {VERSION}; run quantadvise fit")
        return Fit(
            speed=FittedSpeed(theta=document["parameters"]),
            intervals=Intervals(table={k: Interval(**v) for k, v in document["intervals"].items()}),
            effects=document["effects"],
            evidence=tuple(Evidence(**e) for e in document["evidence"]),
            measured={k: [tuple(cell) for cell in v] for k, v in document["measured"].items()},
            summary=document["summary"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a readable fit ({error}); run quantadvise fit") from error
