"""The catalog of published checkpoints: every row is whole, and known repositories come out as they are."""

from __future__ import annotations

import csv

import pytest

from advisor.shipped_files import catalog
from advisor.spec.formats.catalog import find_format, known_formats
from advisor.spec.formats.checkpoint import made_kind
from advisor.spec.formats.published_checkpoints import (
    COLUMNS,
    DEPRECATED,
    FILE,
    checkpoint_by_repo,
    checkpoints_of,
    listed_bases,
)
from advisor.spec.formats.recipes import RECIPES


def rows() -> list[dict[str, str]]:
    with catalog(FILE).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def test_every_row_is_of_a_known_format_and_names_its_base() -> None:
    listed = rows()
    assert tuple(listed[0]) == COLUMNS
    names = {fmt.name for fmt in known_formats()}
    for row in listed:
        assert row["format"] in names, row
        assert row["base_repo"].count("/") == row["repo"].count("/") == 1, row
    assert len({row["repo"].lower() for row in listed}) == len(listed) > 1_000


def test_a_scheme_belongs_to_its_format() -> None:
    schemes = {
        "fp8": {"fp8-channel", "fp8-tensor", "fp8-block"},
        "int8": {"int8"},
        "int4": {"w4a16"},
        "int8-w8a16": {"w8a16"},
        "nvfp4": {"nvfp4", "nvfp4-a16", "mixed"},
        "mxfp4": {"mxfp4"},
        "w4a8-fp8": {"w4a8-fp8"},
    }
    for row in rows():
        assert row["scheme"] in schemes[row["format"]], row


@pytest.mark.parametrize(
    ("repo", "packaging", "scheme", "group", "symmetric", "evidence"),
    [
        # config.json as bundled in ai-dynamo/aiconfigurator
        ("nvidia/Llama-3.1-70B-Instruct-FP8", "modelopt", "fp8-tensor", None, True, "config"),
        ("Qwen/Qwen3-32B-FP8", "fp8", "fp8-block", None, True, "config"),
        # model cards
        ("RedHatAI/Qwen3-32B-quantized.w4a16", "compressed-tensors", "w4a16", 128, True, "card"),
        ("RedHatAI/Llama-3.1-8B-Instruct-NVFP4", "compressed-tensors", "nvfp4", 16, True, "card"),
        ("RedHatAI/Qwen3-8B-quantized.w4a16", "compressed-tensors", "w4a16", 64, False, "card"),
        # a published recipe
        ("hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4", "awq", "w4a16", 128, False, "recipe"),
    ],
)  # fmt: skip
def test_what_was_read_of_a_checkpoint(
    repo: str, packaging: str, scheme: str, group: int | None, symmetric: bool, evidence: str
) -> None:
    found = checkpoint_by_repo(repo)
    assert found is not None
    kind = found.kind
    assert (kind.packaging, kind.scheme, kind.group_size, kind.symmetric) == (
        packaging, scheme, group, symmetric,
    )  # fmt: skip
    assert found.evidence == evidence


def test_fp8_of_nvidia_carries_kv_scales() -> None:
    found = checkpoint_by_repo("nvidia/Llama-3.1-70B-Instruct-FP8")
    assert found is not None
    assert found.kind.kv_scheme == "fp8"


def test_the_makers_own_comes_first_and_what_is_only_named_last() -> None:
    for base, name in listed_bases():
        found = checkpoints_of(base, name)
        order = [(c.kind.packaging in DEPRECATED, not c.official, c.evidence == "named") for c in found]
        assert order == sorted(order), base
    qwen = checkpoints_of("Qwen/Qwen2.5-14B-Instruct", "int4")
    assert qwen[0].maker == "Qwen"


def test_a_format_that_nobody_published_for_a_base_has_no_checkpoint() -> None:
    assert checkpoints_of("meta-llama/Llama-3.1-8B-Instruct", "mxfp4") == ()


def test_a_recipe_makes_a_kind_of_its_own_bits() -> None:
    for recipe in RECIPES:
        kind = made_kind(recipe.format)
        assert kind is not None
        assert kind.packaging == "compressed-tensors"
        assert (kind.group_size or 0) == (find_format(recipe.format).group_size or 0)
