"""The commands that run a deployment."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from advisor import predict, recommend
from advisor.report.commands.checkpoint_and_kernel_words import passed_over
from advisor.report.commands.recipe import PRESETS, recipe_yaml
from advisor.report.commands.serve_commands import (
    Commands,
    cautions,
    checkpoint_of,
    commands_for,
    serve_command,
    serve_settings,
)
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.catalog import find_format, known_formats
from advisor.spec.formats.published_checkpoints import checkpoint_by_repo
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.length_distribution import share_longer
from advisor.spec.workloads.read_profile import parse_workload
from advisor.spec.workloads.workload import Workload
from tests.advise.builders import deployment, llama_8b, prediction, workload
from tests.cli.measure.test_command import LLAMA


def test_sixteen_bits_serve_the_model_itself() -> None:
    assert checkpoint_of(deployment(fmt="bf16")) == ("meta-llama/Llama-3.1-8B-Instruct", True)


def test_a_checkpoint_in_its_own_format_needs_no_other() -> None:
    model = replace(llama_8b(), native_format="fp8", hf_id="somebody/model-FP8")
    assert checkpoint_of(deployment(fmt="fp8", model=model)) == ("somebody/model-FP8", True)


@pytest.mark.parametrize(
    ("quantization", "fmt", "scheme"),
    [
        (
            {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": True},
            "int4",
            "w4a16",
        ),
        ({"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}, "int4", "w4a16"),
        ({"quant_method": "fp8", "activation_scheme": "dynamic"}, "fp8", "fp8-tensor"),
        ({"quant_method": "gptq", "bits": 8, "group_size": 128, "sym": True}, "int8-w8a16", "w8a16"),
    ],
)
def test_a_folder_that_is_a_quantized_checkpoint_is_served_as_it_is(
    quantization: dict[str, object], fmt: str, scheme: str, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**LLAMA, "quantization_config": quantization}))
    answer = predict(str(folder), "chat", gpu="L40S")  # the format is the folder's
    assert answer.deployment.format.name == fmt
    assert answer.prediction is not None
    commands = commands_for(answer.prediction)
    assert (commands.checkpoint, commands.published, commands.recipe) == ("mine", False, None)
    kind = commands.start.checkpoint.kind
    assert (kind.packaging, kind.scheme, kind.group_size) == (
        quantization["quant_method"], scheme, quantization.get("group_size"),
    )  # fmt: skip
    found = recommend(str(folder), "chat", gpus=["L40S"], formats=[fmt])
    assert any(row.deployment.format.name == fmt for row in [*found.ranked, *found.likely, *found.refused])
    refused = {refusal.kind for row in found.refused for refusal in row.refusals}
    assert not refused & {"format", "engine"}


def test_a_model_is_predicted_in_the_format_it_ships_in() -> None:
    shipped = {name: predict(name, "chat", gpu="H100") for name in ("gpt-oss-20b", "Llama-3.1-8B-Instruct")}
    assert {name: answer.deployment.format.name for name, answer in shipped.items()} == {
        "gpt-oss-20b": "mxfp4",
        "Llama-3.1-8B-Instruct": "bf16",
    }


def test_fp8_run_weight_only_is_the_same_checkpoint() -> None:
    assert checkpoint_of(deployment(fmt="fp8-w8a16")) == checkpoint_of(deployment(fmt="fp8"))


def test_a_model_nobody_published_in_the_format_gets_a_recipe() -> None:
    own = replace(llama_8b(), name="my-model", hf_id="me/my-model")
    commands = commands_for(prediction(deployment(fmt="int4", model=own)))
    assert commands.checkpoint == "./my-model-quantized.w4a16"
    assert not commands.published
    assert commands.recipe is not None
    assert commands.serve.startswith("vllm serve ./my-model-quantized.w4a16 ")


def test_settings_of_the_engine_are_passed_on() -> None:
    engine = Engine(
        max_num_seqs=64, max_num_batched_tokens=4096, gpu_memory_utilization=0.85, prefix_caching=True
    )
    of = replace(deployment(tensor_parallel=2, kv_format="fp8"), engine=engine)
    assert serve_command(of, "org/model", max_model_len=2048) == (
        "vllm serve org/model --tensor-parallel-size 2 --max-model-len 2048 --kv-cache-dtype fp8 "
        "--max-num-seqs 64 --max-num-batched-tokens 4096 --gpu-memory-utilization 0.85 "
        "--enable-prefix-caching"
    )


def test_a_gpu_without_bfloat16_is_told_to_use_float16() -> None:
    assert "--dtype float16" in serve_command(deployment(gpu="T4"), "org/model", max_model_len=1024)


def test_a_folder_with_a_blank_is_quoted() -> None:
    assert "'./my model'" in serve_command(deployment(), "./my model", max_model_len=1024)


@pytest.mark.parametrize(("tokens", "length"), [(512, 768), (513, 1024), (131_072 - 256, 131_072)])
def test_room_is_made_for_the_longest_request(tokens: int, length: int) -> None:
    asked = workload(input_tokens=tokens, output_tokens=256)
    assert f"--max-model-len {length}" in commands_for(prediction(under=asked)).serve


@pytest.mark.parametrize("name", [f.name for f in known_formats() if f.weight_bits < 16])
def test_every_quantized_format_has_a_recipe_that_is_yaml(name: str) -> None:
    text = recipe_yaml("fp8" if name == "fp8-w8a16" else name)
    assert text is not None
    stage = yaml.safe_load(text)["quantization_stage"]["quantization_modifiers"]
    assert any("ignore" in settings and "lm_head" in settings["ignore"] for settings in stage.values())


def test_sixteen_bits_have_no_recipe() -> None:
    assert recipe_yaml("bf16") is None


def test_the_papers_int4_recipe() -> None:
    # arXiv:2411.02355v4, section 3: GPTQ, group size 128, MSE-optimal clipping, lm_head untouched.
    text = recipe_yaml("int4")
    assert text is not None
    gptq = yaml.safe_load(text)["quantization_stage"]["quantization_modifiers"]["GPTQModifier"]
    weights = gptq["config_groups"]["group_0"]["weights"]
    assert (weights["num_bits"], weights["group_size"], weights["observer"]) == (4, 128, "mse")
    assert weights["symmetric"] is True


def test_a_written_out_preset_is_one_the_recipes_change() -> None:
    assert set(PRESETS) == {"W8A8", "W4A16"}


def test_settings_that_move_speed_are_passed_on() -> None:
    engine = Engine(
        async_scheduling=False, enforce_eager=True, compilation=False, allreduce_fusion=False,
        stream_interval=8, prefix_caching=False,
    )  # fmt: skip
    settings = serve_settings(replace(deployment(tensor_parallel=2), engine=engine), max_model_len=2048)
    assert settings == {
        "tensor-parallel-size": 2,
        "max-model-len": 2048,
        "no-enable-prefix-caching": True,
        "no-async-scheduling": True,
        "enforce-eager": True,
        "optimization-level": 0,
        "compilation-config": '{"pass_config": {"fuse_allreduce_rms": false}}',
        "stream-interval": 8,
    }


def test_experts_that_need_it_get_expert_parallelism() -> None:
    # 768 over 4 GPUs cuts compressed-tensors' groups of 128
    moe = find_model("Qwen3-30B-A3B")
    made = Deployment(
        model=replace(moe, hf_id="me/mine"),
        format=find_format("int4"),
        gpu=find_gpu("H100"),
        tensor_parallel=4,
    )
    assert serve_settings(made, max_model_len=2048)["enable-expert-parallel"] is True


def test_a_checkpoint_with_kv_scales_needs_a_flag_for_a_16_bit_cache() -> None:
    named = checkpoint_by_repo("nvidia/Llama-3.1-70B-Instruct-FP8")
    of = Deployment(
        model=find_model("Llama-3.1-70B-Instruct"),
        format=find_format("fp8"),
        gpu=find_gpu("H100"),
        tensor_parallel=2,
        checkpoint=named,
    )
    assert serve_settings(of, max_model_len=2048)["kv-cache-dtype"] == "bfloat16"
    assert "kv-cache-dtype" not in serve_settings(of.with_kv("auto"), max_model_len=2048)


def test_a_gpu_without_bfloat16_is_served_in_float16() -> None:
    assert serve_settings(deployment(gpu="T4"), max_model_len=2048)["dtype"] == "float16"


def _chat(lengths: str) -> str:
    return f"{{name: c, input_tokens: {lengths}, output_tokens: 100, load: {{requests_per_s: 1}}}}"


def test_the_server_takes_the_longest_known_request_and_says_what_share_is_longer() -> None:
    def of(asked: Workload) -> tuple[Commands, list[str]]:
        found = predict("Llama-3.1-8B-Instruct", asked, gpu="H100", format="fp8").prediction
        assert found is not None
        return (commands := commands_for(found)), cautions(found, commands)

    commands, lines = of(parse_workload(_chat("{values: [100, 400]}, longest_request_tokens: 6149")))
    assert commands.settings["max-model-len"] == 6400
    assert lines == []
    spread = parse_workload(_chat("{mean: 400, cv: 1}"))
    commands, (line,) = of(spread)
    length = int(str(commands.settings["max-model-len"]))
    assert line.startswith(f"{100 * share_longer(spread.load, length):.2g} % of requests are longer")


def test_a_card_of_two_devices_is_two_gpus() -> None:
    found = predict("Llama-3.1-8B-Instruct", "chat", gpu="MI250").prediction
    assert found is not None
    (line,) = cautions(found, commands_for(found))
    assert line.startswith("one MI250 card is 2 GPUs to vLLM")


def test_the_first_checkpoint_is_named_where_the_release_refuses_it() -> None:
    # vLLM refuses act order in groups since 0.30.0 (PR 54809).
    said = passed_over(deployment(fmt="int4", gpu="H100"))
    assert said is not None
    assert said.startswith(
        "RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16 is not served: vLLM refuses actorder"
    )
    assert passed_over(deployment(fmt="fp8", gpu="H100")) is None
