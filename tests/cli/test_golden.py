"""Whole outputs of the command. A change that is meant to alter them: --regenerate, and read the diff."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from tests.command import Command
from tests.golden_text import check_text
from tests.report.documents.test_recommendation_document import SCHEMA

pytestmark = pytest.mark.usefixtures("frozen_fit")

PAPER = (
    "Llama-3.1-8B-Instruct",
    "--workload",
    "code-completion",
    "--gpu",
    "A6000",
    "--formats",
    "bf16,int8,int4",
)

TEXTS: dict[str, tuple[object, ...]] = {
    "recommend_synchronous.txt": ("recommend", *PAPER, "--scenario", "synchronous"),
    "recommend_asynchronous.txt": ("recommend", *PAPER, "--scenario", "asynchronous", "--num-gpus", 1),
    "recommend_open_loop.txt": (
        "recommend", "Llama-3.3-70B-Instruct", "-w", "rag", "--gpu", "A100,H100,L40S", "--rate", 20,
        "--slo", "none", "--explain",
    ),
    "own_or_api.txt": (
        "recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--gpu", "L40S,H100", "--rate", 8, "--api-price",
        "0.05/0.08", "--utilization", 0.8,
    ),
    "recommend_nothing_kept.txt": (
        "recommend", "Llama-3.1-8B-Instruct", "-w", "docstring", "--gpu", "A6000", "--single",
        "--slo", "e2e_mean_ms=100",
    ),
    "recommend_size.txt": ("recommend", "--params", "13B", "-w", "summarization", "--gpu", "L4", "--top", 3),
    "recommend.csv": ("recommend", *PAPER, "--scenario", "synchronous", "-o", "csv"),
    "predict.txt": (
        "predict", "Llama-3.1-8B-Instruct", "--gpu", "A100", "--format", "int8", "-w", "rag",
        "--concurrency", 16,
    ),
    "crossover_concurrency.txt": (
        "crossover", "Llama-3.1-8B-Instruct", "-w", "chat", "--gpu", "A6000", "--max-gpus", "4",
        "--over", "concurrency",
    ),
    "crossover_prompt.txt": (
        "crossover", "Llama-3.1-8B-Instruct", "-w", "rag", "--gpu", "A100,L40S", "--over", "input-tokens",
        "--from", 256, "--to", 4096,
    ),
    "measure_next.txt": (
        "measure-next", "Qwen3-30B-A3B", "-w", "summarization", "--gpu", "MI300X,H100,GH200",
    ),
    "measure_next_unsure.txt": (
        "measure-next", "Llama-3.1-8B-Instruct", "-w", "chat-strict", "--gpu", "A6000,L40S",
        "--slo", "ttft_p99_ms=150",
    ),
    "compare.txt": (
        "compare", "bf16@A6000", "int8+fp8kv@2xL40S*2", "--model", "Llama-3.1-8B-Instruct", "-w", "chat",
    ),
    "profiles.txt": ("profiles", "list"),
    "profile_chat.txt": ("profiles", "show", "chat"),
    "profile_chat.yaml": ("profiles", "show", "chat", "--scenario", "asynchronous", "-o", "yaml"),
    "formats.txt": ("formats",),
    "gpus_h100.txt": ("gpus", "h100"),
    "models_llama31.txt": ("models", "llama-3.1"),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_the_whole_text(quantadvise: Command, name: str, regenerate: bool) -> None:
    result = quantadvise(*TEXTS[name])
    assert result.code == (3 if "nothing_kept" in name else 0), result.err
    check_text(name, result.out + result.err, regenerate=regenerate)


def test_json_and_yaml_say_the_same(quantadvise: Command) -> None:
    arguments = ("recommend", *PAPER, "--scenario", "synchronous", "--output")
    as_json = json.loads(quantadvise(*arguments, "json").out)
    assert as_json == yaml.safe_load(quantadvise(*arguments, "yaml").out)
    jsonschema.Draft202012Validator(SCHEMA).validate(as_json)


def test_the_same_question_gets_the_same_answer(quantadvise: Command) -> None:
    arguments = ("recommend", *PAPER, "-o", "json", "--single")
    assert quantadvise(*arguments).out == quantadvise(*arguments).out


def test_nothing_is_cut_outside_a_terminal(quantadvise: Command) -> None:
    out = quantadvise("recommend", "Llama-3.1-8B-Instruct", "-w", "docstring", "--gpu", "A100").out
    assert "…" not in out
    assert max(len(line) for line in out.splitlines()) > 80


def test_every_command_has_help(quantadvise: Command) -> None:
    for command in ("recommend", "predict", "profiles", "check", "fit", "models", "gpus", "formats"):
        result = quantadvise(command, "--help")
        assert result.code == 0
        assert "Usage: quantadvise" in result.out


def test_no_arguments_show_the_help(quantadvise: Command) -> None:
    result = quantadvise()
    assert "recommend" in result.out + result.err


def test_listings_for_programs(quantadvise: Command) -> None:
    assert json.loads(quantadvise("gpus", "h100", "-o", "json").out)["gpus"][0]["name"] == "H100-SXM"
    assert yaml.safe_load(quantadvise("formats", "-o", "yaml").out)["formats"][0]["name"] == "bf16"
    assert quantadvise("models", "qwen3-8b", "-o", "csv").out.startswith("name,params_b,")
    assert "chat" in quantadvise("profiles", "list", "-o", "csv").out
    assert json.loads(quantadvise("profiles", "list", "-o", "json").out)["profiles"]


def test_a_fine_profile_is_called_fine(quantadvise: Command) -> None:
    from advisor.shipped_files import shipped

    path = shipped("profiles") / "chat.yaml"
    assert quantadvise("profiles", "check", path).out == f"{path}: fine\n"


def test_a_damaged_profile_is_told_on_stderr(quantadvise: Command, tmp_path: object) -> None:
    path = f"{tmp_path}/mine.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write("input_tokens: 0\nload: sometimes\n")
    result = quantadvise("profiles", "check", path)
    assert result.code == 1
    assert len(result.err.splitlines()) == 2


def test_a_profile_is_no_table(quantadvise: Command) -> None:
    assert quantadvise("profiles", "show", "chat", "-o", "csv").code == 1
