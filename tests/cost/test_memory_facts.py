"""Memory as vLLM's logs print it: weights, the engine's own share, the KV cache and its interval."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from advisor.units import GIB
from benchmarks.memory import FACTS, judged, read_facts, scale_without

EVERY = read_facts()
JUDGED = judged(EVERY)
KEEPS_MORE = ("checkpoint keeps", "absorbed")
"""In notes of what keeps more at 16 bits than the format names: some checkpoints, and vLLM 0.7 for MLA."""
MAX_MEDIAN_GIB = {"dense, 16 bits": 0.2, "dense, 8 bits": 0.4, "MoE, 16 bits": 0.5, "MoE, 8 bits": 0.7}
MAX_MEDIAN_GIB |= {"dense, 4 bits": 2.5, "MoE, 4 bits": 1.0}


def test_every_fact_says_where_it_was_read() -> None:
    assert all(fact.url.startswith("https://") for fact in EVERY)
    assert len({(f.url, f.deployment.key, f.context, f.kv_gib) for f in EVERY}) == len(EVERY)
    assert FACTS.exists()


def test_weights_are_what_logs_print() -> None:
    # Within 3 % or 0.1 GiB: the rotary table, buffers of the all-reduce, padding of kernels.
    compared = [f for f in EVERY if f.weights_gib and not any(words in f.note for words in KEEPS_MORE)]
    predicted = [float(f.predicted.weight_bytes[0]) / GIB for f in compared]
    assert len(compared) >= 18
    assert predicted == pytest.approx([f.weights_gib for f in compared], rel=0.031, abs=0.1)
    assert np.median([p / (f.weights_gib or 1.0) for p, f in zip(predicted, compared, strict=True)]) == (
        pytest.approx(1.0, abs=0.01)
    )


@pytest.mark.parametrize("kind", sorted(MAX_MEDIAN_GIB))
def test_the_kv_cache_of_each_class_is_near_what_logs_print(kind: str) -> None:
    errors = [
        abs(f.kv_predicted_gib - f.room_gib) for f in JUDGED if f.kind == kind and f.room_gib is not None
    ]
    assert errors, kind
    assert np.median(errors) <= MAX_MEDIAN_GIB[kind]


def test_no_class_of_facts_is_without_a_bar() -> None:
    assert {f.kind for f in JUDGED if f.room_gib is not None} == set(MAX_MEDIAN_GIB)


def test_what_a_token_takes_of_the_cache_is_what_logs_print() -> None:
    shares = [
        f.request_bytes / f.context / (f.kv_gib * GIB / f.kv_tokens)
        for f in EVERY
        if f.kv_gib and f.kv_tokens and f.starts
    ]
    assert len(shares) >= 8
    assert max(abs(share - 1) for share in shares) < 0.06
    assert np.median(shares) == pytest.approx(1.0, abs=0.01)


def test_nine_of_ten_kv_caches_lie_in_the_interval_with_their_model_left_out() -> None:
    held = [f for f in JUDGED if f.score is not None]
    inside = [abs(f.score or 0.0) <= scale_without(held, f.deployment.model.name) for f in held]
    assert 0.85 <= np.mean(inside) <= 0.96
    assert 0.85 <= np.mean([abs(f.score or 0.0) <= 1.0 for f in held]) <= 0.96


def test_what_started_is_not_refused() -> None:
    started = [f for f in EVERY if f.starts]
    assert len(started) >= 15
    assert [f.url for f in started if f.is_refused] == []


def test_what_failed_for_want_of_memory_is_refused_or_unsure() -> None:
    failed = [f for f in EVERY if f.starts is False]
    assert len(failed) >= 8
    assert [f.url for f in failed if not (f.is_refused or f.is_unsure)] == []


def test_the_facts_cover_both_engines_and_all_widths() -> None:
    by_generation = {fact.arrays.generation[0] for fact in EVERY}
    widths = {fact.deployment.format.weight_bits for fact in EVERY}
    parallel = {gpus for gpus, _ in groupby(sorted(f.deployment.tensor_parallel for f in EVERY))}
    assert by_generation == {"v0", "v1"}
    assert widths == {4, 8, 16}
    assert {1, 2, 4, 8, 16} <= parallel
