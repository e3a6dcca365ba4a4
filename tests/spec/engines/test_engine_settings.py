"""Settings that move speed: their defaults by release, and what a stated one puts in their place."""

from __future__ import annotations

import pytest

from advisor.errors import InputError
from advisor.spec.engines.engine import SETTINGS, Engine, default_settings, defaults
from advisor.spec.engines.release import is_older
from advisor.spec.engines.start_table import known_releases
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.reading.catalog_yaml import read_catalog
from advisor.units import MIB


@pytest.mark.parametrize(
    ("version", "fusion", "async_scheduling", "full_graphs", "hybrid_prefixes", "symmetric"),
    [
        # vllm/config/vllm.py, compilation.py, model.py and envs.py of the release named
        ("0.10.2", False, False, False, False, False),
        ("0.11.0", False, False, True, False, True),
        ("0.14.0", False, True, True, False, True),
        ("0.17.0", True, True, True, False, True),
        ("0.26.0", True, True, True, True, True),
        ("0.33.0", True, True, True, True, True),
    ],
)
def test_defaults_that_move_speed_by_release(
    version: str,
    fusion: bool,
    async_scheduling: bool,
    full_graphs: bool,
    hybrid_prefixes: bool,
    symmetric: bool,
) -> None:
    found = defaults(Engine(version=version), find_gpu("H100"))
    assert found.allreduce_fusion == fusion
    assert found.async_scheduling == async_scheduling
    assert found.full_graphs == full_graphs
    assert found.hybrid_prefix_caching == hybrid_prefixes
    assert found.symmetric_memory == symmetric
    assert (found.stream_interval, found.enforce_eager, found.prefix_caching) == (1, False, True)


@pytest.mark.parametrize(
    ("gpu", "tp", "mib"),
    [("H100", 2, 64), ("H100", 4, 2), ("H100", 8, 0.5), ("B200", 4, 32), ("B300", 8, 4)],
)
def test_the_all_reduce_is_fused_up_to_a_size_of_its_own(gpu: str, tp: int, mib: float) -> None:
    found = defaults(Engine(version="0.32.0"), find_gpu(gpu))
    assert found.allreduce_fusion_bytes[tp] == mib * MIB


@pytest.mark.parametrize("gpu", ["A100", "L40S", "RTX5090", "MI300X"])
def test_other_gpus_do_not_fuse_it(gpu: str) -> None:
    assert not defaults(Engine(version="0.32.0"), find_gpu(gpu)).allreduce_fusion


def test_b300_fused_less_from_0_19_to_0_28() -> None:
    b300 = find_gpu("B300")
    sizes = {v: defaults(Engine(version=v), b300).allreduce_fusion_bytes[8] for v in ("0.18.0", "0.28.0")}
    assert sizes == {"0.18.0": 4 * MIB, "0.28.0": 2 * MIB}


def test_eager_mode_has_no_graphs_no_compilation_and_no_fusion() -> None:
    eager = defaults(Engine(enforce_eager=True), find_gpu("H100"))
    assert (eager.graph_batch_limit, eager.full_graphs) == (0, False)
    assert (eager.compilation, eager.allreduce_fusion) == (False, False)


def test_a_stated_setting_wins_over_the_release() -> None:
    stated = Engine(async_scheduling=False, stream_interval=10, prefix_caching=False, allreduce_fusion=False)
    found = defaults(stated, find_gpu("H100"))
    assert (found.async_scheduling, found.stream_interval) == (False, 10)
    assert (found.prefix_caching, found.allreduce_fusion) == (False, False)
    assert set(stated.stated) == {
        "async_scheduling", "stream_interval", "prefix_caching", "allreduce_fusion",
    }  # fmt: skip


def test_few_sequences_need_few_graphs() -> None:
    # vllm/config/vllm.py _set_cudagraph_sizes: up to min(2 x max_num_seqs, 512)
    assert defaults(Engine(max_num_seqs=16), find_gpu("H100")).graph_batch_limit == 32
    assert defaults(Engine(max_num_seqs=2048), find_gpu("H100")).graph_batch_limit == 512


def test_a_step_of_no_tokens_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        Engine(stream_interval=0)


def test_every_setting_has_one_row_for_every_release_since_v1_and_says_where_it_was_read() -> None:
    rows = read_catalog("engines.yaml")["settings"]
    names = {row["setting"] for row in rows}
    for version in known_releases():
        if not is_older(version, "0.8.0"):
            held = [r["setting"] for r in rows if r["setting"] in default_settings(version)]
            assert set(held) == names, version
    assert all(row["file"] and row["read"] for row in rows)
    assert set(SETTINGS) - {"kv_cache_dtype"} <= names


def test_gb10_counts_as_small_since_0_33() -> None:
    from dataclasses import replace

    gb10 = replace(find_gpu("RTX-PRO-6000"), name="GB10", capability=12.1)
    seqs = [defaults(Engine(version=v), gb10).max_num_seqs for v in ("0.32.0", "0.33.0")]
    assert seqs == [1024, 256]
