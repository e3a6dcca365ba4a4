"""`recommend` and `predict`: from the names people type to an answer; the library's two functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.candidate_deployments import Space
from advisor.advise.choose.choice import Choice, check_context
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.judged_rows import TableRows
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.advise.choose.recorded_failures import Border
from advisor.advise.formats_to_search import accuracy_as_named, formats_for, recipe_named
from advisor.advise.notes_on_question import question_notes
from advisor.advise.price_source import live_prices, price_source
from advisor.advise.refuse_unstartable import check_splits, check_starts
from advisor.cost.quality.checkpoint_of_recipe import made_by
from advisor.errors import InputError
from advisor.spec.deployment import Deployment, KvChoice, kv_choice
from advisor.spec.engines.engine import Engine, newest_version, parse_engine, with_prefix_caching
from advisor.spec.formats.catalog import find_format, known_formats
from advisor.spec.formats.format import QuantFormat
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.hardware.gpu import MIN_USD_PER_GPU_HOUR, GpuSpec
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model, listed_checkpoint
from advisor.spec.models.model import ModelSpec
from advisor.spec.parallelism import MAX_FLEET
from advisor.spec.workloads.profile_flags import Share, override
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Objective, Workload

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel
    from advisor.spec.hardware.live_prices import LivePrices

MOST_USD_PER_HOUR = 100_000_000


def recommend(
    model: str | ModelSpec,
    workload: str | Workload,
    *,
    gpus: Sequence[str | GpuSpec] | None = None,
    formats: Sequence[str | QuantFormat] | None = None,
    kv_formats: Sequence[KvChoice] | None = None,
    tensor_parallel: Sequence[int] | None = None,
    num_gpus: int | None = None,
    max_gpus: int | None = None,
    stock: Mapping[str, int] | None = None,
    nodes: int | None = None,
    engine: str | Engine | None = None,
    objective: Objective | None = None,
    min_recovery: Share | None = None,
    confidence: Share | None = None,
    prices: Mapping[str, float] | None = None,
    pricing: str | None = None,
    region: str | None = None,
    live: LivePrices | None = None,
    max_usd_per_hour: float | None = None,
    predictor: Predictor | None = None,
    quality: QualityModel | None = None,
    border: Border | None = None,
) -> Recommendation:
    """Which format, GPU and number of them to deploy `model` with for `workload`, ranked, with reasons.

    `model` is a catalog name, a Hub id, a folder or config.json, or a `ModelSpec`. `workload` is a shipped
    profile's name, a YAML file, or a `Workload`. `gpus` None = every known GPU; `formats` None = every format
    that the model can be had in and whose accuracy was measured. `kv_formats` None = 16 bits, and FP8 where
    that does not hold the longest request. `num_gpus` is exact, `max_gpus` a bound on all replicas together,
    `stock` one on each kind of GPU by name, `nodes` one on the machines of a replica (None = several only
    where one does not hold the model). `confidence` is the least probability that all limits are kept at once
    (0.95 or "95%"). `prices` maps a GPU's name to USD per GPU-hour; `pricing` is a term of the price catalog
    (`on-demand`, `spot` …), or `live` or `live-spot` for those fetched last, in `region` where it is named.
    `border` holds failed runs (`border_with`), which rule out deployments. Where nothing keeps the limits,
    `ranked` is empty. Raises InputError (UnknownNameError for names) for input that cannot be right."""
    choice = choice_of(
        model,
        workload,
        gpus=gpus,
        formats=formats,
        kv_formats=kv_formats,
        tensor_parallel=tensor_parallel,
        num_gpus=num_gpus,
        max_gpus=max_gpus,
        stock=stock,
        nodes=nodes,
        engine=engine,
        objective=objective,
        min_recovery=min_recovery,
        confidence=confidence,
        prices=prices,
        pricing=pricing,
        region=region,
        live=live,
        max_usd_per_hour=max_usd_per_hour,
        border=border,
    )
    return choose(choice, predictor or shipped_predictor(), quality or shipped_quality())


def choice_of(
    model: str | ModelSpec,
    workload: str | Workload,
    *,
    gpus: Sequence[str | GpuSpec] | None = None,
    formats: Sequence[str | QuantFormat] | None = None,
    kv_formats: Sequence[KvChoice] | None = None,
    tensor_parallel: Sequence[int] | None = None,
    num_gpus: int | None = None,
    max_gpus: int | None = None,
    stock: Mapping[str, int] | None = None,
    nodes: int | None = None,
    engine: str | Engine | None = None,
    objective: Objective | None = None,
    min_recovery: Share | None = None,
    confidence: Share | None = None,
    prices: Mapping[str, float] | None = None,
    pricing: str | None = None,
    region: str | None = None,
    live: LivePrices | None = None,
    max_usd_per_hour: float | None = None,
    border: Border | None = None,
) -> Choice:
    """What `recommend` chooses from and by what, with the names resolved; arguments as there."""
    chosen_model = find_model(model) if isinstance(model, str) else model
    asked = _asked(workload, objective=objective, min_recovery=min_recovery, confidence=confidence)
    _check_counts(num_gpus, max_gpus, nodes)
    check_budget(max_usd_per_hour, where="max_usd_per_hour")
    _refuse_text(gpus=gpus, formats=formats, kv_formats=kv_formats, tensor_parallel=tensor_parallel)
    searched, notes = formats_for(chosen_model, formats)
    asked = accuracy_as_named(chosen_model, formats, asked)
    runs_on = engine_of(engine, asked)
    degrees = _degrees(tensor_parallel)
    split_notes = check_splits(chosen_model, degrees, runs_on)
    chosen = _gpus(gpus)
    space = Space(
        model=chosen_model,
        gpus=chosen,
        formats=searched,
        kv_formats=_kv_formats(kv_formats, runs_on),
        kv_where_needed=kv_formats is None and runs_on.kv_cache_dtype == "auto" and asked.gpu_count == "free",
        unmeasured_formats=formats is not None,
        nodes=nodes,
        tensor_parallel=degrees,
        num_gpus=num_gpus,
        max_gpus=max_gpus,
        stock=_stock(stock, chosen),
        engine=runs_on,
        recipe=recipe_named(formats, asked.quality.recipe),
    )
    live = live or live_prices(pricing, region=region)
    return Choice(
        space=space,
        workload=asked,
        price_of=price_source(prices, pricing=pricing, price_list=asked.price_list, live=live),
        pricing=pricing or "on-demand",
        max_usd_per_hour=max_usd_per_hour,
        every_gpu=known_gpus(),
        every_format=known_formats(),
        notes=(*question_notes(space), *notes, *split_notes, *(() if live is None else live.notes())),
        border=border or Border(),
    )


def _asked(workload: str | Workload, **stated: Any) -> Workload:
    """The workload with what is stated in place of its own."""
    asked = load_workload(workload) if isinstance(workload, str) else workload
    return asked if all(value is None for value in stated.values()) else override(asked, **stated)


def predict(
    model: str | ModelSpec,
    workload: str | Workload,
    *,
    gpu: str | GpuSpec,
    format: str | QuantFormat | None = None,
    tensor_parallel: int = 1,
    replicas: int = 1,
    kv_format: KvChoice | None = None,
    expert_parallel: bool = False,
    checkpoint: str | None = None,
    engine: str | Engine | None = None,
    prices: Mapping[str, float] | None = None,
    pricing: str | None = None,
    region: str | None = None,
    live: LivePrices | None = None,
    predictor: Predictor | None = None,
    quality: QualityModel | None = None,
    border: Border | None = None,
) -> Assessment:
    """What is expected of one deployment under `workload`, what it costs, and which limits it misses.

    Arguments as in `recommend`; format None is the one that the model ships in, most often bf16. Raises
    UnsupportedError when the GPU cannot run the format.
    """
    chosen_model = find_model(model) if isinstance(model, str) else model
    asked = load_workload(workload) if isinstance(workload, str) else workload
    check_context(chosen_model, asked)
    for name, count in (("tensor_parallel", tensor_parallel), ("replicas", replicas)):
        _check_count(name, count)
    if format is None:
        format = chosen_model.native_format or "bf16"
    single = Deployment(
        model=chosen_model,
        format=find_format(format) if isinstance(format, str) else format,
        gpu=find_gpu(gpu) if isinstance(gpu, str) else gpu,
        tensor_parallel=tensor_parallel,
        replicas=replicas,
        engine=engine_of(engine, asked),
    )
    if checkpoint is not None:
        single = replace(single, checkpoint=listed_checkpoint(checkpoint, chosen_model, single.format.name))
    elif (recipe := recipe_named([format], asked.quality.recipe)) is not None:
        single = made_by(single, recipe) or single
        asked = accuracy_as_named(chosen_model, [format], asked)
    if expert_parallel:
        single = replace(single, parallelism=replace(single.parallelism, expert=True))
    deployment = single.with_kv(kv_choice(single.engine) if kv_format is None else kv_format)
    check_starts(deployment)
    known = predictor or shipped_predictor()
    choice = Choice(
        space=Space(model=chosen_model, gpus=(deployment.gpu,), formats=(deployment.format,)),
        workload=asked,
        price_of=price_source(prices, pricing=pricing, price_list=asked.price_list, region=region, live=live),
        border=border or Border(),
    )
    table = judge_fixed(
        choice, [asked.load], [deployment], known, quality or shipped_quality(), simulated=True
    )
    return TableRows(table, known, choice.border).assessment(0)


@lru_cache(maxsize=1)
def shipped_predictor() -> Predictor:
    """The predictor fitted on the measurements that ship with the package; read once, and keeps its answers:
    a search and what is told of its result ask for the same deployments."""
    from advisor.cost.predict.cached_predictor import CachedPredictor
    from advisor.cost.predict.predictor import Predictor

    return CachedPredictor.of(Predictor.shipped())


@lru_cache(maxsize=1)
def shipped_quality() -> QualityModel:
    """What is known of accuracy from the measurements that ship; read once."""
    from advisor.cost.quality.quality_model import QualityModel

    return QualityModel.shipped()


def _gpus(named: Sequence[str | GpuSpec] | None) -> tuple[GpuSpec, ...]:
    if named is None:
        return known_gpus()
    if not named:
        raise InputError("gpus: none named; leave it out to search all")
    found = [find_gpu(gpu) if isinstance(gpu, str) else gpu for gpu in named]
    return tuple({gpu.name: gpu for gpu in found}.values())


def _kv_formats(named: Sequence[KvChoice] | None, engine: Engine) -> tuple[KvChoice, ...]:
    """16 bits, unless they are named or the engine's settings say otherwise."""
    if named is not None:
        return tuple(dict.fromkeys(named))
    return ("16bit",) if engine.kv_cache_dtype == "auto" else (kv_choice(engine),)


def _stock(named: Mapping[str, int] | None, gpus: Sequence[GpuSpec]) -> dict[str, int]:
    """Most GPUs by name. Raises InputError for one that is not chosen from, whose count would say nothing."""
    stock: dict[str, int] = {}
    for name, count in (named or {}).items():
        _check_count(f"stock of {name}", count)
        stock[find_gpu(name).name] = count
    known = [gpu.name for gpu in gpus]
    for name in stock:
        if name not in known:
            raise InputError(
                f"--stock: {name} is not among the GPUs to choose from; add it there, or leave it out"
            )
    return stock


def _degrees(named: Sequence[int] | None) -> tuple[int, ...] | None:
    if named is None:
        return None
    for degree in named:
        _check_count("tensor_parallel", degree)
    return tuple(sorted(set(named)))


def _check_count(name: str, count: int | None, *, of: str = "GPUs") -> None:
    if count is not None and not 1 <= count <= MAX_FLEET:
        raise InputError(f"{name}: {count} is not a number of {of}; give 1 to {MAX_FLEET:,}")


def _check_counts(num_gpus: int | None, max_gpus: int | None, nodes: int | None) -> None:
    """Raises InputError for counts that cannot be, alone or together."""
    _check_count("num_gpus", num_gpus)
    _check_count("max_gpus", max_gpus)
    _check_count("nodes", nodes, of="machines")
    if num_gpus is not None and max_gpus is not None and num_gpus > max_gpus:
        raise InputError(f"num_gpus: {num_gpus} is more than max_gpus, {max_gpus}; keep one of them")


def _refuse_text(**sequences: object) -> None:
    """Raises InputError for one name in place of a list of names: its letters would be taken for names."""
    for argument, value in sequences.items():
        if isinstance(value, str):
            raise InputError(f"{argument}: '{value}' is a text; give a list, {argument}=['{value}']")


def check_budget(usd_per_hour: float | None, *, where: str) -> None:
    """Raises InputError for USD per hour that no budget can be."""
    if usd_per_hour is not None and not MIN_USD_PER_GPU_HOUR <= usd_per_hour <= MOST_USD_PER_HOUR:
        raise InputError(
            f"{where}: {usd_per_hour:.3g} USD per hour is not from {MIN_USD_PER_GPU_HOUR:g} to "
            f"{MOST_USD_PER_HOUR:,}"
        )


def engine_of(named: str | Engine | None, asked: Workload) -> Engine:
    """The named engine, else the workload's, else the default release; a release that caches no prefixes
    by itself is told to where prompts repeat."""
    if named is None:
        engine = asked.engine or Engine(version=newest_version())
    else:
        engine = parse_engine(named) if isinstance(named, str) else named
    return with_prefix_caching(engine) if asked.load.conversation.repeats else engine
