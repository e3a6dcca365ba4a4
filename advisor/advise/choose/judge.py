"""The judge: everything there is to choose from, under one load or many, as a `JudgedTable`.

The search judges hundreds of deployments by the closed form. For conversations, where engines are busy or
caches forget, that is not good enough to choose by: the first of the ranking, and what might rank before
them, are simulated until none of them rests on the closed form where it may be off (`confirmed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.choose.deployment_evaluator import DeploymentEvaluator, recoveries_under
from advisor.advise.choose.gpu_count import by_convention, candidates, machines
from advisor.advise.choose.judged_table import JudgedLimit, JudgedTable
from advisor.advise.choose.limits import TimedLimit
from advisor.advise.choose.question import Choice, check_context, lacks_bound, searches_replicas
from advisor.advise.choose.rank import order
from advisor.cost.array_table import Ints
from advisor.cost.predict.predictor import Predictor
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Load

if TYPE_CHECKING:
    from advisor.cost.quality.quality_model import QualityModel


FIRST = 10
"""Formats on GPUs whose best deployment is settled at least: those that an answer shows, so that it says what
`predict` says of them."""
HOPEFUL = 4
"""Refused deployments that might come before them, settled at a time."""
MAX_SIMULATIONS = 40
"""Simulations of one answer."""
HOPE = 0.4
"""Probability of keeping all limits from which a refused deployment is looked at more closely."""


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


def confirmed(
    choice: Choice, table: JudgedTable, predictor: Predictor, quality: QualityModel | None
) -> JudgedTable:
    """The table with simulations in place of the rows that the answer rests on; as it is, where requests
    stand alone."""
    if table.answers.turns is None:
        return table
    left = MAX_SIMULATIONS
    while left > 0:
        at = unsettled(table)[:left]
        if not len(at):
            break
        rows, tried = _simulated(choice, table, at, predictor, quality)
        table, left = table.replace_at(at, rows), left - tried
    return table


def rests_on_simulation(table: JudgedTable | None) -> bool:
    """Whether some of its rows are simulated, so that other loads, which are not, are no match for them."""
    turns = None if table is None else table.answers.turns
    return turns is not None and bool(turns.simulated.any())


def closed_form_note(table: JudgedTable | None) -> tuple[str, ...]:
    """What was simulated and what was not; nothing where the closed form is sure of all that is ranked."""
    if table is None or not rests_on_simulation(table):
        return ()
    kept = table.kept[0]
    others = int(np.sum(kept & ~table.settled[0]))
    rest = f"; {others} of {int(np.sum(kept))} ranked are not (predict simulates any)" if others else ""
    return (
        f"conversations: what the choice rests on is simulated, every request{rest}. For another load ask "
        "again, or use crossover",
    )


def unsettled(table: JudgedTable) -> Ints:
    """Rows to simulate next: of the first of the ranking, and of the refused that might rank before them."""
    kept, settled = table.kept[0], table.settled[0]
    first = best_of_kinds(table, order(table, 0, np.flatnonzero(kept)))[:FIRST]
    hopeful = np.flatnonzero(~kept & ~settled & (table.keeps_all[0] >= HOPE))
    objective = table.objective.value[0]
    last = objective[first[-1]] if len(first) == FIRST else np.inf
    near = order(table, 0, hopeful[objective[hopeful] <= last])[:HOPEFUL]
    return np.array([i for i in (*first.tolist(), *near.tolist()) if not settled[i]], dtype=np.intp)


def best_of_kinds(table: JudgedTable, ranked: Ints) -> Ints:
    """The first of each format on each GPU among the rows `ranked`."""
    first: dict[object, int] = {}
    for i in ranked.tolist():
        first.setdefault(table.deployments[i].format_and_gpu, i)
    return np.array(list(first.values()), dtype=np.intp)


def _simulated(
    choice: Choice, table: JudgedTable, at: Ints, predictor: Predictor, quality: QualityModel | None
) -> tuple[JudgedTable, int]:
    """The rows at `at` by simulation, with more replicas where theirs do not keep the limits; and how many
    simulations that took."""
    served = [table.deployment(0, i) for i in at.tolist()]
    found = _by_simulation(choice, served, predictor, quality)
    tried = len(served)
    for grown in range(3):
        missing = np.flatnonzero(~found.kept[0] & table.kept[0][at])
        more = [(i, d) for i in missing.tolist() if (d := _more(choice, served[i], grown)) is not None]
        if not more:
            break
        again = _by_simulation(choice, [d for _, d in more], predictor, quality)
        tried += len(more)
        better = np.flatnonzero(again.kept[0])
        if len(better):
            places = np.array([more[int(n)][0] for n in better], dtype=np.intp)
            found = found.replace_at(places, again.only(better))
    return found, tried


def _by_simulation(
    choice: Choice, served: Sequence[Deployment], predictor: Predictor, quality: QualityModel | None
) -> JudgedTable:
    load = choice.workload.load
    return judge_fixed(choice, [load], list(served), predictor, quality, simulated=True)


def _more(choice: Choice, d: Deployment, grown: int) -> Deployment | None:
    """The deployment with more replicas, the more the further; None where there may be none."""
    if not searches_replicas(choice):
        return None
    count = (d.replicas + 1, d.replicas + 2, ceil(1.5 * d.replicas) + 2)[grown]
    most = choice.space.most_gpus(d.gpu)
    return None if most is not None and count * d.tensor_parallel > most else d.times(count)
