"""How near the closed form of a whole benchmark run comes to a simulation of its every request.

    python benchmarks/run_forms.py [--questions 100] [--seed 0]

Random questions of three kinds: all requests sent at once; a closed loop of 2, 4 or 10 requests per client;
an open loop at 1.3 to 4 times the capacity. Prompts of 100 to 16,000 tokens, answers of 20 to 1,000, lengths
constant to lognormal, six deployments. Printed: closed form ÷ simulation of TTFT, TPOT and request rate (mean
over requests): median, 10th and 90th percentile, and the mean absolute log. One simulation each, so that a
run of few answers of very different length scatters by itself. Reading a prompt's text takes no time here:
the simulation begins where the scheduler does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from advisor.cost.predict.predictor import Predictor
from advisor.cost.serving.load_table import LoadTable, load_table
from advisor.cost.serving.mean_latencies import replica_stats
from advisor.cost.simulation.percentile_ratios import simulated_engine
from advisor.cost.simulation.simulate import simulate
from advisor.errors import UnsupportedError
from advisor.spec.deployment import Deployment
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from advisor.units import MS_PER_S

DEPLOYMENTS = (
    ("Llama-3.1-8B-Instruct", "H100", "bf16", 1),
    ("Llama-3.1-8B-Instruct", "L40S", "int4", 1),
    ("Qwen3-32B", "A100", "bf16", 1),
    ("Llama-3.3-70B-Instruct", "H100", "fp8", 4),
    ("Qwen3-30B-A3B", "L40S", "fp8", 1),
    ("gpt-oss-120b", "H100", "mxfp4", 1),
)
VARIATIONS = (0.0, 0.5, 1.0)


def lengths(mean: float, variation: float) -> Lengths:
    return Lengths.lognormal(mean, variation * mean) if variation else Lengths.constant(round(mean))


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


Asked = tuple[Load, LoadTable, int, list[float] | None]
Form = Callable[[np.random.Generator, Load, Deployment, float], Asked]


def at_once(rng: np.random.Generator, load: Load, deployment: Deployment, capacity: float) -> Asked:
    requests = int(log_uniform(rng, 30, 1500))
    load = replace(load, arrival=Arrival(kind="concurrency", value=requests))
    table = replace(load_table(load, [deployment]), requests_per_client=np.ones(1))
    return load, table, requests, None


def closed_loop(rng: np.random.Generator, load: Load, deployment: Deployment, capacity: float) -> Asked:
    clients, per_client = int(log_uniform(rng, 2, 300)), int(rng.choice([2, 4, 10]))
    load = replace(load, arrival=Arrival(kind="concurrency", value=clients))
    table = replace(load_table(load, [deployment]), requests_per_client=np.array([float(per_client)]))
    return load, table, clients * per_client, None


def overload(rng: np.random.Generator, load: Load, deployment: Deployment, capacity: float) -> Asked:
    requests, rate = int(log_uniform(rng, 50, 1000)), capacity * float(rng.choice([1.3, 2.0, 4.0]))
    load = replace(load, arrival=Arrival(kind="rate", value=rate))
    table = replace(load_table(load, [deployment]), requests_per_client=np.array([float(requests)]))
    return load, table, requests, np.cumsum(rng.exponential(1.0 / rate, requests)).tolist()


FORMS: dict[str, Form] = {"all at once": at_once, "closed loop": closed_loop, "overload": overload}


def ratios(form: Form, rng: np.random.Generator, predictor: Predictor) -> list[float] | None:
    """Closed form ÷ simulation of TTFT, TPOT, request rate of one question; None: it cannot be served."""
    model, gpu, name, gpus = DEPLOYMENTS[rng.integers(len(DEPLOYMENTS))]
    deployment = Deployment(
        model=find_model(model), format=find_format(name), gpu=find_gpu(gpu), tensor_parallel=gpus
    )
    variation = float(rng.choice(VARIATIONS))
    load = Load(
        input_tokens=lengths(log_uniform(rng, 100, 16_000), variation),
        output_tokens=lengths(log_uniform(rng, 20, 1_000), variation),
        arrival=Arrival(kind="maximum"),
    )
    most = predictor.table([deployment], load)
    capacity = float(most.requests_per_s.value[0])
    if not capacity > 0:
        return None
    load, table, requests, sent = form(rng, load, deployment, capacity)
    r = predictor._deployments.table([deployment]).replica
    costs = replace(r.costs, prompt_token_s=np.zeros_like(r.costs.prompt_token_s))
    stats = replica_stats(r.arrays, costs, r.memory.kv_bytes, table, capacity=False)
    engine = simulated_engine(r.arrays, costs, r.memory.kv_bytes, table)
    try:
        seen = simulate(
            engine, load, seed=1, num_requests=requests, window="whole", statistics=("mean",), sent_s=sent
        )
    except UnsupportedError:
        return None
    latency = seen.latency_ms
    return [
        MS_PER_S * float(stats.ttft_s[0]) / latency.get(("ttft", "mean"), np.nan),
        MS_PER_S * float(stats.tpot_s[0]) / latency.get(("tpot", "mean"), np.nan),
        float(stats.requests_per_s[0]) / seen.requests_per_s,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--questions", type=int, default=100, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    predictor = Predictor.shipped()
    print(f"{'run':<14}{'of':<10}{'questions':>10}{'median':>8}{'p10':>7}{'p90':>7}{'mean |log|':>12}")
    for name, form in FORMS.items():
        rng = np.random.default_rng(asked.seed)
        made = [ratios(form, rng, predictor) for _ in range(asked.questions)]
        found = np.array([one for one in made if one is not None])
        for column, what in enumerate(("TTFT", "TPOT", "rate")):
            values = found[:, column]
            values = values[np.isfinite(values)]
            middle, low, high = np.quantile(values, [0.5, 0.1, 0.9])
            error = np.mean(np.abs(np.log(values)))
            print(f"{name:<14}{what:<10}{len(values):>10}{middle:>8.2f}{low:>7.2f}{high:>7.2f}{error:>12.3f}")


if __name__ == "__main__":
    main()
