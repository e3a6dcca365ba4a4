"""What a second fit moved: the parameters of a deployment's step time, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from advisor.cost.step.deployment_work import deployment_arrays
from advisor.cost.step.fitted_step_model import FittedSpeed
from advisor.cost.step.parameter_vector import Design, used_names
from advisor.cost.step.parameters import BY_NAME
from advisor.spec.deployment import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One parameter of one deployment that a second fit moved; common value and groups together."""

    name: str
    meaning: str
    deployment: int
    """Its place among those asked about; the first of several with the same two values."""
    before: float
    after: float
    """A share, seconds or a plain factor, as the parameter says."""
    is_share: bool

    @property
    def distance(self) -> float:
        """How far it went, in log-odds of a share, in logs of another."""
        return abs(self._place(self.after) - self._place(self.before))

    def _place(self, value: float) -> float:
        return log(value / (1 - value)) if self.is_share else log(value)


def moved(before: FittedSpeed, after: FittedSpeed, deployments: Sequence[Deployment]) -> list[Moved]:
    """Every parameter that differs, the one that went farthest first."""
    arrays = deployment_arrays(deployments)
    names = used_names(arrays)
    sides = [Design(arrays, names, one.kernels).values(one.vector(names)) for one in (before, after)]
    found: dict[tuple[str, float, float], Moved] = {}
    for name in {name.partition("@")[0] for name in names}:
        parameter = BY_NAME[name]
        for at in range(len(deployments)):
            first, then = (float(side[name][at]) for side in sides)
            one = Moved(
                name=name,
                meaning=parameter.meaning,
                deployment=at,
                before=first,
                after=then,
                is_share=parameter.share,
            )
            found.setdefault((name, first, then), one)
    return sorted((one for one in found.values() if one.distance > 0), key=lambda m: (-m.distance, m.name))
