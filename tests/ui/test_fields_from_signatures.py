"""Whatever the library's functions take can be said on the page, and nothing that is said is ignored."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence

import pytest

from advisor.advise.api import choice_of
from advisor.advise.choose.choice import Choice
from advisor.errors import QuantAdviseError
from advisor.spec.engines.engine import SETTINGS
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import parse_workload
from advisor.ui import fields_from_signatures
from advisor.ui.fields import STATED, fields
from advisor.ui.form_to_question import field_of, read_choice, words_of
from advisor.ui.own_models_workloads_gpus import OwnInputs
from advisor.ui.question_field import Field, Slider

CHAT = {"model": "Llama-3.1-8B-Instruct", "workload": "chat", "gpu": "A6000,L40S"}

NO_FIELD = {"border", "live"}
"""Arguments that nobody types: failures of one's own runs, and prices as they were fetched."""


def test_every_argument_of_the_library_can_be_said() -> None:
    taken = {*inspect.signature(override).parameters, *inspect.signature(choice_of).parameters, *SETTINGS}
    said = {*fields_from_signatures.WORKLOAD, *fields_from_signatures.CHOICE, "kv_cache_dtype", *fields()}
    assert taken - said == NO_FIELD


def test_the_stated_fields_say_what_they_stand_for() -> None:
    names = {field.name for field in STATED}
    for stated in (*fields_from_signatures.WORKLOAD.values(), *fields_from_signatures.CHOICE.values()):
        assert set(stated) <= names


def test_a_new_argument_becomes_a_field_by_its_type() -> None:
    def door(
        model: str,
        *,
        rounds: int | None = None,
        pause_s: float | None = None,
        extra_tokens: int | float | str | None = None,
        allow_mixed: bool = False,
        tasks: Sequence[str] | None = None,
        sizes: Sequence[int] | None = None,
        stock: Mapping[str, int] | None = None,
        found: Choice | None = None,
    ) -> None: ...

    told = {"rounds": "4", "pause_s": "2.5", "extra_tokens": "1k", "allow_mixed": "yes", "tasks": "a, b"}
    told["stock"] = "4xA100, L40S x 8"
    assert fields_from_signatures.further(door, {**told, "sizes": "1,2"}) == {
        "rounds": 4,
        "pause_s": 2.5,
        "extra_tokens": "1k",
        "allow_mixed": True,
        "tasks": ["a", "b"],
        "sizes": [1, 2],
        "stock": {"A100-SXM-80GB": 4, "L40S": 8},
    }


SAID: Sequence[tuple[str, str, Callable[[Choice], object], object]] = (
    ("num_gpus", "4", lambda c: c.space.num_gpus, 4),
    ("stock", "8xL40S", lambda c: dict(c.space.stock), {"L40S": 8}),
    ("nodes", "2", lambda c: c.space.nodes, 2),
    ("tensor_parallel", "1, 2", lambda c: list(c.space.tensor_parallel or ()), [1, 2]),
    ("prefix_hit_rate", "0.3", lambda c: c.workload.load.prefix_hit_rate, 0.3),
    ("burstiness", "0.5", lambda c: c.workload.load.arrival.burstiness, 0.5),
    ("gpu_count", "smallest", lambda c: c.workload.gpu_count, "smallest"),
    ("tasks", "code", lambda c: c.workload.quality.tasks, ("code",)),
    ("goodput", "ttft:500 tpot:50", lambda c: c.workload.goodput is not None, True),
    ("price_list", "paper-2024-10", lambda c: c.workload.price_list, "paper-2024-10"),
    ("engine", "vllm 0.11.0", lambda c: c.space.engine.version, "0.11.0"),
    ("max_num_seqs", "64", lambda c: c.space.engine.max_num_seqs, 64),
    ("gpu_memory_utilization", "0.8", lambda c: c.space.engine.gpu_memory_utilization, 0.8),
    ("enforce_eager", "yes", lambda c: c.space.engine.enforce_eager, True),
    ("prefix_caching", "no", lambda c: c.space.engine.prefix_caching, False),
)


@pytest.mark.parametrize(("name", "text", "read", "value"), SAID, ids=[row[0] for row in SAID])
def test_what_is_said_reaches_the_choice(
    name: str, text: str, read: Callable[[Choice], object], value: object
) -> None:
    assert read(read_choice(CHAT, OwnInputs())) != value
    assert read(read_choice({**CHAT, name: text}, OwnInputs())) == value


def test_settings_stand_over_those_of_the_workload() -> None:
    mine = parse_workload("extends: chat\nengine: {version: vllm 0.11.0, max_num_seqs: 32}\n")
    said = {**CHAT, "enforce_eager": "yes", "workload": "mine"}
    engine = read_choice(said, OwnInputs(workloads={"mine": mine})).space.engine
    assert engine.stated == {"max_num_seqs": 32, "enforce_eager": True}
    assert engine.version == "0.11.0"


TYPED = [field for field in fields().values() if field.name not in ("gpu", "price", "model", "workload")]


@pytest.mark.parametrize("field", TYPED, ids=lambda field: field.name)
@pytest.mark.parametrize("nonsense", ["🦙 much", "-3", "/etc/passwd", "1e400", "nan"])
def test_nonsense_in_a_field_is_told_at_that_field_in_one_line(field: Field, nonsense: str) -> None:
    """Or it is a value that the field can have (a name, say), and the question carries it."""
    found = _answer({**CHAT, field.name: nonsense})
    if isinstance(found, Choice):
        assert _asked(found) != _asked(read_choice(CHAT, OwnInputs())), f"'{nonsense}' was ignored"
        return
    assert field_of(found) == field.name
    words = words_of(found)
    assert words
    assert "\n" not in words
    assert not words.startswith("--")


def _answer(said: dict[str, str]) -> Choice | QuantAdviseError:
    try:
        return read_choice(said, OwnInputs())
    except QuantAdviseError as error:
        return error


def _asked(choice: Choice) -> tuple[object, ...]:
    return choice.space, choice.workload, choice.max_usd_per_hour


def test_a_slider_goes_upwards_from_above_nothing() -> None:
    with pytest.raises(ValueError, match="slider"):
        Slider(low=0, high=3)
    with pytest.raises(ValueError, match="slider"):
        Slider(low=4, high=3)
