"""Which models are kin, and how large they are."""

from __future__ import annotations

import pytest

from advisor.cost.quality.model_traits import family_of, model_key, traits, traits_by_name
from advisor.spec.models.catalog import find_model, typical_model


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Llama-3.1-8B-Instruct", "DeepSeek-R1-Distill-Llama-8B"),
        ("Llama-3.1-8B-Instruct", "Meta-Llama-3-8B-Instruct"),
        ("Llama-3.1-70B-Instruct", "Llama-3.3-70B-Instruct"),
        ("Qwen2.5-7B", "Qwen2.5-7B-Instruct"),
        ("Qwen2.5-32B-Instruct", "DeepSeek-R1-Distill-Qwen-32B"),
        ("Qwen3-30B-A3B", "Qwen3-30B-A3B-Instruct-2507"),
        ("granite-3.1-8b-base", "granite-3.1-8b-instruct"),
    ],
)
def test_models_of_one_base_are_held_out_together(left: str, right: str) -> None:
    a, b = traits_by_name(left), traits_by_name(right)
    assert a is not None
    assert b is not None
    assert a.group == b.group
    assert a.key != b.key


def test_different_sizes_and_generations_are_not_kin() -> None:
    names = ("Llama-3.1-8B-Instruct", "Llama-3.1-70B-Instruct", "Llama-2-7b-hf", "Qwen3-8B", "Qwen2.5-7B")
    groups = {t.group for name in names if (t := traits_by_name(name))}
    assert len(groups) == len(names)


def test_old_llamas_are_not_taken_for_the_third_generation() -> None:
    assert family_of("llama-30b") == "llama-2"
    assert family_of("Llama-3-8B") == "llama-3"


def test_a_checkpoints_name_leads_to_its_model() -> None:
    card = traits_by_name("neuralmagic/Meta-Llama-3.1-8B-Instruct-quantized.w4a16")
    assert card is not None
    assert card.key == model_key("Llama-3.1-8B-Instruct")


def test_a_mixture_has_its_active_parameters() -> None:
    qwen = traits_by_name("Qwen3-30B-A3B")
    assert qwen is not None
    assert qwen.params_b == pytest.approx(30.5, abs=0.1)
    assert qwen.active_b == pytest.approx(3.35, abs=0.05)
    assert qwen.sparse


def test_a_model_in_no_catalog_is_sized_by_its_name_or_not_at_all() -> None:
    unknown = traits_by_name("SomeLab-13B-Chat")
    assert unknown is not None
    assert (unknown.params_b, unknown.group) == (13.0, "somelab 13B")
    assert traits_by_name("SomeLab-Chat") is None


def test_a_typical_model_has_a_size_and_no_kin() -> None:
    typical = traits(typical_model(13e9))
    assert typical.params_b == pytest.approx(13, rel=0.1)
    assert typical.group != traits(find_model("Llama-2-13b-hf")).group
