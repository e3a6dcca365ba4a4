"""A table of questions in, the same table with answers out."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.advise.api import predict, shipped_predictor, shipped_quality
from advisor.advise.fit_with_own_records import left_out_notes
from advisor.advise.predict_csv import answer_cells, answer_columns, read_cells
from advisor.cost.learn_from_own_records import LEFT_OUT
from advisor.cost.predict.predictor import Predictor
from advisor.spec.workloads.workload import Arrival
from tests.advise.builders import workload
from tests.command import Command

HEAD = ["model", "gpu", "num_gpus", "format", "input_tokens", "output_tokens", "concurrency", "engine"]
ONE = ["Llama-3.1-8B-Instruct", "A6000", "1", "bf16", "256", "1024", "1", "vllm 0.6.4.post1"]


def cell(**changes: str) -> dict[str, str]:
    return dict(zip(HEAD, ONE, strict=True)) | changes


def answered(*rows: dict[str, str]) -> list[dict[str, str]]:
    quality = shipped_quality() if "task" in rows[0] else None
    columns, answers = answer_cells(rows, shipped_predictor(), quality)
    return [dict(zip(columns, answer, strict=True)) for answer in answers]


def test_the_columns_are_those_promised() -> None:
    assert " ".join(answer_columns(with_task=True)) == (
        "ttft_mean_ms ttft_mean_ms_low ttft_mean_ms_high tpot_mean_ms tpot_mean_ms_low tpot_mean_ms_high "
        "e2e_mean_ms e2e_mean_ms_low e2e_mean_ms_high requests_per_s requests_per_s_low requests_per_s_high "
        "output_tokens_per_s output_tokens_per_s_low output_tokens_per_s_high basis fits max_concurrency "
        "recovery recovery_low recovery_high new_score_low new_score_high why"
    )
    assert answer_columns(with_task=False)[-2:] == ["max_concurrency", "why"]


def test_a_cell_of_the_seed_paper_is_answered_near_what_was_measured() -> None:
    # arXiv:2411.02355v4 Table 5: Llama-3.1-8B, BF16, A6000, code completion: 24.5 s.
    [answer] = answered(cell())
    assert float(answer["e2e_mean_ms"]) == pytest.approx(24_500, rel=0.06)
    assert float(answer["e2e_mean_ms_low"]) < 24_500 < float(answer["e2e_mean_ms_high"])
    assert answer["basis"] in ("measured", "fitted")
    assert answer["fits"] == "true"
    assert answer["why"] == ""


def test_a_single_stream_serves_one_request_per_latency() -> None:
    [answer] = answered(cell())
    assert float(answer["requests_per_s"]) == pytest.approx(1000 / float(answer["e2e_mean_ms"]), rel=1e-4)
    assert float(answer["output_tokens_per_s"]) == pytest.approx(
        1024 * float(answer["requests_per_s"]), rel=1e-4
    )


def test_all_at_once_is_answered_in_requests_and_has_no_latency() -> None:
    [answer] = answered(cell(concurrency="max"))
    assert float(answer["requests_per_s"]) > 0
    assert answer["ttft_mean_ms"] == ""
    assert answer["basis"] in ("measured", "fitted")


def test_a_table_and_a_single_question_agree() -> None:
    [answer] = answered(cell(concurrency="16"))
    assessment = predict(
        "Llama-3.1-8B-Instruct",
        workload(arrival=Arrival(kind="concurrency", value=16), input_tokens=256, output_tokens=1024),
        gpu="A6000",
        engine="vllm 0.6.4.post1",
    )
    expected = assessment.estimate("e2e")
    assert expected is not None
    assert float(answer["e2e_mean_ms"]) == pytest.approx(expected.value, rel=1e-5)
    assert float(answer["e2e_mean_ms_high"]) == pytest.approx(expected.high, rel=1e-5)


WRONG = {
    "model": ("Llama-9", "unknown model"),
    "gpu": ("H1000", "unknown GPU"),
    "num_gpus": ("0", "num_gpus: '0' is not a whole number"),
    "format": ("int44", "unknown format"),
    "input_tokens": ("-3", "input_tokens: '-3'"),
    "output_tokens": ("nan", "output_tokens: 'nan'"),
    "concurrency": ("many", "or max"),
    "engine": ("tgi 3", "unknown engine"),
}


@pytest.mark.parametrize("column", WRONG)
def test_a_cell_that_cannot_be_answered_is_empty_and_the_rest_are_answered(column: str) -> None:
    value, why = WRONG[column]
    wrong, right = answered(cell(**{column: value}), cell())
    assert why in wrong["why"]
    assert wrong["e2e_mean_ms"] == wrong["fits"] == wrong["basis"] == ""
    assert right["why"] == ""
    assert right["e2e_mean_ms"] != ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": "w4a8-fp8"}, "checkpoints need capability 9.0"),
        ({"num_gpus": "3"}, "do not divide by 3"),
        ({"input_tokens": "131072"}, "more than the 131,072"),
    ],
)
def test_what_cannot_be_run_is_said(changes: dict[str, str], why: str) -> None:
    [answer] = answered(cell(**changes))
    assert why in answer["why"]
    assert answer["requests_per_s"] == ""


def test_what_does_not_fit_says_so() -> None:
    [answer] = answered(cell(model="Llama-3.1-70B-Instruct"))
    assert (answer["fits"], answer["max_concurrency"], answer["e2e_mean_ms"]) == ("false", "0", "")
    assert answer["why"].startswith("does not fit")


def test_without_an_engine_the_newest_is_taken() -> None:
    rows = [
        {name: value for name, value in cell().items() if name != "engine"},
    ]
    [without] = answered(*rows)
    [newest] = answered(cell(engine="vllm"))
    assert without["e2e_mean_ms"] == newest["e2e_mean_ms"]


def test_with_tasks_accuracy_is_answered_too() -> None:
    int4, bf16, unknown = answered(
        cell(format="int4", task="MMLU"),
        cell(task="MMLU"),
        cell(format="w4a8-fp8", gpu="H100", engine="vllm 0.11.0", task="MMLU"),
    )
    assert 0.9 < float(int4["recovery"]) < 1.02
    assert float(int4["recovery_low"]) < float(int4["recovery"]) < float(int4["recovery_high"])
    assert (bf16["recovery"], bf16["recovery_low"], bf16["recovery_high"]) == ("1", "1", "1")
    if not unknown["recovery"]:
        assert "recovery:" in unknown["why"]


def test_the_true_recovery_is_narrower_than_where_a_new_score_would_fall() -> None:
    [answer] = answered(cell(format="int4", task="HumanEval"))
    names = ("new_score_low", "recovery_low", "recovery", "recovery_high", "new_score_high")
    values = [float(answer[name]) for name in names]
    assert values == sorted(values)
    assert values[4] - values[0] > 1.5 * (values[3] - values[1])


def test_a_gpu_that_cannot_run_the_format_leaves_its_accuracy_known() -> None:
    [refused] = answered(cell(format="w4a8-fp8", task="MMLU"))
    [runs] = answered(cell(format="w4a8-fp8", gpu="H100", engine="vllm 0.11.0", task="MMLU"))
    assert "w4a8-fp8 on A6000" in refused["why"]
    assert refused["recovery"] == runs["recovery"] != ""


def test_a_models_size_or_family_is_enough_for_its_accuracy() -> None:
    named, size, family = answered(
        *(cell(model=name, format="int4", task="MMLU") for name in ("Llama-3.1-8B", "Nemo-8B", "Granite-9"))
    )
    assert "unknown model" in size["why"]
    assert abs(float(size["recovery"]) - float(named["recovery"])) < 0.02
    assert family["recovery"] != ""
    assert float(family["recovery_high"]) - float(family["recovery_low"]) > float(
        size["recovery_high"]
    ) - float(size["recovery_low"])


def test_a_recipe_is_a_column() -> None:
    rtn, tuned = answered(
        *(cell(format="int4", task="MMLU", recipe=recipe) for recipe in ("awq", "autoround@Intel"))
    )
    assert float(rtn["recovery"]) < float(tuned["recovery"])
    [wrong] = answered(cell(format="int4", task="MMLU", recipe="@"))
    assert "recipe: '@' names no algorithm" in wrong["why"]


def test_columns_of_ones_own_are_kept() -> None:
    [answer] = answered(cell(note="mine, and mine alone"))
    assert answer["note"] == "mine, and mine alone"


@settings(max_examples=25, deadline=None)
@given(
    input_tokens=st.integers(1, 20_000),
    output_tokens=st.integers(1, 4_000),
    concurrency=st.one_of(st.just("max"), st.integers(1, 512).map(str)),
    fmt=st.sampled_from(["bf16", "int8", "int4", "fp8"]),
    gpu=st.sampled_from(["A6000", "A100", "H100", "L40S", "T4"]),
)
def test_every_figure_lies_inside_its_interval(
    input_tokens: int, output_tokens: int, concurrency: str, fmt: str, gpu: str
) -> None:
    [answer] = answered(
        cell(
            input_tokens=str(input_tokens),
            output_tokens=str(output_tokens),
            concurrency=concurrency,
            format=fmt,
            gpu=gpu,
        )
    )
    for name in ("ttft_mean_ms", "tpot_mean_ms", "e2e_mean_ms", "requests_per_s", "output_tokens_per_s"):
        if answer[name]:
            value, low, high = (float(answer[f"{name}{end}"]) for end in ("", "_low", "_high"))
            assert 0 < low <= value <= high < math.inf


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_table_goes_through_the_command(quantadvise: Command, tmp_path: Path) -> None:
    path = write(tmp_path / "cells.csv", [cell(), cell(model='no "such", model')])
    result = quantadvise("predict", "--cells", path, "--output", "csv")
    assert result.code == 0
    assert "1 of 2 rows have no answer; the first is line 3: unknown model" in result.err
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert rows[0]["e2e_mean_ms"] == answered(cell())[0]["e2e_mean_ms"]
    assert rows[1]["model"] == 'no "such", model'
    assert "unknown model" in rows[1]["why"]


def test_a_table_may_be_read_by_people_and_programs(quantadvise: Command, tmp_path: Path) -> None:
    path = write(tmp_path / "cells.csv", [cell()])
    assert "e2e_mean_ms" in quantadvise("predict", "--cells", path).out
    assert '"fits": "true"' in quantadvise("predict", "--cells", path, "-o", "json").out


def test_a_spreadsheets_table_is_read(tmp_path: Path) -> None:
    """A byte-order mark, blanks in the head, an empty line at the end, as spreadsheets write them."""
    path = tmp_path / "cells.csv"
    path.write_text("\ufeff" + ", ".join(HEAD) + "\n" + ",".join(ONE) + "\n\n,,,,,,,\n", encoding="utf-8")
    assert read_cells(path) == [cell()]


def test_a_model_may_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096,'
        ' "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,'
        ' "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,'
        ' "tie_word_embeddings": false, "torch_dtype": "bfloat16"}'
    )
    [own] = answered(cell(model=str(tmp_path)))
    [known] = answered(cell())
    assert own["max_concurrency"] == known["max_concurrency"]
    assert float(own["e2e_mean_ms"]) == pytest.approx(float(known["e2e_mean_ms"]), rel=0.05)


def test_rows_of_the_user_s_own_that_name_what_is_unknown_are_counted_by_reason() -> None:
    why = {"unknown GPU 'X1'": 3, "unknown model 'mine'": 1}
    fit = Predictor.shipped().fit
    assert left_out_notes(Predictor(replace(fit, summary={**fit.summary, LEFT_OUT: why}))) == [
        "--records: 3 rows not used: unknown GPU 'X1'",
        "--records: 1 row not used: unknown model 'mine'",
    ]
    assert left_out_notes(Predictor.shipped()) == []


def test_a_table_of_which_no_row_has_an_answer_is_no_answer(quantadvise: Command, tmp_path: Path) -> None:
    head = "model,gpu,num_gpus,format,input_tokens,output_tokens,concurrency\n"
    path = tmp_path / "cells.csv"
    path.write_text(f"{head}Qwen3-8B,L40S,1,bf16,512,128,1_0\n")
    result = quantadvise("predict", "--cells", path)
    assert result.code == 1
    assert "no row of it has an answer; the first: concurrency: '1_0' is not a whole number" in result.err
    path.write_text(f"{head}Qwen3-8B,L40S,1,bf16,512,128,1_0\nQwen3-8B,L40S,1,bf16,512,128,10\n")
    assert quantadvise("predict", "--cells", path).code == 0
