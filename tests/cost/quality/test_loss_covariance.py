"""How losses of checkpoints deviate together, and the noise of scores."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.loss_covariance import (
    Spread,
    Who,
    checkpoint_of,
    deviations,
    noise_share,
    noises,
    shared,
)
from advisor.spec.accuracy_benchmarks import benchmark

NONE = Spread(**dict.fromkeys((f.name for f in dataclasses.fields(Spread)), 0.0))


def who(**changed: object) -> Who:
    usual = Who("llama-8b", "int4", "GSM8K", "gptq Red Hat", "llama-8b GSM8K card", 1024)
    return usual._replace(**changed)


def covariance(spread: Spread, *whos: Who, loss: float = 0.02, gain: float = 1.0) -> np.ndarray:
    people = shared(whos)
    losses, gains = np.full(len(whos), loss), np.full(len(whos), gain)
    return deviations(people, people, (losses, losses), (gains, gains), spread)


@pytest.mark.parametrize(
    ("name", "keeps", "breaks"),
    [
        ("fragile", {"format": "fp8", "benchmark": "MMLU", "maker": ""}, {"group": "qwen-8b"}),
        ("fragile_in_format", {"benchmark": "MMLU", "maker": ""}, {"format": "fp8"}),
        ("recipe", {"benchmark": "MMLU"}, {"maker": "awq casperhansen"}),
        ("benchmark", {"maker": "awq casperhansen"}, {"benchmark": "MMLU"}),
        ("checkpoint", {"printed": "another card"}, {"maker": "awq casperhansen"}),
        ("checkpoint", {"printed": "another card"}, {"benchmark": "MMLU"}),
    ],
)
def test_each_deviation_is_shared_by_those_it_is_about_and_by_no_others(
    name: str, keeps: dict[str, object], breaks: dict[str, object]
) -> None:
    spread = dataclasses.replace(NONE, **{name: 0.3, "activations": 1.0})
    own, alike, other = np.asarray(covariance(spread, who(), who(**keeps), who(**breaks)))[0]
    assert own == pytest.approx((0.3 * 0.02) ** 2)
    assert alike == pytest.approx(own)
    assert other == 0.0


def test_formats_that_round_activations_deviate_more_by_the_stated_ratio() -> None:
    spread = dataclasses.replace(NONE, fragile_in_format=0.1, activations=2.0)
    weight_only, both = (covariance(spread, who(format=name))[0, 0] for name in ("int4", "int8"))
    assert both == pytest.approx(2.0**2 * weight_only)


def test_a_score_at_one_length_says_as_much_of_longer_ones_and_less_the_other_way() -> None:
    spread = dataclasses.replace(NONE, context=0.5)
    short, long, longer = (who(context_tokens=n) for n in (8_192, 32_768, 131_072))
    c = covariance(spread, short, long, longer)
    assert c[1, 2] == c[1, 1] < c[2, 2]
    assert c[0, 2] == c[0, 0]


@given(
    st.lists(
        st.builds(
            Who,
            group=st.sampled_from("ab"),
            format=st.sampled_from(["int4", "int8", "fp8"]),
            benchmark=st.sampled_from(["GSM8K", "MMLU"]),
            maker=st.sampled_from(["", "gptq Red Hat"]),
            printed=st.sampled_from(["one", "two"]),
            context_tokens=st.sampled_from([512, 8_192, 65_536]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.floats(1e-4, 0.5),
)
def test_deviations_and_noise_are_a_covariance(whos: list[Who], loss: float) -> None:
    people = shared(whos)
    sd = np.linspace(0.001, 0.01, len(whos))
    for matrix in (covariance(Spread(), *whos, loss=loss), noises(people, sd, Spread())):
        assert np.allclose(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix).min() >= -1e-9 * np.abs(matrix).max()
    assert np.diag(noises(people, sd, Spread())) == pytest.approx(sd**2)


def test_scores_against_one_bf16_score_share_a_part_of_its_noise() -> None:
    people = shared([who(), who(format="fp8"), who(printed="another card")])
    found = noises(people, np.array([0.01, 0.02, 0.01]), dataclasses.replace(NONE, baseline=0.3))
    assert found[0, 1] == pytest.approx(0.3 * 0.01 * 0.02)
    assert found[0, 2] == 0.0


def test_mixtures_of_experts_deviate_more_by_the_stated_ratio() -> None:
    spread = dataclasses.replace(NONE, fragile=0.1, mixtures=1.5)
    dense, mixture = (covariance(spread, who(sparse=sparse))[0, 0] for sparse in (False, True))
    assert mixture == pytest.approx(1.5**2 * dense)


def test_eight_bits_flip_fewer_answers_than_four() -> None:
    spread = Spread(choice=0.5, eight_bit=0.7)
    assert noise_share(spread, benchmark("MMLU"), "int4") == 0.5
    assert noise_share(spread, benchmark("MMLU"), "fp8") == pytest.approx(0.35)


def test_a_benchmark_noisier_than_its_kind_has_its_own_noise() -> None:
    spread = Spread(choice=0.5)
    assert noise_share(spread, benchmark("MMLU-Pro"), "int4", {"MMLU-Pro": 2.0}) == 1.0
    assert noise_share(spread, benchmark("MMLU"), "int4", {"MMLU-Pro": 2.0}) == 0.5


def test_a_checkpoint_of_nobody_in_particular_has_no_name() -> None:
    assert checkpoint_of(Recipe(algorithm="gptq")) == ""
    assert checkpoint_of(Recipe(algorithm="gptq", maker="Red Hat")) == "gptq Red Hat"
