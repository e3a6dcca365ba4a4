"""The limits and rules of an engine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.predict.predictor import Predictor
from advisor.cost.serving.engine_table import RULES, EngineTable, engine_table, request_work
from advisor.cost.serving.load_table import load_table, table_of_loads
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import parse_engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from tests.cost.standin import Textbook


def engine(**changes: object) -> EngineTable:
    plain = {"step": Textbook(), "kv_tokens": 16_000, "max_num_seqs": 8, "max_num_batched_tokens": 512}
    return EngineTable.one(**{**plain, **changes})  # type: ignore[arg-type]


def load(prompt: int = 1000, output: int = 24, hit: float = 0.0, arrival: str = "single") -> Load:
    return Load(
        input_tokens=Lengths.constant(prompt),
        output_tokens=Lengths.constant(output),
        arrival=Arrival(kind=arrival),  # type: ignore[arg-type]
        prefix_hit_rate=hit,
    )


def deployed(version: str, tp: int = 1) -> Deployment:
    return Deployment(
        model=find_model("Llama-3.1-8B-Instruct"),
        format=find_format("bf16"),
        gpu=find_gpu("A100"),
        tensor_parallel=tp,
        engine=parse_engine(version),
    )


def engines(d: Deployment, asked: Load) -> EngineTable:
    replica = Predictor.shipped()._deployments.table([d]).replica
    return engine_table(replica.arrays, replica.costs, replica.memory.kv_bytes, load_table(asked, [d]))


def test_v0_keeps_a_hundredth_of_its_blocks_free_and_v1_none():
    v0, v1 = engine(generation="v0"), engine()
    assert (v0.kv_blocks[0], v0.watermark_blocks[0]) == (1000, 10)
    assert v1.watermark_blocks[0] == 0


@pytest.mark.parametrize(
    ("generation", "chunked", "first"), [("v0", False, True), ("v0", True, False), ("v1", False, False)]
)
def test_only_v0_without_chunking_prefills_first(generation: str, chunked: bool, first: bool):
    assert engine(generation=generation, chunked_prefill=chunked).prefill_first[0] == first


def test_every_generation_has_rules():
    assert set(RULES) == {"v0", "v1"}


def test_the_token_budget_holds_a_token_of_every_sequence():
    assert engine(max_num_seqs=1024).max_num_batched_tokens[0] == 1024


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kv_tokens": -1}, "KV cache of -1 tokens"),
        ({"max_num_seqs": 0}, "a step of 0 sequences"),
        ({"request_overhead_s": -0.1}, "overhead of -0.1 s"),
    ],
)
def test_limits_that_no_engine_has_are_refused(changes: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        engine(**changes)


@given(st.integers(2, 4000), st.integers(1, 500), st.floats(0, 0.99))
def test_cached_tokens_are_not_computed_but_attended_to(prompt: int, output: int, hit: float):
    work = request_work(engine(), table_of_loads([load(prompt, output, hit)]))
    assert work.uncached_tokens[0] == pytest.approx(max(prompt * (1 - hit), 1.0))
    assert work.decode_steps[0] == output - 1
    # Between half of the prompt (nothing cached) and all of it.
    assert prompt / 2 <= work.prefill_context[0] * (1 + 1e-12) <= prompt * (1 + 1e-9)


def test_an_unchunked_prompt_widens_the_budget_to_its_length():
    long = table_of_loads([load(4000)])
    assert request_work(engine(chunked_prefill=False), long).token_budget[0] == 4000
    assert request_work(engine(), long).token_budget[0] == 512


def test_the_kv_cache_of_a_deployment_holds_its_bytes_over_those_of_a_token():
    d = deployed("vllm 0.11.0")
    # 16-bit keys and values of 32 layers x 8 heads x 128: 131,072 bytes a token (a multiple of 16 tokens
    # long).
    bytes_left = Predictor.shipped()._deployments.table([d]).replica.memory.kv_bytes[0]
    assert engines(d, load(1000, 24)).kv_tokens[0] == pytest.approx(bytes_left / 131_072)


def test_sixteen_gpus_in_two_nodes_are_two_engines_that_take_turns():
    one, two = (engines(deployed("vllm 0.7.2", tp), load()) for tp in (8, 16))
    assert two.max_num_seqs[0] == one.max_num_seqs[0] / 2


def test_releases_have_the_rules_of_their_generation():
    old, new = (engines(deployed(version), load()) for version in ("vllm 0.6.0", "vllm 0.11.0"))
    assert (old.watermark[0], new.watermark[0]) == (0.01, 0.0)
    assert not new.prefill_first[0]


def test_answers_of_one_length_sent_at_once_come_in_waves_that_fit_whole():
    d = deployed("vllm 0.11.0")
    waves = engines(d, load(30_000, 2_000, arrival="maximum"))
    assert waves.max_num_seqs[0] == pytest.approx(waves.kv_tokens[0] / 32_000)
    assert np.all(engines(d, load(30_000, 2_000)).max_num_seqs >= waves.max_num_seqs)
