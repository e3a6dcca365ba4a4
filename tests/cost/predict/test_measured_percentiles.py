"""A percentile that one's own run measured is the percentile; only others are a multiple of the mean."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.cost import fit_file
from advisor.cost.fit_file import Fit
from advisor.cost.fitting.observations import observe
from advisor.cost.fitting.row_noise import shown_error
from advisor.cost.learn_from_own_records import assembled
from advisor.cost.predict.predictor import REPEAT, Z90, Predictor
from advisor.record.measurement import SpeedMeasurement
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from tests.record.build import own_run

SERVED = Deployment(
    model=find_model("Llama-3.1-8B-Instruct"),
    format=find_format("fp8"),
    gpu=find_gpu("H100"),
    engine=Engine(version="0.30.0"),
)
LOAD = Load(
    input_tokens=Lengths.constant(1024),
    output_tokens=Lengths.constant(128),
    arrival=Arrival(kind="rate", value=5.0),
)
WANTED = (("ttft", "p95"), ("ttft", "p99"), ("tpot", "p95"))


def fit_with(*rows: SpeedMeasurement) -> Fit:
    """The fit that ships, with the cells of `rows`; its parameters are not fitted again."""
    base, seen = Predictor.shipped().fit, observe(rows)
    assert not seen.left_out
    return assembled(base.speed, seen, base.intervals, base.summary)


def test_a_measured_percentile_stands_whatever_the_mean_says() -> None:
    fit = fit_with(own_run("ttft_ms", 60.0), own_run("ttft_ms", 300.0, statistic="p95"))
    [found] = Predictor(fit).predictions([SERVED], LOAD, WANTED)
    p95 = found.latency["ttft", "p95"]
    assert found.latency["ttft", "mean"].value == pytest.approx(60.0, rel=1e-4)
    assert p95.value == pytest.approx(300.0, rel=1e-4)
    assert p95.basis == "measured"
    assert p95.high / p95.value == pytest.approx(math.exp(Z90 * math.hypot(REPEAT, 0.01)), rel=1e-3)


def test_a_percentile_that_was_not_measured_is_a_multiple_of_the_mean() -> None:
    with_tail = fit_with(own_run("ttft_ms", 60.0), own_run("ttft_ms", 300.0, statistic="p95"))
    without = fit_with(own_run("ttft_ms", 60.0))
    for key in (("ttft", "p99"), ("tpot", "p95")):
        [one], [other] = (Predictor(fit).predictions([SERVED], LOAD, WANTED) for fit in (with_tail, without))
        assert one.latency[key] == other.latency[key]


def test_gaps_between_chunks_are_not_the_time_of_a_token() -> None:
    alone = [own_run("tpot_ms", 12.0), own_run("ttft_ms", 60.0)]
    gaps = own_run("itl_ms", 16.0)  # chunks of several tokens: as far apart as vLLM's client counts them
    [one], [both] = (
        Predictor(fit_with(*rows)).predictions([SERVED], LOAD) for rows in (alone, [*alone, gaps])
    )
    assert both.latency["tpot", "mean"].value == pytest.approx(12.0, rel=1e-4)
    assert both.latency == one.latency
    # Where nothing else is known of a token's time, they are what is known.
    [only] = Predictor(fit_with(gaps)).predictions([SERVED], LOAD)
    assert only.latency["tpot", "mean"].value == pytest.approx(16.0, rel=1e-4)


def test_what_follows_from_a_measured_mean_is_not_called_measured() -> None:
    [found] = Predictor(fit_with(own_run("ttft_ms", 60.0))).predictions([SERVED], LOAD, WANTED)
    assert found.latency["ttft", "mean"].basis == "measured"
    # Neither its percentiles nor the metrics of which nothing was measured.
    others = {of: one.basis for of, one in found.latency.items() if of != ("ttft", "mean")}
    assert set(others.values()) == {"fitted"}, others


def test_another_load_s_percentile_is_carried_and_not_called_measured() -> None:
    fit = fit_with(own_run("ttft_ms", 300.0, statistic="p95"))
    of = ("ttft", "p95")
    found = {}
    for rate in (0.05, 0.5, 4.99, 5.0):
        load = replace(LOAD, arrival=Arrival(kind="rate", value=rate))
        [one], [usual] = (Predictor(f).predictions([SERVED], load, WANTED) for f in (fit, fit_with_nothing()))
        found[rate] = one.latency[of].value / usual.latency[of].value
    assert found[4.99] == pytest.approx(found[5.0], rel=0.01)
    assert 1.0 < found[0.05] < found[0.5] < found[5.0]


def fit_with_nothing() -> Fit:
    return fit_with(own_run("ttft_ms", 60.0, origin="published", source="silybench", load_value=999.0))


def test_simulated_percentiles_leave_what_was_measured() -> None:
    fit = fit_with(own_run("ttft_ms", 300.0, statistic="p95"))
    table = Predictor(fit).table([SERVED], LOAD, WANTED, simulated=True)
    assert float(table.latency_ms["ttft", "p95"].value[0]) == pytest.approx(300.0, rel=1e-4)


def test_others_percentiles_correct_nobody_s_cell() -> None:
    fit = fit_with(
        own_run("ttft_ms", 300.0, statistic="p95", origin="published", source="silybench", stderr=None)
    )
    [found] = Predictor(fit).predictions([SERVED], LOAD, WANTED)
    assert found.latency["ttft", "p95"].basis != "measured"


def test_a_percentile_s_interval_is_never_wider_than_an_unmeasured_one_s() -> None:
    fit = fit_with(
        own_run("ttft_ms", 60.0),
        own_run("ttft_ms", 80.0, statistic="p99", samples=8, repeats=1, stderr=None),
    )
    [found] = Predictor(fit).predictions([SERVED], LOAD, WANTED)
    [usual] = Predictor(fit_with(own_run("ttft_ms", 60.0))).predictions([SERVED], LOAD, WANTED)
    p99, before = found.latency["ttft", "p99"], usual.latency["ttft", "p99"]
    assert p99.high / p99.value <= before.high / before.value + 1e-9
    assert p99.value == pytest.approx(80.0, rel=1e-4)


def test_a_mean_whose_repeats_scatter_has_a_wider_interval() -> None:
    widths = []
    for stderr in (0.6, 12.0):
        fit = fit_with(own_run("ttft_ms", 60.0, stderr=stderr))
        [found] = Predictor(fit).predictions([SERVED], LOAD)
        ttft = found.latency["ttft", "mean"]
        widths.append(math.log(ttft.high / ttft.value))
    assert widths == pytest.approx([Z90 * math.hypot(REPEAT, share) for share in (0.01, 0.2)], rel=1e-3)


def test_the_error_that_a_run_shows() -> None:
    assert shown_error(own_run("ttft_ms", 60.0)) == pytest.approx(0.01)
    assert shown_error(own_run("ttft_ms", 60.0, stderr=None)) == 0.0
    assert shown_error(own_run("ttft_ms", 60.0, statistic="p99")) == pytest.approx(0.01)  # over three repeats
    # sqrt(0.95 / (0.05 x 100)) / -log(0.05) of 100 requests, and 0.06 x sqrt(3 - 1) of one repeat
    alone = own_run("ttft_ms", 60.0, statistic="p95", stderr=None, repeats=1, samples=100)
    assert shown_error(alone) == pytest.approx(math.hypot(0.1455, 0.0849), abs=1e-4)
    assert shown_error(own_run("ttft_ms", 60.0, stderr=None, repeats=1)) == pytest.approx(0.0849, abs=1e-4)


def test_the_file_keeps_cells_of_percentiles(tmp_path: Path) -> None:
    fit = fit_with(own_run("ttft_ms", 60.0, stderr=None), own_run("ttft_ms", 300.0, statistic="p95"))
    (tmp_path / "fit.json").write_text(fit_file.dumps(fit), encoding="utf-8")
    assert fit_file.read(tmp_path / "fit.json").measured == fit.measured
