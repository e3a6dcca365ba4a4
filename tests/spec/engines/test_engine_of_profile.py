"""The section `engine` of a profile, and the settings that a record's conditions state."""

from __future__ import annotations

import pytest

from advisor.errors import InputError
from advisor.spec.engines.engine import SETTINGS, Engine
from advisor.spec.engines.settings_from_conditions import stated_settings, written_settings
from advisor.spec.workloads.read_profile import parse_workload, to_yaml
from advisor.spec.workloads.workload import Workload
from advisor.spec.workloads.workload_words import describe

LOAD = "name: mine\ninput_tokens: 512\noutput_tokens: 128\nload: single\n"
EVERY = Engine(
    version="0.19.0",
    max_num_seqs=64,
    max_num_batched_tokens=4096,
    gpu_memory_utilization=0.85,
    prefix_caching=False,
    kv_cache_dtype="fp8",
    async_scheduling=True,
    enforce_eager=False,
    compilation=True,
    allreduce_fusion=False,
    stream_interval=8,
)


def served(text: str) -> Workload:
    return parse_workload(LOAD + text)


def test_a_release_alone_is_a_line() -> None:
    assert served("engine: vllm 0.19.0").engine == Engine(version="0.19.0")
    assert served("").engine is None


def test_every_setting_can_be_stated_and_is_written_back() -> None:
    from dataclasses import replace

    workload = replace(served(""), engine=EVERY)
    assert set(EVERY.stated) == set(SETTINGS)
    assert parse_workload(to_yaml(workload)) == workload
    assert (
        describe(workload)[-1][0],
        describe(workload)[-1][1][:28],
    ) == ("engine", "vllm 0.19.0, max_num_seqs 64")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("engine: sglang 0.4", "engine: unknown engine 'sglang'"),
        ("engine: {max_num_sequences: 4}", "did you mean 'max_num_seqs'"),
        ("engine: {enforce_eager: maybe}", "expected true or false"),
        ("engine: {stream_interval: 0}", "of at least 1"),
        ("engine: {kv_cache_dtype: int4}", "kv_cache_dtype"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(text: str, why: str) -> None:
    with pytest.raises(InputError, match="profile:5") as caught:
        served(text)
    assert why in str(caught.value)


def test_the_conditions_of_a_record_state_every_setting() -> None:
    text = "; ".join(["run 3", *written_settings(EVERY.stated), "harness of ours"])
    assert stated_settings(text) == EVERY.stated


def test_words_that_look_alike_state_nothing() -> None:
    assert stated_settings("prefix caching on; 8 max_num_seqs; async_scheduling=unknown") == {}


def test_arguments_of_vllm_serve_state_settings_too() -> None:
    found = stated_settings("--max-num-seqs 64 --enforce-eager --no-async-scheduling --stream-interval=4")
    assert found == {
        "max_num_seqs": 64,
        "enforce_eager": True,
        "async_scheduling": False,
        "stream_interval": 4,
    }
