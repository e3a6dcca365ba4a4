"""A recipe names the checkpoint that is served, and its accuracy is that one's."""

from __future__ import annotations

import pytest

from advisor.advise.formats_to_search import recipe_named
from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.checkpoint_of_recipe import algorithm_in, made_as_named, made_by, recipe_of
from advisor.errors import InputError, UnsupportedError
from advisor.spec.deployment import Deployment
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model, model_of_size

LLAMA = find_model("Llama-3.1-8B-Instruct")


def on_h100(format: str = "int4") -> Deployment:
    return Deployment(model=LLAMA, format=find_format(format), gpu=find_gpu("H100"))


def repository(deployment: Deployment) -> str | None:
    return deployment.start.checkpoint.repo


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("awq", "awq"),
        ("AWQ-INT4", "awq"),
        ("gptq", "gptq"),
        ("GPTQ-Int8", "gptq"),
        ("int4", None),
        ("fp8", None),
    ],
)
def test_a_formats_name_may_say_the_algorithm(name: str, algorithm: str | None) -> None:
    assert algorithm_in(name) == algorithm
    assert find_format(name)


def test_awq_and_gptq_serve_what_is_made_so() -> None:
    awq, gptq = (made_as_named(on_h100(), name, None) for name in ("awq", "gptq"))
    assert repository(awq) == "hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4"
    assert repository(gptq) == "hugging-quants/Meta-Llama-3.1-8B-Instruct-GPTQ-INT4"
    assert made_as_named(on_h100(), "int4", None) == on_h100()


def test_a_recipe_chooses_the_checkpoint_where_one_is_published() -> None:
    assert made_as_named(on_h100(), "int4", "gptq") == made_as_named(on_h100(), "gptq", None)
    # Nobody publishes it by QAT: what is served stays, and accuracy is told of the recipe all the same.
    assert made_as_named(on_h100(), "int4", "qat") == on_h100()
    assert made_by(on_h100(), Recipe(algorithm="qat")) is None


def test_a_checkpoint_of_a_size_is_to_be_made_and_only_as_our_recipe_makes_it() -> None:
    sized = Deployment(model=model_of_size("8B"), format=find_format("int4"), gpu=find_gpu("H100"))
    assert repository(made_as_named(sized, "gptq", None)) is None
    with pytest.raises(
        UnsupportedError, match="awq: no checkpoint of typical-8B in int4 by awq is known; ask for int4"
    ):
        made_as_named(sized, "awq", None)


def test_two_ways_for_one_choice_are_refused_with_the_way_to_compare_them() -> None:
    with pytest.raises(InputError, match="quantadvise compare awq@H100 gptq@H100"):
        recipe_named(["awq", "gptq"], None)
    with pytest.raises(InputError, match="awq contradicts the format gptq"):
        recipe_named(["gptq"], "awq")
    with pytest.raises(InputError, match="awq contradicts the format gptq"):
        made_as_named(on_h100(), "gptq", "awq")
    assert recipe_named(["fp8", "awq"], None) == Recipe(algorithm="awq")
    assert recipe_named(None, "@RedHatAI") == Recipe(maker="Red Hat")
    assert recipe_named(["int4"], None) is None


def test_what_was_read_of_a_listed_checkpoint_counts_where_its_name_says_nothing() -> None:
    assert recipe_of("LibertAIDAI/Qwen3.6-27B-W4A16-G128") == Recipe(algorithm="gptq", maker="LibertAIDAI")
    assert recipe_of("RedHatAI/Qwen3-8B-quantized.w4a16") == Recipe(algorithm="gptq", maker="Red Hat")
    assert recipe_of("nobody/nothing") == Recipe(maker="nobody")
