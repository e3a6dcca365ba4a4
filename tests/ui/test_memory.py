"""What the live page keeps has a bound."""

from __future__ import annotations

import gc

import pytest

from advisor.advise.api import shipped_predictor, shipped_quality
from advisor.advise.choose.recommendation import Recommendation
from advisor.ui import cached_quality
from advisor.ui.answers import MOST_UNCOLLECTED, REMEMBERED, Answerer
from advisor.ui.own_models_workloads_gpus import OwnInputs


def question(level: int) -> dict[str, str]:
    return {"model": "Llama-3.1-8B-Instruct", "gpu": "L40S", "load": "rate", "level": str(level)}


def test_recoveries_are_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_quality, "MAX_KNOWN", 3)
    answerer = Answerer(shipped_predictor(), shipped_quality(), OwnInputs())
    answerer.answer(question(2))
    assert len(answerer.quality.known) == 3


def test_forgotten_answers_are_freed_when_nobody_waits() -> None:
    gc.unfreeze()
    gc.collect()
    before = sum(isinstance(thing, Recommendation) for thing in gc.get_objects())
    answerer = Answerer(shipped_predictor(), shipped_quality(), OwnInputs())
    for level in range(1, REMEMBERED + 9):
        answerer.answer(question(level))
    answerer.rest(question(REMEMBERED + 8))
    gc.unfreeze()
    made = sum(isinstance(thing, Recommendation) for thing in gc.get_objects()) - before
    assert made <= REMEMBERED


def test_answers_alone_free_those_forgotten() -> None:
    """A client that never asks for the rest: nobody else would free them."""
    gc.unfreeze()
    gc.collect()
    before = sum(isinstance(thing, Recommendation) for thing in gc.get_objects())
    answerer = Answerer(shipped_predictor(), shipped_quality(), OwnInputs())
    for level in range(1, MOST_UNCOLLECTED + 1):
        answerer.answer(question(level))
    gc.unfreeze()
    made = sum(isinstance(thing, Recommendation) for thing in gc.get_objects()) - before
    assert made <= REMEMBERED
