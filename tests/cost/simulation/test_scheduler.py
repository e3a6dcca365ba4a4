"""The scheduler takes many steps at once and must end where single steps end."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.simulation.scheduler import run
from advisor.cost.simulation.simulated_requests import Requests
from advisor.cost.step.memory import BLOCK_TOKENS
from tests.cost.standin import Textbook
from tests.cost.step_by_step import Slow

LINEAR = Textbook(weights_s=0.0)
"""Without the corner between reading and multiplying, tables hold this step time exactly."""


def asked(
    rng: np.random.Generator,
    n: int,
    *,
    prompt: int = 200,
    output: int = 40,
    concurrency: int | None = None,
    rate: float | None = None,
) -> Requests:
    prompts = rng.integers(1, prompt + 1, n)
    return Requests(
        input_tokens=prompts,
        cached_tokens=(prompts * rng.choice([0.0, 0.5], n)).astype(np.int64),
        output_tokens=rng.integers(1, output + 1, n),
        sent_s=None if rate is None else np.cumsum(rng.exponential(1 / rate, n)),
        concurrency=concurrency or 1,
    )


@st.composite
def setups(draw: st.DrawFn) -> EngineTable:
    seqs = draw(st.integers(1, 12))
    return EngineTable.one(
        step=LINEAR,
        kv_tokens=draw(st.integers(16, 120)) * BLOCK_TOKENS,
        max_num_seqs=seqs,
        max_num_batched_tokens=draw(st.sampled_from([seqs + 3, 64, 256, 2048])) + seqs,
        generation=draw(st.sampled_from(["v1", "v0"])),
        chunked_prefill=draw(st.booleans()),
        async_scheduling=draw(st.booleans()),
        request_overhead_s=draw(st.sampled_from([0.0, 0.0071])),
    )


FULL_THEN_EMPTY = EngineTable.one(
    step=LINEAR,
    kv_tokens=17 * BLOCK_TOKENS,
    max_num_seqs=2,
    max_num_batched_tokens=7,
    chunked_prefill=False,
    async_scheduling=True,
)
"""Both places end at once, and one has come before that while others come then."""


@settings(max_examples=150, deadline=None)
@given(
    setup=setups(),
    seed=st.integers(0, 2**32 - 1),
    concurrency=st.one_of(st.none(), st.integers(1, 20)),
)
@example(setup=FULL_THEN_EMPTY, seed=88, concurrency=3)
def test_many_steps_at_once_end_where_single_steps_end(setup, seed, concurrency):
    rng = np.random.default_rng(seed)
    requests = asked(rng, 25, concurrency=concurrency, rate=None if concurrency else rng.uniform(1, 60))
    if not setup.chunked_prefill:  # what vLLM demands of its budget
        setup = with_budget(setup, 240 + 12)
    fast, slow = run(setup, requests), Slow(setup, requests).all
    np.testing.assert_allclose(fast.sent_s, [one.sent_s for one in slow], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fast.first_s, [one.token_s[0] for one in slow], rtol=1e-9)
    np.testing.assert_allclose(fast.finish_s, [one.token_s[-1] for one in slow], rtol=1e-9)
    assert fast.preempted.tolist() == [one.preempted for one in slow]


def with_budget(setup: EngineTable, tokens: int) -> EngineTable:
    from dataclasses import replace

    return replace(setup, max_num_batched_tokens=np.maximum(setup.max_num_batched_tokens, tokens))


@settings(max_examples=60, deadline=None)
@given(setup=setups(), seed=st.integers(0, 2**32 - 1))
def test_every_token_is_counted_once_and_gaps_add_up(setup, seed):
    requests = asked(np.random.default_rng(seed), 40, concurrency=9)
    happened = run(setup, requests)
    assert happened.tokens.sum() == requests.output_tokens.sum()
    # A gap for every token but each request's first.
    assert happened.gap_count.sum() == requests.output_tokens.sum() - len(requests)
    decoding_s = (happened.finish_s - happened.first_s).sum()
    np.testing.assert_allclose((happened.gap_s * happened.gap_count).sum(), decoding_s, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(setup=setups(), seed=st.integers(0, 2**32 - 1))
def test_each_request_is_sent_admitted_answered_and_done_in_this_order(setup, seed):
    happened = run(setup, asked(np.random.default_rng(seed), 40, rate=30.0))
    assert np.all(happened.sent_s + setup.request_overhead_s <= happened.admitted_s + 1e-12)
    assert np.all(happened.admitted_s < happened.first_s)
    assert np.all(happened.first_s <= happened.finish_s)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_kv_cache_never_overflows_and_steps_never_overlap(seed):
    setup = EngineTable.one(step=LINEAR, kv_tokens=600, max_num_seqs=16, max_num_batched_tokens=128)
    happened = run(setup, asked(np.random.default_rng(seed), 60, concurrency=16))
    assert happened.preempted.sum() > 0
    assert happened.blocks.max() <= setup.kv_blocks
    assert np.all(happened.start_s[1:] >= happened.end_s[:-1] - 1e-12)


def test_littles_law_holds_in_the_batch():
    setup = EngineTable.one(step=Textbook(), kv_tokens=1e6, max_num_seqs=256, max_num_batched_tokens=8192)
    rng = np.random.default_rng(7)
    happened = run(setup, asked(rng, 2000, prompt=800, output=300, rate=20.0))
    lasted = happened.end_s - happened.start_s
    decoding = np.sum(lasted * happened.decoding) / happened.finish_s.max()
    arrivals = len(happened.sent_s) / happened.finish_s.max()
    # Sequences that decode = requests per second × seconds each decodes.
    decode_s = np.mean(happened.finish_s - happened.first_s)
    np.testing.assert_allclose(decoding, arrivals * decode_s, rtol=1e-6)
