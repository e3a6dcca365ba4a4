"""What an answer rests on, in a line."""

from __future__ import annotations

from dataclasses import replace

from advisor.advise.choose.assessment import Assessment
from advisor.cost.estimate_with_interval import Basis
from advisor.report.terminal.question_and_evidence import basis_line, overload_line
from advisor.spec.workloads.workload import Arrival
from tests.advise.builders import assessed, deployment, prediction, workload
from tests.report.builders import three


def test_the_basis_of_the_first_and_how_many_were_measured() -> None:
    assert basis_line(three()) == (
        "Basis: of the first speed fitted, accuracy measured. Speed measured of 0 of 3 ranked."
    )


def test_the_best_whose_speed_was_measured_is_named_where_it_is_not_the_first() -> None:
    names = ("int8", "bf16", "fp8")
    bases: tuple[Basis, ...] = ("fitted", "measured", "extrapolated")
    ranked = [ranked_one(name, basis) for name, basis in zip(names, bases, strict=True)]
    line = basis_line(replace(three(), ranked=ranked))
    assert line == (
        "Basis: of the first speed fitted. Speed measured of 1 of 3 ranked: bf16 on 1× A6000; "
        "the best of them is bf16 on 1× A6000."
    )
    first = basis_line(replace(three(), ranked=ranked[1:]))
    assert first == "Basis: of the first speed measured. Speed measured of 1 of 2 ranked: bf16 on 1× A6000."


def ranked_one(fmt: str, basis: Basis) -> Assessment:
    of = prediction(deployment(fmt=fmt))
    return assessed(replace(of, latency={name: replace(e, basis=basis) for name, e in of.latency.items()}))


def test_an_overloaded_deployment_says_so_first_with_the_rate_and_its_capacity() -> None:
    asked = workload(arrival=Arrival(kind="rate", value=20.0))
    over = prediction(under=asked, capacity=19.0, status="backlogged")
    assert overload_line(assessed(over, asked)) == (
        "Overloaded: 20 requests/s arrive, at most 19 (17.1–20.9) are served; the queue, TTFT and E2E grow "
        "without bound, so there are no latencies"
    )
    assert overload_line(assessed(prediction(under=asked, capacity=25.0), asked)) == ""
