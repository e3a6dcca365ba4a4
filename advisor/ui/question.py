"""What the form of the page says, as values; wrong input ends in the command line's own messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from advisor.advise.api import choice_of
from advisor.advise.choose.question import Choice
from advisor.errors import InputError, QuantAdviseError, unknown
from advisor.spec.deployment import kv_formats
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.hardware.gpus import find_gpu
from advisor.spec.hardware.prices import TERMS, parse_prices
from advisor.spec.metrics import latency_key
from advisor.spec.models.catalog import catalog_model, model_of_size
from advisor.spec.models.model import ModelSpec
from advisor.spec.reading.amounts import usd_per_hour
from advisor.spec.reading.lists import split
from advisor.spec.workloads.load_kind import SPELLING, ArrivalKind
from advisor.spec.workloads.profile import known_workloads, load_workload
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.slo import parse_slos
from advisor.spec.workloads.workload import Workload

KEYS = (
    "model", "gpu", "workload", "load", "level", "input", "output", "turns", "think", "system",
    "history", "ttft", "tpot", "e2e", "at", "recovery", "confidence",
    "objective", "formats", "kv", "maxgpus", "price", "pricing", "budget", "api", "used",
)  # fmt: skip
"""What a question may say, in the order of the form; absent and empty are the same."""

LOADS = ("", *SPELLING.values())
"""How requests come; empty: as the profile has it."""

FLAGS: Mapping[str, str] = {
    "--model": "model", "--gpu": "gpu", "--workload": "workload", "--load": "load", "--rate": "level",
    "--concurrency": "level", "--concurrency max": "load", "--input-tokens": "input",
    "--output-tokens": "output",
    "--turns": "turns", "--think-time": "think", "--system-tokens": "system", "--history": "history",
    "--min-recovery": "recovery", "--confidence": "confidence", "--objective": "objective",
    "--formats": "formats", "--kv-cache-dtype": "kv", "--max-gpus": "maxgpus", "max_gpus": "maxgpus",
    "--price": "price", "--pricing": "pricing", "--max-cost-per-hour": "budget", "max_usd_per_hour": "budget",
    "--api-price": "api", "--utilization": "used",
}  # fmt: skip
"""Field that an error is about, by the words it begins with."""

LIMITED = ("ttft", "tpot", "e2e")
"""Latencies that a question may limit."""

LEVELLED: tuple[ArrivalKind, ...] = ("rate", "concurrency")
"""Kinds of load that have a number."""

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


class FieldError(InputError):
    """A value that the question cannot use, with the field that it stands in; empty: the whole question."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


@contextmanager
def _field(name: str) -> Iterator[None]:
    """Errors raised inside are about this field."""
    try:
        yield
    except FieldError:
        raise
    except QuantAdviseError as error:
        raise FieldError(str(error), name) from error


def field_of(error: QuantAdviseError) -> str:
    """The field that an error is about, empty where it is about several together."""
    if isinstance(error, FieldError):
        return error.field
    text = str(error)
    return next((name for flag, name in FLAGS.items() if text.startswith(f"{flag}:")), "")


def read_choice(said: Mapping[str, str], shelf: Shelf) -> Choice:
    """What there is to choose from and by what. Raises InputError, one line that names the field's flag."""
    for key, text in said.items():
        if key not in KEYS:
            raise FieldError(str(unknown("field", key, KEYS)), key)
        if len(text) > MOST_CHARACTERS or not text.isprintable():
            raise FieldError(f"--{key}: is not one line of at most {MOST_CHARACTERS:,} characters", key)
    get = {key: said.get(key, "").strip() for key in KEYS}
    with _field("gpu"):
        names = split(get["gpu"])
        everything = not names or [name.lower() for name in names] == ["any"]
        gpus = None if everything else [_gpu(name, shelf) for name in names]
    with _field("formats"):
        formats = [find_format(name) for name in split(get["formats"])] or None
    with _field("kv"):
        kv = kv_formats(get["kv"] or None)
    if get["pricing"] and get["pricing"] not in TERMS:
        raise FieldError(f"--pricing: {unknown('term', get['pricing'], TERMS)}", "pricing")
    with _field("price"):
        prices = _prices(get["price"], shelf)
    return choice_of(
        _model(get["model"], shelf),
        _workload(get, shelf),
        gpus=gpus,
        formats=formats,
        kv_formats=kv,
        max_gpus=_count(get["maxgpus"], flag="--max-gpus"),
        prices=prices,
        pricing=get["pricing"] or None,
        max_usd_per_hour=_usd_per_hour(get["budget"]),
    )


def _model(text: str, shelf: Shelf) -> ModelSpec:
    with _field("model"):
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
    base = _profile(get["workload"] or "chat", shelf)
    kind = _kind(get, base)
    level = get["level"]
    if get["used"] and not get["api"] and base.api_price is None:
        raise FieldError("--utilization: counts against the price of an API; state one", "api")
    if get["at"] not in ("", "none"):
        with _field("at"):
            parse_slos([f"{latency_key('ttft', get['at'])}=1"])
    for key in LIMITED:
        with _field(key):
            _stated_limits({"at": get["at"], key: get[key]})
    return override(
        base,
        input_tokens=get["input"] or None,
        output_tokens=get["output"] or None,
        turns=get["turns"] or None,
        think_time_s=get["think"] or None,
        system_tokens=get["system"] or None,
        history=get["history"] or None,
        single=kind == "single",
        maximum=kind == "maximum",
        rate=(level or None) if kind == "rate" else None,
        concurrency=(level or None) if kind == "concurrency" else None,
        slo=_limits(get, base),
        min_recovery=get["recovery"] or None,
        confidence=get["confidence"] or None,
        objective=get["objective"] or None,
        api_price=get["api"] or None,
        utilization=get["used"] or None,
    )


def _profile(name: str, shelf: Shelf) -> Workload:
    if name in shelf.workloads:
        return shelf.workloads[name]
    if name in known_workloads():
        return load_workload(name)
    known = [*known_workloads(), *shelf.workloads]
    raise FieldError(f"--workload: {unknown('workload', name, known)}", "workload")


def _kind(get: Mapping[str, str], base: Workload) -> ArrivalKind | None:
    """How requests arrive; None: as in the profile. A level without a kind is of the profile's own kind, of
    clients where the profile's has no level."""
    word, level = get["load"], get["level"]
    if word not in LOADS:
        known = ", ".join(filter(None, LOADS))
        raise FieldError(f"--load: '{word}' is no kind of load; known: {known}", "load")
    if not word:
        own = base.load.arrival.kind
        return None if not level else own if own in LEVELLED else "concurrency"
    kind = next(kind for kind, spelling in SPELLING.items() if spelling == word)
    if kind in LEVELLED and not level:
        raise FieldError(f"--{kind}: needs a number", "level")
    if kind not in LEVELLED and level:
        raise FieldError(f"--load: {word} takes no number; leave '{level}' out", "level")
    return kind


def _limits(get: Mapping[str, str], base: Workload) -> list[str]:
    """Limits as `--slo` takes them. A statistic moves the profile's own limits too, and needs one to move."""
    given = _stated_limits(get)
    at = get["at"]
    if not at or at == "none":
        return given
    own = [
        f"{latency_key(limit.metric, at)}={limit.max_ms:g}"
        for limit in base.limits
        if not get.get(limit.metric)
    ]
    if not own and not given:
        raise FieldError(f"--slo: {at} is of no limit; state one of TTFT, TPOT, E2E", "at")
    return [*own, *given]


def _stated_limits(get: Mapping[str, str]) -> list[str]:
    """Each stated limit at the statistic of `at`; `none` drops the profile's. Raises InputError."""
    at = get["at"] or "p95"
    given = [f"{latency_key(metric, at)}={get[metric]}" for metric in LIMITED if get.get(metric)]
    if at == "none":
        if given:
            raise InputError("--slo: no limits contradicts the limit here; choose a statistic or empty it")
        return ["none"]
    if given:
        parse_slos(given)
    return given


def _prices(text: str, shelf: Shelf) -> dict[str, float]:
    if ".yaml" in text.lower() or ".yml" in text.lower():
        raise InputError("--price: the page reads no files; name the GPU: H100=2.5")
    prices = parse_prices(split(text))
    for name in prices:
        if name not in shelf.gpus:
            find_gpu(name)
    return prices


def _usd_per_hour(text: str) -> float | None:
    with _field("budget"):
        return usd_per_hour(text, where="--max-cost-per-hour") if text else None


def _count(text: str, *, flag: str) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise FieldError(f"{flag}: '{text}' is no whole number", FLAGS[flag]) from error
