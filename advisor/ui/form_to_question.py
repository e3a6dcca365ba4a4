"""What the form of the page says, as values; wrong input ends in the command line's own messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from advisor.advise.api import choice_of
from advisor.advise.choose.choice import Choice, check_context
from advisor.advise.mixed.fleet import check_mixable
from advisor.errors import InputError, QuantAdviseError, one_line, unknown
from advisor.spec.deployment import kv_formats
from advisor.spec.engines.engine_of_profile import refuse_speculative
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu import GpuSpec, Price
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.hardware.prices import LIVE, TERMS, checked_usd_per_gpu_hour, parse_prices
from advisor.spec.metrics import latency_key
from advisor.spec.models.catalog import catalog_model, model_of_size
from advisor.spec.models.model import ModelSpec
from advisor.spec.reading.amounts import plain_number, usd_per_hour
from advisor.spec.reading.comma_lists import split
from advisor.spec.reading.given_value import Given
from advisor.spec.workloads.load_kind import SPELLING, ArrivalKind
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_limits import parse_slos
from advisor.spec.workloads.read_profile import known_workloads, load_workload
from advisor.spec.workloads.workload import Workload
from advisor.ui.fields import field_of_words, fields
from advisor.ui.fields_from_signatures import further, stated_engine
from advisor.ui.own_models_workloads_gpus import OwnInputs

LOADS = ("", *SPELLING.values())
"""How requests come; empty: as the profile has it."""

LIMITED = ("ttft", "tpot", "e2e")
"""Latencies that a question may limit."""

LEVELLED: tuple[ArrivalKind, ...] = ("rate", "concurrency")
"""Kinds of load that have a number."""

MOST_CHARACTERS = 2_000
_ABOUT = re.compile(r"--[a-z-]+|[a-z0-9]+(_[a-z0-9.]+)+")
"""A flag, or a key with its underscores, before the colon of an error."""
_SPACED_UNIT = re.compile(r"\s+(m?s)$")
"""Limits are lists in a flag, parted by spaces: one of a field is `0.2 s` as well."""
SIZE = re.compile(r"[0-9]+(\.[0-9]+)?[bB]")


class FieldError(InputError):
    """A value that the question cannot use, with the field that it stands in; empty: the whole question.

    A price's field has its GPU, where the GPU is known: `price:H100-SXM`.
    """

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
    return error.field if isinstance(error, FieldError) else field_of_words(str(error))


def words_of(error: QuantAdviseError) -> str:
    """An error in the form's words: without flag and key, where it stands beside its field."""
    text = one_line(str(error))
    field = fields().get(field_of(error).partition(":")[0])
    if field is None:
        return text
    begun, colon, rest = text.partition(": ")
    while colon and (begun in field.flags or _ABOUT.fullmatch(begun)):
        text = rest
        begun, colon, rest = text.partition(": ")
    return text


def read_choice(said: Mapping[str, str], own_inputs: OwnInputs) -> Choice:
    """What there is to choose from and by what. Raises InputError, one line that names the field's flag."""
    refuse_speculative({key: Given(value=text, where="question") for key, text in said.items()})
    for key, text in said.items():
        if key not in fields():
            raise FieldError(str(unknown("field", key, fields())), key)
        if len(text) > MOST_CHARACTERS or not text.isprintable():
            raise FieldError(f"--{key}: is not one line of at most {MOST_CHARACTERS:,} characters", key)
    get = {key: said.get(key, "").strip() for key in fields()}
    model, workload = _model(get["model"], own_inputs), _workload(get, own_inputs)
    _check_lengths(model, workload, get)
    gpus = _gpus(get["gpu"], own_inputs)
    with _field("formats"):
        if get["formats"] == "none":
            raise InputError("--formats: none is ticked; tick one")
        formats = [find_format(name) for name in split(get["formats"])] or None
    with _field("kv"):
        kv = kv_formats(get["kv"] or None)
    terms = (*TERMS, *LIVE)
    if get["pricing"] and get["pricing"] not in terms:
        raise FieldError(f"--pricing: {unknown('term', get['pricing'], terms)}", "pricing")
    prices, term = _prices(get["price"], own_inputs), get["pricing"] or "on-demand"
    own = {name: usd for name, usd in prices.items() if name in own_inputs.gpus}
    if gpus is not None:
        gpus = [_priced(gpu, own[gpu.name], term) if gpu.name in own else gpu for gpu in gpus]
    choice = choice_of(
        model,
        workload,
        gpus=gpus,
        formats=formats,
        kv_formats=kv,
        max_gpus=_count(get["maxgpus"]),
        prices={name: usd for name, usd in prices.items() if name not in own},
        pricing=get["pricing"] or None,
        max_usd_per_hour=_usd_per_hour(get["budget"]),
        engine=stated_engine(get, workload),
        **further(choice_of, get),
    )
    if mixes(get):
        with _field("mixed"):
            check_mixable(choice)
    return replace(choice, budget=get["budget"])


def mixes(said: Mapping[str, str]) -> bool:
    """Whether kinds of GPU may be mixed. Raises FieldError for a word that is neither."""
    word = said.get("mixed", "").strip()
    if word not in ("", "yes"):
        raise FieldError(f"--allow-mixed: '{word}' is neither 'yes' nor empty", "mixed")
    return word == "yes"


def _check_lengths(model: ModelSpec, workload: Workload, get: Mapping[str, str]) -> None:
    """A request longer than the model takes is about the length that was typed, else about the workload."""
    typed = [name for name in ("input", "output", "workload") if get[name]]
    with _field(typed[0] if typed else "workload"):
        check_context(model, workload)


def _gpus(text: str, own_inputs: OwnInputs) -> list[GpuSpec] | None:
    """None: all that are known."""
    names = split(text)
    with _field("gpu"):
        if not names or [name.lower() for name in names] == ["any"]:
            return None
        return [_gpu(name, own_inputs) for name in names]


def _model(text: str, own_inputs: OwnInputs) -> ModelSpec:
    with _field("model"):
        if not text:
            raise InputError("--model: none named; choose one of the list, or give a size (8B)")
        if text in own_inputs.models:
            return own_inputs.models[text]
        if SIZE.fullmatch(text):
            return model_of_size(text)
        try:
            return catalog_model(text)
        except InputError as error:
            raise InputError(f"--model: {error}; for a folder of your own: quantadvise ui FOLDER") from error


def _gpu(name: str, own_inputs: OwnInputs) -> GpuSpec:
    if name in own_inputs.gpus:
        return own_inputs.gpus[name]
    if name.lower().endswith((".yaml", ".yml")):
        raise InputError(f"--gpu: the page reads no files; start with: quantadvise ui --gpu {name}")
    try:
        return find_gpu(name)
    except InputError as error:
        raise InputError(f"--gpu: {error}") from error


def _workload(get: Mapping[str, str], own_inputs: OwnInputs) -> Workload:
    base = profile_said(get["workload"] or "chat", own_inputs)
    kind = kind_said(get, base)
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
        rate=(get["level"] or None) if kind == "rate" else None,
        concurrency=(get["level"] or None) if kind == "concurrency" else None,
        slo=limits_said(get, base),
        min_recovery=get["recovery"] or None,
        confidence=get["confidence"] or None,
        objective=get["objective"] or None,
        api_price=get["api"] or None,
        utilization=get["used"] or None,
        **further(override, get),
    )


def profile_said(name: str, own_inputs: OwnInputs) -> Workload:
    if name in own_inputs.workloads:
        return own_inputs.workloads[name]
    if name in known_workloads():
        return load_workload(name)
    known = [*known_workloads(), *own_inputs.workloads]
    raise FieldError(f"--workload: {unknown('workload', name, known)}", "workload")


def kind_said(get: Mapping[str, str], base: Workload) -> ArrivalKind | None:
    """How requests arrive; None: as in the profile. A level without a kind is of the profile's own kind, of
    clients where the profile's has no level."""
    word, level = get["load"], get["level"]
    if word not in LOADS:
        known = ", ".join(filter(None, LOADS))
        raise FieldError(f"--load: '{word}' is not a kind of load; known: {known}", "load")
    if not word:
        own = base.load.arrival.kind
        return None if not level else own if own in LEVELLED else "concurrency"
    kind = next(kind for kind, spelling in SPELLING.items() if spelling == word)
    if kind in LEVELLED and not level:
        raise FieldError(f"--{kind}: needs a number", "level")
    if kind not in LEVELLED and level:
        raise FieldError(f"--load: {word} takes no number; leave '{level}' out", "level")
    return kind


def limits_said(get: Mapping[str, str], base: Workload) -> list[str]:
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
    stated = {metric: _SPACED_UNIT.sub(r"\1", get[metric]) for metric in LIMITED if get.get(metric)}
    given = [f"{latency_key(metric, at)}={text}" for metric, text in stated.items()]
    if at == "none":
        if given:
            raise InputError("--slo: no limits contradicts the limit here; choose a statistic or empty it")
        return ["none"]
    if given:
        parse_slos(given)
    return given


def _prices(text: str, own_inputs: OwnInputs) -> dict[str, float]:
    """USD per GPU-hour by name; an error is about the row of its GPU."""
    prices: dict[str, float] = {}
    for part in split(text):
        name = part.replace("=", ":", 1).rpartition(":")[0].strip()
        if name.lower().endswith((".yaml", ".yml")):
            raise FieldError("--price: the page reads no files; name the GPU: H100=2.5", "price")
        if name in own_inputs.gpus:
            with _field(f"price:{name}"):
                prices[name] = usd_per_hour(part.replace("=", ":", 1).rpartition(":")[2], where="--price")
            continue
        with _field("price"):
            row = find_gpu(name).name if name else ""
        with _field(f"price:{row}" if row else "price"):
            prices |= parse_prices([part])
    return prices


def _priced(gpu: GpuSpec, usd: float, term: str) -> GpuSpec:
    """A GPU of one's own at the price that is typed: no catalog of prices has it."""
    with _field(f"price:{gpu.name}"):
        checked_usd_per_gpu_hour(usd, where="--price")
    own = Price(provider="own", num_gpus=1, usd_per_hour=usd, term=term, date="", source="given by the user")
    return replace(gpu, prices=(own,))


def _usd_per_hour(text: str) -> float | None:
    with _field("budget"):
        return usd_per_hour(text, where="--max-cost-per-hour") if text else None


def _count(text: str) -> int | None:
    if not text:
        return None
    count = plain_number(text)
    if count is None or not count.is_integer():
        raise FieldError(f"--max-gpus: '{text}' is not a whole number", "maxgpus")
    return int(count)
