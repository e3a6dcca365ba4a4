"""Prices: the paper's list to the cent, a sensible default choice, and overrides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import InputError, UnknownNameError
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.hardware.prices import (
    TERMS,
    Offer,
    offers,
    parse_price,
    parse_prices,
    price_lists,
    price_of,
)

PAPER = "paper-2024-10"


@pytest.mark.parametrize(
    ("gpu", "count", "usd_per_hour"),
    [
        # arXiv:2411.02355v4: Lambda on 2024-10-28
        ("A6000", 1, 0.80),
        ("A6000", 4, 3.20),
        ("A100", 1, 1.79),
        ("A100", 4, 7.16),
        ("H100", 1, 3.29),
        ("H100", 2, 6.38),
        ("H100", 4, 12.36),
        ("H100", 8, 23.92),
        ("H100", 16, 47.84),
    ],
)
def test_the_paper_s_list_is_reproduced(gpu: str, count: int, usd_per_hour: float) -> None:
    price = price_of(find_gpu(gpu), count, price_list=PAPER)
    assert price is not None
    assert price.usd_per_hour == pytest.approx(usd_per_hour, abs=1e-9)
    assert (price.num_gpus, price.date, price.provider) == (count, "2024-10-28", "Lambda")


def test_a_list_says_nothing_about_other_gpus() -> None:
    assert price_lists() == (PAPER,)
    assert price_of(find_gpu("L4"), 1, price_list=PAPER) is None
    with pytest.raises(UnknownNameError, match="unknown price list 'paper'; did you mean paper-2024-10"):
        price_of(find_gpu("H100"), 1, price_list="paper")


def test_the_default_is_the_lower_median_of_fresh_plausible_offers() -> None:
    # 2026-09-25: RunPod 3.49, Nebius 3.85, Lambda 4.29, GCP 10.98; those of 2025-03 are stale
    price = price_of(find_gpu("H100"), 1)
    assert price is not None
    assert (price.usd_per_hour, price.provider, price.date) == (3.85, "Nebius", "2026-09-25")
    assert price.note == "lower median of 4 providers"
    assert "CC BY 4.0" in price.source


@pytest.mark.parametrize("gpu", known_gpus(), ids=lambda gpu: gpu.name)
def test_a_default_price_is_somebody_s_and_dated(gpu: GpuSpec) -> None:
    price = price_of(gpu, 1)
    asked = offers(gpu)
    assert (price is None) == (not asked)
    if price is not None:
        assert 0.05 < price.usd_per_gpu_hour < 20
        assert len(price.date) == 10
        assert "(" in price.source
        assert price.provider in {offer.provider for offer in asked}


@given(st.sampled_from(known_gpus()), st.integers(1, 64))
def test_more_gpus_never_cost_less(gpu: GpuSpec, count: int) -> None:
    for term in TERMS:
        fewer, more = price_of(gpu, count, term=term), price_of(gpu, count + 1, term=term)
        assert (fewer is None) == (more is None)
        if fewer is not None and more is not None:
            assert more.usd_per_hour >= fewer.usd_per_hour * (1 - 1e-12)


@pytest.mark.parametrize(("count", "usd", "bought"), [(1, 42.0, 4), (4, 42.0, 4), (8, 84.0, 8)])
def test_gpus_sold_only_by_the_machine_are_rented_whole(count: int, usd: float, bought: int) -> None:
    offer = Offer(provider="A cloud", bundles=((4, 42.0),), term="on-demand", date="2026-09-20", source="")
    price = offer.price(count)
    assert (price.usd_per_hour, price.num_gpus, price.machine) == (usd, bought, "machines of 4")
    assert price.usd_per_gpu_hour == 10.5
    assert price.sizes == ((4, 42.0),)


def test_no_other_term_stands_in() -> None:
    mi355x = find_gpu("MI355X")
    assert price_of(mi355x, 1) is None
    committed = price_of(mi355x, 8, term="3yr")
    assert committed is not None
    assert committed.usd_per_hour == pytest.approx(16.8)
    with pytest.raises(UnknownNameError, match="unknown price term 'ondemand'; did you mean on-demand"):
        price_of(mi355x, 1, term="ondemand")


def test_an_override_wins_over_everything() -> None:
    overrides = parse_prices(["H100=2.0", "H100-SXM=2"])
    price = price_of(find_gpu("H100"), 8, price_list=PAPER, overrides=overrides)
    assert price is not None
    assert (price.usd_per_hour, price.source) == (16.0, "given by the user")


def test_two_prices_of_one_gpu_are_refused() -> None:
    with pytest.raises(InputError, match=r"price of H100-SXM: stated twice, 2\.5 and 2 USD; keep one"):
        parse_prices(["H100=2.5", "H100-SXM=2.0"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("H100=2.5", ("H100-SXM", 2.5)),
        ("H100:2.50", ("H100-SXM", 2.5)),
        ("a6000 = $0.80", ("A6000", 0.8)),
        ("RTX-PRO-6000=1.2", ("RTX-PRO-6000", 1.2)),
    ],
)
def test_a_price_is_read_in_both_spellings(text: str, expected: tuple[str, float]) -> None:
    assert parse_price(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("H100", "write it like H100=2.5"),
        ("=2.5", "write it like H100=2.5"),
        ("H100=cheap", "'cheap' is not an amount of money"),
        ("H100=0", "0 is not from 0.001 to 1,000 USD per GPU-hour; a GPU that is paid for costs its power"),
        ("H100=-1", "'-1' is not an amount of money"),
        ("H100=nan", "'nan' is not an amount of money"),
        ("H100=inf", "'inf' is not an amount of money"),
        ("H100=1e9", "1e+09 is not from 0.001 to 1,000 USD per GPU-hour"),
        ("H1000=2", "unknown GPU 'H1000'"),
    ],
)
def test_what_is_no_price_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_price(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_cannot_be_rented() -> None:
    with pytest.raises(InputError, match="give a count of 1 or more"):
        price_of(find_gpu("H100"), 0)
