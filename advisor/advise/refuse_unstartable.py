"""Refuses, before anything is predicted, what vLLM does not start."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.display_text import sizes_text, start_text
from advisor.errors import UnsupportedError
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.engines.model_starts import starts_of
from advisor.spec.engines.sharding import heads_text
from advisor.spec.models.model import ModelSpec
from advisor.spec.parallelism import Parallelism


def check_starts(deployment: Deployment) -> None:
    """Raises UnsupportedError with a way on where vLLM does not start the deployment."""
    if (why := start_text(deployment)) is not None:
        raise UnsupportedError(why)
    if deployment.format.execution(deployment.gpu) is None:
        raise UnsupportedError(
            f"{deployment.format.name} on {deployment.gpu.name}: its speed there is not known; "
            "quantadvise formats lists what runs where"
        )


def check_splits(model: ModelSpec, named: Sequence[int] | None, engine: Engine) -> tuple[str, ...]:
    """What is to be said of named tensor-parallel sizes over which the model does not split.

    Raises UnsupportedError where it splits over none of them.
    """
    known = starts_of(model)
    reasons = {
        degree: f"{model.name} over {degree} GPUs: {why} (it has {heads_text(known.shapes)})"
        for degree in named or ()
        if (why := known.split_misfit(Parallelism(tensor=degree), engine.version)) is not None
    }
    if named and len(reasons) == len(named):
        first = next(iter(reasons.values()))
        raise UnsupportedError(f"{first}; {sizes_text(known.sizes_that_split(engine.version))}")
    return tuple(reasons.values())
