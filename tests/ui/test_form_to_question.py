"""What the form says, as values; and that no question makes this process read a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.advise.choose.choice import check_context
from advisor.errors import InputError, QuantAdviseError
from advisor.spec.api_price import ApiPrice
from advisor.spec.models.catalog import find_model
from advisor.ui.form_to_question import field_of, read_choice
from advisor.ui.own_models_workloads_gpus import OwnInputs

CHAT = {"model": "Llama-3.1-8B-Instruct", "workload": "chat"}


def test_an_empty_field_is_as_the_workload_has_it() -> None:
    choice = read_choice({**CHAT, "load": "", "ttft": "", "gpu": ""}, OwnInputs())
    assert choice.workload.load.arrival.value == 1
    assert {limit.key: limit.max_ms for limit in choice.workload.limits} == {
        "ttft_p95_ms": 500,
        "tpot_p95_ms": 50,
    }
    assert len(choice.space.gpus) > 30


def test_every_field_is_heard() -> None:
    choice = read_choice(
        {
            "model": "13B", "gpu": "L40S, H100", "workload": "rag", "load": "concurrency", "level": "32",
            "input": "1000±200", "output": "100", "ttft": "800", "at": "p99", "recovery": "0.99",
            "objective": "latency", "formats": "fp8,int4", "kv": "fp8", "maxgpus": "4",
            "price": "H100=2.1", "pricing": "spot", "budget": "20", "api": "0.20/0.60", "used": "40 %",
        },
        OwnInputs(),
    )  # fmt: skip
    assert choice.space.model.typical
    assert [gpu.label for gpu in choice.space.gpus] == ["L40S", "H100"]
    load = choice.workload.load
    assert (load.arrival.kind, load.arrival.value) == ("concurrency", 32)
    assert (load.input_tokens.mean, load.input_tokens.kind) == (1000, "lognormal")
    assert "ttft_p99_ms" in {limit.key for limit in choice.workload.limits}
    assert choice.workload.quality.min_recovery == 0.99
    assert choice.workload.objective == "latency"
    assert [f.name for f in choice.space.formats] == ["fp8", "int4"]
    assert choice.space.kv_formats == ("fp8",)
    assert choice.space.max_gpus == 4
    assert choice.max_usd_per_hour == 20
    assert choice.workload.api_price == ApiPrice(prompt=0.2, answer=0.6)
    assert choice.workload.utilization == 0.4
    price = choice.price_of(choice.space.gpus[1], 1)
    assert price is not None
    assert price.usd_per_gpu_hour == 2.1


def test_a_conversation_is_read_as_on_the_command_line() -> None:
    said = {**CHAT, "turns": "2-6", "think": "30±20", "system": "800", "history": "3"}
    conversation = read_choice(said, OwnInputs()).workload.load.conversation
    assert (conversation.turns.low, conversation.turns.high) == (2, 6)
    assert (conversation.think_time.mean, conversation.think_time.std) == (30, 20)
    assert (conversation.system_tokens, conversation.history) == (800, 3)


@pytest.mark.parametrize("text", ["200", "200 ms", "200ms", "0.2 s", "0.2s"])
def test_a_limit_is_read_with_its_unit_however_it_is_spaced(text: str) -> None:
    choice = read_choice({**CHAT, "ttft": text}, OwnInputs())
    assert {limit.max_ms for limit in choice.workload.limits if limit.metric == "ttft"} == {200.0}


@pytest.mark.parametrize(
    ("field", "flag"),
    [
        ("turns", "--turns"),
        ("think", "--think-time"),
        ("system", "--system-tokens"),
        ("history", "--history"),
    ],
)
def test_a_wrong_word_about_a_conversation_names_its_field(field: str, flag: str) -> None:
    with pytest.raises(InputError) as caught:
        read_choice({**CHAT, field: "often"}, OwnInputs())
    assert str(caught.value).startswith(f"{flag}: expected ")
    assert field_of(caught.value) == field


def test_limits_can_be_dropped() -> None:
    assert read_choice({**CHAT, "at": "none"}, OwnInputs()).workload.limits == ()


def _asked(said: dict[str, str]) -> None:
    choice = read_choice(said, OwnInputs())
    check_context(choice.space.model, choice.workload)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"model": "Lama-3.1-8B-Instruct"}, "--model: unknown model 'Lama-3.1-8B-Instruct'; did you mean"),
        ({"model": ""}, "--model: none named"),
        ({"gpu": "H1000"}, "--gpu: unknown GPU 'H1000'; did you mean H100"),
        ({"workload": "chatt"}, "--workload: unknown workload 'chatt'; did you mean chat"),
        ({"load": "rate", "level": "fast"}, "--rate: 'fast' is not a rate"),
        ({"load": "rate", "level": "-1"}, "--rate"),
        ({"load": "concurrency", "level": "1.5"}, "--concurrency"),
        ({"load": "concurrency"}, "--concurrency: needs a number"),
        ({"load": "sometimes"}, "--load: 'sometimes' is not a kind of load"),
        ({"ttft": "soon"}, "--slo"),
        ({"ttft": "300 500"}, "--slo"),
        ({"at": "p101", "ttft": "100"}, "--slo"),
        ({"recovery": "101"}, "--min-recovery"),
        ({"recovery": "much"}, "--min-recovery: expected a share above 0 and up to 1"),
        ({"confidence": "101"}, "--confidence"),
        ({"level": "abc"}, "--rate: 'abc' is not a rate"),
        ({"load": "single", "level": "50"}, "--load: single takes no number"),
        ({"at": "none", "ttft": "100"}, "--slo: no limits contradicts"),
        ({"price": "H1000=2"}, "H1000"),
        ({"mixed": "sometimes"}, "--allow-mixed: 'sometimes' is neither"),
        ({"mixed": "yes", "load": "single"}, "--allow-mixed: kinds of GPU share requests per second"),
        ({"mixed": "yes", "gpu": "L40S"}, "--allow-mixed: there is one kind of GPU"),
        ({"budget": "cheap"}, "--max-cost-per-hour"),
        ({"maxgpus": "two"}, "--max-gpus: 'two' is not a whole number"),
        ({"price": "H100"}, "H100"),
        ({"price": "H100=-3"}, "H100"),
        ({"formats": "int3"}, "int3"),
        ({"kv": "int2"}, "--kv-cache-dtype"),
        ({"input": "many"}, "--input-tokens"),
        ({"input": "200000"}, "longer than"),
        ({"colour": "blue"}, "unknown field 'colour'"),
        ({"model": "x" * 3000}, "--model: is not one line"),
        ({"model": "a\nb"}, "--model: is not one line"),
    ],
)
def test_wrong_input_ends_in_one_line_that_names_the_field(said: dict[str, str], told: str) -> None:
    with pytest.raises(QuantAdviseError) as error:
        _asked({**CHAT, **said})
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("workload", "kind"), [("chat", "rate"), ("code-completion", None), ("docstring", None)]
)
def test_a_level_implies_its_kind(workload: str, kind: str | None) -> None:
    """Of the profile's own kind where that has a level, of clients where it has none."""
    said = {**CHAT, "workload": workload}
    own = read_choice(said, OwnInputs()).workload.load.arrival
    arrival = read_choice({**said, "level": "50"}, OwnInputs()).workload.load.arrival
    assert arrival.value == 50
    assert arrival.kind == (own.kind if own.kind in ("rate", "concurrency") else "concurrency")
    assert kind in (None, arrival.kind)


def test_a_statistic_moves_the_limits_of_the_workload() -> None:
    limits = read_choice({**CHAT, "at": "p99", "ttft": "800"}, OwnInputs()).workload.limits
    assert {limit.key: limit.max_ms for limit in limits} == {"ttft_p99_ms": 800, "tpot_p99_ms": 50}


@pytest.mark.parametrize("text", ["0.97", "97", "97 %", "97%"])
def test_a_share_is_also_taken_in_per_cent(text: str) -> None:
    asked = read_choice({**CHAT, "recovery": text, "confidence": text}, OwnInputs()).workload
    assert (asked.quality.min_recovery, asked.confidence) == (0.97, 0.97)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"model": "Lama"}, "model"),
        ({"gpu": "H1000"}, "gpu"),
        ({"level": "abc"}, "level"),
        ({"load": "rate", "level": "-1"}, "level"),
        ({"input": "many"}, "input"),
        ({"ttft": "soon"}, "ttft"),
        ({"tpot": "soon"}, "tpot"),
        ({"at": "p101"}, "at"),
        ({"recovery": "101"}, "recovery"),
        ({"maxgpus": "0"}, "maxgpus"),
        ({"budget": "0"}, "budget"),
        ({"formats": "int3"}, "formats"),
        ({"kv": "int2"}, "kv"),
        ({"objective": "beauty"}, "objective"),
        ({"pricing": "gold"}, "pricing"),
        ({"price": "H100=x"}, "price:H100-SXM"),
        ({"price": "H1000=2"}, "price"),
        ({"formats": "none"}, "formats"),
        ({"input": "200000"}, "input"),
        ({"num_gpus": "0"}, "num_gpus"),
        ({"confidence": "2"}, "confidence"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_an_error_names_its_field(said: dict[str, str], field: str) -> None:
    with pytest.raises(QuantAdviseError) as error:
        read_choice({**CHAT, **said}, OwnInputs())
    assert field_of(error.value) == field


@pytest.mark.parametrize("key", ["model", "gpu", "workload", "price"])
@pytest.mark.parametrize(
    "name", ["{folder}", "{folder}/config.json", "{folder}/it.yaml", "owner/unknown-model"]
)
def test_no_question_opens_a_file_or_asks_the_hub(
    key: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of someone else's, if it ever got through, could not learn what lies on this disk."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "it.yaml").write_text("name: X")
    read_choice(CHAT, OwnInputs())  # catalogs are read before files are watched

    looked: list[str] = []

    def watched(method: str) -> Callable[..., object]:
        own = getattr(Path, method)

        def look(self: Path, *arguments: object, **options: object) -> object:
            if str(tmp_path) in str(self):
                looked.append(f"{method} {self}")
            return own(self, *arguments, **options)

        return look

    for method in ("open", "read_text", "exists", "is_file", "is_dir", "stat"):
        monkeypatch.setattr(Path, method, watched(method))
    monkeypatch.setattr("socket.create_connection", lambda *a, **k: looked.append("the network"))
    text = name.format(folder=tmp_path) + ("=2" if key == "price" else "")
    with pytest.raises(InputError):
        read_choice({**CHAT, key: text}, OwnInputs())
    assert looked == []


def test_what_the_command_was_started_with_can_be_named() -> None:
    mine = replace(find_model("Llama-3.1-8B-Instruct"), name="./mine")
    assert read_choice({"model": "./mine"}, OwnInputs(models={"./mine": mine})).space.model is mine
