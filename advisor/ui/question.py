"""What the form of the page says, as values; wrong input ends in the command line's own messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from advisor.advise.api import choice_of
from advisor.advise.choose.question import Choice
from advisor.errors import InputError, unknown
from advisor.spec.deployment import kv_formats
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.hardware.gpus import find_gpu
from advisor.spec.hardware.prices import parse_prices
from advisor.spec.metrics import latency_key
from advisor.spec.models.catalog import catalog_model, model_of_size
from advisor.spec.models.model import ModelSpec
from advisor.spec.reading.lists import split
from advisor.spec.workloads.load_kind import SPELLING, is_maximum
from advisor.spec.workloads.profile import known_workloads, load_workload
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.workload import Workload

KEYS = (
    "model", "gpu", "workload", "load", "level", "input", "output", "ttft", "tpot", "e2e", "at", "recovery",
    "objective", "formats", "kv", "maxgpus", "price", "pricing", "budget",
)  # fmt: skip
"""What a question may say, in the order of the form; absent and empty are the same."""

LOADS = ("", *SPELLING.values())
"""How requests come; empty: as the profile has it."""

MOST_CHARACTERS = 2_000
_SIZE = re.compile(r"\d+(\.\d+)?[bB]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What a question may name besides the catalogs: what the command was started with.

    The page itself reads no file and asks no Hub: a name that is not here is refused, so that nothing that
    reaches the port can make this process open a path.
    """

    models: Mapping[str, ModelSpec] = field(default_factory=dict)
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    gpus: Mapping[str, GpuSpec] = field(default_factory=dict)


def read_choice(said: Mapping[str, str], shelf: Shelf) -> Choice:
    """What there is to choose from and by what. Raises InputError, one line that names the field's flag."""
    for key, text in said.items():
        if key not in KEYS:
            raise unknown("field", key, KEYS)
        if len(text) > MOST_CHARACTERS or not text.isprintable():
            raise InputError(f"--{key}: is not one line of at most {MOST_CHARACTERS:,} characters")
    get = {key: said.get(key, "").strip() for key in KEYS}
    gpus = split(get["gpu"])
    everything = not gpus or [name.lower() for name in gpus] == ["any"]
    return choice_of(
        _model(get["model"], shelf),
        _workload(get, shelf),
        gpus=None if everything else [_gpu(name, shelf) for name in gpus],
        formats=split(get["formats"]) or None,
        kv_formats=kv_formats(get["kv"] or None),
        max_gpus=_count(get["maxgpus"], flag="--max-gpus"),
        prices=_prices(get["price"]),
        pricing=get["pricing"] or None,
        max_usd_per_hour=_number(get["budget"], flag="--max-cost-per-hour"),
    )


def _model(text: str, shelf: Shelf) -> ModelSpec:
    if not text:
        raise InputError("--model: none named; choose one of the list, or give a size (8B)")
    if text in shelf.models:
        return shelf.models[text]
    if _SIZE.fullmatch(text):
        return model_of_size(text)
    try:
        return catalog_model(text)
    except InputError as error:
        raise InputError(f"--model: {error}; for a folder of your own: quantadvise ui FOLDER") from error


def _gpu(name: str, shelf: Shelf) -> GpuSpec:
    if name in shelf.gpus:
        return shelf.gpus[name]
    if name.lower().endswith((".yaml", ".yml")):
        raise InputError(f"--gpu: the page reads no files; start with: quantadvise ui --gpu {name}")
    try:
        return find_gpu(name)
    except InputError as error:
        raise InputError(f"--gpu: {error}") from error


def _workload(get: Mapping[str, str], shelf: Shelf) -> Workload:
    name = get["workload"] or "chat"
    if name in shelf.workloads:
        base = shelf.workloads[name]
    elif name in known_workloads():
        base = load_workload(name)
    else:
        known = [*known_workloads(), *shelf.workloads]
        raise InputError(f"--workload: {unknown('workload', name, known)}")
    kind = get["load"]
    if kind not in LOADS:
        raise InputError(f"--load: '{kind}' is no kind of load; known: {', '.join(filter(None, LOADS))}")
    level = get["level"]
    if kind in ("rate", "concurrency") and not level:
        raise InputError(f"--{kind}: needs a number")
    return override(
        base,
        input_tokens=get["input"] or None,
        output_tokens=get["output"] or None,
        single=kind == "single",
        maximum=is_maximum(kind),
        rate=_number(level, flag="--rate") if kind == "rate" else None,
        concurrency=_number(level, flag="--concurrency") if kind == "concurrency" else None,
        slo=_limits(get),
        min_recovery=_number(get["recovery"], flag="--min-recovery"),
        objective=get["objective"] or None,
    )


def _limits(get: Mapping[str, str]) -> list[str]:
    """Limits as `--slo` takes them: each number at the statistic of `at`; `none` drops the profile's own."""
    at = get["at"] or "p95"
    if at == "none":
        return ["none"]
    return [f"{latency_key(metric, at)}={get[metric]}" for metric in ("ttft", "tpot", "e2e") if get[metric]]


def _prices(text: str) -> dict[str, float]:
    if ".yaml" in text.lower() or ".yml" in text.lower():
        raise InputError("--price: the page reads no files; name the GPU: H100=2.5")
    return parse_prices(split(text))


def _number(text: str, *, flag: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{flag}: '{text}' is no number") from error


def _count(text: str, *, flag: str) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"{flag}: '{text}' is no whole number") from error
