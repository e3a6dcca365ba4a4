"""Engine settings that the conditions of a measurement state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.spec.engines.engine import Engine
from advisor.spec.engines.settings_from_conditions import stated_settings, written_settings


@pytest.mark.parametrize(
    ("conditions", "settings"),
    [
        ("", {}),
        ("ShareGPT prompts, all at once", {}),
        ("max_num_batched_tokens=8192; max_num_seqs=8", {"max_num_batched_tokens": 8192, "max_num_seqs": 8}),
        ("vllm serve m --max-num-seqs 64 --gpu-memory-utilization 0.95",
         {"max_num_seqs": 64, "gpu_memory_utilization": 0.95}),
        ("--enable-prefix-caching", {"prefix_caching": True}),
        ("--no-enable-prefix-caching --enforce-eager", {"prefix_caching": False, "enforce_eager": True}),
        ("--no-async-scheduling", {"async_scheduling": False}),
        ("--kv-cache-dtype fp8_e4m3", {"kv_cache_dtype": "fp8"}),
        ("kv_cache_dtype=auto", {"kv_cache_dtype": "auto"}),
        ("gpu_memory_utilization=0.9.", {"gpu_memory_utilization": 0.9}),
    ],
)  # fmt: skip
def test_what_conditions_state(conditions: str, settings: dict[str, object]) -> None:
    assert stated_settings(conditions) == settings


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "max_num_seqs": st.integers(1, 10_000),
        "max_num_batched_tokens": st.integers(1, 1_000_000),
        "gpu_memory_utilization": st.integers(1, 99).map(lambda percent: percent / 100),
        "prefix_caching": st.booleans(),
        "async_scheduling": st.booleans(),
        "enforce_eager": st.booleans(),
        "kv_cache_dtype": st.sampled_from(["auto", "fp8", "bfloat16"]),
        "stream_interval": st.integers(1, 100),
    },
)


@given(SETTINGS)
def test_settings_written_into_conditions_are_read_back(settings: dict[str, object]) -> None:
    text = "; ".join(["256 requests x 3", *written_settings(settings), "variation 1.2%"])
    assert stated_settings(text) == settings
    Engine(**settings)  # type: ignore[arg-type]
