"""How models split over GPUs: the rules by hand, and vLLM's own functions asked the same questions."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from advisor.spec.engines.kernel_choice import KernelChoice, kernel_choice
from advisor.spec.engines.model_shapes import ModelShapes, shapes_of
from advisor.spec.engines.sharding import RULES, padded_vocab
from advisor.spec.engines.start_table import table_at
from advisor.spec.formats.checkpoint import SIXTEEN_BIT, CheckpointKind, made_kind
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model, known_models
from advisor.spec.parallelism import Parallelism

NEWEST = "0.33.0"
INT4 = made_kind("int4") or SIXTEEN_BIT
BLOCK = CheckpointKind(packaging="fp8", scheme="fp8-block")
OWN_HEADS = ("query_heads", "kv_heads", "mla_heads", "vocabulary")
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 28, 32, 40, 64)


def split(
    model: str, of: CheckpointKind, tp: int, version: str = NEWEST, *, expert: bool = False
) -> KernelChoice:
    parallel = Parallelism(tensor=tp, expert=expert)
    return kernel_choice(shapes_of(find_model(model)), of, find_gpu("H100"), version, parallel)


@pytest.mark.parametrize("model", ["phi-4", "Phi-3-medium-128k-instruct"])
def test_ten_kv_heads_load_on_one_and_two_gpus_only(model: str) -> None:
    # 40 query heads divide by 4 and 8, 10 KV heads do not (issue 5951); 5 and 10 miss the vocabulary
    works = [tp for tp in SIZES if split(model, SIXTEEN_BIT, tp).starts]
    assert works == [1, 2]


@pytest.mark.parametrize(
    ("model", "works"),
    [
        ("Qwen2.5-32B-Instruct", [1, 2, 4, 8]),
        ("Qwen2.5-7B-Instruct", [1, 2, 4]),
        ("Qwen2.5-0.5B-Instruct", [1, 2]),
        # 8 KV heads are copied to 16 and 32 GPUs
        ("Llama-3.1-70B-Instruct", [1, 2, 4, 8, 16, 32, 64]),
    ],
)
def test_the_sizes_on_which_a_model_loads_at_16_bits(model: str, works: list[int]) -> None:
    assert [tp for tp in SIZES if split(model, SIXTEEN_BIT, tp).starts] == works


def test_the_vocabulary_is_padded_to_64() -> None:
    # issue 31474: 151552 rows on 6 GPUs
    assert padded_vocab(151_552) == 151_552
    assert padded_vocab(50_257) == 50_304


@pytest.mark.parametrize(
    ("model", "of", "tp", "starts"),
    [
        # 29568 over 2 GPUs is 14784, no multiple of 128
        ("Qwen2.5-72B-Instruct", INT4, 1, True),
        ("Qwen2.5-72B-Instruct", INT4, 2, False),
        ("Qwen2.5-72B-Instruct", BLOCK, 2, False),
        ("Qwen2.5-72B-Instruct", made_kind("fp8"), 2, True),
        ("Qwen2.5-72B-Instruct", made_kind("int8"), 8, True),
        # 11008 over 4 is 2752
        ("Llama-2-7b-hf", INT4, 2, True),
        ("Llama-2-7b-hf", INT4, 4, False),
        # 13824 over 8 is 1728
        ("Qwen2.5-14B-Instruct", INT4, 4, True),
        ("Qwen2.5-14B-Instruct", INT4, 8, False),
        ("Llama-3.1-70B-Instruct", INT4, 8, True),
        ("Llama-3.1-70B-Instruct", made_kind("nvfp4"), 8, True),
    ],
)
def test_groups_and_blocks_of_128_are_not_cut(model: str, of: CheckpointKind, tp: int, starts: bool) -> None:
    found = split(model, of, tp)
    assert found.starts == starts, found.why
    assert found.by_format or starts


def test_gptq_groups_that_do_not_divide_have_no_kernel_in_bfloat16_since_0_22() -> None:
    gptq = CheckpointKind(packaging="gptq", scheme="w4a16", group_size=128)
    for version in ("0.21.0", "0.22.0", NEWEST):
        assert split("Qwen2.5-72B-Instruct", gptq, 2, version).refused_by == "split"


def test_experts_whose_groups_do_not_divide_need_expert_parallelism() -> None:
    # Qwen3-30B-A3B: 768 over 4 GPUs is 192, no multiple of 128
    found = split("Qwen3-30B-A3B", INT4, 4)
    assert found.starts
    assert found.expert_parallel
    assert not split("Qwen3-30B-A3B", INT4, 2).expert_parallel


def test_native_block_scales_of_experts_are_refined_since_0_29() -> None:
    # issues 17569, 25292, 54178; 768 / 8 = 96 divides by 32
    before, after = split("Qwen3-30B-A3B", BLOCK, 4, "0.28.0"), split("Qwen3-30B-A3B", BLOCK, 4, "0.29.0")
    assert (before.expert_parallel, after.expert_parallel) == (True, False)
    packed = CheckpointKind(packaging="compressed-tensors", scheme="fp8-block")
    assert split("Qwen3-30B-A3B", packed, 4, NEWEST).expert_parallel


def test_a_dense_model_has_no_expert_parallelism() -> None:
    assert split("Llama-3.1-8B-Instruct", SIXTEEN_BIT, 2, expert=True).refused_by == "split"


def test_data_parallel_experts_are_cut_over_data_times_tensor() -> None:
    shapes = shapes_of(find_model("Qwen3-30B-A3B"))
    wide = Parallelism(tensor=2, data=8)
    assert wide.expert_shards == 16
    # 768 / 16 = 48: no multiple of 128 either
    found = kernel_choice(shapes, INT4, find_gpu("H100"), NEWEST, wide)
    assert found.expert_parallel


def test_more_pipeline_stages_than_layers_are_refused() -> None:
    shapes = shapes_of(find_model("Llama-3.1-8B-Instruct"))
    deep = Parallelism(pipeline=33)
    assert kernel_choice(shapes, SIXTEEN_BIT, find_gpu("H100"), NEWEST, deep).refused_by == "split"


def test_mamba_layers_do_not_count_as_attention_heads() -> None:
    # Nemotron-H counts feed-forward-only layers, which have no heads at all
    shapes = shapes_of(find_model("NVIDIA-Nemotron-3-Nano-30B-A3B"))
    assert shapes.query_heads == (32,)


def by_the_table(shapes: ModelShapes, tp: int) -> bool:
    rows = [row for row in table_at(NEWEST).parallel if row["rule"] in OWN_HEADS]
    parallel = Parallelism(tensor=tp)
    return all(RULES[row["rule"]](row, shapes, SIXTEEN_BIT, parallel) is None for row in rows)


def questions() -> list[tuple[tuple[int, int, int, int], bool]]:
    """Query heads, KV heads, vocabulary and TP of every catalog model with one attention shape."""
    found: dict[tuple[int, int, int, int], bool] = {}
    for name in known_models():
        shapes = shapes_of(find_model(name))
        if shapes.is_mla or len(shapes.query_heads) != 1 or len(shapes.kv_heads) != 1:
            continue
        for tp in (*SIZES[:8], 16):
            key = (shapes.query_heads[0], shapes.kv_heads[0], shapes.vocab, tp)
            found[key] = by_the_table(shapes, tp)
    return list(found.items())


ASK_VLLM = """
import json, sys
from types import SimpleNamespace
from unittest import mock
import torch
from vllm.config import VllmConfig, set_current_vllm_config
from vllm.config.model import ModelConfig
from vllm.distributed import parallel_state
from vllm.model_executor.layers import linear, vocab_parallel_embedding as embedding

def loads(query, kv, vocab, tp):
    parallel = SimpleNamespace(
        tensor_parallel_size=tp, pipeline_parallel_size=1, decode_context_parallel_size=1,
        enable_expert_parallel=False, enable_hc_sp=False,
    )
    model = SimpleNamespace(
        model_arch_config=SimpleNamespace(total_num_attention_heads=query),
        use_mla=False,
        multimodal_config=None,
    )
    world = SimpleNamespace(world_size=tp, rank_in_group=0)
    try:
        ModelConfig.verify_with_parallel_config(model, parallel)
        with mock.patch.object(parallel_state, "_TP", world):
            linear.QKVParallelLinear(8, 8, query, kv, bias=False, params_dtype=torch.bfloat16)
            embedding.VocabParallelEmbedding(vocab, 1, params_dtype=torch.bfloat16)
    except (ValueError, AssertionError) as error:
        if "divisible" not in str(error):
            raise
        return False
    return True

with set_current_vllm_config(VllmConfig()), torch.device("meta"):
    answers = [loads(*question) for question in json.load(sys.stdin)]
print("ANSWERS" + json.dumps(answers))
"""


@pytest.mark.heavy
def test_vllm_splits_every_model_of_the_catalog_as_the_table_does(tools: Path) -> None:
    asked = questions()
    assert len(asked) > 500
    done = subprocess.run(
        [str(tools / "python"), "-c", ASK_VLLM],
        input=json.dumps([question for question, _ in asked]),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert "ANSWERS" in done.stdout, done.stderr[-2000:]
    answers = json.loads(done.stdout.partition("ANSWERS")[2])
    wrong = [(q, ours, theirs) for (q, ours), theirs in zip(asked, answers, strict=True) if ours != theirs]
    assert not wrong
