"""What a deployment costs under its load: its GPUs' price over what it serves."""

from __future__ import annotations

from collections.abc import Callable

from advisor.advise.choose.assessment import Cost
from advisor.cost.predict.prediction import Prediction
from advisor.spec.hardware.gpu import GpuSpec, Price
from advisor.units import S_PER_HOUR, TOKENS_PER_MILLION

PriceOf = Callable[[GpuSpec, int], Price | None]
"""The price of a kind of GPU when so many are rented together; None = no price is known."""

THOUSAND = 1_000


def cost_of(prediction: Prediction, price_of: PriceOf) -> Cost | None:
    """The cost under the prediction's load; None when no price of its GPU is known.

    USD per million output tokens = USD per second / output tokens per second, replicas priced as rented one
    by one: `price_of` is asked for the GPUs of one replica.
    """
    deployment = prediction.deployment
    price = price_of(deployment.gpu, deployment.tensor_parallel)
    if price is None:
        return None
    usd_per_hour = price.usd_per_gpu_hour * deployment.num_gpus
    usd_per_s = usd_per_hour / S_PER_HOUR
    tokens, queries = prediction.output_tokens_per_s, prediction.requests_per_s
    return Cost(
        price=price,
        usd_per_hour=usd_per_hour,
        usd_per_million_output_tokens=(
            None if tokens is None or tokens.low <= 0 else tokens.inverse(usd_per_s * TOKENS_PER_MILLION)
        ),
        usd_per_thousand_queries=(
            None if queries is None or queries.low <= 0 else queries.inverse(usd_per_s * THOUSAND)
        ),
    )
