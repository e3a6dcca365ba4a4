"""Simulations in place of the closed form, for the rows of a `JudgedTable` that the answer rests on.

For conversations, where engines are busy or caches forget, the closed form is not good enough to choose by:
the first of the ranking, and what might rank before them, are simulated until none of them rests on the
closed form where it may be off (`confirmed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.choose.choice import Choice, searches_replicas
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.judged_table import JudgedTable
from advisor.advise.choose.rank import order
from advisor.cost.array_table import Ints
from advisor.cost.predict.predictor import Predictor
from advisor.spec.deployment import Deployment

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
    return None if count * d.tensor_parallel > choice.space.searched_gpus(d.gpu) else d.times(count)
