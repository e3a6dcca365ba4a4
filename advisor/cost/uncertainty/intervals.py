"""90 % intervals of predictions, from errors on data that the fit had not seen.

An interval is the range in which nine of ten held-out log(measured ÷ predicted) of its class lie, each group
(a model, a GPU, a source) judged by the others; see `conformal`.

Your machine is a source that the fit has not seen. The classes of a new model and a new GPU hold for it as
they are (ACCURACY.md counts it). For a deployment that the records have, single rows left out say too little,
since the same machine's other rows are in the fit. Those errors and the errors on deployments that *another*
source has measured too are drawn towards the class of a new model, by the number of such sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.uncertainty.conformal import (
    PRIOR_GROUPS,
    Ends,
    Sample,
    Tree,
    numbered,
    pooled_in_order,
)
from advisor.cost.uncertainty.error_class import DISTANCES, Distance, ErrorClass, Metric, sign
from advisor.spec.workloads.load_kind import LoadClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The 5 % and 95 % quantile of log(measured ÷ predicted)."""

    low: float
    high: float
    rows: int
    groups: int = 0
    """Models, GPUs or sources whose errors it is made of."""

    @property
    def upside_down(self) -> Interval:
        """The interval of log(predicted ÷ measured)."""
        return replace(self, low=-self.high, high=-self.low)


UNKNOWN = Interval(low=-1.0, high=1.0, rows=0)
"""Where no class at all has errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutErrors:
    """log(measured ÷ predicted) of each row, NaN where it was not held out."""

    row: Floats
    """One row in ten left out."""
    model: Floats
    gpu: Floats
    other_source: Floats
    """All of the source left out; of deployments that another source has measured as well."""
    shapes: Sequence[str]
    """Model of each row: rows of one shape were left out together."""
    gpus: Sequence[str]
    sources: Sequence[str]

    def without(self, left_out: Bools) -> HeldOutErrors:
        """The errors of the other rows."""
        return replace(
            self,
            row=np.where(left_out, np.nan, self.row),
            model=np.where(left_out, np.nan, self.model),
            gpu=np.where(left_out, np.nan, self.gpu),
            other_source=np.where(left_out, np.nan, self.other_source),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Interval by class; a class without one has that of the nearest class around it."""

    table: Mapping[ErrorClass, Interval]

    def of(self, wanted: ErrorClass) -> Interval:
        """The interval of the class, or of the nearest around it, at its distance or the next."""
        for distance in dict.fromkeys((wanted.distance, "model", "gpu", "seen")):
            for one in wanted.at(distance).wider():
                if one in self.table:
                    return self.table[one]
        return UNKNOWN

    def of_metric(self, metric: str, wanted: ErrorClass) -> Interval:
        """The interval as the error of `metric`, which may be the inverse of the class's metric."""
        found = self.of(wanted)
        return found if sign(metric, wanted.load) > 0 else found.upside_down


def build(
    classes: Sequence[ErrorClass], metrics: Sequence[str], held: HeldOutErrors, evidence: Bools | None = None
) -> Intervals:
    """Intervals from held-out errors.

    classes: of each row, at any distance. metrics: what each row measures. evidence: the rows to learn from.
    """
    signs = np.array([sign(m, c.load) for m, c in zip(metrics, classes, strict=True)])
    families: dict[tuple[Metric, LoadClass], list[int]] = {}
    for i, one in enumerate(classes):
        if evidence is not None and not evidence[i]:
            continue
        families.setdefault(family(one), []).append(i)
    table: dict[ErrorClass, Interval] = {}
    for rows in families.values():
        table.update(_family(np.array(rows), classes, signs, held))
    return Intervals(table=table)


def family(one: ErrorClass) -> tuple[Metric, LoadClass]:
    """Classes of one family borrow from each other, and from no other."""
    *_, root = one.wider()
    return root.metric, root.load


def _family(
    rows: np.ndarray, classes: Sequence[ErrorClass], signs: Floats, held: HeldOutErrors
) -> dict[ErrorClass, Interval]:
    """The intervals of one metric under one kind of load, at every distance."""

    def tree(distance: Distance, *kinds: tuple[Floats, Sequence[str]]) -> Tree[ErrorClass]:
        at, errors, labels = [], [], []
        for values, names in kinds:
            known = rows[np.isfinite(values[rows])]
            at += known.tolist()
            errors += (signs[known] * values[known]).tolist()
            labels += [names[i] for i in known.tolist()]
        return Tree(
            errors=np.array(errors),
            groups=numbered(labels),
            members=[_members(classes[i], distance) for i in at],
            parent=_parent,
        )

    trees: dict[Distance, Tree[ErrorClass]] = {
        "seen": tree("seen", (held.row, held.sources), (held.other_source, held.sources)),
        "model": tree("model", (held.model, held.shapes)),
        "gpu": tree("gpu", (held.gpu, held.gpus)),
    }
    ends = {far: trees[far].calibrated(_scale) for far in ("model", "gpu")}
    other = tree("seen", (held.other_source, held.sources))
    ends["seen"] = _known_deployments(trees["seen"], other, ends["model"])
    made: dict[ErrorClass, Interval] = {}
    for one in {key.at("seen") for of in ends.values() for key in of}:
        known = [far for far in DISTANCES if one.at(far) in ends[far]]
        samples = [trees[far].samples.get(one.at(far)) for far in known]
        weights = [0.0 if s is None else s.effective_groups() for s in samples]
        ordered = pooled_in_order([ends[far][one.at(far)] for far in known], weights)
        for far, (low, high), sample in zip(known, ordered, samples, strict=True):
            made[one.at(far)] = Interval(
                # Rounded, so that the last bits of another machine's linear algebra do not show in the file.
                low=round(low, 5),
                high=round(high, 5),
                rows=0 if sample is None else len(sample.errors),
                groups=0 if sample is None else len(set(sample.groups.tolist())),
            )
    return made


def _known_deployments(
    seen: Tree[ErrorClass], other: Tree[ErrorClass], new_model: Mapping[ErrorClass, Ends]
) -> dict[ErrorClass, Ends]:
    """Errors on deployments that the records have, drawn towards those on new models.

    As many groups speak for them as sources have measured what another source has, too.
    """
    sources = 0.0
    if len(other.errors):
        sources = Sample(other.errors, other.groups).effective_groups()
    share = PRIOR_GROUPS / (sources + PRIOR_GROUPS)
    made = dict(seen.ends())
    return {
        key: (
            ends if (around := new_model.get(key.at("model"))) is None else ends.towards(around, share)
        ).around_zero
        for key, ends in made.items()
    }


@lru_cache(maxsize=4096)
def _members(one: ErrorClass, distance: Distance) -> tuple[ErrorClass, ...]:
    """The classes that an error of a class is evidence for: those of its part, metric, load and kernels."""
    here = one.at(distance)
    kind = (here.part, here.metric, here.load, here.engine.fp4)
    return tuple(c for c in here.wider() if (c.part, c.metric, c.load, c.engine.fp4) == kind)


def _parent(one: ErrorClass) -> ErrorClass | None:
    return one.parent


def _scale(one: ErrorClass) -> tuple[object, ...]:
    return one.metric, one.part, one.engine.moe, one.engine.fp4
