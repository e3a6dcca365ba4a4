"""From the options that `recommend`, `crossover` and `measure-next` share to what is chosen from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.cli import options as o
from advisor.cli import values as v
from advisor.errors import InputError
from advisor.spec.reading.lists import split, split_all

if TYPE_CHECKING:
    from advisor.advise.choose.question import Choice
    from advisor.cli.groups import Chosen, Named
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.recovery import QualityModel


def asked_choice(named: Named, chosen: Chosen) -> tuple[Choice, Predictor, QualityModel]:
    """The choice that a command's options stand for, and what is known."""
    from advisor.advise.api import choice_of
    from advisor.spec.deployment import kv_formats

    model = v.the_model(named)
    workload = v.the_workload(
        chosen.asked, chosen.limits, chosen.prices, objective=chosen.objective, gpu_count=chosen.gpu_count
    )
    gpus = _gpus(chosen.gpu)
    predictor = v.the_predictor(chosen.records, models=[model], gpus=gpus or ())
    choice = choice_of(
        model,
        workload,
        gpus=gpus,
        formats=_formats(chosen.formats),
        kv_formats=kv_formats(chosen.kv_cache_dtype),
        tensor_parallel=_degrees(chosen.tensor_parallel),
        num_gpus=chosen.num_gpus,
        max_gpus=chosen.max_gpus,
        engine=v.the_engine(chosen.served),
        prices=v.own_prices(chosen.prices.price),
        pricing=chosen.prices.pricing,
        max_usd_per_hour=chosen.max_cost_per_hour,
        border=v.the_border(chosen.records),
    )
    return choice, predictor, v.the_quality(chosen.records)


def _gpus(texts: list[str] | None) -> list[str] | None:
    names = split_all(texts)
    return None if not names or [name.lower() for name in names] == ["any"] else names


def _formats(texts: list[str] | None) -> list[str] | None:
    names = split_all(texts)
    if len(names) == 1 and names[0].lower() in o.Output.__members__:
        raise InputError(f"--formats: '{names[0]}' is how an answer is printed; say --output {names[0]}")
    return names or None


def _degrees(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in split(text)]
    except ValueError as error:
        raise InputError(
            f"--tensor-parallel-size: '{text}' is no list of whole numbers; write 1,2,4"
        ) from error
