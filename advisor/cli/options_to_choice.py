"""From the options that `recommend`, `crossover` and `measure-next` share to a `Choice`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from advisor.cli import options as o
from advisor.cli import options_to_model_and_workload as v
from advisor.errors import InputError
from advisor.spec.reading.amounts import usd_per_hour
from advisor.spec.reading.comma_lists import named
from advisor.spec.reading.gpu_and_count import gpu_and_count

if TYPE_CHECKING:
    from advisor.advise.choose.choice import Choice
    from advisor.cli.option_groups import Chosen, HostedApi, Named
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel


def asked_choice(
    named: Named, chosen: Chosen, api: HostedApi | None = None, *, owned: bool = False
) -> tuple[Choice, Predictor, QualityModel]:
    """The choice that a command's options stand for, and what is known.

    owned: counts of GPUs (`4xA100,8xL40S`) are the most there may be of each kind.
    """
    from advisor.advise.api import choice_of
    from advisor.spec.deployment import kv_formats

    model = v.the_model(named)
    workload = v.the_workload(
        chosen.asked,
        chosen.limits,
        chosen.prices,
        objective=chosen.objective,
        gpu_count=chosen.gpu_count,
        **({} if api is None else asdict(api)),
    )
    counts = _counted(chosen.gpu)
    gpus = None if counts is None else [name for name, _ in counts]
    stock = {name: count for name, count in counts or () if count is not None} if owned else {}
    num_gpus = chosen.num_gpus if owned else _num_gpus(counts, chosen.num_gpus)
    predictor = v.the_predictor(chosen.records, models=[model], gpus=gpus or ())
    prices = v.own_prices(chosen.prices.price, of=gpus)
    choice = choice_of(
        model,
        workload,
        gpus=gpus,
        formats=_formats(chosen.formats),
        kv_formats=kv_formats(chosen.kv_cache_dtype),
        tensor_parallel=_degrees(chosen.tensor_parallel),
        num_gpus=num_gpus,
        max_gpus=chosen.max_gpus,
        stock=stock,
        nodes=chosen.nodes,
        engine=v.the_engine(chosen.served, workload),
        prices=prices,
        pricing=chosen.prices.pricing,
        live=v.the_live_prices(chosen.prices),
        max_usd_per_hour=_budget(chosen.max_cost_per_hour),
        border=v.the_border(chosen.records),
    )
    choice = replace(choice, budget=chosen.max_cost_per_hour or "")
    return choice, predictor, v.the_quality(chosen.records)


def _budget(text: str | None) -> float | None:
    """USD per hour of a budget as it was typed. Raises InputError."""
    from advisor.advise.api import check_budget

    if text is None:
        return None
    usd = usd_per_hour(text, where="--max-cost-per-hour")
    check_budget(usd, where=f"--max-cost-per-hour {text}")
    return usd


def _counted(texts: list[str] | None) -> list[tuple[str, int | None]] | None:
    """GPU names and how many are wanted of each: `2xA100` and `A100x2` say both. None: every GPU.

    Raises InputError for an empty list, and for two counts of one GPU.
    """
    names = named(texts, where="--gpu", what="GPUs (quantadvise gpus lists them)")
    if names is None or [name.lower() for name in names] == ["any"]:
        return None
    counted = [gpu_and_count(name) for name in names]
    for name, count in counted:
        for other, second in counted:
            if other == name and None not in (count, second) and count != second:
                raise InputError(f"--gpu: {count} and {second} {name} are asked for; give one count")
    return counted


def _num_gpus(counted: list[tuple[str, int | None]] | None, num_gpus: int | None) -> int | None:
    """The count that all have. Raises InputError for counts that contradict each other."""
    counts = {count for _, count in counted or () if count is not None} | (
        {num_gpus} if num_gpus is not None else set()
    )
    if len(counts) > 1:
        raise InputError(
            f"--gpu: {' and '.join(map(str, sorted(counts)))} GPUs are asked for; give one count for all "
            "(--num-gpus), or add --allow-mixed to recommend, which takes at most so many of each"
        )
    return next(iter(counts), None)


def _formats(texts: list[str] | None) -> list[str] | None:
    names = named(texts, where="--formats", what="formats (quantadvise formats lists them)")
    if names is None:
        return None
    if len(names) == 1 and names[0].lower() in o.Output.__members__:
        raise InputError(f"--formats: '{names[0]}' is how an answer is printed; say --output {names[0]}")
    return names


def _degrees(text: str | None) -> list[int] | None:
    parts = named(None if text is None else [text], where="--tensor-parallel-size", what="sizes such as 1,2")
    if parts is None:
        return None
    try:
        return [int(part) for part in parts]
    except ValueError as error:
        raise InputError(
            f"--tensor-parallel-size: '{text}' is not a list of whole numbers; write 1,2,4"
        ) from error
