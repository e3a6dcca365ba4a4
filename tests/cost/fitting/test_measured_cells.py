"""The cells that an answer uses of the user's own runs and of others'."""

from __future__ import annotations

import math

import numpy as np
import pytest

from advisor.cost.fitting.measured_cells import is_gap_of_chunks, measured_cells
from advisor.cost.fitting.measured_deployments import MeasuredCell
from advisor.cost.fitting.observations import observe
from advisor.cost.learn_from_own_records import row_keys
from advisor.record.measurement import SpeedMeasurement
from tests.record.build import own_run


def cells(*rows: SpeedMeasurement, errors: list[float] | None = None) -> dict[str, MeasuredCell]:
    """By quantity, of one deployment."""
    seen = observe(rows)
    assert not seen.left_out
    found = measured_cells(seen, row_keys(seen), np.zeros(len(rows)) if errors is None else np.array(errors))
    [of] = found.values()
    assert len({cell.quantity for cell in of}) == len(of)
    return {cell.quantity: cell for cell in of}


def test_own_cells_have_their_figure_and_others_do_not() -> None:
    found = cells(own_run("ttft_ms", 60.0), own_run("ttft_ms", 90.0, statistic="p95"), errors=[0.1, 0.2])
    assert (found["ttft"].value, found["ttft"].log_ratio) == (60.0, 0.1)
    assert (found["ttft p95"].value, found["ttft p95"].log_ratio) == (90.0, 0.2)
    [published] = cells(
        own_run("ttft_ms", 60.0, origin="published", source="silybench", stderr=None)
    ).values()
    assert published.value is None


def test_repeats_of_a_cell_are_averaged() -> None:
    [found] = cells(
        own_run("ttft_ms", 50.0), own_run("ttft_ms", 72.0, date="2026-11-02"), errors=[0.1, 0.3]
    ).values()
    assert (found.rows, found.log_ratio) == (2, pytest.approx(0.2))
    assert found.value == pytest.approx(60.0)  # sqrt(50 x 72)


def test_a_run_of_ttft_and_tpot_has_the_time_of_whole_requests() -> None:
    found = cells(own_run("ttft_ms", 60.0), own_run("tpot_ms", 10.0), errors=[math.log(2.0), 0.0])["e2e"]
    # 127 further tokens; predicted were 30 ms and as many
    assert found.value == pytest.approx(60.0 + 127 * 10.0)
    assert found.log_ratio == pytest.approx(math.log(1330.0 / 1300.0), abs=1e-5)
    assert found.scatter == pytest.approx(math.hypot(0.6, 12.7) / 1330.0, abs=1e-5)


def test_what_a_run_states_of_whole_requests_stands() -> None:
    found = cells(own_run("ttft_ms", 60.0), own_run("tpot_ms", 10.0), own_run("e2e_ms", 1400.0))
    assert found["e2e"].value == 1400.0
    assert "e2e" not in cells(own_run("ttft_ms", 60.0))


def test_gaps_between_chunks_are_no_cell_beside_tpot() -> None:
    gap = own_run("itl_ms", 16.0)
    assert is_gap_of_chunks([gap, own_run("tpot_ms", 10.0)]).tolist() == [True, False]
    assert is_gap_of_chunks([gap]).tolist() == [False]
    assert cells(own_run("tpot_ms", 10.0), gap)["tpot"].value == 10.0
