"""Tables of a step time say what the step time says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cost.simulation.step_table import StepTable
from tests.cost.standin import Textbook

STEP = Textbook()
TABLE = StepTable(STEP, max_sequences=512, max_context=20_000, max_prefill=8192)


def exactly(sequences: float, context: float, tokens: float = 0.0, attended: float = 0.0) -> float:
    return float(STEP.step_s(*(np.array([x]) for x in (sequences, context, tokens, attended)))[0])


@given(sequences=st.integers(1, 512), context=st.floats(1, 20_000))
def test_a_decode_step_is_within_one_percent(sequences, context):
    assert TABLE.decode_s(sequences, context) == pytest.approx(exactly(sequences, context), rel=0.01)


@given(
    sequences=st.integers(0, 512),
    context=st.floats(1, 20_000),
    tokens=st.integers(1, 8192),
    attended=st.floats(0, 20_000),
)
def test_a_step_with_prompts_is_within_two_percent(sequences, context, tokens, attended):
    """The corner where reading the weights and multiplying the tokens take equally long is cut."""
    context = context if sequences else 0.0
    found = TABLE.mixed_s(sequences, context, tokens, attended)
    assert found == pytest.approx(exactly(sequences, context, tokens, attended), rel=0.02)


@given(sequences=st.integers(1, 512), context=st.floats(1, 8_000), steps=st.integers(1, 2_000))
def test_steps_in_a_row_take_as_long_as_one_by_one(sequences, context, steps):
    one_by_one = sum(exactly(sequences, context + i) for i in range(steps))
    assert TABLE.decode_s(sequences, context, steps) == pytest.approx(one_by_one, rel=0.01)


@settings(max_examples=50)
@given(sequences=st.integers(1, 512), context=st.floats(1, 8_000), seconds=st.floats(0, 30))
def test_the_fewest_steps_that_take_longer(sequences, context, seconds):
    limit = 2_000
    steps = TABLE.decode_steps(sequences, context, seconds, limit)
    if steps < limit:
        assert TABLE.decode_s(sequences, context, steps) > seconds - 1e-9
    if steps > 1:
        assert TABLE.decode_s(sequences, context, steps - 1) <= seconds + 1e-9
