"""Requests that are all sent at the start: a maximum throughput, or no more than one batch that drains."""

from __future__ import annotations

import dataclasses

from advisor.record.importers.imported_run import Run
from advisor.record.importers.stated_facts import Served
from advisor.spec.engines.engine import defaults, parse_engine
from advisor.spec.hardware.gpu_by_name import find_gpu


def settled_load(run: Run, served: Served) -> Run:
    """The run with the load that its requests made.

    So many requests as fit in one batch never queue: the batch fills once and drains, and the mean throughput
    is that of a static batch, not the most that the deployment serves. More than that keep the batch full at
    first; the row states their number, from which the fit models the whole run.
    """
    if run.load != "maximum" or run.sent_together is None:
        return dataclasses.replace(run, sent_together=None)
    slots = _slots(run, served)
    if run.sent_together <= slots:
        return dataclasses.replace(run, load="batch", load_value=float(run.sent_together))
    together = f"{run.sent_together} prompts at once"
    conditions = "; ".join(part for part in (run.conditions, together) if part)
    return dataclasses.replace(run, conditions=conditions)


def explained(run: Run) -> str:
    """Why only the throughput of such a run is kept, and as what."""
    if run.load == "batch":
        return (
            f"{run.sent_together} requests at once are one batch that fills and drains: "
            "its throughput was kept, as that of a static batch, not as a maximum"
        )
    return f"{run.sent_together} requests at once: only the throughput was kept"


def _slots(run: Run, served: Served) -> int:
    """Most sequences in one batch: as the file states, else the engine's default on that GPU."""
    if run.max_num_seqs is not None:
        return run.max_num_seqs
    version = served.engine_version
    engine = parse_engine(served.engine if version is None else f"{served.engine} {version}")
    return defaults(engine, find_gpu(served.gpu)).max_num_seqs
