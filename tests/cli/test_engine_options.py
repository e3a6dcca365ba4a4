"""An engine as options of a command, and the command's engine from them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from advisor.cli.engine_options import engine_words
from advisor.report.commands.serve_commands import serve_command
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine, newest_version
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from tests.command import Command

ASK = (
    "predict",
    "Llama-3.1-8B-Instruct",
    "--gpu",
    "H100",
    "--format",
    "bf16",
    "-w",
    "chat",
    "--output",
    "json",
)
STATED: tuple[dict[str, Any], ...] = (
    {},
    {
        "max_num_seqs": 64,
        "max_num_batched_tokens": 4096,
        "gpu_memory_utilization": 0.85,
        "stream_interval": 4,
    },
    {"prefix_caching": True, "async_scheduling": True, "enforce_eager": True},
    {"prefix_caching": False, "async_scheduling": False, "compilation": False, "allreduce_fusion": False},
    {"compilation": True, "allreduce_fusion": True},
)


@pytest.mark.parametrize("settings", STATED, ids=lambda one: " ".join(one) or "none")
def test_the_command_understands_what_the_words_state(quantadvise: Command, settings: dict[str, Any]) -> None:
    engine = Engine(version="0.11.0", **settings)
    answer = quantadvise(*ASK, *engine_words(engine))
    assert answer.code == 0, answer.err
    prediction = json.loads(answer.out)["prediction"]
    assert prediction["deployment"]["engine"] == "vllm 0.11.0"
    served = Deployment(
        model=find_model("Llama-3.1-8B-Instruct"),
        format=find_format("bf16"),
        gpu=find_gpu("H100"),
        engine=engine,
    )
    model, length = "meta-llama/Llama-3.1-8B-Instruct", 2048
    assert prediction["commands"]["serve"] == serve_command(served, model, max_model_len=length)


def test_words_of_an_engine() -> None:
    engine = Engine(version="0.32.0", max_num_seqs=8, enforce_eager=True, compilation=False)
    words = ["--engine", "vllm 0.32.0", "--max-num-seqs", "8", "--enforce-eager", "--no-compilation"]
    assert engine_words(engine) == words


def test_the_help_names_the_release_that_is_answered_for(quantadvise: Command) -> None:
    shown = " ".join(quantadvise("recommend", "--help").out.split())
    assert f"vllm {newest_version()} by default" in shown
