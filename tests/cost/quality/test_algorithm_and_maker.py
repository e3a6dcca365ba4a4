"""Names of algorithms and makers as people and checkpoints spell them."""

from __future__ import annotations

import pytest

from advisor.cost.quality.algorithm_and_maker import (
    Recipe,
    algorithm_name,
    parse_recipe,
    recipe_of_checkpoint,
)
from advisor.errors import InputError, UnknownNameError


@pytest.mark.parametrize(
    ("text", "algorithm", "maker"),
    [
        ("gptq", "gptq", None),
        ("AWQ@nvidia", "awq", "NVIDIA"),
        ("auto-round@Intel", "autoround", "intel"),
        ("SmoothQuant+GPTQ@RedHatAI", "smoothquant+gptq", "Red Hat"),
        ("@neuralmagic", None, "Red Hat"),
    ],
)
def test_a_recipe_is_an_algorithm_a_maker_or_both(
    text: str, algorithm: str | None, maker: str | None
) -> None:
    assert parse_recipe(text) == Recipe(algorithm=algorithm, maker=maker)


@pytest.mark.parametrize(
    ("text", "near"), [("foo@bar", "known: autoround, gptq"), ("qptq", "did you mean gptq")]
)
def test_an_algorithm_that_nobody_knows_is_refused(text: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=rf"recipe: '{text}': unknown algorithm '\w+'; {near}"):
        parse_recipe(text)


@pytest.mark.parametrize("text", ["", "@", "  @ "])
def test_a_recipe_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="names no algorithm and no maker"):
        parse_recipe(text)


@pytest.mark.parametrize(
    ("repository", "recipe"),
    [
        ("RedHatAI/Qwen3-8B-quantized.w4a16", "gptq@Red Hat"),
        ("neuralmagic/Meta-Llama-3.1-8B-Instruct-quantized.w8a8", "gptq@Red Hat"),
        ("hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4", "awq@hugging-quants"),
        ("nvidia/Llama-3.3-70B-Instruct-FP4", "@NVIDIA"),
        ("Intel/Qwen3-30B-A3B-int4-AutoRound", "autoround@intel"),
    ],
)
def test_a_checkpoints_name_says_who_made_it_and_sometimes_how(repository: str, recipe: str) -> None:
    assert str(recipe_of_checkpoint(repository)) == recipe


def test_details_of_an_algorithm_do_not_make_another() -> None:
    names = ("GPTQ MoE-Quant", "gptq, activation order", "RTN FP8-dynamic", "opt-rtn", "FP-Quant QAT")
    assert [algorithm_name(name) for name in names] == ["gptq", "gptq", "rtn", "rtn", "qat"]
