"""The judge: everything there is to choose from, under one load or many, as a `JudgedTable`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.advise.choose.evaluate import DeploymentEvaluator, recoveries_of
from advisor.advise.choose.gpu_count import by_convention, candidates
from advisor.advise.choose.judged import JudgedLimit, JudgedTable
from advisor.advise.choose.limits import TimedLimit
from advisor.advise.choose.question import Choice, check_context
from advisor.cost.predict.predictor import Predictor
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Load

if TYPE_CHECKING:
    from advisor.cost.quality.recovery import QualityModel


def judge(
    choice: Choice,
    loads: Sequence[Load],
    predictor: Predictor,
    quality: QualityModel | None = None,
    *,
    among: Sequence[Deployment] | None = None,
    timed: Sequence[tuple[TimedLimit, ...]] | None = None,
) -> JudgedTable:
    """Everything in `choice` under each of `loads`, which take the place of the workload's load, with the
    replicas that it takes.

    All loads arrive in the same way. With `among` only those of its deployments; with `timed` each load has
    limits in place of the workload's `timed_limits`, as many and of the same causes. Raises InputError for a
    load whose longest request the model does not take.
    """
    for load in loads:
        check_context(choice.space.model, replace(choice.workload, load=load))
    every = candidates(choice, predictor) if among is None else list(among)
    recoveries = recoveries_of(every, choice.workload, quality)
    evaluator = DeploymentEvaluator(choice, tuple(loads), predictor, every, recoveries, timed)
    made = evaluator.table(*evaluator.counts())
    mask = by_convention(choice, made)
    return made if mask.all() else made.also(JudgedLimit.certain("convention", mask))


def judge_fixed(
    choice: Choice,
    loads: Sequence[Load],
    deployments: Sequence[Deployment],
    predictor: Predictor,
    quality: QualityModel | None = None,
    *,
    timed: Sequence[tuple[TimedLimit, ...]] | None = None,
    simulated: bool = False,
) -> JudgedTable:
    """These deployments with the replicas they have; of `choice` its limits and prices.

    `timed` as in `judge`. simulated: percentiles come from a simulation; of one load only.
    """
    recoveries = recoveries_of(deployments, choice.workload, quality)
    evaluator = DeploymentEvaluator(
        choice, tuple(loads), predictor, list(deployments), recoveries, timed, simulated=simulated
    )
    return evaluator.table(*evaluator.fixed())
