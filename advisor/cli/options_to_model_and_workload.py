"""From options to values: the model, the workload, the engine, prices, records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import typer

from advisor.cli import streams
from advisor.errors import InputError
from advisor.spec.reading.amounts import count as count_of
from advisor.spec.reading.amounts import tokens
from advisor.spec.reading.comma_lists import named
from advisor.spec.reading.given_value import Given
from advisor.spec.workloads.load_kind import is_maximum

if TYPE_CHECKING:
    from pathlib import Path

    from advisor.advise.choose.recorded_failures import Border
    from advisor.cli.option_groups import Asked, Limits, Named, Prices, Served
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel
    from advisor.spec.engines.engine import Engine
    from advisor.spec.hardware.gpu import GpuSpec
    from advisor.spec.hardware.live_prices import LivePrices
    from advisor.spec.models.model import ModelSpec
    from advisor.spec.workloads.traces.profile_of_trace import TraceProfile
    from advisor.spec.workloads.workload import Workload

USUAL_WORKLOAD = "chat"
"""The workload that is assumed where none is stated."""


def the_model(named: Named) -> ModelSpec:
    """The one model that the three ways to name it agree on."""
    from advisor.spec.models.catalog import find_model, model_of_size

    said = [text for text in (named.model, named.model_option, named.params) if text is not None]
    if len(said) > 1:
        raise InputError("model: named more than once; give a name, --model or --params")
    if named.params is not None:
        return model_of_size(named.params)
    if not said:
        raise InputError("model: none named; give a name (quantadvise models lists them) or --params 8B")
    return find_model(said[0])


def the_workload(asked: Asked, limits: Limits, prices: Prices, **more: Any) -> Workload:
    """The named profile with what the flags say in its place, or a workload of flags alone."""
    from dataclasses import asdict

    from advisor.spec.workloads.profile_flags import override, workload_from_flags
    from advisor.spec.workloads.read_profile import load_workload

    flags = {**asdict(asked), **asdict(limits), **more, "price_list": prices.price_list}
    _refuse_vague(flags.pop("context"), flags.pop("latency"))
    images = _image_tokens(flags.pop("image_tokens"))
    name = flags.pop("workload")
    flags |= _arrival(flags.pop("concurrency"))
    flags |= {
        "slo": list(limits.slo or ()),
        "goodput": " ".join(limits.goodput) if limits.goodput else None,
        "tasks": named(
            None if limits.tasks is None else [limits.tasks], where="--tasks", what="benchmarks or families"
        ),
    }
    if name is None and asked.input_tokens is None and asked.output_tokens is None:
        name = USUAL_WORKLOAD
        streams.note_with_answer(
            f"no workload named; assumed is {name} (--workload, or --input-tokens and --output-tokens)"
        )
    if name is None:
        return _with_images(workload_from_flags(**flags), images)
    known = the_log(name).workload if is_log(name) else load_workload(name)
    return _with_images(override(known, **flags), images)


LOG_SUFFIXES = (".jsonl", ".csv", ".log", ".ndjson")
"""Ends of file names by which `--workload` takes a request log, and no profile."""


def is_log(name: str) -> bool:
    """Whether `--workload` names a request log."""
    return name.lower().endswith(LOG_SUFFIXES)


@lru_cache(maxsize=4)
def the_log(name: str) -> TraceProfile:
    """The log's profile, read once; what a reader should know of it goes to stderr."""
    from pathlib import Path

    import typer

    from advisor.spec.workloads.traces.profile_of_trace import profile_from_trace

    found = profile_from_trace(Path(name).expanduser())
    for note in found.notes:
        typer.echo(f"quantadvise: {note}", err=True)
    return found


def _with_images(workload: Workload, tokens: int) -> Workload:
    from dataclasses import replace

    from advisor.spec.workloads.length_distribution import more

    if not tokens:
        return workload
    load = workload.load
    known = None if load.longest_request_tokens is None else load.longest_request_tokens + tokens
    prompt = more(load.input_tokens, tokens)
    return replace(workload, load=replace(load, input_tokens=prompt, longest_request_tokens=known))


def _image_tokens(text: str | None) -> int:
    """Tokens of a request's images; 0 unless stated. Raises InputError."""
    count = "0" if text is None else tokens(text)
    if not count.isdecimal():
        raise InputError(f"--image-tokens: '{text}' is not a number of tokens; write 1300 or 2k")
    return int(count)


def _refuse_vague(context: str | None, latency: str | None) -> None:
    """Raise InputError for words that leave open what is meant, naming those that say it."""
    if context is not None:
        raise InputError(
            f"--context: is it the prompt? say --input-tokens {context}; vLLM's --max-model-len follows from "
            "the longest request"
        )
    if latency is not None:
        raise InputError(
            "--latency: of what? say --slo ttft_p95_ms=… (first token), tpot_p95_ms=… (each further token) "
            f"or e2e_p95_ms=… (whole answer), for example --slo e2e_p95={latency}"
        )


def _arrival(concurrency: str | None) -> dict[str, Any]:
    if concurrency is None:
        return {}
    if is_maximum(concurrency):
        return {"maximum": True}
    if isinstance(count_of(concurrency), str):
        raise InputError(f"--concurrency: '{concurrency}' is not a number; give a whole number or max")
    return {"concurrency": concurrency}


def the_engine(served: Served, workload: Workload) -> Engine:
    """The engine: what flags state, else what the workload's profile states, else the release's defaults."""
    from dataclasses import replace

    from advisor.spec.engines.engine import SETTINGS, Engine, newest_version, parse_engine
    from advisor.spec.engines.speculative import refusal

    if served.speculative is not None:
        raise refusal(served.speculative, where="--speculative")
    engine = workload.engine or Engine(version=newest_version())
    if served.engine is not None:
        engine = replace(engine, version=parse_engine(served.engine).version)
    for flag, count in (
        ("--max-num-seqs", served.max_num_seqs),
        ("--max-num-batched-tokens", served.max_num_batched_tokens),
        ("--stream-interval", served.stream_interval),
    ):
        if count is not None and not 1 <= count <= 10_000_000:
            raise InputError(f"{flag}: {count} is not between 1 and 10,000,000")
    given = {name: getattr(served, name, None) for name in SETTINGS}
    share = served.gpu_memory_utilization
    if share is not None:
        where = "--gpu-memory-utilization"
        given["gpu_memory_utilization"] = Given(value=share, where=where).share(above=0)
    stated = {name: value for name, value in given.items() if value is not None}
    return replace(engine, **stated, takes_any_format=served.ignore_engine_version)


def own_prices(texts: Iterable[str] | None, *, of: Iterable[str | GpuSpec] | None) -> dict[str, float]:
    """USD per GPU-hour by GPU name, of `H100=2.5` or `H100:2.5`.

    Prices of GPUs that are not among those asked about (`of`; None: all are) are named on stderr.
    """
    from advisor.spec.hardware.prices import parse_prices

    prices = parse_prices(named(texts, where="--price", what="a GPU and its price, H100=2.5") or ())
    if prices and of is not None:
        _note_idle_prices(prices, of)
    return prices


def _note_idle_prices(prices: Mapping[str, float], gpus: Iterable[str | GpuSpec]) -> None:
    from advisor.spec.hardware.gpu_by_name import find_gpu

    asked = dict.fromkeys((find_gpu(gpu) if isinstance(gpu, str) else gpu).name for gpu in gpus)
    idle = [name for name in prices if name not in asked]
    if idle:
        unasked, asked_for = ", ".join(idle), ", ".join(asked)
        typer.echo(
            f"quantadvise: --price: {unasked} is not asked about (--gpu is {asked_for}); that price changes "
            "nothing",
            err=True,
        )


def the_live_prices(prices: Prices) -> LivePrices | None:
    """Prices of the live catalog, fetched where they are not today's; None for another `--pricing`.

    Where they cannot be fetched, one line says so, and those that were fetched last count, or the shipped
    table. Raises MissingToolError without the extra and without anything fetched before.
    """
    from advisor.advise.price_source import live_prices
    from advisor.spec.hardware.prices import LIVE

    if prices.pricing in LIVE:
        from advisor.cli.progress import working
        from advisor.errors import MissingToolError
        from advisor.spec.hardware.live_catalog import fetched_day, folder
        from advisor.spec.hardware.live_fetch import FetchError, fetch
        from advisor.spec.hardware.price_age import today as this_day

        last, today = fetched_day(folder()), this_day()
        if last != today:
            try:
                with working("Fetching today's prices"):
                    fetch(folder(), today=today)
            except (FetchError, MissingToolError) as error:
                if last is None and isinstance(error, MissingToolError):
                    raise
                typer.echo(f"quantadvise: {error}", err=True)
    return live_prices(prices.pricing, region=prices.region)


def record_folders(texts: Iterable[str] | None) -> list[Path]:
    """The folders that `--records` names; last lines that a crash cut off are set aside, and named.

    Raises InputError for a folder that is not there.
    """
    texts = list(texts or ())
    if not texts:
        return []
    from pathlib import Path

    from advisor.record.store import mend
    from advisor.spec.reading.file_bytes import is_there

    if any(not text.strip() for text in texts):
        raise InputError("--records: is empty; give a folder of measurements, or leave it out")
    folders = [Path(text).expanduser() for text in texts]
    for folder in folders:
        if not is_there(folder):
            raise InputError(f"--records: {folder}: no such file or folder; give a folder of measurements")
        for note in mend(folder):
            typer.echo(f"quantadvise: {note}", err=True)
    return folders


def the_predictor(
    texts: Iterable[str] | None, *, models: Sequence[ModelSpec] = (), gpus: Iterable[str | GpuSpec] = ()
) -> Predictor:
    """What is known of speed, from the measurements that ship and those that `--records` names.

    `models` and `gpus` are what is asked about; records may name them though no catalog does.
    """
    folders = record_folders(texts)
    if not folders:
        from advisor.advise.api import shipped_predictor

        return shipped_predictor()
    from advisor.advise.fit_with_own_records import left_out_notes, predictor_with
    from advisor.cli.progress import working
    from advisor.spec.hardware.gpu_by_name import find_gpu

    with working("Learning from your records too") as say:
        predictor = predictor_with(
            folders,
            models=models,
            gpus=[find_gpu(gpu) if isinstance(gpu, str) else gpu for gpu in gpus],
            progress=say,
        )
    for note in left_out_notes(predictor):
        typer.echo(f"quantadvise: {note}", err=True)
    return predictor


def the_quality(texts: Iterable[str] | None) -> QualityModel:
    """What is known of accuracy, alike."""
    folders = record_folders(texts)
    if not folders:
        from advisor.advise.api import shipped_quality

        return shipped_quality()
    from advisor.advise.fit_with_own_records import quality_with

    return quality_with(folders)


def the_border(texts: Iterable[str] | None) -> Border | None:
    """Where runs of one's own failed; None without records."""
    folders = record_folders(texts)
    if not folders:
        return None
    from advisor.advise.fit_with_own_records import border_with

    return border_with(folders)
