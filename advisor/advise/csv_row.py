"""One row of `predict --cells` as a question: the deployment and the load that its cells state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any

from advisor.advise.csv_file import ENGINE_COLUMNS
from advisor.display_text import start_text
from advisor.errors import InputError, QuantAdviseError, UnsupportedError
from advisor.spec.benchmark_run import REQUESTS_PER_CLIENT
from advisor.spec.deployment import Deployment, KvChoice
from advisor.spec.engines.engine import Engine, KvCacheDtype, newest_version, parse_engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model, listed_checkpoint
from advisor.spec.models.model import ModelSpec
from advisor.spec.parallelism import MAX_GPUS
from advisor.spec.reading.amounts import plain_number
from advisor.spec.reading.given_value import Given
from advisor.spec.workloads.load_kind import LoadKind, is_maximum
from advisor.spec.workloads.profile_keys import read_prefix_hit_rate
from advisor.spec.workloads.workload import MAX_CONCURRENCY, MAX_REQUESTS_PER_S, MAX_TOKENS

if TYPE_CHECKING:
    from advisor.cost.quality.model_traits import Traits

KV_TYPES: Mapping[str, KvChoice] = {
    "": "auto",
    "auto": "auto",
    "fp8": "fp8",
    "fp8_e4m3": "fp8",
    "bfloat16": "16bit",
    "bf16": "16bit",
}
_ENGINE_KV: Mapping[KvChoice, KvCacheDtype] = {"auto": "auto", "fp8": "fp8", "16bit": "bfloat16"}
MAX_COUNT = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One row: what is asked, or why it cannot be."""

    deployment: Deployment | None = None
    model: ModelSpec | Traits | None = None
    """The model whose accuracy is asked: known where the deployment cannot run, or only the name says what
    the model is."""
    format: str = ""
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    load: LoadKind = "concurrency"
    level: float = 0.0
    """Requests in flight (infinite = all queued at once), requests per second, or requests sent together."""
    requests_per_client: float = inf
    """Requests each client sends in a closed loop; infinite = steady state."""
    input_std: float = 0.0
    output_std: float = 0.0
    prefix_hit_rate: float = 0.0
    task: str = ""
    recipe: str = ""
    why: str = ""


def question_of(row: Mapping[str, str], *, any_format: bool) -> Question:
    """One row as a question; what cannot be asked has its reason in `why`.

    any_format: the engine's release is no reason.
    """
    accuracy = Question(
        model=_subject(row["model"].strip()),
        format=_format_name(row["format"].strip()),
        task=row.get("task", "").strip(),
        recipe=row.get("recipe", "").strip(),
    )
    try:
        deployment = _deployment(*(row.get(name, "").strip() for name in _DEPLOYMENT), any_format)
        return replace(
            accuracy,
            deployment=deployment,
            input_tokens=_number(row, "input_tokens", MAX_TOKENS),
            output_tokens=_number(row, "output_tokens", MAX_TOKENS),
            input_std=_between(row, "input_std", high=MAX_TOKENS),
            output_std=_between(row, "output_std", high=MAX_TOKENS),
            prefix_hit_rate=_hit_rate(row, "prefix_hit_rate"),
            **_load(row),
        )
    except QuantAdviseError as error:
        return replace(accuracy, why=str(error))


_DEPLOYMENT = ("model", "gpu", "num_gpus", "format", *ENGINE_COLUMNS)


def _load(row: Mapping[str, str]) -> dict[str, Any]:
    """Kind, level and requests per client of a row's load."""
    concurrency, rate = row.get("concurrency", "").strip(), row.get("request_rate", "").strip()
    if bool(concurrency) == bool(rate):
        found = "both are" if concurrency else "neither is"
        raise InputError(f"concurrency, request_rate: {found} filled; fill exactly one of them")
    prompts = _prompts(row)
    if rate:
        value = _parsed(rate)
        if not 0 < value <= MAX_REQUESTS_PER_S:
            raise InputError(
                f"request_rate: '{rate}' is not a rate above 0 and up to {MAX_REQUESTS_PER_S:,}/s"
            )
        return {"load": "rate", "level": value, "requests_per_client": inf if prompts is None else prompts}
    level = inf
    if not is_maximum(concurrency):
        level = float(_whole(concurrency, "concurrency", MAX_CONCURRENCY, also=" or max"))
    if prompts is not None and 1 < prompts < inf and prompts <= level:
        # No client sends twice: all are sent together, and the run ends with the last.
        return {"load": "concurrency", "level": prompts, "requests_per_client": 1.0}
    if level == 1 or prompts == 1:
        # One request in flight is a single stream: the same world by another name.
        return {"load": "single", "level": 1.0}
    if level == inf:
        return {"load": "maximum", "level": inf}
    per_client = float(REQUESTS_PER_CLIENT) if prompts is None else prompts / level
    return {"load": "concurrency", "level": level, "requests_per_client": per_client}


def _prompts(row: Mapping[str, str]) -> float | None:
    """Requests that the benchmark run sends; infinite = steady state, None = not stated."""
    text = row.get("num_prompts", "").strip().lower()
    if not text:
        return None
    return (
        inf if text in ("inf", "infinity") else float(_whole(text, "num_prompts", MAX_COUNT, also=" or inf"))
    )


def _subject(name: str) -> ModelSpec | Traits | None:
    """The model that a name means for accuracy: a known model, or one whose size or family the name says."""
    from advisor.cost.quality.model_traits import traits_by_family

    try:
        return _model(name)
    except QuantAdviseError:
        return traits_by_family(name)


def _format_name(name: str) -> str:
    """The canonical name of a format; empty where it is none."""
    try:
        return find_format(name).name
    except QuantAdviseError:
        return ""


def _deployment(*words: str | bool) -> Deployment:
    """Equal words give the same object, so that it is prepared once; its error is said anew each time."""
    found = _deployment_or_error(*words)
    if isinstance(found, QuantAdviseError):
        raise found
    return found


@lru_cache(maxsize=65_536)
def _deployment_or_error(*words: Any) -> Deployment | QuantAdviseError:
    any_format = words[-1]
    row: dict[str, str] = dict(zip(_DEPLOYMENT, words[:-1], strict=True))
    try:
        model, gpu, fmt = _model(row["model"]), find_gpu(row["gpu"]), find_format(row["format"])
        single = Deployment(
            model=model,
            format=fmt,
            gpu=gpu,
            tensor_parallel=_whole(row["num_gpus"], "num_gpus", MAX_GPUS),
            engine=replace(_engine(row), takes_any_format=any_format),
            checkpoint=listed_checkpoint(row["checkpoint"], model, fmt.name),
        )
        if _flag(row, "enable_expert_parallel"):
            single = replace(single, parallelism=replace(single.parallelism, expert=True))
        deployment = single.with_kv(_kv(row))
        if (why := start_text(deployment)) is not None:
            raise UnsupportedError(why)
        if fmt.execution(gpu) is None:
            raise UnsupportedError(f"format: the speed of {fmt.name} on {gpu.name} is not known")
        return deployment
    except QuantAdviseError as error:
        return error


def _engine(row: Mapping[str, str]) -> Engine:
    runs_on = parse_engine(row["engine"]) if row["engine"] else Engine(version=newest_version())
    return replace(
        runs_on,
        kv_cache_dtype=_ENGINE_KV[_kv(row)],
        max_num_seqs=_count_or_none(row, "max_num_seqs"),
        max_num_batched_tokens=_count_or_none(row, "max_num_batched_tokens"),
        stream_interval=_count_or_none(row, "stream_interval"),
        async_scheduling=_flag(row, "async_scheduling"),
        enforce_eager=_flag(row, "enforce_eager"),
        allreduce_fusion=_flag(row, "allreduce_fusion"),
    )


def _kv(row: Mapping[str, str]) -> KvChoice:
    text = row["kv_cache_dtype"].lower()
    if text not in KV_TYPES:
        raise InputError(f"kv_cache_dtype: '{text}' is not one of auto, fp8, bfloat16")
    return KV_TYPES[text]


@lru_cache(maxsize=1024)
def _model(name: str) -> ModelSpec:
    return find_model(name)


def _flag(row: Mapping[str, str], column: str) -> bool | None:
    text = row[column].lower()
    if text not in ("", "true", "false"):
        raise InputError(
            f"{column}: '{row[column]}' is neither true nor false; leave it empty for the default"
        )
    return None if not text else text == "true"


def _count_or_none(row: Mapping[str, str], column: str) -> int | None:
    return _whole(row[column], column, MAX_COUNT) if row[column] else None


def _number(row: Mapping[str, str], column: str, most: int) -> float:
    """A mean length need not be whole."""
    text = row[column].strip()
    value = _parsed(text)
    if not 1 <= value <= most:
        raise InputError(f"{column}: '{text}' is not a number of tokens from 1 to {most:,}")
    return value


def _between(row: Mapping[str, str], column: str, *, high: float) -> float:
    text = row.get(column, "").strip()
    value = _parsed(text or "0")
    if not 0 <= value <= high:
        raise InputError(f"{column}: '{text}' is not a number from 0 to {high:,}")
    return value


def _hit_rate(row: Mapping[str, str], column: str) -> float:
    return read_prefix_hit_rate(Given(value=row.get(column, "").strip() or "0", where=column))


def _whole(text: str, column: str, most: int, *, also: str = "") -> int:
    value = _parsed(text)
    if not 1 <= value <= most or value != int(value):
        raise InputError(f"{column}: '{text}' is not a whole number from 1 to {most:,}{also}")
    return int(value)


def _parsed(text: str) -> float:
    """The number in `text`; NaN, which no bound admits, when there is none."""
    number = plain_number(text)
    return float("nan") if number is None else number
