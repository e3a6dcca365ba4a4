"""Accelerators that nothing was measured on are refused by name, with a way on."""

from __future__ import annotations

import re

import pytest

from advisor.errors import UnsupportedError
from advisor.spec.hardware.catalog import catalog_gpu, known_gpus
from advisor.spec.hardware.refused_accelerators import known_accelerators


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Arc B570", ("Intel Arc B570 10 GB", "XPU backend", "with as much memory (--gpu ")),
        ("Gaudi3", ("Intel Gaudi 3 128 GB", "hardware plugin")),
        ("Arc B990", ("an Intel GPU", "vllm bench serve")),
        ("TPU v5e", ("a Google TPU",)),
        ("trn2.48xlarge", ("an AWS accelerator",)),
        ("Ascend 910B", ("a Huawei Ascend",)),
        ("M3 Max", ("Apple silicon",)),
        ("Xeon 6980P", ("a CPU",)),
    ],
)
def test_it_is_named_and_what_to_do_instead(name: str, words: tuple[str, ...]) -> None:
    with pytest.raises(UnsupportedError) as error:
        catalog_gpu(name)
    for word in words:
        assert word in str(error.value)
    assert "quantadvise compare A.json B.json" in str(error.value)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Arc B580", "Intel Arc B580 12 GB"),
        ("Intel Arc A770", "Intel Arc A770 16 GB"),
        ("arc-pro-b60", "Intel Arc Pro B60 24 GB"),
        ("Intel(R) Arc(TM) Pro B70 Graphics", "Intel Arc Pro B70 32 GB"),
        ("Intel Data Center GPU Max 1550", "Intel Data Center GPU Max 1550 64 GB (half a card)"),
        ("Intel(R) Data Center GPU Max 1100", "Intel Data Center GPU Max 1100 48 GB"),
    ],
)
def test_intels_own_gpus_are_known_as_people_and_drivers_call_them(name: str, title: str) -> None:
    assert catalog_gpu(name).title == title


def test_every_memory_has_a_source_and_no_gpu_of_the_catalog_is_taken_for_one() -> None:
    for row in known_accelerators():
        assert (row.memory_gib is None) == (not row.source), row.title
        re.compile(row.names)
    for gpu in known_gpus():
        assert catalog_gpu(gpu.name) is gpu
