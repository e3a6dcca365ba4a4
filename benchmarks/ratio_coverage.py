"""Prints how often the difference of two predictions' errors lies where the shared errors say it does.

    python benchmarks/ratio_coverage.py

Learnt on the records of half of the models, tried on the other half; six splits. `held` is the share of pairs
of held-out errors whose difference is within the 90 % interval, `apart` what it would be if errors were taken
as independent. Takes a minute.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from advisor.cost.evaluation import error_correlation as learn
from advisor.cost.evaluation.held_out import HeldOut, Optimum, leave_groups_out
from advisor.cost.fitting.evidence import shape_key
from advisor.cost.fitting.observations import observe
from advisor.cost.predict.predictor import Z90, Predictor
from advisor.cost.uncertainty.intervals import Distance
from advisor.data import shipped
from advisor.record.store import read_speed

SPLITS, FEWEST = 6, 30
NAMES = {
    (True, False): "one GPU, two formats",
    (False, True): "two GPUs, one format",
    (False, False): "two GPUs, two formats",
}


def main() -> None:
    predictor = Predictor.shipped()
    seen = observe(read_speed(shipped("measurements")))
    optimum = Optimum.of(seen, predictor.fit.speed)
    of_row = seen.row_deployments
    shapes = np.array([shape_key(d.model) for d in of_row])
    errors: dict[Distance, np.ndarray] = {
        "model": leave_groups_out(optimum, list(shapes)),
        "gpu": leave_groups_out(optimum, [d.gpu.name for d in of_row]),
    }
    nothing = np.full(len(seen.rows), np.nan)
    none = {part.name: nothing for part in fields(HeldOut) if part.name not in ("seen", "deployments")}
    held = HeldOut(seen=seen, deployments=of_row, **none)
    rng = np.random.default_rng(0)
    names = sorted(set(shapes))
    found: dict[tuple[str, str, str], list[tuple[float, float, float, int]]] = {}
    for _ in range(SPLITS):
        half = set(rng.permutation(names)[: len(names) // 2])
        mine = np.array([shape in half for shape in shapes])
        for distance, error in errors.items():
            known, other = (
                learn._cells(held, predictor.fit.intervals, distance, np.where(mask, error, np.nan))
                for mask in (mine, ~mine)
            )
            learnt = {load: learn._products(known, learn.PACE, load) for load in learn._KINDS}
            every = learn._merged(list(learnt.values()))
            for load in learn._KINDS:
                shares = learn._shares(learnt[load], every)
                for relation, pairs in learn._products(other, learn.PACE, load).items():
                    if relation not in NAMES or len(pairs) < FEWEST:
                        continue
                    rho = shares.correlation(same_gpu=relation[0], same_format=relation[1])
                    off = np.abs(np.diff(np.array(pairs), axis=1)[:, 0]) / (Z90 * 2**0.5)
                    row = (float(np.mean(off <= (1 - rho) ** 0.5)), float(np.mean(off <= 1)), rho, len(pairs))
                    found.setdefault((distance, load, NAMES[relation]), []).append(row)
    print(f"{'left out':<9}{'load':<10}{'pairs of':<24}{'shared':>8}{'held':>8}{'apart':>8}{'pairs':>8}")
    for (distance, load, name), rows in sorted(found.items()):
        weight = [row[3] for row in rows]
        held_share, apart, rho = (np.average([row[i] for row in rows], weights=weight) for i in range(3))
        print(
            f"{distance:<9}{load:<10}{name:<24}{rho:>8.2f}{held_share:>8.1%}{apart:>8.1%}"
            f"{sum(weight) // len(rows):>8}"
        )


if __name__ == "__main__":
    main()
