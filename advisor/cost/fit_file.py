"""The fit as a file: small, readable, regenerated bit for bit from the same records."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from advisor.cost.fitting.step_estimator import FittedSpeed
from advisor.cost.uncertainty.intervals import Interval, Intervals
from advisor.cost.uncertainty.shared_errors import SharedErrors
from advisor.errors import DataError
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import defaults
from advisor.spec.models.model import ModelSpec

NAME = "fit.json"
_ALONE = SharedErrors()
VERSION = 3


def shape_key(model: ModelSpec) -> str:
    """Models of one shape are one model to a clock: R1-Distill-Llama-70B is a Llama-3.1-70B."""
    return f"{model.layers}x{model.hidden}x{model.vocab}/{round(model.linear_params / 1e6)}M"


def deployment_keys(d: Deployment, shape: str, generation: str) -> tuple[str, str]:
    """What measurements of a deployment are filed under: itself, and its GPUs however they are split.

    Engines count by generation. The second is for maximum throughput in the seed paper and the model
    cards, which state a count of GPUs and not how many replicas share them.
    """
    fmt = "bf16" if d.format.weight_bits >= 16 else d.format.name
    stored = f"{shape} {fmt} {d.kv_format} {d.gpu.name}"
    return f"{stored}x{d.tensor_parallel} {generation}", f"{stored}x{d.num_gpus}any {generation}"


def deployment_key(d: Deployment, *, any_arrangement: bool = False) -> str:
    """One of `deployment_keys`."""
    generation = defaults(d.engine, d.gpu).generation
    return deployment_keys(d, shape_key(d.model), generation)[int(any_arrangement)]


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
    kernel: str
    """Family of GEMM kernels; see `work.KERNELS`."""
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
    shared: SharedErrors = SharedErrors()
    """What the errors of two predictions have in common."""

    @property
    def seen(self) -> frozenset[str]:
        return frozenset(e.key for e in self.evidence)

    @property
    def kernels(self) -> frozenset[str]:
        """Kernel families that some evidence ran in."""
        return frozenset(e.kernel for e in self.evidence)

    @property
    def hosts(self) -> frozenset[str]:
        """GPUs with the engine generations that ran on them: `A6000 v0`."""
        return frozenset(f"{e.gpu} {e.key.split()[-1]}" for e in self.evidence)


def write(path: Path, fit: Fit) -> None:
    """The fit as JSON with sorted keys, replacing `path` whole."""
    path.write_text(dumps(fit), encoding="utf-8")


def dumps(fit: Fit) -> str:
    """The file's text."""
    document = {
        "version": VERSION,
        "summary": fit.summary,
        "parameters": dict(sorted(fit.speed.theta.items())),
        "noise": dict(sorted(fit.speed.noise.items())),
        "intervals": {k: asdict(v) for k, v in sorted(fit.intervals.table.items())},
        "shared_errors": fit.shared.document(),
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
            speed=FittedSpeed(theta=document["parameters"], noise=document["noise"]),
            intervals=Intervals(table={k: Interval(**v) for k, v in document["intervals"].items()}),
            effects=document["effects"],
            evidence=tuple(Evidence(**e) for e in document["evidence"]),
            measured={k: [tuple(cell) for cell in v] for k, v in document["measured"].items()},
            summary=document["summary"],
            shared=SharedErrors.read(document["shared_errors"]) if "shared_errors" in document else _ALONE,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a readable fit ({error}); run quantadvise fit") from error
