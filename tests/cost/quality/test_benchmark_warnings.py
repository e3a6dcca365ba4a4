"""Where single benchmarks are known to break in 4 bits, with the scores that say so."""

from __future__ import annotations

from advisor.cost.quality.benchmark_warnings import warnings_for
from advisor.cost.quality.fitted_accuracy import Fitted
from advisor.cost.quality.loss_covariance import Spread
from advisor.cost.quality.model_traits import Traits
from advisor.cost.quality.scores_to_losses import Cell
from advisor.cost.quality.tasks import find_task


def traits(name: str, active_b: float = 8.0) -> Traits:
    return Traits(name=name, key=name, family="f", group=name, params_b=max(active_b, 8.0), active_b=active_b)


def cell(model: str, loss: float, *, format: str = "int4", active_b: float = 8.0, unit: float = 1e-5) -> Cell:
    return Cell(
        traits=traits(model, active_b), format=format, algorithm="gptq", benchmark="GSM8K", publisher="p",
        loss=loss, gain=1.0, unit=unit, baseline=0.8, scores=1,
    )  # fmt: skip


def fitted(*cells: Cell) -> Fitted:
    return Fitted(factors={}, spread=Spread(), baselines={}, cells=cells, weights=(1.0,) * len(cells))


MATHS = (find_task("GSM8K"),)
CHOICE = (find_task("MMLU"),)


def test_eight_bits_are_no_cause_to_warn() -> None:
    broken = fitted(cell("a", 0.3, format="fp8", active_b=1.0))
    assert warnings_for(broken, traits("a", 1.0), "fp8", MATHS) == ()


def test_a_warning_is_about_the_task_asked_about_or_the_size_of_the_model() -> None:
    broken = fitted(cell("a", 0.1))
    assert warnings_for(broken, traits("new"), "int4", CHOICE) == ()
    [about_maths] = warnings_for(broken, traits("new"), "int4", MATHS)
    assert about_maths.endswith("seen a int4 keeps 90.0 % of GSM8K")
    [about_size] = warnings_for(broken, traits("new", 2.0), "int4", CHOICE)
    assert about_size.endswith(
        "under 3B active parameters break on single benchmarks, though no score in the records shows it"
    )


def test_a_loss_within_its_own_noise_shows_nothing() -> None:
    [text] = warnings_for(fitted(cell("a", 0.1, unit=0.01)), traits("new"), "int4", MATHS)
    assert "no score in the records shows it" in text


def test_the_models_own_score_comes_first_then_the_largest_losses_at_most_three() -> None:
    seen = fitted(*(cell(name, loss) for name, loss in (("a", 0.1), ("b", 0.3), ("c", 0.2), ("own", 0.05))))
    [text] = warnings_for(seen, traits("own"), "int4", MATHS)
    order = [text.index(f"{name} int4 keeps") for name in ("own", "b", "c")]
    assert order == sorted(order)
    assert "a int4 keeps" not in text


def test_scores_of_the_same_format_stand_before_those_of_others() -> None:
    seen = fitted(cell("a", 0.1, format="nvfp4"), cell("b", 0.4, format="int4"))
    [text] = warnings_for(seen, traits("new"), "nvfp4", MATHS)
    assert "a nvfp4 keeps" in text
    assert "b int4" not in text
    [other] = warnings_for(seen, traits("new"), "mxfp4", MATHS)
    assert "b int4 keeps 60.0 %" in other
