"""Speculative decoding is refused by name: each kind with what is known of it, and no number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import UnsupportedError
from advisor.spec.engines.speculative import KINDS, kind_of, refusal, speculates
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.read_profile import load_workload
from advisor.ui.form_to_question import read_choice
from advisor.ui.own_models_workloads_gpus import OwnInputs
from tests.command import Command


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("draft", "draft"), ("draft_model", "draft"), ("mtp", "mtp"), ("deepseek_mtp", "mtp"),
        ("EAGLE", "eagle"), ("eagle3", "eagle"), ("EAGLE-2", "eagle"), ("medusa", "medusa"),
        ("ngram", "ngram"), ("n-gram", "ngram"),
        ('{"method": "eagle3", "model": "x/y", "num_speculative_tokens": 3}', "eagle"),
        ("{'method': 'mtp'}", "mtp"), ("meta-llama/Llama-3.2-1B-Instruct", "draft"),
        ("yuhuili/EAGLE-LLaMA3.1-Instruct-8B", "eagle"), ("lookahead", None), ("", None),
    ],
)  # fmt: skip
def test_the_kind_is_read_as_people_and_vllm_write_it(text: str, kind: str | None) -> None:
    assert kind_of(text) == kind


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_refused_with_what_is_known_of_it(quantadvise: Command, kind: str) -> None:
    said = quantadvise(
        "recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--gpu", "L40S", "--speculative", kind
    )
    assert (said.code, said.out) == (1, "")
    [line] = said.err.splitlines()
    assert f"{kind}: {KINDS[kind]}" in line
    assert "no measurement here shows" in line
    assert "vllm bench serve" in line


@pytest.mark.parametrize("command", ["predict", "crossover", "measure-next"])
def test_every_command_that_takes_an_engine_refuses_it(quantadvise: Command, command: str) -> None:
    more = ("--format", "fp8") if command == "predict" else ()
    said = quantadvise(
        command, "Llama-3.1-8B-Instruct", "-w", "chat", "--gpu", "L40S", *more, "--speculative-config", "{}"
    )
    assert said.code == 1
    assert "'{}' is not one of its kinds (draft, mtp, eagle, medusa, ngram)" in said.err


def test_a_profile_that_states_it_is_refused_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "fast.yaml"
    path.write_text("extends: chat\nengine:\n  speculative_config: {method: eagle3}\n", encoding="utf-8")
    with pytest.raises(UnsupportedError, match=r"fast.yaml:3: engine.speculative_config: .* \(eagle: a head"):
        load_workload(str(path))


@given(st.text(max_size=200))
def test_the_refusal_is_one_line_whatever_was_written(text: str) -> None:
    assert "\n" not in str(refusal(text, where="--speculative"))


def test_so_is_a_profile_that_states_it_beside_the_load(tmp_path: Path) -> None:
    path = tmp_path / "fast.yaml"
    path.write_text("extends: chat\nspeculative: eagle\n", encoding="utf-8")
    with pytest.raises(UnsupportedError, match=r"fast.yaml:2: speculative: .* \(eagle: a head"):
        load_workload(str(path))


@pytest.mark.parametrize(
    ("words", "drafts"),
    [
        ("--speculative-config {}", True),
        ("-sc {}", True),
        ("--speculative_model x", True),
        ("--num-speculative-tokens=3", True),
        ("--speculative-config.method ngram", True),
        ("--max-num-seqs 3 --enforce-eager", False),
        ("--served-model-name spec-x", False),
    ],
)
def test_words_of_vllm_that_turn_it_on_are_known(words: str, drafts: bool) -> None:
    assert speculates(words) is drafts


def test_neither_a_plan_nor_an_import_takes_a_server_that_drafts(
    quantadvise: Command, tmp_path: Path
) -> None:
    word = '--speculative-config={"method":"ngram"}'
    plan = ("measure", "--model", "Qwen3-8B", "-w", "chat", "--gpu", "H100", "--formats", "bf16", "--dry-run")
    said = quantadvise(*plan, "--engine-arg", word)
    assert said.code == 1
    assert said.err.startswith(
        "quantadvise: measure: engine_args: speculative decoding is not modelled (ngram:"
    )
    result = Path(__file__).parents[2] / "data" / "vllm_bench" / "concurrency.json"
    facts = ("--model", "Llama-3.2-1B-Instruct", "--format", "int4", "--gpu", "A100", "--num-gpus", 1)
    said = quantadvise(
        "import",
        result,
        *facts,
        "--engine-version",
        "0.32.0",
        "--engine-args",
        word,
        "--out",
        tmp_path / "out",
    )
    assert said.code == 1
    assert "--engine-args: the server drafted tokens (speculative decoding)" in said.err


def test_a_cell_of_a_server_that_drafts_is_refused_and_one_without_is_answered(
    quantadvise: Command, tmp_path: Path
) -> None:
    head = "model,gpu,num_gpus,format,input_tokens,output_tokens,concurrency,speculative\n"
    path = tmp_path / "cells.csv"
    path.write_text(f"{head}Qwen3-8B,L40S,1,bf16,512,128,4,None\nQwen3-8B,L40S,1,bf16,512,128,4,eagle3\n")
    said = quantadvise("predict", "--cells", path)
    assert said.code == 1
    assert f"{path}:3: speculative: speculative decoding is not modelled (eagle: a head" in said.err
    path.write_text(f"{head}Qwen3-8B,L40S,1,bf16,512,128,4,off\n")
    assert quantadvise("predict", "--cells", path).code == 0


def test_the_live_page_and_the_agents_tools_refuse_it_by_name() -> None:
    with pytest.raises(UnsupportedError, match=r"question: speculative_config: .* \(ngram: tokens are"):
        read_choice({"model": "Qwen3-8B", "speculative_config": "ngram"}, OwnInputs())
    pytest.importorskip("mcp", reason="the SDK is not installed")
    from advisor.mcp.server import answered

    said = answered("predict", {"model": "Qwen3-8B", "gpu": "L40S", "speculative": {"method": "mtp"}})
    assert said.is_error
    assert said.content[0].text.startswith("predict: speculative: speculative decoding is not modelled (mtp")


def test_a_speculators_checkpoint_is_named_as_what_it_is(tmp_path: Path) -> None:
    config = {"speculators_model_type": "eagle3", "architectures": ["Eagle3Speculator"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UnsupportedError, match="eagle3 is a draft model for speculative decoding"):
        find_model(str(tmp_path))
