"""The judge: everything there is to choose from, under one load or many, as a `JudgedTable`.

Hundreds of deployments are judged by the closed form; `confirm_by_simulation` looks again at those that the
answer rests on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.choose.choice import Choice, check_context, lacks_bound
from advisor.advise.choose.deployment_evaluator import DeploymentEvaluator, recoveries_under
from advisor.advise.choose.gpu_count import by_convention, candidates, machines
from advisor.advise.choose.judged_table import JudgedLimit, JudgedTable
from advisor.advise.choose.limits import TimedLimit
from advisor.cost.predict.predictor import Predictor
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Load

if TYPE_CHECKING:
    from advisor.cost.quality.quality_model import QualityModel


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
    recoveries = recoveries_under(loads, every, choice.workload, quality)
    evaluator = DeploymentEvaluator(choice, tuple(loads), predictor, every, recoveries, timed)
    made = evaluator.table(*evaluator.counts())
    mask = by_convention(choice, made)
    if lacks_bound(choice):
        counts, mask = machines(made)
        made = evaluator.table(counts.ravel(), evaluator.answers(np.arange(counts.size), counts.ravel()))
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
    """The judged deployments with the replicas they have; of `choice` its limits and prices.

    `timed` as in `judge`. simulated: as in `Predictor.table`; of one load only.
    """
    recoveries = recoveries_under(loads, deployments, choice.workload, quality)
    evaluator = DeploymentEvaluator(
        choice, tuple(loads), predictor, list(deployments), recoveries, timed, simulated=simulated
    )
    return evaluator.table(*evaluator.fixed())
