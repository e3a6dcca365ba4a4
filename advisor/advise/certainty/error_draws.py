"""Joint draws of the prediction errors of deployments; the same question gets the same draws.

A deployment's error is normal, in standard deviations, and the sum of parts that it shares with others
(`SharedErrors`) and one of its own; an interval that is wider on one side stretches errors on that side.
The draws of a part depend on its name alone, so that a deployment's draws do not depend on the others in
the question.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from advisor.advise.choose.judged_table import JudgedTable
from advisor.advise.choose.limits import end_at
from advisor.advise.choose.rank import TIE
from advisor.cost.array_table import Bools, Floats, Ints, each_column
from advisor.cost.predict.predictor import Z90
from advisor.cost.step.deployment_work import kernel_family
from advisor.cost.uncertainty.error_class import DISTANCES, EngineClass
from advisor.cost.uncertainty.joint_probability import MEMORY, RECOVERY, TOKEN_RATE
from advisor.cost.uncertainty.shared_errors import SharedErrors, Shares
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import defaults
from advisor.spec.workloads.load_kind import LoadClass

DRAWS = 2_048
SEED = 0
_LOAD: dict[str, LoadClass] = {"single": "single", "maximum": "maximum"}


@dataclass(frozen=True, slots=True)
class Draws:
    """Joint draws for some deployments under one load; arrays of shape (draws, deployments)."""

    at: Ints
    """Positions in the judged table."""
    keeps: Bools
    """Whether all limits are kept."""
    objective: Floats
    """What is made small."""
    errors: dict[str, Floats] = field(default_factory=dict)
    """By cause, standard deviations; positive is worse than predicted."""

    def best(self) -> Floats:
        """The least objective, in each draw, among those that keep the limits; inf where none does."""
        return np.asarray(np.where(self.keeps, self.objective, np.inf).min(axis=1))


def draw(found: JudgedTable, load: int, at: Ints, shared: SharedErrors, *, draws: int = DRAWS) -> Draws:
    """Joint draws for the deployments at `at` under one of the loads."""
    asked = {TOKEN_RATE, *(limit.cause for limit in found.uncertain)}
    if found.workload.objective == "accuracy":
        asked.add(RECOVERY)
    errors = {cause: errors_of(found, load, at, shared, cause, draws) for cause in sorted(asked)}
    return outcomes(found, load, at, errors)


def outcomes(found: JudgedTable, load: int, at: Ints, errors: dict[str, Floats]) -> Draws:
    """What given errors make of the limits and the objective."""
    keeps = np.broadcast_to(found.possible[load, at], errors[TOKEN_RATE].shape).copy()
    for cause, z in errors.items():
        keeps &= z <= found.margin_sd(cause)[load, at]
    z = errors[RECOVERY if found.workload.objective == "accuracy" else TOKEN_RATE]
    o = each_column(lambda column: column[load, at], found.objective)
    if found.workload.objective == "accuracy":
        with np.errstate(invalid="ignore"):
            objective = o.value + np.where(z > 0, o.high - o.value, o.value - o.low) * z / Z90
    else:
        objective = end_at(o, z)
    objective = np.where(np.isfinite(o.value), objective, np.inf)
    return Draws(at=at, keeps=keeps, objective=objective, errors=errors)


def errors_of(
    found: JudgedTable, load: int, at: Ints, shared: SharedErrors, cause: str, draws: int
) -> Floats:
    """(draws, deployments): errors by one cause, in standard deviations, worse counted positive."""
    names, loadings = loadings_of(found, load, at, shared, cause)
    return np.asarray(np.stack([_stream(name, draws) for name in names], axis=1) @ loadings.T)


def loadings_of(
    found: JudgedTable, load: int, at: Ints, shared: SharedErrors, cause: str
) -> tuple[list[str], Floats]:
    """The independent parts that the errors are made of, and how much of each is in which: each row's squares
    add up to 1."""
    rows = [_parts(found, load, i, shared, cause) for i in at.tolist()]
    place = {name: n for n, name in enumerate(dict.fromkeys(name for row in rows for name in row))}
    loadings = np.zeros((len(rows), len(place)))
    for number, row in enumerate(rows):
        for name, weight in row.items():
            loadings[number, place[name]] = weight
    return list(place), loadings


def _parts(found: JudgedTable, load: int, i: int, shared: SharedErrors, cause: str) -> dict[str, float]:
    d = found.deployments[i]
    if cause == RECOVERY:
        return _recovery_parts(d)
    if cause == MEMORY:
        name = f"{cause} own {' '.join(map(str, d.replica_key))}"
        return {f"{cause} model": SAME_MEMORY**0.5, name: (1.0 - SAME_MEMORY) ** 0.5}
    kind = found.loads[load].arrival.kind
    own = _speed_parts(found, load, i, shared, cause)
    if cause == TOKEN_RATE or kind == "single":
        return own
    tied = shared.first_token
    rate = _speed_parts(found, load, i, shared, TOKEN_RATE)
    return {name: tied * weight for name, weight in rate.items()} | {
        name: (1.0 - tied**2) ** 0.5 * weight for name, weight in own.items()
    }


SAME_MEMORY = 0.5
"""Share of the variance of what the engine takes of a GPU that deployments of one model have in common."""
SAME_FORMAT = 0.6
"""Share of the variance of a recovery that two checkpoints of one model in one format have in common, made
differently: (fragile² + fragile_in_format² + benchmark²) ÷ (those + recipe² + checkpoint²) of the fit."""


def _recovery_parts(d: Deployment) -> dict[str, float]:
    shared = f"recovery {d.format.name} {d.kv_format}"
    if d.checkpoint is None:
        return {shared: 1.0}
    return {shared: SAME_FORMAT**0.5, f"{shared} {d.checkpoint.repo}": (1.0 - SAME_FORMAT) ** 0.5}


def _speed_parts(found: JudgedTable, load: int, i: int, shared: SharedErrors, cause: str) -> dict[str, float]:
    d = found.deployments[i]
    # What was measured in this very cell is off by how measurements repeat, which nothing shares.
    if found.measured[load, i]:
        shares = Shares()
    else:
        kind = _LOAD.get(found.loads[load].arrival.kind, "loaded")
        execution = d.format.execution(d.gpu)
        fp4 = execution is not None and kernel_family(d.format, execution) == "fp4"
        engine = EngineClass(defaults(d.engine, d.gpu).generation, d.model.is_moe, fp4)
        shares = shared.of(cause, kind, DISTANCES[int(found.distance[load, i])], engine)
    parts = {
        f"{cause} model": shares.model,
        f"{cause} gpu {d.gpu.name}": shares.gpu,
        f"{cause} format {d.format.name}": shares.format,
        f"{cause} pair {d.gpu.name} {d.format.name}": shares.pair,
        f"{cause} own {' '.join(map(str, d.replica_key))}": shares.own,
    }
    total = sum(parts.values())
    return {name: (part / total) ** 0.5 for name, part in parts.items() if part > 0}


@lru_cache(maxsize=4_096)
def _stream(name: str, draws: int) -> Floats:
    """Standard normals that belong to a name; each with its opposite, so that their mean is zero."""
    half = np.random.default_rng([SEED, zlib.crc32(name.encode())]).standard_normal(draws // 2)
    both = np.concatenate([half, -half])
    both = both / both.std()
    both.setflags(write=False)
    return np.asarray(both)


def as_good(of: Draws) -> Bools:
    """Draws in which each deployment keeps the limits and is the best that does; ties count."""
    best = of.best()[:, None]
    return np.asarray(of.keeps & (of.objective <= best * (1.0 + TIE)))
