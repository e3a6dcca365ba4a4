"""What a survey looks at: one deployment of each kind, with the replicas that a convention fixes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from advisor.advise.choose import space as search
from advisor.advise.choose.judged import Standings
from advisor.advise.choose.question import Choice, filled
from advisor.cost.arrays import Bools
from advisor.cost.predict.predictor import Predictor
from advisor.spec.deployment import Deployment


def candidates(choice: Choice, predictor: Predictor) -> list[Deployment]:
    """The deployments to look at, with the replicas that a convention or a count of GPUs fixes."""
    space = choice.space
    priced = space
    if choice.workload.objective == "cost":
        priced = replace(space, gpus=tuple(gpu for gpu in space.gpus if choice.price_of(gpu, 1) is not None))
    singles = search.deployments(priced)
    if choice.workload.gpu_count == "smallest":
        return singles
    if choice.workload.gpu_count == "same":
        formats = tuple(f for f in choice.every_format if f.weight_bits == 16)
        wide = search.deployments(replace(priced, formats=formats, kv_formats=("16bit",)))
        needed = search.sixteen_bit_count(predictor.predict(wide, choice.workload.load))
        return search.arranged(predictor.predict(singles, choice.workload.load), needed, space.num_gpus)
    fill = filled(choice)
    if fill is None:
        return singles
    return [replace(d, replicas=max(1, fill // d.tensor_parallel)) for d in singles]


def by_convention(choice: Choice, found: Standings) -> Bools:
    """Mask of the pairs that the workload's convention on GPU counts leaves to choose from."""
    shape = found.objective.shape
    if choice.workload.gpu_count == "free":
        return np.ones(shape, dtype=bool)
    kinds: dict[tuple[str, str, str], list[int]] = {}
    for i, d in enumerate(found.deployments):
        kinds.setdefault((d.gpu.name, d.format.name, d.kv_format), []).append(i)
    fits = found.answers.means.fits.reshape(shape)
    served = np.nan_to_num(found.answers.means.capacity_requests_per_s.value, nan=-1.0).reshape(shape)
    mask = np.zeros(shape, dtype=bool)
    for at in kinds.values():
        order = np.array(sorted(at, key=lambda i: found.deployments[i].tensor_parallel))
        if choice.workload.gpu_count == "smallest":
            chosen = order[np.argmax(fits[:, order], axis=1)]
        else:
            chosen = np.array(at)[np.argmax(served[:, at], axis=1)]
        mask[np.arange(shape[0]), chosen] = True
    return mask
