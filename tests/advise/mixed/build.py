"""Questions about mixed fleets, answered by the small fit in tests/data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from advisor.advise.api import choice_of
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.advise.mixed.fleet import Mix, mix
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Arrival, Workload
from tests.conftest import frozen_predictor, frozen_quality

MODEL = "Llama-3.1-8B-Instruct"
GPUS = ("A6000", "A100", "L40S", "H100")


def asked(rate: float = 60.0, *, confidence: float = 0.8, **arrival: Any) -> Workload:
    """Chat at so many requests per second, or as `arrival` says."""
    chat = load_workload("chat")
    comes = Arrival(**arrival) if arrival else Arrival(kind="rate", value=rate)
    return replace(chat, load=replace(chat.load, arrival=comes), confidence=confidence)


def recommended(workload: Workload, gpus: Sequence[str] = GPUS, **how: Any) -> Recommendation:
    return choose(choice_of(MODEL, workload, gpus=gpus, **how), frozen_predictor(), frozen_quality())


def mixed(workload: Workload, gpus: Sequence[str] = GPUS, **how: Any) -> Mix:
    return mix_of(recommended(workload, gpus, **how))


def mix_of(answer: Recommendation) -> Mix:
    found = mix(answer, frozen_predictor(), frozen_quality())
    assert found is not None
    return found


@lru_cache(maxsize=1)
def owned() -> tuple[Recommendation, Mix]:
    """Two L40S and four A6000: neither kind alone carries 28 requests a second, both together do."""
    answer = recommended(asked(28), ["A6000", "L40S"], stock={"A6000": 4, "L40S": 2})
    return answer, mix_of(answer)


@lru_cache(maxsize=1)
def cheaper() -> tuple[Recommendation, Mix]:
    """A load at which a mix is cheaper than the best single kind."""
    answer = recommended(asked(45))
    return answer, mix_of(answer)


@lru_cache(maxsize=1)
def dearer() -> tuple[Recommendation, Mix]:
    """A load at which it is not."""
    answer = recommended(asked(6))
    return answer, mix_of(answer)


@lru_cache(maxsize=1)
def in_flight() -> tuple[Recommendation, Mix]:
    """A closed loop."""
    answer = recommended(asked(kind="concurrency", value=300))
    return answer, mix_of(answer)
