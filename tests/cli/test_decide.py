"""`crossover`, `measure-next`, `compare` and the decision in `recommend`, as a user meets them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.command import Command, Result
from tests.report.documents.test_recommendation_document import SCHEMA

MODEL = "Llama-3.1-8B-Instruct"
SMALL = (MODEL, "-w", "chat", "--gpu", "A6000")


def refused(result: Result, *words: str) -> None:
    lines = result.err.strip().splitlines()
    assert result.code == 1, result.err
    assert len(lines) == 1, result.err
    for word in words:
        assert word in lines[0]


def test_recommend_tells_how_sure_and_what_would_change_it(quantadvise: Command) -> None:
    short = quantadvise("recommend", *SMALL).out
    assert "keeps all limits" in short.splitlines()[0]
    assert "More: --explain shows" in short
    out = quantadvise("recommend", *SMALL, "--explain").out
    assert out.startswith(short)
    for head in ("Why", "How sure", "What would change it", "Run it"):
        assert f"\n{head}\n" in out
    assert "Writing the answer (decode): " in out
    assert "Reading the prompt (prefill): " in out
    assert "The runner-up, " in out
    assert "requests/s" in out.partition("What would change it")[2].partition("Run it")[0]
    assert "Assumptions, the nearest first" not in short


def test_explain_tells_every_assumption_and_the_numbers_behind(quantadvise: Command) -> None:
    out = quantadvise("recommend", *SMALL, "--rate", "8", "--gpu", "L40S", "--explain").out
    section = out.partition("Assumptions, the nearest first\n")[2].partition("\n\n")[0]
    assert "request rate" in section or "prompt length" in section
    assert "limit on T" in section
    assert "90 % interval" in section
    assert "basis" in section
    behind = out.partition("What binds it\n")[2].partition("\n\n")[0]
    assert "GB/s" in behind
    assert "one prompt alone: " in behind


def test_the_document_has_the_decision_and_keeps_the_schema(quantadvise: Command) -> None:
    document = json.loads(quantadvise("recommend", *SMALL, "-o", "json", "--explain").out)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    decision = document["decision"]
    assert 0 <= decision["sure"]["is_best"] <= 1
    assert decision["crossover"]["over"] == "rate"
    assert decision["flips"]
    quick = json.loads(quantadvise("recommend", *SMALL, "-o", "json").out)["decision"]
    assert quick["flips"] is None
    assert quick["sure"] == decision["sure"]


def test_where_nothing_is_kept_the_decision_is_empty(quantadvise: Command) -> None:
    result = quantadvise("recommend", *SMALL, "--slo", "e2e_mean_ms=1", "-o", "json")
    assert result.code == 3
    document = json.loads(result.out)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["decision"]["sure"] is None


def test_a_crossover_for_programs(quantadvise: Command) -> None:
    arguments = ("crossover", *SMALL, "--over", "concurrency", "--to", 256, "--output")
    as_json = json.loads(quantadvise(*arguments, "json").out)
    assert as_json == yaml.safe_load(quantadvise(*arguments, "yaml").out)
    validator = jsonschema.Draft202012Validator({**SCHEMA["$defs"]["crossover"], "$defs": SCHEMA["$defs"]})
    validator.validate(as_json)
    assert len(as_json["stretches"]) == len(as_json["crossings"]) + 1


@pytest.mark.parametrize("columns", [60, 110, 160])
def test_a_crossover_is_no_wider_than_asked_and_loses_nothing(quantadvise: Command, columns: int) -> None:
    question = "crossover Llama-3.1-8B-Instruct --gpu A6000 --max-gpus 4 -w chat --over concurrency"
    out = quantadvise(*question.split(), columns=columns).out
    assert max(map(len, out.splitlines())) <= columns
    assert "…" not in out
    assert ("basis" in out) == (columns > 60)


def test_crossover_varies_the_loads_own_arrival_by_default(quantadvise: Command) -> None:
    assert "over requests/s" in quantadvise("crossover", *SMALL).out
    assert "over concurrent requests" in quantadvise("crossover", *SMALL, "--concurrency", 8).out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--over", "price"), ("--over: 'price'", "concurrency, rate, input-tokens, output-tokens")),
        (("--from", 9, "--to", 3), ("range", "9 to 3")),
        (("--over", "concurrency", "--to", 1e12), ("range", "not within")),
        (("-o", "csv"), ("--output", "table, json or yaml")),
        (("--gpu", "H1000"), ("unknown GPU 'H1000'",)),
    ],
)
def test_slips_of_crossover(
    quantadvise: Command, options: tuple[object, ...], words: tuple[str, ...]
) -> None:
    refused(quantadvise("crossover", *SMALL, *options), *words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--count", 0), ("--count: 0", "1 to 10")),
        (("--overwrite",), ("--overwrite", "--write DIR")),
        (("-o", "csv"), ("--output", "table, json or yaml")),
    ],
)
def test_slips_of_measure_next(
    quantadvise: Command, options: tuple[object, ...], words: tuple[str, ...]
) -> None:
    refused(quantadvise("measure-next", *SMALL, *options), *words)


def test_measure_next_writes_plans_that_measure_takes(quantadvise: Command, tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    asked = ("Qwen3-30B-A3B", "-w", "summarization", "--gpu", "MI300X,H100,GH200", "--count", 1)
    result = quantadvise("measure-next", *asked, "--write", folder, "-o", "json")
    document = json.loads(result.out)["suggestion"]
    [measurement] = document["measurements"]
    assert measurement["expected_gain_share"] > 0
    [plan] = [path for path in folder.iterdir() if path.name != "workload.yaml"]
    assert yaml.safe_load(plan.read_text(encoding="utf-8"))["concurrency"] == ["max"]
    assert quantadvise("profiles", "check", folder / "workload.yaml").code == 0
    refused(quantadvise("measure-next", *asked, "--write", folder), "is there already", "--overwrite")


def test_nothing_to_gain_is_said(quantadvise: Command, tmp_path: Path) -> None:
    alone = ("--formats", "int8", "--tp", 1, "--kv-cache-dtype", "auto", "--max-gpus", 1)
    result = quantadvise("measure-next", *SMALL, *alone, "--write", tmp_path / "plans")
    assert "Nothing to gain: " in result.out
    assert not (tmp_path / "plans").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.json", "b.json"), ("'a.json'", "fp8@H100")),
        (("fp8@H100", "bf16@H100"), ("model: none named",)),
        (("fp8@H100", "--", "x@y", "-m", MODEL), ()),
        (("fp9@H100", "bf16@H100", "-m", MODEL, "-w", "chat"), ("unknown format 'fp9'",)),
        (("w4a8-fp8@A100", "bf16@A100", "-m", MODEL, "-w", "chat"), ("need capability 9.0",)),
        (("fp8@H100", "bf16@H100", "-m", MODEL, "-w", "chat", "-o", "csv"), ("--output",)),
    ],
)
def test_slips_of_compare(
    quantadvise: Command, arguments: tuple[object, ...], words: tuple[str, ...]
) -> None:
    result = quantadvise("compare", *arguments)
    if words:
        refused(result, *words)
    else:
        assert result.code == 2


def test_what_does_not_fit_is_compared_with_nothing_and_the_gigabytes_are_told(quantadvise: Command) -> None:
    large = quantadvise("compare", "bf16@T4", "int4@T4", "-m", "Llama-3.3-70B-Instruct", "-w", "chat")
    assert large.code == 3
    assert "bf16 on 1× T4: does not hold Llama-3.3-70B-Instruct" in large.err
    alone = quantadvise("predict", "Llama-3.3-70B-Instruct", "-w", "chat", "--gpu", "T4", "--format", "bf16")
    assert alone.code == 3
    weights = re.search(r"weights [\d.]+ GB and overhead [\d.]+ GB are [\d.]+ GB too much", large.err)
    assert weights is not None
    assert weights[0] in " ".join(alone.out.split())
    assert "has too little memory" in alone.err


def test_a_file_and_a_deployment_are_not_compared(quantadvise: Command) -> None:
    file = Path(__file__).parents[1] / "data" / "vllm_bench" / "rate.json"
    refused(quantadvise("compare", file, "fp8@H100"), "fp8@H100: no such file")


def test_two_files_are_compared(quantadvise: Command) -> None:
    file = Path(__file__).parents[1] / "data" / "vllm_bench" / "rate.json"
    result = quantadvise("compare", file, file)
    assert "not to be seen in one run" in result.out
    document = json.loads(quantadvise("compare", file, file, "-o", "json").out)
    assert {d["significant"] for d in document["differences"]} == {False}
    assert {d["rests_on"] for d in document["differences"]} == {"scatter"}


def test_where_nothing_keeps_the_limits_the_headline_is_the_first_row_of_the_table(
    quantadvise: Command,
) -> None:
    question = "recommend Llama-3.1-8B-Instruct -w chat --gpu A6000,L40S --users 300 --max-gpus 2"
    out = quantadvise(*question.split()).out.splitlines()
    assert out[0].startswith("Nothing keeps all limits with 80 % · nearest ")
    _, nearest, usd, keeps = out[0].split(" · ")
    [row] = [line for line in out if line.startswith("1  ")]
    assert nearest.split()[1] == row.split()[1], "the format"
    assert usd.split()[0] in row.split()
    assert keeps in row


def test_an_answer_that_nothing_comes_near_to_promises_no_figures_of_it(quantadvise: Command) -> None:
    """A 70B holds on no single RTX 4090: no row has figures."""
    asked = ("recommend", "Llama-3.3-70B-Instruct", "--workload", "chat", "--rate", 1)
    one = quantadvise(*asked, "--gpu", "RTX4090", "--max-gpus", 1)
    assert one.code == 3
    assert "fits none of the deployments allowed" in one.out
    assert "of the nearest" not in one.out
    slow = quantadvise(*asked, "--gpu", "H100", "--max-gpus", 2, "--slo", "ttft_p95_ms=5")
    assert slow.code == 3
    assert "every figure of the nearest" in " ".join(slow.out.split())
