"""What kernels timed alone do to the errors of whole requests.

    python -m benchmarks.kernel_level

The fit that ships starts its efficiencies where timings of kernels put them; a second fit of the same rows
does without. Printed are the errors of both with the model, the GPU and the source left out: median and
mean of |predicted ÷ measured - 1|. Takes a few minutes.
"""

from __future__ import annotations

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.evaluation.figures import errors_of
from advisor.cost.evaluation.held_out import families, leave_groups_out, load_class
from advisor.cost.evaluation.optimum import Optimum
from advisor.cost.fitting.corrections import quantity
from advisor.cost.fitting.evidence import shape_key
from advisor.cost.fitting.observations import Observations, observe
from advisor.cost.fitting.step_estimator import fit_speed
from advisor.cost.predict.predictor import Predictor
from advisor.cost.step.fitted_speed import FittedSpeed
from advisor.data import shipped
from advisor.record.store import read_speed

FEWEST = 20


def main() -> None:
    seen = observe(read_speed(shipped("measurements")))
    fits = {"on": Predictor.shipped().fit.speed, "off": fit_speed(seen)}
    errors = {name: held_out(seen, speed) for name, speed in fits.items()}
    kinds, loads = np.array(quantity(seen)), np.array(load_class(seen))
    wanted = [("tpot", "loaded"), ("ttft", "loaded"), ("throughput", "loaded"), ("tpot", "single")]
    wanted += [("e2e", "single"), ("throughput", "maximum")]
    print(f"{'quantity':<12}{'load':<10}{'left out':<10}{'rows':>6}{'kernel level on':>20}{'off':>18}")
    for kind, load in wanted:
        chosen = (kinds == kind) & (loads == load)
        for left_out in ("model", "GPU", "source"):
            both = {name: table[left_out][chosen] for name, table in errors.items()}
            if np.isfinite(both["on"]).sum() < FEWEST:
                continue
            figures = {name: errors_of(one) for name, one in both.items()}
            shown = {name: f"{f.median:.1%} / {f.mean:.1%}" for name, f in figures.items()}
            rows = f"{figures['on'].rows:,}"
            print(f"{kind:<12}{load:<10}{left_out:<10}{rows:>6}{shown['on']:>20}{shown['off']:>18}")


def held_out(seen: Observations, speed: FittedSpeed) -> dict[str, Floats]:
    """log(measured ÷ predicted) of each row, by what was left out."""
    optimum = Optimum.of(seen, speed)
    of_row = seen.row_deployments
    return {
        "model": leave_groups_out(optimum, [shape_key(d.model) for d in of_row]),
        "GPU": leave_groups_out(optimum, [d.gpu.name for d in of_row]),
        "source": leave_groups_out(optimum, families(seen)),
    }


if __name__ == "__main__":
    main()
