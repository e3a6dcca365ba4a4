"""What an answer rests on, in a line."""

from __future__ import annotations

from types import SimpleNamespace

from advisor.cost.estimate import Basis, Estimate
from advisor.report.terminal.evidence import basis_line
from tests.advise.builders import deployment
from tests.report.builders import three


def test_the_basis_of_the_first_and_how_many_were_measured() -> None:
    assert basis_line(three()) == (
        "Basis: of the first speed fitted, accuracy measured. Speed measured of 0 of 3 ranked."
    )


def test_the_best_whose_speed_was_measured_is_named_where_it_is_not_the_first() -> None:
    # only what the line reads of a recommendation
    names = ("int8", "bf16", "fp8")
    bases: tuple[Basis, ...] = ("fitted", "measured", "extrapolated")
    ranked = [ranked_one(name, basis) for name, basis in zip(names, bases, strict=True)]
    line = basis_line(SimpleNamespace(ranked=ranked))  # type: ignore[arg-type]
    assert line == (
        "Basis: of the first speed fitted. Speed measured of 1 of 3 ranked: bf16 on 1× A6000; "
        "the best of them is bf16 on 1× A6000."
    )
    first = basis_line(SimpleNamespace(ranked=ranked[1:]))  # type: ignore[arg-type]
    assert first == "Basis: of the first speed measured. Speed measured of 1 of 2 ranked: bf16 on 1× A6000."


def ranked_one(fmt: str, basis: Basis) -> SimpleNamespace:
    speed = Estimate(value=1.0, low=0.9, high=1.1, basis=basis)
    return SimpleNamespace(deployment=deployment(fmt=fmt), estimate=lambda _: speed, recovery=None)
