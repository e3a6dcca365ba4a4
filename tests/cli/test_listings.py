"""`quantadvise gpus`, `models`, `formats` for people: units in the heads, and as many columns as fit."""

from __future__ import annotations

import json

import pytest

from tests.command import Command

HEADS = ("memory, GiB", "bandwidth, GB/s", "FP16, TFLOPS", "INT8, TOPS", "power, W")


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("what", ["gpus", "models", "formats"])
def test_a_listing_fits_the_terminal_and_names_what_it_leaves_out(
    quantadvise: Command, what: str, width: int
) -> None:
    lines = quantadvise(what, columns=width).out.splitlines()
    assert max(map(len, lines)) <= width
    assert "Left out for the width: " in "\n".join(lines)


def test_every_column_is_there_where_the_width_is_not_known(quantadvise: Command) -> None:
    out = quantadvise("gpus", "show", "H100-SXM", columns=None).out
    assert all(head in out for head in HEADS)
    assert "Left out" not in out
    assert out.splitlines()[1].split()[:3] == ["H100-SXM", "79.6", "3,350"]


def test_list_and_show_are_words_before_a_name(quantadvise: Command) -> None:
    assert quantadvise("gpus", "list").out == quantadvise("gpus").out
    assert quantadvise("gpus", "show", "h100").out == quantadvise("gpus", "h100").out
    assert quantadvise("models", "show", "llama-3.1", "8b").out == quantadvise("models", "llama-3.1-8b").out
    result = quantadvise("gpus", "show", "nothing-like-it")
    assert result.code == 1
    assert "unknown GPU 'nothing-like-it'" in result.err


def test_programs_get_the_same_keys_as_before_and_the_power(quantadvise: Command) -> None:
    [gpu] = json.loads(quantadvise("gpus", "H100-SXM", "-o", "json").out)["gpus"]
    assert {"memory_gib", "bandwidth_gb_s", "bf16_tflops", "capability", "power_w"} <= set(gpu)
    assert gpu["power_w"] == 700


@pytest.mark.parametrize("words", [("gpus", ""), ("gpus", "show", " "), ("models", "")])
def test_an_empty_name_does_not_list_everything(quantadvise: Command, words: tuple[str, ...]) -> None:
    result = quantadvise(*words)
    assert (result.code, result.out) == (1, "")
    assert "an argument: is empty; state a value, or leave it out" in result.err
