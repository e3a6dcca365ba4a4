"""The page speaks of its fields, not of flags; commands stay commands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from advisor.advise.api import shipped_predictor, shipped_quality
from advisor.ui.answers import Answerer
from advisor.ui.fields import fields
from advisor.ui.flags_as_labels import in_form_words
from advisor.ui.own_models_workloads_gpus import OwnInputs

CHAT = {"model": "Llama-3.1-8B-Instruct", "workload": "chat", "gpu": "A6000,L40S,H100-SXM"}
QUESTIONS: tuple[dict[str, str], ...] = (
    CHAT,
    {**CHAT, "ttft": "60", "confidence": "95", "gpu": "A6000"},
    {**CHAT, "maxgpus": "1", "load": "rate", "level": "60"},
    {**CHAT, "gpu": "L40S,R9700,RTX2060-12GB", "load": "rate", "level": "30", "api": "0.2/0.6"},
    {"model": "13B", "workload": "chat", "gpu": "L4", "load": "concurrency", "level": "64", "at": "none"},
)
PARTS = ("answer", "rest", "sure", "ranking", "measuring", "along")


def test_a_flag_becomes_the_name_of_its_field_and_a_command_stays() -> None:
    text = "<p>say --price L40S=USD (--gpu any)</p><pre>vllm serve x --gpu any</pre><i>--gpu --no-such</i>"
    assert in_form_words({"a": [text], "n": 3}) == {
        "a": [
            "<p>say “USD per GPU-hour” L40S=USD (“GPUs” any)</p><pre>vllm serve x --gpu any</pre>"
            "<i>“GPUs” --no-such</i>"
        ],
        "n": 3,
    }


def test_a_colour_is_no_flag() -> None:
    names = {flag for field in fields().values() for flag in field.flags}
    style = '<path fill="var(--int8)" stroke="var(--accent)">'
    assert "--int8" not in names
    assert in_form_words(style) == style


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts(part)


@pytest.fixture(scope="module")
def answerer() -> Answerer:
    return Answerer(shipped_predictor(), shipped_quality(), OwnInputs())


@pytest.mark.parametrize("said", QUESTIONS, ids=lambda said: " ".join(said.values()))
def test_no_part_of_an_answer_speaks_of_flags(answerer: Answerer, said: dict[str, str]) -> None:
    for part in PARTS:
        for text in texts(in_form_words(getattr(answerer, part)(said))):
            plain = re.sub(r"<(pre|code)\b.*?</\1>|var\(--[\w-]+\)", "", text, flags=re.DOTALL)
            assert re.findall(r"--[a-z][a-z-]+", plain) == [], (part, plain[:300])
