"""What kernels timed alone do to the errors of whole requests.

    python -m benchmarks.kernel_level

The fit that ships starts its efficiencies where timings of kernels put them; a second fit of the same rows
does without. Printed are the errors of both with the model, the GPU and the source left out: median and
mean of |predicted ÷ measured - 1|. Takes a few minutes.
"""

from __future__ import annotations

import numpy as np

from advisor.cost.evaluation.error_metrics import errors_of
from advisor.cost.evaluation.fit_without_rows import Optimum
from advisor.cost.evaluation.held_out_errors import load_class
from advisor.cost.fitting.fit_step_time import fit_speed
from advisor.cost.fitting.observations import observe
from advisor.cost.fitting.row_statistic import quantity
from advisor.cost.predict.predictor import Predictor
from advisor.record.store import read_speed
from advisor.shipped_files import shipped
from benchmarks.replay_decisions import left_out_errors, nothing_held_out

FEWEST = 20


def main() -> None:
    seen = observe(read_speed(shipped("measurements")))
    fits = {"on": Predictor.shipped().fit.speed, "off": fit_speed(seen)}
    nothing = nothing_held_out(seen)
    errors = {name: left_out_errors(Optimum.of(seen, speed), nothing) for name, speed in fits.items()}
    kinds, loads = np.array(quantity(seen)), np.array(load_class(seen))
    wanted = [("tpot", "loaded"), ("ttft", "loaded"), ("throughput", "loaded"), ("tpot", "single")]
    wanted += [("e2e", "single"), ("throughput", "maximum")]
    print(f"{'quantity':<12}{'load':<10}{'left out':<10}{'rows':>6}{'kernel level on':>20}{'off':>18}")
    for kind, load in wanted:
        chosen = (kinds == kind) & (loads == load)
        for left_out in ("model", "gpu", "source"):
            both = {name: table[left_out][chosen] for name, table in errors.items()}
            if np.isfinite(both["on"]).sum() < FEWEST:
                continue
            figures = {name: errors_of(one) for name, one in both.items()}
            shown = {name: f"{f.median:.1%} / {f.mean:.1%}" for name, f in figures.items()}
            rows = f"{figures['on'].rows:,}"
            print(f"{kind:<12}{load:<10}{left_out:<10}{rows:>6}{shown['on']:>20}{shown['off']:>18}")


if __name__ == "__main__":
    main()
