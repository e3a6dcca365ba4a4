"""`measure`, `tools`, `calibrate` as a user types them: bad input is one line, a dry run starts nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import Command

WORKLOAD = "about: any\ninput_tokens: 64\noutput_tokens: 16\nload: {concurrency: 4}\n"


@pytest.fixture(autouse=True)
def _no_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where nothing is installed."""
    monkeypatch.setenv("QUANTADVISE_TOOLS_DIR", str(tmp_path / "no-tools"))
    for name in ("VLLM", "QUANTIZE", "EVALUATE", "TORCH", "RAY"):
        monkeypatch.setenv(f"QUANTADVISE_{name}_PYTHON", str(tmp_path / "no-python"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.yaml").write_text(WORKLOAD)
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (model / "model.safetensors").write_bytes(bytes(64))


BASE = ("measure", "--model", "model", "--workload", "w.yaml")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--tasks", "profile"), "w.yaml: names no tasks (quality: tasks:); name some with --tasks"),
        (("--concurrency", "0"), "'0' is not a whole number from 1 to 100,000 nor 'max'"),
        (("--rates", "-2"), "'-2' is not a number of requests per second above 0"),
        (("--concurrency", "1", "--formats", "int5"), "unknown format 'int5'; did you mean"),
        (("--concurrency", "1", "--gpus", "7"), "no GPU 7 here"),
        (("--concurrency", "1", "--gpus", "x"), "'x' is not a list of numbers"),
        (("--concurrency", "1", "--budget", "soon"), "'soon' is not a duration; write 2h, 90m or 45s"),
        (("--concurrency", "1", "--model", "./nowhere"), "no such folder, and no Hub name"),
        (("--concurrency", "1", "--model", "Llama-3.1-8B-Instrukt"), "did you mean Llama-3.1-8B-Instruct"),
        (("--concurrency", "1", "--workload", "chatt"), "did you mean chat"),
        (("--slo-search",), "has no limits (slo:)"),
        (("--concurrency", "1", "--endpoint", "127.0.0.1:1"), "begins with http://"),
        (("--concurrency", "1", "--endpoint", "http://127.0.0.1:9"), "is the server up?"),
        (("--concurrency", "1", "--load-format", "dumy"), "neither auto nor dummy"),
        (("--concurrency", "1", "--executor", "slurm"), "neither local nor ray"),
        (("--tasks", "t", "--task-folder", "none"), "no such folder of lm-eval tasks"),
        (("--concurrency", "1", "--formats", "int8", "--calibration", "c.jsonl"), "no such calibration file"),
        (("--concurrency", "1", "--prompts", "p.jsonl"), "no such file of prompts"),
        (("--concurrency", "1", "--checkpoint", "int4"), "'int4' must be FORMAT=VALUE"),
    ],
)
def test_bad_input_is_one_line(quantadvise: Command, words: tuple[str, ...], line: str):
    # a dry run needs no tools, so that what is told is the input's own fault
    seen = quantadvise(*BASE, "--dry-run", *words)
    if "--executor" in words:  # only a run asks for one
        seen = quantadvise(*BASE, *words)
    assert seen.code == 1
    assert line in seen.err
    assert len(seen.err.strip().splitlines()) == 1


LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1024,
    "max_position_embeddings": 2048,
}
FP8 = {
    "quant_method": "compressed-tensors",
    "format": "float-quantized",
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "float", "strategy": "channel", "dynamic": False},
            "input_activations": {"num_bits": 8, "type": "float", "strategy": "token", "dynamic": True},
        }
    },
    "ignore": ["lm_head"],
}


def test_weights_are_never_called_by_another_format(quantadvise: Command, tmp_path: Path):
    for name, config in (("fp8", LLAMA | {"quantization_config": FP8}), ("plain", LLAMA)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config))
        (tmp_path / name / "model.safetensors").write_bytes(bytes(64))
    words = ("--workload", "w.yaml", "--concurrency", "1", "--dry-run")
    seen = quantadvise("measure", "--model", "./fp8", *words)
    assert "./fp8: its weights are fp8 already; give the 16-bit model, or --formats fp8" in seen.err
    seen = quantadvise(
        "measure", "--model", "./plain", "--formats", "int4", "--checkpoint", "int4=./fp8", *words
    )
    assert "--checkpoint int4=./fp8: its weights are fp8, not int4" in seen.err
    seen = quantadvise(
        "measure", "--model", "./plain", "--formats", "fp8", "--checkpoint", "fp8=./plain", *words
    )
    assert "--checkpoint fp8=./plain: its weights are 16-bit, not fp8" in seen.err
    seen = quantadvise(
        "measure", "--model", "./plain", "--formats", "fp8", "--checkpoint", "fp8=./fp8", *words
    )
    assert seen.code == 0


def test_a_missing_tool_is_one_line_with_its_remedy(quantadvise: Command):
    seen = quantadvise(*BASE, "--concurrency", "1")
    assert seen.code == 1
    assert seen.err.strip().endswith(
        "vLLM (serve, bench) is not installed; run: quantadvise tools install vllm"
    )


def steps_of(text: str) -> list[str]:
    """The steps of a dry run's first table, which says what is done."""
    table = text.partition("commands, which read")[0]
    return [line.split("  ")[0] for line in table.splitlines() if line.startswith("bf16")]


def test_a_dry_run_lists_steps_and_commands_and_writes_nothing(quantadvise: Command, tmp_path: Path):
    before = sorted(tmp_path.rglob("*"))
    seen = quantadvise(*BASE, "--concurrency", "1,max", "--repeats", "2", "--dry-run")
    assert seen.code == 0
    assert steps_of(seen.out) == [
        "bf16 ×1 concurrency 1 #1",
        "bf16 ×1 concurrency 1 #2",
        "bf16 ×1 maximum #1",
        "bf16 ×1 maximum #2",
    ]
    assert "vllm.entrypoints.cli.main serve" in seen.out
    assert "bench serve" in seen.out
    assert sorted(tmp_path.rglob("*")) == before


def test_without_points_the_workloads_own_load_is_measured(quantadvise: Command):
    seen = quantadvise(*BASE, "--repeats", "1", "--dry-run")
    assert seen.code == 0
    assert steps_of(seen.out) == ["bf16 ×1 concurrency 4 #1"]


def test_the_profiles_tasks_are_lm_evals(quantadvise: Command):
    words = ("--workload", "code-completion", "--tasks", "profile", "--dry-run")
    seen = quantadvise("measure", "--model", "model", *words)
    assert seen.code == 0
    assert steps_of(seen.out) == ["bf16 ×1 humaneval"]


def test_a_dry_run_estimates_time_and_disk(quantadvise: Command, tmp_path: Path):
    (tmp_path / "h.yaml").write_text("name: mine\nlike: H100-SXM\n")
    words = ("--workload", "w.yaml", "--formats", "bf16,int4", "--gpu-file", "h.yaml", "--dry-run")
    seen = quantadvise("measure", "--model", "Llama-3.1-8B-Instruct", *words)
    # 8.03 billion weights: 4.13 bits each, head and embedding at 16
    assert "disk: about 5.7 GB for the checkpoints that are made" in seen.out
    assert "no price is known for this GPU" in seen.out
    costs = seen.out.partition("disk: ")[2]
    for step in (
        "quantize int4 (gptq)",
        "int4 ×1 start vLLM",
        "int4 ×1 concurrency 4, 3 × 50 requests",
        "all",
    ):
        assert f"\n{step}  " in costs


def test_a_model_is_named_as_everywhere(quantadvise: Command):
    """The catalog's name leads to the repository that is fetched."""
    words = ("--workload", "w.yaml", "--concurrency", "1", "--formats", "int8,bf16", "--dry-run")
    seen = quantadvise("measure", "--model", "Llama-3.1-8B-Instruct", *words)
    assert seen.code == 0, seen.err
    assert "serve meta-llama/Llama-3.1-8B-Instruct" in seen.out


def test_tools_names_the_command_for_each_that_is_missing(quantadvise: Command):
    seen = quantadvise("tools")
    assert seen.code == 0
    for name in ("vllm", "quantize", "evaluate", "torch", "ray"):
        assert f"quantadvise tools install {name}" in seen.out


def test_calibrate_without_torch_is_one_line(quantadvise: Command):
    seen = quantadvise("calibrate", "--cpu")
    assert seen.code == 1
    assert "PyTorch (calibrate) is not installed; run: quantadvise tools install torch" in seen.err
