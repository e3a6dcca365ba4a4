"""Commands, memory and the evidence of accuracy of one deployment."""

from __future__ import annotations

from dataclasses import replace

from advisor.report.terminal.deployment_in_detail import accuracy_lines, command_lines, memory_lines
from tests.advise.builders import assessed, deployment, llama_8b, prediction
from tests.report.builders import answer, cannot_run


def test_the_commands_of_a_published_checkpoint_need_no_recipe() -> None:
    # Red Hat AI's is quantized in act order (its card), which vLLM refuses since 0.30.0
    assert command_lines(answer("int4", 4.0, 0.98)) == [
        "vllm serve hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4 --max-model-len 768",
        "# INT4 weights in groups of 128 (awq by its name), asymmetric, as a published recipe describes it; "
        "kernel Marlin, attention FlashAttention 2",
        "# RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16 is not served: vLLM refuses actorder group "
        "and dynamic since 0.30.0 (PR #54809); actorder weight and static still load",
    ]


def test_replicas_are_told_beside_the_command() -> None:
    several = assessed(prediction(deployment(fmt="bf16", tensor_parallel=2, replicas=3)))
    assert command_lines(several) == [
        "vllm serve meta-llama/Llama-3.1-8B-Instruct --tensor-parallel-size 2 --max-model-len 768",
        "# 3 of these behind a load balancer",
        "# 16-bit weights; kernel cuBLAS, attention FlashAttention 2",
    ]


def test_memory_adds_up() -> None:
    assert memory_lines(answer("int4", 4.0, 0.98)) == [
        "51.5 GB, of which the engine takes 38",
        "weights 16 GB, runtime 2 GB, KV cache 20 GB",
        "holds 100 sequences of this load at once, or one of 131,072 tokens",
    ]


def test_evidence_and_warnings_of_accuracy_stand_on_lines_of_their_own() -> None:
    noted = replace(prediction(), recovery_note="12 scores; nearest: a model; maths may lose more")
    assert accuracy_lines(noted) == ["Accuracy: 12 scores.", "  nearest: a model.", "  maths may lose more."]
    assert accuracy_lines(prediction()) == []


def test_a_model_of_ones_own_is_a_folder_to_fill_in() -> None:
    own = replace(llama_8b(), name="mine", hf_id=None)
    lines = command_lines(assessed(prediction(deployment(fmt="bf16", model=own))))
    assert lines[:2] == ["vllm serve mine --max-model-len 768", "# mine stands for your model's folder"]


def test_nothing_is_said_of_what_was_never_predicted() -> None:
    bare = cannot_run("int4", "A100")
    assert memory_lines(bare) == command_lines(bare) == []
