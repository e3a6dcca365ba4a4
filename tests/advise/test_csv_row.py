"""Rows of `predict --cells`: optional columns state settings and loads; what is wrong is named."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from advisor.advise.api import shipped_predictor
from advisor.advise.csv_file import NEEDED, OPTIONAL, other_columns
from advisor.advise.csv_row import Question, question_of
from advisor.advise.predict_csv import answer_cells, read_cells
from advisor.errors import InputError
from tests.command import Command

ROW = {
    "model": "Llama-3.1-8B-Instruct",
    "gpu": "H100",
    "num_gpus": "1",
    "format": "fp8",
    "input_tokens": "1000",
    "output_tokens": "200",
    "concurrency": "16",
}
MOE = {**ROW, "model": "Qwen3-30B-A3B", "num_gpus": "2"}


def question(base: dict[str, str] = ROW, **cells: str) -> Question:
    return question_of(base | cells, any_format=False)


def answers(*rows: dict[str, str]) -> list[dict[str, str]]:
    columns, found = answer_cells(rows, shipped_predictor())
    return [dict(zip(columns, row, strict=True)) for row in found]


def test_empty_cells_are_the_same_question_as_no_cells() -> None:
    empty = question(**dict.fromkeys((*OPTIONAL[1:], "engine"), ""))
    assert empty == question()


@pytest.mark.parametrize(
    ("cells", "kind", "level", "per_client"),
    [
        ({}, "concurrency", 16.0, 10.0),
        ({"concurrency": "1"}, "single", 1.0, math.inf),
        ({"concurrency": "max"}, "maximum", math.inf, math.inf),
        ({"concurrency": "", "request_rate": "2.5"}, "rate", 2.5, math.inf),
        ({"num_prompts": "320"}, "concurrency", 16.0, 20.0),
        ({"num_prompts": "inf"}, "concurrency", 16.0, math.inf),
        # as many prompts as places: they are sent together, and the batch drains
        ({"num_prompts": "16"}, "concurrency", 16.0, 1.0),
        ({"num_prompts": "10", "concurrency": "max"}, "concurrency", 10.0, 1.0),
        ({"num_prompts": "300", "concurrency": "", "request_rate": "2.5"}, "rate", 2.5, 300.0),
        ({"num_prompts": "1"}, "single", 1.0, math.inf),
    ],
)
def test_the_load_that_a_row_states(
    cells: dict[str, str], kind: str, level: float, per_client: float
) -> None:
    found = question(**cells)
    assert (found.load, found.level, found.requests_per_client) == (kind, level, per_client)
    assert found.why == ""


@pytest.mark.parametrize(
    ("column", "value", "setting", "stated"),
    [
        ("max_num_seqs", "64", "max_num_seqs", 64),
        ("max_num_batched_tokens", "4096", "max_num_batched_tokens", 4096),
        ("stream_interval", "10", "stream_interval", 10),
        ("async_scheduling", "false", "async_scheduling", False),
        ("enforce_eager", "true", "enforce_eager", True),
        ("allreduce_fusion", "FALSE", "allreduce_fusion", False),
    ],
)
def test_a_setting_reaches_the_engine(column: str, value: str, setting: str, stated: object) -> None:
    found = question(**{column: value}).deployment
    assert found is not None
    assert found.engine.stated == {setting: stated}


def test_the_kv_type_and_the_checkpoint_reach_the_deployment() -> None:
    assert _kv(kv_cache_dtype="fp8") == "fp8"
    assert _kv(kv_cache_dtype="bfloat16") == "16bit"
    assert _kv() == _kv(kv_cache_dtype="auto") == "16bit"
    named = question(
        ROW | {"model": "Llama-3.1-70B-Instruct", "num_gpus": "2"},
        checkpoint="nvidia/Llama-3.1-70B-Instruct-FP8",
    ).deployment
    assert named is not None
    assert named.checkpoint is not None
    # its config states FP8 KV scales, which `auto` follows
    assert (named.checkpoint.kind.packaging, named.kv_format) == ("modelopt", "fp8")


def _kv(**cells: str) -> str:
    found = question(**cells).deployment
    assert found is not None
    return found.kv_format


def test_expert_parallelism_reaches_the_deployment() -> None:
    found = question(MOE, enable_expert_parallel="true").deployment
    assert found is not None
    assert found.parallelism.expert


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"request_rate": "3"}, "both are filled"),
        ({"concurrency": ""}, "neither is filled"),
        ({"concurrency": "", "request_rate": "-1"}, "is not a rate above 0"),
        ({"prefix_hit_rate": "1"}, "prefix_hit_rate: 1 is impossible"),
        ({"input_std": "wide"}, "input_std: 'wide'"),
        ({"num_prompts": "0"}, "num_prompts: '0'"),
        ({"kv_cache_dtype": "int4"}, "is not one of auto, fp8, bfloat16"),
        ({"async_scheduling": "maybe"}, "neither true nor false"),
        ({"max_num_seqs": "0"}, "max_num_seqs: '0'"),
        ({"checkpoint": "nobody/knows-this"}, "is not listed"),
        ({"checkpoint": "nvidia/Llama-3.1-8B-Instruct-NVFP4"}, "is nvfp4, the format is fp8"),
        ({"enable_expert_parallel": "true", "num_gpus": "2"}, "the model is dense"),
        ({"model": "phi-4", "gpu": "L4", "num_gpus": "4"}, "10 KV heads"),
        ({"gpu": "V100-32GB", "format": "int4"}, "vLLM 0.19.0 is the newest that does"),
    ],
)
def test_what_is_wrong_is_named_in_its_row(cells: dict[str, str], why: str) -> None:
    found = question(**cells)
    assert found.deployment is None
    assert why in found.why


def test_a_table_may_have_rates_alone(tmp_path: Path) -> None:
    head = [name for name in NEEDED if name != "concurrency"]
    path = tmp_path / "rates.csv"
    path.write_text(",".join([*head, "request_rate"]) + "\nLlama-3.1-8B-Instruct,H100,1,fp8,1000,200,3\n")
    [row] = read_cells(path)
    [answer] = answers(row)
    assert float(answer["requests_per_s"]) == 3.0
    path.write_text(",".join(head) + "\nLlama-3.1-8B-Instruct,H100,1,fp8,1000,200\n")
    with pytest.raises(InputError, match="column 'concurrency' is missing"):
        read_cells(path)


def test_settings_that_the_cost_model_uses_move_the_answer() -> None:
    usual, few, hits, long = answers(
        ROW | {"concurrency": "64", "max_num_seqs": "", "prefix_hit_rate": "", "num_prompts": ""},
        ROW | {"concurrency": "64", "max_num_seqs": "8", "prefix_hit_rate": "", "num_prompts": ""},
        ROW | {"concurrency": "64", "max_num_seqs": "", "prefix_hit_rate": "0.9", "num_prompts": ""},
        ROW | {"concurrency": "64", "max_num_seqs": "", "prefix_hit_rate": "", "num_prompts": "inf"},
    )
    assert float(few["requests_per_s"]) < float(usual["requests_per_s"]) < float(hits["requests_per_s"])
    assert float(few["ttft_mean_ms"]) > 10 * float(usual["ttft_mean_ms"])
    assert float(long["ttft_mean_ms"]) < float(usual["ttft_mean_ms"])


def test_other_columns_are_copied_through_and_named_once(quantadvise: Command, tmp_path: Path) -> None:
    assert other_columns([ROW | {"note": "a", "engine": ""}]) == ["note"]
    path = tmp_path / "cells.csv"
    rows = [ROW | {"note": "first"}, ROW | {"note": "second"}]
    path.write_text(
        "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]) + "\n", encoding="utf-8"
    )
    done = quantadvise("predict", "--cells", str(path), "--output", "csv")
    assert done.err.count("note") == 1
    assert "first" in done.out
    assert "second" in done.out
