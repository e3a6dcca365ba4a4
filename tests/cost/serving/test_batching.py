"""Queueing laws that the mean times of a request in a batch must keep."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cost.serving.batching import closed_loop, open_loop
from advisor.cost.serving.engines.vllm_v0 import lockstep, prefill_runs
from advisor.cost.serving.request_times import RequestWork
from tests.cost.standin import Textbook

STEP_S = 5e-3
CONSTANT = Textbook(overhead_s=STEP_S, weights_s=0.0, token_s=0.0, kv_token_s=0.0, pair_s=0.0)
"""Every iteration takes 5 ms, whatever is in it."""
LINEAR = Textbook(overhead_s=1e-3, weights_s=0.0, token_s=10e-6, kv_token_s=0.0, pair_s=0.0)
"""1 ms, and 10 µs per token."""
ONE = np.ones(1)


def work(
    prompt: float = 500.0,
    output: float = 101.0,
    *,
    step: Textbook = CONSTANT,
    budget: float = 8192.0,
    prefill_first: bool = False,
) -> RequestWork:
    """Requests of one length each; answers of 101 tokens take 100 decode steps."""
    return RequestWork(
        step=step,
        uncached_tokens=prompt * ONE,
        prompt_variation=0 * ONE,
        decode_steps=(output - 1) * ONE,
        decode_context=(prompt + output / 2) * ONE,
        prefill_context=prompt / 2 * ONE,
        token_budget=budget * ONE,
        unchunked=np.array([prefill_first]),
        prefill_first=np.array([prefill_first]),
        async_scheduling=0 * ONE,
        overhead_s=0 * ONE,
        tokenizing_s=0 * ONE,
    )


WAITING, SENT_WHEN_DONE = np.array([True]), np.array([False])


def test_a_request_by_itself_takes_its_own_steps():
    times = closed_loop(work(step=LINEAR), ONE, SENT_WHEN_DONE)
    assert times.wait_s[0] == 0
    assert times.prefill_s[0] == pytest.approx(1e-3 + 500 * 10e-6)
    assert times.tpot_s[0] == pytest.approx(1e-3 + 10e-6)
    assert times.decode_batch[0] == pytest.approx(100 / 101)


@given(st.floats(1, 200))
def test_where_all_steps_take_as_long_tokens_come_one_step_apart(batch: float):
    times = closed_loop(work(), batch * ONE, WAITING)
    assert times.tpot_s[0] == pytest.approx(STEP_S)


@settings(deadline=None)
@given(st.floats(2, 200), st.floats(1, 4000), st.floats(2, 500))
def test_more_requests_in_the_engine_never_shorten_a_step(batch: float, prompt: float, output: float):
    few, many = (
        closed_loop(work(prompt, output, step=Textbook()), b * ONE, WAITING) for b in (batch, 1.5 * batch)
    )
    assert many.tpot_s[0] >= few.tpot_s[0] * (1 - 1e-9)
    assert many.prefill_s[0] >= few.prefill_s[0] * (1 - 1e-9)


@settings(deadline=None)
@given(st.floats(0.1, 5), st.floats(1, 1000), st.floats(2, 300))
def test_littles_law_gives_the_decoding_sequences_of_an_open_loop(rate: float, prompt: float, output: float):
    """Sequences in decode = arrivals per second × seconds that each decodes."""
    times = open_loop(work(prompt, output), rate * ONE, ONE, 1e6 * ONE)
    decoding = rate * (output - 1) * STEP_S
    # `decode_batch` counts only the steps that decode at all.
    assert times.decode_batch[0] == pytest.approx(decoding / -np.expm1(-decoding), rel=0.01)


def test_a_request_that_comes_at_a_random_moment_waits_for_half_a_step():
    times = open_loop(work(), 5.0 * ONE, ONE, 1e6 * ONE)
    # 5 per second × 101 steps of 5 ms: some request is in the engine with probability 1 - exp(-2.525).
    assert times.wait_s[0] == pytest.approx(0.5 * STEP_S * (1 - np.exp(-5 * 101 * STEP_S)), rel=0.02)


def test_gaps_of_equal_length_halve_the_queue_of_random_ones():
    """Pollaczek–Khinchine: the wait is proportional to the variation of gaps and services together."""
    random, regular = (
        open_loop(work(4000, step=LINEAR, budget=4096), 10.0 * ONE, variation * ONE, 1e6 * ONE)
        for variation in (1.0, 0.5)
    )
    assert regular.prefill_queue_s[0] == pytest.approx(0.5 * random.prefill_queue_s[0], rel=0.05)
    assert random.prefill_queue_s[0] > 0


def test_async_scheduling_costs_a_new_request_one_step_more():
    plain = closed_loop(work(), 8 * ONE, SENT_WHEN_DONE)
    ahead = closed_loop(replace(work(), async_scheduling=ONE), 8 * ONE, SENT_WHEN_DONE)
    assert ahead.wait_s[0] - plain.wait_s[0] == pytest.approx(STEP_S)


def test_prefill_first_keeps_prompts_out_of_decode_steps():
    """V0's decode steps hold no prompt; V1 prefills in the same step."""
    mixed, first = (
        closed_loop(work(step=LINEAR, prefill_first=v0), 32 * ONE, WAITING) for v0 in (False, True)
    )
    assert first.prefill_step_s[0] < mixed.prefill_step_s[0]
    assert first.prefills_per_step[0] == pytest.approx(31 / 100)


@given(st.floats(0.01, 20), st.floats(1e-3, 0.1), st.floats(1e-3, 0.1))
def test_a_busy_period_holds_more_prefills_the_longer_each_takes(
    rate: float, decode_s: float, prefill_s: float
):
    shorter, longer = (
        prefill_runs(rate * ONE, decode_s * ONE, factor * prefill_s * ONE, 1e9 * ONE)[0] for factor in (1, 2)
    )
    # At least one prefill follows each decode step in which a request comes.
    assert -np.expm1(-rate * decode_s) <= shorter * (1 + 1e-12)
    assert shorter <= longer


def test_answers_of_one_length_are_prefilled_in_rounds_of_one_budget():
    # 32 prompts of 500 tokens, 16 to a step of 8192: two prefill steps of 8000 tokens each.
    times = lockstep(work(step=LINEAR, prefill_first=True), 32 * ONE, WAITING)
    round_s = 1e-3 + 16 * 500 * 10e-6
    assert times.prefill_step_s[0] == pytest.approx(round_s)
    assert times.prefill_s[0] == pytest.approx(1.5 * round_s)
    # The other half round passes before the first decode step, spread over 100 steps.
    assert times.tpot_s[0] == pytest.approx(1e-3 + 32 * 10e-6 + 0.5 * round_s / 100)
