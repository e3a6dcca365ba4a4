"""Engines: versions are read as people write them, and their defaults are those of vLLM's releases."""

from __future__ import annotations

import pytest

from advisor.errors import InputError, UnknownNameError
from advisor.spec.engines.engine import (
    Engine,
    defaults,
    first_release_for,
    is_older,
    newest_version,
    parse_engine,
)
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model, known_models
from advisor.spec.reading.catalog_yaml import read_catalog


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("vllm 0.7.2", "0.7.2"),
        ("vLLM 0.6.4.post1", "0.6.4.post1"),
        ("v0.11.0", "0.11.0"),
        ("0.19.0", "0.19.0"),
        ("vllm==0.10.1", "0.10.1"),
        ("vllm-0.8.5", "0.8.5"),
        ("vllm v0.13.0", "0.13.0"),
        (" vllm ", "0.32.0"),
        ("0.20.1+transformers-5.8.1", "0.20.1+transformers-5.8.1"),
    ],
)
def test_a_version_is_read_as_people_write_it(text: str, version: str) -> None:
    assert parse_engine(text) == Engine(version=version)


def test_an_engine_prints_so_that_it_can_be_read_again() -> None:
    engine = Engine(version="0.6.4.post1")
    assert parse_engine(str(engine)) == engine


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sglang 0.4", "unknown engine 'sglang'; known: vllm"),
        ("vllm 0.x", "expected numbers and dots"),
        ("vllm 0.1.2", "its defaults are not known; give 0.4.0 or newer"),
        ("", "expected a name and a version"),
        ("vllm 0.11.0 0.12.0", "expected a name and a version"),
    ],
)
def test_what_is_no_engine_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_engine(text)
    assert issubclass(UnknownNameError, InputError)


@pytest.mark.parametrize(
    ("version", "gpu", "generation", "seqs", "budget", "share"),
    [
        # vllm/engine/arg_utils.py and vllm/config* of the release named
        ("0.6.4.post1", "A100", "v0", 256, 512, 0.9),
        ("0.6.6.post1", "H100", "v0", 256, 2048, 0.9),
        ("0.7.2", "A6000", "v0", 256, 2048, 0.9),
        ("0.8.0", "A6000", "v1", 1024, 2048, 0.9),
        ("0.8.4", "H100", "v1", 1024, 8192, 0.9),
        ("0.8.5", "A100", "v1", 1024, 8192, 0.9),
        ("0.9.0", "A100", "v1", 256, 2048, 0.9),
        ("0.9.0", "A800-SXM-80GB", "v1", 1024, 8192, 0.9),
        ("0.11.0", "H100", "v1", 1024, 8192, 0.9),
        ("0.11.0", "L40S", "v1", 256, 2048, 0.9),
        ("0.19.0", "H200", "v1", 1024, 8192, 0.9),
        ("0.20.0", "H100", "v1", 1024, 8192, 0.92),
        ("0.27.0", "B200", "v1", 1024, 8192, 0.92),
        ("0.28.0", "B200", "v1", 1024, 16384, 0.92),
        ("0.32.0", "H100", "v1", 1024, 8192, 0.92),
        ("0.32.0", "RTX4090", "v1", 256, 2048, 0.92),
        # V1 wanted capability 8.0 until 0.10.1, and NVIDIA until 0.9.1
        ("0.10.1", "T4", "v0", 256, 2048, 0.9),
        ("0.10.2", "T4", "v1", 256, 2048, 0.9),
        ("0.8.5", "MI300X", "v0", 256, 32768, 0.9),
        ("0.9.2", "MI300X", "v1", 1024, 8192, 0.9),
    ],
)
def test_defaults_are_those_of_the_release(
    version: str, gpu: str, generation: str, seqs: int, budget: int, share: float
) -> None:
    settings = defaults(Engine(version=version), find_gpu(gpu))
    seen = (
        settings.generation,
        settings.max_num_seqs,
        settings.max_num_batched_tokens,
        settings.gpu_memory_utilization,
    )
    assert seen == (generation, seqs, budget, share)


def test_only_v0_stops_its_graphs_at_8192_tokens() -> None:
    h100 = find_gpu("H100")
    assert defaults(Engine(version="0.7.2"), h100).graph_context_limit == 8192
    assert defaults(Engine(version="0.8.0"), h100).graph_context_limit is None


def test_v0_chunks_only_models_of_more_than_32k_context() -> None:
    engine, h100 = Engine(version="0.6.4.post1"), find_gpu("H100")
    long = defaults(engine, h100, max_model_len=131_072)
    short = defaults(engine, h100, max_model_len=8_192)
    assert (long.chunked_prefill, long.max_num_batched_tokens) == (True, 512)
    assert (short.chunked_prefill, short.max_num_batched_tokens) == (False, 8_192)
    assert defaults(engine, h100, max_model_len=1_024).max_num_batched_tokens == 2_048
    assert not defaults(Engine(version="0.4.2"), h100, max_model_len=131_072).chunked_prefill


def test_offline_use_has_a_larger_budget() -> None:
    engine = Engine(version="0.11.0")
    assert defaults(engine, find_gpu("H100"), usage="offline").max_num_batched_tokens == 16_384
    assert defaults(engine, find_gpu("A100"), usage="offline").max_num_batched_tokens == 8_192


def test_scheduling_runs_ahead_from_0_14_on() -> None:
    h100 = find_gpu("H100")
    assert not defaults(Engine(version="0.13.0"), h100).async_scheduling
    assert defaults(Engine(version="0.14.0"), h100).async_scheduling


def test_what_the_engine_says_wins() -> None:
    engine = Engine(
        version="0.11.0", max_num_seqs=64, max_num_batched_tokens=4096, gpu_memory_utilization=0.8
    )
    settings = defaults(engine, find_gpu("H100"))
    assert (settings.max_num_seqs, settings.max_num_batched_tokens) == (64, 4096)
    assert settings.gpu_memory_utilization == 0.8


@pytest.mark.parametrize(
    "version", ["0.4.2", "0.5.5", "0.6.4.post1", "0.8.0", "0.10.2", "0.19.1", "0.32.0", "1.0.0"]
)
def test_every_gpu_has_defaults_under_every_version(version: str) -> None:
    for gpu in known_gpus():
        settings = defaults(Engine(version=version), gpu)
        assert settings.max_num_seqs in (256, 1024)
        assert settings.max_num_batched_tokens >= 512
        assert settings.graph_batch_limit >= 256
        assert settings.source


def test_a_release_candidate_comes_before_its_release() -> None:
    h100 = find_gpu("H100")
    assert defaults(Engine(version="0.8.0rc1"), h100).generation == "v0"
    assert defaults(Engine(version="0.8.0.post1"), h100).generation == "v1"


def test_the_default_engine_is_the_newest_known() -> None:
    assert Engine().version == newest_version()


@pytest.mark.parametrize(
    ("version", "release", "older"),
    [
        ("0.5.2", "0.5.3", True),
        ("0.5.3", "0.5.3", False),
        ("0.10.0", "0.9.1", False),
        ("0.8.0rc1", "0.8.0", True),
    ],
)
def test_releases_are_ordered_as_they_came(version: str, release: str, older: bool) -> None:
    assert is_older(version, release) == older


def test_a_model_has_the_release_that_first_served_it() -> None:
    assert first_release_for("GptOssForCausalLM") == "0.10.1"
    assert first_release_for("LlamaForCausalLM") is None


def test_every_first_release_has_a_source_and_a_model_of_the_catalog() -> None:
    rows = read_catalog("engines.yaml")["models"]
    known = {find_model(name).architecture for name in known_models()}
    for row in rows:
        assert row["since"] in row["source"]
        assert set(row["architectures"]) <= known
        assert not is_older(newest_version(), row["since"])
