"""Standings of everything there is to choose from, under many loads at once: what `choose` says of each.

A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.advise.choose.evaluate import Look
from advisor.advise.choose.gpu_count import by_convention, candidates
from advisor.advise.choose.judged import Standings
from advisor.advise.choose.question import Choice, check_context
from advisor.cost.predict.predictor import Predictor
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import LatencyLimit, Load

if TYPE_CHECKING:
    from advisor.cost.quality.recovery import QualityModel


def survey(
    choice: Choice,
    loads: Sequence[Load],
    predictor: Predictor,
    quality: QualityModel | None = None,
    *,
    among: Sequence[Deployment] | None = None,
    limits: Sequence[tuple[LatencyLimit, ...]] | None = None,
) -> Standings:
    """How everything in `choice` stands under each of `loads`, which take the place of the workload's own.

    All loads arrive in the same way. With `among` only those of its deployments; with `limits` each load has
    its own in place of the workload's `timed_limits`, as many and of the same causes. Raises InputError for a
    load whose longest request the model does not take.
    """
    for load in loads:
        check_context(choice.space.model, replace(choice.workload, load=load))
    every = candidates(choice, predictor) if among is None else list(among)
    look = Look(choice, tuple(loads), predictor, every, limits)
    made = look.standings(quality, *look.counts())
    return replace(made, possible=made.possible & by_convention(choice, made))


def standings_of(
    choice: Choice,
    loads: Sequence[Load],
    deployments: Sequence[Deployment],
    predictor: Predictor,
    quality: QualityModel | None = None,
    *,
    limits: Sequence[tuple[LatencyLimit, ...]] | None = None,
) -> Standings:
    """How these very deployments stand, with the replicas they have; of `choice` its limits and prices.

    `limits` as in `survey`.
    """
    look = Look(choice, tuple(loads), predictor, list(deployments), limits)
    return look.standings(quality, *look.fixed())
