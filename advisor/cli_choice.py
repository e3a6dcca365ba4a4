"""From the options that `recommend`, `crossover` and `measure-next` share to what is chosen from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from advisor import cli_options as o
from advisor import cli_values as v
from advisor.errors import InputError

if TYPE_CHECKING:
    from advisor.advise.choose import Choice
    from advisor.cost.predict import Predictor
    from advisor.cost.quality import QualityModel

WORKLOAD = (
    *("scenario", "input_tokens", "output_tokens", "single", "concurrency", "rate", "burstiness"),
    *("prefix_hit_rate", "slo", "goodput", "min_share", "min_recovery", "tasks", "objective", "gpu_count"),
    "price_list",
)
"""Options that say what is asked of the model."""


def asked_choice(given: Mapping[str, Any]) -> tuple[Choice, Predictor, QualityModel]:
    """The choice that a command's options (its arguments by name) stand for, and what is known."""
    from advisor.advise.recommend import choice_of

    chosen = v.the_model(given["model"], given["model_option"], given["params"])
    workload = v.the_workload(given["workload"], **{name: given[name] for name in WORKLOAD})
    gpus = _gpus(given["gpu"])
    predictor = v.the_predictor(given["records"], models=[chosen], gpus=gpus or ())
    choice = choice_of(
        chosen,
        workload,
        gpus=gpus,
        formats=_formats(given["formats"]),
        kv_formats=v.kv_formats(given["kv_cache_dtype"]),
        tensor_parallel=_degrees(given["tensor_parallel"]),
        num_gpus=given["num_gpus"],
        max_gpus=given["max_gpus"],
        engine=v.the_engine(
            given["engine"],
            max_num_seqs=given["max_num_seqs"],
            max_num_batched_tokens=given["max_num_batched_tokens"],
            gpu_memory_utilization=given["gpu_memory_utilization"],
            any_format=given["ignore_engine_version"],
        ),
        prices=v.own_prices(given["price"]),
        pricing=given["pricing"],
        max_usd_per_hour=given["max_cost_per_hour"],
        border=v.the_border(given["records"]),
    )
    return choice, predictor, v.the_quality(given["records"])


def _gpus(texts: list[str] | None) -> list[str] | None:
    names = v.split_all(texts)
    return None if not names or [name.lower() for name in names] == ["any"] else names


def _formats(texts: list[str] | None) -> list[str] | None:
    names = v.split_all(texts)
    if len(names) == 1 and names[0].lower() in o.Output.__members__:
        raise InputError(f"--formats: '{names[0]}' is how an answer is printed; say --output {names[0]}")
    return names or None


def _degrees(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in v.split(text)]
    except ValueError as error:
        raise InputError(
            f"--tensor-parallel-size: '{text}' is no list of whole numbers; write 1,2,4"
        ) from error
