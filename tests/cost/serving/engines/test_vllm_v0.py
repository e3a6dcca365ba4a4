"""What only vLLM's V0 scheduler does: prefill steps of their own before anyone decodes again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.serving.engines import vllm_v0, vllm_v1
from advisor.cost.serving.engines.vllm_v0 import prefill_runs


def runs(rate: float, decode_s: float = 0.02, prefill_s: float = 0.1, most: float = 1e9) -> float:
    return float(prefill_runs(*(np.array([x]) for x in (rate, decode_s, prefill_s, most)))[0])


def test_rare_arrivals_are_one_prefill_each() -> None:
    """One request in 1,000 s: of decode steps of 20 ms a share of 2e-5 is followed by a prefill."""
    assert runs(1e-3) == pytest.approx(1e-3 * 0.02, rel=1e-3)


def test_requests_that_arrive_during_a_prefill_lengthen_its_run() -> None:
    assert runs(5.0) > 1.5 * runs(5.0, prefill_s=1e-6)


@given(st.floats(1e-3, 100.0), st.floats(1.0, 3.0))
def test_more_arrivals_are_never_fewer_prefills_and_never_more_than_admission_lets_in(
    rate: float, more: float
) -> None:
    assert runs(rate * more) >= runs(rate) * (1 - 1e-12)
    assert runs(rate, most=0.5) <= 0.5


def test_the_generations_differ_by_what_their_schedulers_do() -> None:
    assert vllm_v0.RULES.prefills_first_unchunked
    assert not vllm_v1.RULES.prefills_first_unchunked
    assert vllm_v0.RULES.watermark == 0.01
    assert vllm_v1.RULES.watermark == 0.0
