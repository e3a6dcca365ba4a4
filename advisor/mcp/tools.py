"""The tools: what each is for, what it takes, and the JSON document it answers with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from advisor.errors import InputError
from advisor.mcp import inputs as i
from advisor.spec.models.model import ModelSpec
from advisor.spec.reading.gpu_and_count import gpu_and_count, gpu_and_degree
from advisor.spec.workloads.workload import Workload

Document = dict[str, Any]
_SIZE = re.compile(r"\d+(\.\d+)?[bB](-[aA]\d+(\.\d+)?[bB])?|\d+(\.\d+)?[tT](-[aA]\d+(\.\d+)?[bB])?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool of the server."""

    name: str
    about: str
    """What a model reads to decide whether to call it: short, with units."""
    inputs: type[i.Inputs]
    schema: str | None
    """The schema of its document in `report/documents/schema`; None for a list."""
    answer: Callable[[Any], Document]


def _model(name: str) -> ModelSpec:
    from advisor.spec.models.catalog import find_model, model_of_size

    return model_of_size(name) if _SIZE.fullmatch(name) else find_model(name)


def _workload(given: i.WorkloadInputs, objective: str | None = None, **more: Any) -> Workload:
    from advisor.spec.workloads.profile_flags import override
    from advisor.spec.workloads.read_profile import load_workload

    loads = {
        "request_rate": given.request_rate is not None,
        "concurrency": given.concurrency is not None,
        "single": given.single,
        "maximum": given.maximum,
    }
    chosen = [name for name, is_given in loads.items() if is_given]
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)}: a workload has one kind of load; keep one of them")
    return override(
        load_workload(given.workload),
        input_tokens=given.input_tokens,
        output_tokens=given.output_tokens,
        rate=given.request_rate,
        concurrency=given.concurrency,
        single=given.single,
        maximum=given.maximum,
        turns=given.turns,
        think_time_s=given.think_time_s,
        system_tokens=given.system_tokens,
        history=given.history,
        slo=given.limits,
        prefix_hit_rate=given.prefix_hit_rate,
        min_recovery=given.min_recovery,
        confidence=given.confidence,
        objective=objective,
        **more,
    )


def _counted(given: i.ChoiceInputs) -> tuple[list[str] | None, int | None]:
    """The GPUs' names and how many: `2xH100` alone says both, as on the command line."""
    counted = [gpu_and_count(text) for text in given.gpus or ()]
    counts = [count for _, count in counted if count is not None]
    if not counts:
        return given.gpus, given.num_gpus
    if len(counted) > 1:
        raise InputError(
            "gpus: a count stands with one GPU alone; owned_gpus says how many there are of each"
        )
    if given.num_gpus not in (None, counts[0]):
        raise InputError(f"gpus: {counts[0]} GPUs, and num_gpus {given.num_gpus}; keep one of them")
    return [counted[0][0]], counts[0]


def _choice(given: i.ChoiceInputs, **more: Any) -> Mapping[str, Any]:
    for name in ("gpus", "formats"):
        if getattr(given, name) == []:
            raise InputError(f"{name}: is empty; leave it out for all, or name some")
    gpus, num_gpus = _counted(given)
    return {
        "model": _model(given.model),
        "workload": _workload(given, given.objective, **more),
        "gpus": gpus,
        "formats": given.formats,
        "max_gpus": given.max_gpus,
        "num_gpus": num_gpus,
        "engine": given.engine,
        "prices": given.prices,
        "pricing": given.pricing,
        "region": given.region,
        "max_usd_per_hour": given.max_usd_per_hour,
    }


def _recommend(given: i.RecommendInputs) -> Document:
    from advisor.advise.api import recommend
    from advisor.advise.api_follow_up import mixed_fleet
    from advisor.advise.certainty_and_sensitivity import decision
    from advisor.report.documents.mixed_fleet_document import mix_document
    from advisor.report.documents.recommendation_document import recommendation_document

    asked = _choice(given, api_price=given.api_price, utilization=given.utilization)
    if given.owned_gpus and given.gpus is None:
        asked = {**asked, "gpus": list(given.owned_gpus)}
    found = recommend(**asked, stock=given.owned_gpus)
    document = {**recommendation_document(found, top=given.top, decision=decision(found))}
    mix = mixed_fleet(found) if given.allow_mixed else None
    return document if mix is None else {**document, "mixed": mix_document(mix)}


def _predict(given: i.DeploymentInputs) -> Document:
    from advisor.advise.api import predict
    from advisor.report.documents.prediction_document import prediction_document

    workload = _workload(given)
    gpu, tensor_parallel = gpu_and_degree(given.gpu, given.tensor_parallel)
    assessment = predict(
        _model(given.model),
        workload,
        gpu=gpu,
        format=given.format,
        tensor_parallel=tensor_parallel,
        replicas=given.replicas,
        kv_format="fp8" if given.kv_cache_dtype == "fp8" else "16bit",
        engine=given.engine,
        prices=given.prices,
        pricing=given.pricing,
        region=given.region,
    )
    return {**prediction_document(assessment, workload)}


def _crossover(given: i.CrossoverInputs) -> Document:
    from advisor.advise.api_follow_up import crossover
    from advisor.report.documents.crossover_and_suggestion import crossover_answer

    choice = dict(_choice(given))
    model, workload = choice.pop("model"), choice.pop("workload")
    found = crossover(model, workload, over=given.over, low=given.low, high=given.high, **choice)
    return {**crossover_answer(model, workload, found)}


def _compare(given: i.CompareInputs) -> Document:
    from advisor.advise.api_follow_up import compare
    from advisor.advise.compare.deployments import overload_notes
    from advisor.advise.price_source import live_prices
    from advisor.report.documents.comparison import comparison_document
    from advisor.spec.workloads.workload_words import api_not_weighed

    workload = _workload(given)
    live = live_prices(given.pricing, region=given.region)
    differences = compare(
        given.first,
        given.second,
        workload,
        model=_model(given.model),
        engine=given.engine,
        prices=given.prices,
        pricing=given.pricing,
        live=live,
    )
    notes = (
        *overload_notes(differences, workload),
        *api_not_weighed(workload),
        *(() if live is None else live.notes()),
    )
    return {**comparison_document(given.first, given.second, differences, notes, workload)}


def _measure_next(given: i.ChoiceInputs) -> Document:
    from advisor.advise.api import recommend
    from advisor.advise.api_follow_up import measure_next
    from advisor.report.documents.crossover_and_suggestion import suggestion_answer

    choice = _choice(given)
    found = measure_next(recommend(**choice))
    if found is None:
        raise InputError("nothing to measure: no deployment was predicted")
    return {**suggestion_answer(choice["model"], choice["workload"], found)}


def _names(key: str, rows: list[Document], contains: str) -> Document:
    text = contains.lower()
    return {key: [row for row in rows if text in row["name"].lower()]}


def _list_models(given: i.ListInputs) -> Document:
    from advisor.spec.models.catalog import known_models

    return _names("models", [{"name": name} for name in known_models()], given.contains)


def _list_gpus(given: i.ListInputs) -> Document:
    from advisor.spec.hardware.catalog import known_gpus
    from advisor.spec.hardware.prices import price_of

    rows = []
    for gpu in known_gpus():
        price = price_of(gpu, 1)
        rows.append(
            {
                "name": gpu.name,
                "memory_gib": round(gpu.memory_mib / 1024, 1),
                "usd_per_gpu_hour": None if price is None else price.usd_per_gpu_hour,
            }
        )
    return _names("gpus", rows, given.contains)


def _list_workloads(given: i.ListInputs) -> Document:
    from advisor.spec.workloads.read_profile import known_workloads, load_workload

    rows = [{"name": name, "about": load_workload(name).about} for name in known_workloads()]
    return _names("workloads", rows, given.contains)


TOOLS: tuple[Tool, ...] = (
    Tool(
        name="recommend",
        about="Best deployments of an LLM on vLLM for a workload: quantization format, GPU, GPU count, "
        "replicas; each with latency (ms), throughput (requests/s), cost (USD/h, USD per million output "
        "tokens), accuracy recovery (%) and 90 % intervals; and what was refused, with the reason. Nothing "
        "ranked means that no deployment keeps the limits. With a hosted API's price: from which traffic on "
        "own GPUs cost less.",
        inputs=i.RecommendInputs,
        schema="recommendation",
        answer=_recommend,
    ),
    Tool(
        name="predict",
        about="What one deployment will do under a workload: TTFT, TPOT, E2E (ms), requests/s, memory, cost "
        "(USD), accuracy recovery (%), each with a 90 % interval and its basis.",
        inputs=i.DeploymentInputs,
        schema="prediction",
        answer=_predict,
    ),
    Tool(
        name="crossover",
        about="At which load (requests in flight, requests/s, prompt or answer tokens) the best format or "
        "GPU changes.",
        inputs=i.CrossoverInputs,
        schema="crossover",
        answer=_crossover,
    ),
    Tool(
        name="compare",
        about="Two deployments side by side: each figure's difference, its 90 % interval, whether it is "
        "significant.",
        inputs=i.CompareInputs,
        schema="comparison",
        answer=_compare,
    ),
    Tool(
        name="measure_next",
        about="Which few measurements would improve the choice most per GPU-minute, or that none would.",
        inputs=i.ChoiceInputs,
        schema="suggestion",
        answer=_measure_next,
    ),
    Tool(
        name="list_models",
        about="Models known by name.",
        inputs=i.ListInputs,
        schema=None,
        answer=_list_models,
    ),
    Tool(
        name="list_gpus",
        about="GPUs known by name, with memory (GiB) and price (USD per GPU-hour).",
        inputs=i.ListInputs,
        schema=None,
        answer=_list_gpus,
    ),
    Tool(
        name="list_workloads",
        about="Workload profiles that ship, each with what it stands for.",
        inputs=i.ListInputs,
        schema=None,
        answer=_list_workloads,
    ),
)
