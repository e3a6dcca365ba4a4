"""Fields of the form that are made from signatures: one for each further argument of `override` (the
workload) and `choice_of` (the choice), and for each engine setting.

A new argument is therefore in the form, the address and the answer without a line here. An argument that is
no word, number or list of these (a predictor, say) gets no field; a test names those that are left out.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence as AnySequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from advisor.advise.api import choice_of
from advisor.display_text import capitalized
from advisor.errors import InputError
from advisor.spec.engines.engine import SETTINGS, Engine, newest_version
from advisor.spec.engines.engine_of_profile import FLAGS, read_engine
from advisor.spec.hardware.catalog import catalog_gpu
from advisor.spec.hardware.live_prices import LivePrices
from advisor.spec.hardware.prices import price_lists
from advisor.spec.reading.amounts import plain_number
from advisor.spec.reading.comma_lists import split
from advisor.spec.reading.given_value import Given
from advisor.spec.reading.gpu_and_count import gpu_and_count
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.profile_schema import PROPERTIES
from advisor.spec.workloads.read_profile import known_scenarios
from advisor.spec.workloads.workload import Workload
from advisor.ui.question_field import Field, Options

WORKLOAD: Mapping[str, tuple[str, ...]] = {
    "input_tokens": ("input",), "output_tokens": ("output",), "single": ("load",), "maximum": ("load",),
    "rate": ("load", "level"), "concurrency": ("load", "level"), "slo": ("ttft", "tpot", "e2e", "at"),
    "min_recovery": ("recovery",), "confidence": ("confidence",), "objective": ("objective",),
    "api_price": ("api",), "utilization": ("used",), "turns": ("turns",), "think_time_s": ("think",),
    "system_tokens": ("system",), "history": ("history",),
}  # fmt: skip
"""Arguments of `override`, and the stated fields that say them."""

CHOICE: Mapping[str, tuple[str, ...]] = {
    "gpus": ("gpu",), "formats": ("formats",), "kv_formats": ("kv",), "max_gpus": ("maxgpus",),
    "prices": ("price",), "pricing": ("pricing",), "max_usd_per_hour": ("budget",),
    "objective": ("objective",), "min_recovery": ("recovery",),
}  # fmt: skip
"""Arguments of `choice_of`, and the stated fields that say them."""

ENGINE = "engine"
"""The release; its settings are fields of their own. The cache's type is stated (`kv`)."""
YES, NO = "yes", "no"
Kind = Literal["yes-no", "number", "count", "amount", "text", "texts", "counts", "named"]
"""amount: a number that may be written with its unit, read by the function that takes it. named: counts by
GPU."""

WORDS: Mapping[str, str] = {
    "burstiness": "Burstiness (1: Poisson)",
    "engine": "vLLM release",
    "gpu_count": "Number of GPUs",
    "gpu_memory_utilization": "Share of GPU memory",
    "min_share": "Share that must keep goodput",
    "num_gpus": "GPUs exactly",
    "prefix_hit_rate": "Prefix cache hits, share",
    "stock": "GPUs there are: 4xA100, 8xL40S",
    "tensor_parallel": "Tensor parallel sizes",
}
"""Labels that say more than the argument's own name."""


@lru_cache(maxsize=1)
def further_fields() -> tuple[Field, ...]:
    """The fields, in the order of their arguments: the workload's, the choice's, the engine's."""
    named = [name for door in (override, choice_of) for name in _further(door)]
    settings = (ENGINE, *(name for name in SETTINGS if name != "kv_cache_dtype"))
    return tuple(_field(name) for name in dict.fromkeys((*named, *settings)))


def further(door: Callable[..., object], get: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of a function that the further fields say. Raises InputError, which begins with the
    flag.
    """
    kinds = _further(door)
    return {name: _read(name, kind, get[name]) for name, kind in kinds.items() if get.get(name)}


def stated_engine(get: Mapping[str, str], workload: Workload) -> Engine | None:
    """The workload's engine with what is said in place of its settings; None where nothing is said."""
    said = [name for name in (ENGINE, *SETTINGS) if get.get(name)]
    if not said:
        return None
    engine = workload.engine or Engine(version=newest_version())
    for name in said:
        # One by one, so that an error names its own field.
        if name == ENGINE:
            engine = replace(engine, version=read_engine(Given(value=get[name], where=flag(name))).version)
            continue
        value = _yes(name, get[name]) if name in FLAGS else _number(get[name])
        one = read_engine(Given(value={name: value}, where=flag(name)))
        engine = replace(engine, **{name: getattr(one, name)})
    return engine


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


@lru_cache(maxsize=4)
def _further(door: Callable[..., object]) -> Mapping[str, Kind]:
    """The arguments of a function that no stated field says and a person can write, with their kinds."""
    stated = {*WORKLOAD, *CHOICE}
    # The answer imports this type for the type checker alone: it starts sooner.
    hints = get_type_hints(door, localns={"LivePrices": LivePrices})
    found: dict[str, Kind] = {}
    for name, parameter in inspect.signature(door).parameters.items():
        kind = _kind(hints[name])
        if parameter.kind is parameter.KEYWORD_ONLY and name not in stated and kind is not None:
            found[name] = kind
    found.pop(ENGINE, None)
    return found


def _kind(hint: object) -> Kind | None:
    """How a person writes a value of that type; None where nobody can."""
    either = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    parts = [part for part in either if part is not type(None)]
    if bool in parts:
        return "yes-no"
    if str in parts or any(get_origin(part) is Literal for part in parts):
        return "amount" if {int, float} & set(parts) else "text"
    if float in parts:
        return "number"
    if int in parts:
        return "count"
    for part in parts:
        if get_origin(part) is AnyMapping and get_args(part) == (str, int):
            return "named"
        if get_origin(part) in (AnySequence, tuple, list):
            inner = get_args(part)[0]
            return "counts" if inner is int else "texts" if inner is str else None
    return None


def _field(name: str) -> Field:
    schema, about = PROPERTIES.get(name, ({}, ""))
    options = _options(name, schema)
    return Field(
        name=name,
        label=WORDS.get(name, capitalized(name.replace("_", " "))),
        flags=(flag(name), name),
        options=options,
        empty="" if options else "as usual",
        about=about,
    )


def _options(name: str, schema: Mapping[str, Any]) -> Options:
    """The words to choose among; none where it is typed."""
    kinds = {**_further(override), **_further(choice_of), **dict.fromkeys(FLAGS, "yes-no")}
    words: Sequence[str] = ()
    if kinds.get(name) == "yes-no":
        words = (YES, NO)
    elif name == "scenario":
        words = known_scenarios()
    elif name == "price_list":
        words = price_lists()
    elif "enum" in schema:
        words = schema["enum"]
    return (("", "as usual"), *((word, word.replace("-", " ")) for word in words)) if words else ()


def _read(name: str, kind: Kind, text: str) -> object:
    words = _field(name).options
    if words and kind != "yes-no" and text not in dict(words):
        known = ", ".join(value for value, _ in words if value)
        raise InputError(f"{flag(name)}: '{text}' is not known here; known: {known}")
    if kind == "yes-no":
        return _yes(name, text)
    if kind in ("number", "count"):
        return _number_of(name, text, whole=kind == "count")
    if kind == "counts":
        return [_number_of(name, part, whole=True) for part in split(text)]
    if kind == "amount":
        return text
    if kind == "named":
        return dict(_counted(name, part) for part in split(text))
    if any(mark in text for mark in "/\\~") or text.lower().endswith((".yaml", ".yml", ".json", ".csv")):
        raise InputError(f"{flag(name)}: the page reads no files; '{text}' looks like one")
    return split(text) if kind == "texts" else text


def _counted(name: str, text: str) -> tuple[str, int]:
    gpu, count = gpu_and_count(text)
    if count is None:
        raise InputError(f"{flag(name)}: '{text}' has no count; write 4xA100, 8xL40S")
    try:
        return catalog_gpu(gpu).name, count
    except InputError as error:
        raise InputError(f"{flag(name)}: {error}") from error


def _number(text: str) -> object:
    """The number that is written, or the text for the reader to refuse."""
    number = plain_number(text)
    if number is None:
        return text
    return int(number) if number.is_integer() else number


def _number_of(name: str, text: str, *, whole: bool) -> float | int:
    number = plain_number(text)
    if number is None or (whole and not number.is_integer()):
        raise InputError(f"{flag(name)}: '{text}' is not a {'whole ' if whole else ''}number")
    return int(number) if whole else number


def _yes(name: str, text: str) -> bool:
    if text not in (YES, NO):
        raise InputError(f"{flag(name)}: '{text}' is neither {YES} nor {NO}")
    return text == YES
