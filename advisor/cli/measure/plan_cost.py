"""What a plan takes before it is run: time of each step, money by today's prices, disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.units import BITS_PER_BYTE, GB, S_PER_HOUR, S_PER_MINUTE

if TYPE_CHECKING:
    from advisor.cli.measure.expected_vs_measured import Expectation
    from advisor.measure.execution.jobs import QuantizeJob
    from advisor.measure.execution.session_job import SessionJob
    from advisor.measure.plan_to_jobs import Prepared
    from advisor.measure.state.ledger import Ledger
    from advisor.measure.steps.bench import Point
    from advisor.spec.accuracy_benchmarks import Benchmark
    from advisor.spec.benchmark_run import BenchmarkRun
    from advisor.spec.hardware.gpu import Price

QUANTIZE_START_S, QUANTIZE_SHARE = 60.0, 0.3
"""Our guess of what llm-compressor takes to load and save, and of the 16-bit peak that it reaches."""
LOAD_BYTES_PER_S = 1e9
"""Our guess of how fast weights come from a disk; NVMe drives give one to seven times as much."""
GUESS = 2.0
"""A guess of ours may be as many times too short or too long."""
EVALUATE_START_S = 60.0
"""Our guess of lm-eval's own start: its imports, and the task's data."""
EVALUATE_CLIENTS = 16
"""Requests in flight when a task is scored on a server (`lm_eval_scores.server_arguments`)."""
SEARCH_RUNS = 8
"""Benchmarks of a search for the highest rate: the maximum, some four probes, three of the answer."""
_TASK_TOKENS = {"choice": (700.0, 1.0), "worked": (900.0, 200.0), "generated": (300.0, 300.0)}
"""Our guess of a request's prompt and answer tokens, by kind of benchmark, examples included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCost:
    """What one step of a plan takes."""

    title: str
    gpus: int
    value_s: float | None
    """Seconds; None where nothing is known."""
    low_s: float = 0.0
    high_s: float = 0.0
    basis: str = ""
    """Basis of the speed that the time follows from, or `our guess`."""


def guessed(title: str, gpus: int, seconds: float) -> StepCost:
    """A step whose time is a guess of ours."""
    return StepCost(
        title=title, gpus=gpus, value_s=seconds, low_s=seconds / GUESS, high_s=seconds * GUESS,
        basis="our guess",
    )  # fmt: skip


def step_costs(prepared: Prepared, expected: Expectation, ledger: Ledger) -> list[StepCost]:
    """The steps that are not done, in the plan's order; repeats are the least that is made."""
    from advisor.measure.execution.jobs import QuantizeJob

    found: list[StepCost] = []
    for job in prepared.jobs:
        if isinstance(job, QuantizeJob):
            if ledger.settled(job.step.key) is None:
                found.append(_quantize(job, expected))
        else:
            found += _session(job, expected, ledger)
    return found


def _quantize(job: QuantizeJob, expected: Expectation) -> StepCost:
    """Loading and saving, and the calibration data twice through the model, with as much again for what is
    learnt of each layer's inputs."""
    title = job.step.title
    plan = job.plan
    if expected.why_not:
        return StepCost(title=title, gpus=1, value_s=None)
    seconds = QUANTIZE_START_S + weight_bytes(expected, "bf16") / LOAD_BYTES_PER_S
    rate = expected.gpu.flop_per_s("bf16") or expected.gpu.flop_per_s("fp16")
    if (plan.recipe(job.format).needs_data or plan.kv_fp8) and rate is not None:
        tokens = plan.calibration.samples * plan.calibration.length
        seconds += 3 * 2 * expected.model.active_params * tokens / (QUANTIZE_SHARE * rate)
    return guessed(title, 1, seconds)


def _session(job: SessionJob, expected: Expectation, ledger: Ledger) -> Iterator[StepCost]:
    """The server's start, the tasks and the points of one deployment, where a step of it is left."""
    from advisor.measure.steps import plan_steps, repeats_agree

    goodput = repeats_agree.goodput_arguments(job.workload.goodput)
    rest: list[StepCost] = []
    for task in job.tasks:
        step = plan_steps.evaluate_step(job.plan, job.target, task, job.evaluate_version, job.task_file)
        if ledger.settled(step.key) is None:
            rest.append(_task(job, task, expected))
    for point in job.plan.points if job.benches else ():
        made = [
            plan_steps.bench_step(job.plan, job.workload, job.target, point, n, goodput)
            for n in range(job.plan.repeats)
        ]
        left = sum(ledger.settled(step.key) is None for step in made)
        if left:
            rest.append(_bench(job, point, left, expected))
    if job.plan.slo_search:
        rest.append(
            guessed(f"{job.title} search for the highest rate", job.gpus, SEARCH_RUNS * _open_loop_s())
        )
    if rest and job.target.running is None:
        yield _start(job, expected)
    yield from rest


def _open_loop_s() -> float:
    """Seconds of one benchmark of an open loop."""
    from advisor.advise.measuring.gpu_time import BENCH_START_S
    from advisor.spec.benchmark_run import OPEN_LOOP_S

    return BENCH_START_S + OPEN_LOOP_S


def _start(job: SessionJob, expected: Expectation) -> StepCost:
    from advisor.advise.measuring.gpu_time import SERVER_START_S

    title = f"{job.title} start vLLM"
    if expected.why_not:
        return guessed(title, job.gpus, SERVER_START_S)
    stored = weight_bytes(expected, job.target.format)
    return guessed(title, job.gpus, SERVER_START_S + stored / LOAD_BYTES_PER_S)


def _bench(job: SessionJob, point: Point, repeats: int, expected: Expectation) -> StepCost:
    from dataclasses import replace

    from advisor.advise.measuring.gpu_time import BENCH_START_S

    load = job.workload.load
    run = replace(job.plan.run_at(point), input_std=load.input_tokens.std, output_std=load.output_tokens.std)
    title = f"{job.title} {point}, {repeats} × {run.num_prompts} requests"
    return _sent(title, job, run, repeats * run.num_prompts, repeats * BENCH_START_S, expected)


def _task(job: SessionJob, task: str, expected: Expectation) -> StepCost:
    """A task by its items and our guess of their tokens, at the throughput that is predicted for them."""
    from advisor.cost.quality.tasks import find_task
    from advisor.spec.accuracy_benchmarks import benchmark
    from advisor.spec.benchmark_run import BenchmarkRun

    title, known = f"{job.title} {task}", find_task(task)
    if not known.known:
        return StepCost(title=title, gpus=job.gpus, value_s=None)
    run = BenchmarkRun(load="concurrency", level=float(EVALUATE_CLIENTS), is_steady=True)
    parts = []
    for name in known.parts:
        of = benchmark(name)
        items = of.items if job.plan.limit is None else min(of.items, job.plan.limit)
        sent, tokens = items * _requests_per_item(of), _tokens(of)
        parts.append(_sent(title, job, run, sent, 0.0, expected, tokens=tokens, factor=GUESS))
    if not parts or any(part.value_s is None for part in parts):
        return StepCost(title=title, gpus=job.gpus, value_s=None)
    value, low, high = _sums(parts)
    return StepCost(
        title=title,
        gpus=job.gpus,
        value_s=value + EVALUATE_START_S,
        low_s=low + EVALUATE_START_S / GUESS,
        high_s=high + EVALUATE_START_S * GUESS,
        basis=f"{parts[0].basis}; tokens our guess",
    )


def _requests_per_item(of: Benchmark) -> float:
    """Each choice is scored in a request of its own."""
    if of.kind != "choice":
        return 1.0
    return round(1.0 / of.chance) if of.chance > 0 else 4.0


def _tokens(of: Benchmark) -> tuple[float, float]:
    from advisor.spec.accuracy_benchmarks import SHORT_TOKENS

    prompt, answer = _TASK_TOKENS[of.kind]
    return (max(prompt, of.context_tokens - answer) if of.context_tokens > SHORT_TOKENS else prompt, answer)


def _sent(
    title: str,
    job: SessionJob,
    run: BenchmarkRun,
    requests: float,
    start_s: float,
    expected: Expectation,
    *,
    tokens: tuple[float, float] | None = None,
    factor: float = 1.0,
) -> StepCost:
    """The time of so many requests at the throughput predicted for `run`; its ends widened by `factor`."""
    found = expected.of(job.target.format, job.gpus, run, tokens)
    rate = None if found is None else found.requests_per_s
    if found is None or rate is None or not float(rate.value[0]) > 0:
        return StepCost(title=title, gpus=job.gpus, value_s=None)
    value, low, high = (requests / float(end[0]) for end in (rate.value, rate.high, rate.low))
    return StepCost(
        title=title,
        gpus=job.gpus,
        value_s=start_s + value,
        low_s=start_s / GUESS + low / factor,
        high_s=start_s * GUESS + high * factor,
        basis=found.basis(0),
    )


def weight_bytes(expected: Expectation, format: str) -> float:
    """Bytes of the weights as stored in a format."""
    from advisor.spec.formats.catalog import find_format

    model = expected.model
    bits = model.linear_params * find_format(format).bits_per_weight + 16 * model.kept_params
    return bits / BITS_PER_BYTE


def _sums(costs: Sequence[StepCost]) -> tuple[float, float, float]:
    """Seconds of steps one after another, with the sums of their ends: one model's errors are shared."""
    known = [one for one in costs if one.value_s is not None]
    return (
        sum(one.value_s or 0.0 for one in known),
        sum(one.low_s for one in known),
        sum(one.high_s for one in known),
    )


def total_s(costs: Sequence[StepCost]) -> float:
    """Seconds of all steps whose time is known, one after another."""
    return _sums(costs)[0]


def price_per_gpu_hour(expected: Expectation) -> Price | None:
    """What one of the plan's GPUs costs today; None where nobody asks a price."""
    from advisor.spec.hardware.prices import price_of

    return None if expected.why_not else price_of(expected.gpu, 1)


def cost_lines(prepared: Prepared, expected: Expectation, ledger: Ledger) -> Iterator[str]:
    """A table of the steps with their time and money, the totals, and what they rest on."""
    from advisor.measure.plan_and_results_as_text import table

    made = [format for format in prepared.plan.formats if prepared.plan.is_made(format)]
    if made and not expected.why_not:
        disk = sum(weight_bytes(expected, format) for format in made)
        yield f"disk: about {disk / GB:.3g} GB for the checkpoints that are made"
    costs = step_costs(prepared, expected, ledger)
    if not costs:
        yield "nothing is left to do"
        return
    price = price_per_gpu_hour(expected)
    usd_per_s = None if price is None else price.usd_per_gpu_hour / S_PER_HOUR
    rows = [_row(one, usd_per_s) for one in costs]
    yield table(("step", "GPUs", "time", "range", "basis", "USD"), [*rows, _total_row(costs, usd_per_s)])
    unknown = [one.title for one in costs if one.value_s is None]
    if unknown:
        yield f"not counted, no prediction: {', '.join(unknown)}"
    if expected.why_not:
        yield f"no speed is predicted: {expected.why_not}"
    if price is None:
        yield "no price is known for this GPU"
    else:
        dated = f", {price.date}" if price.date else ""
        yield f"price: {price.usd_per_gpu_hour:.3g} USD per GPU-hour ({price.provider}, {price.term}{dated})"
    yield (
        "steps one after another, at the least repeats; range: a prediction's 90 % interval, half to twice "
        "a guess"
    )


def _row(one: StepCost, usd_per_s: float | None) -> tuple[str, ...]:
    if one.value_s is None:
        return (one.title, str(one.gpus), "-", "-", "-", "-")
    usd = "-" if usd_per_s is None else f"{one.value_s * one.gpus * usd_per_s:.2f}"
    span = f"{duration(one.low_s)} to {duration(one.high_s)}"
    return (one.title, str(one.gpus), duration(one.value_s), span, one.basis, usd)


def _total_row(costs: Sequence[StepCost], usd_per_s: float | None) -> tuple[str, ...]:
    value, low, high = _sums(costs)
    gpu_s = [sum(end * one.gpus for one, end in zip(costs, ends, strict=True)) for ends in _ends(costs)]
    usd = "-" if usd_per_s is None else "{:.2f} ({:.2f} to {:.2f})".format(*(s * usd_per_s for s in gpu_s))
    unknown = sum(one.value_s is None for one in costs)
    name = f"all but the {unknown} not counted" if unknown else "all"
    return (name, "", duration(value), f"{duration(low)} to {duration(high)}", "", usd)


def _ends(costs: Sequence[StepCost]) -> Iterator[list[float]]:
    yield [one.value_s or 0.0 for one in costs]
    yield [one.low_s for one in costs]
    yield [one.high_s for one in costs]


def duration(seconds: float) -> str:
    """`45 s`, `2.4 min`, `12 min`, `3.4 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = seconds / S_PER_MINUTE
    if minutes < 90:
        return f"{minutes:.1f} min" if minutes < 10 else f"{minutes:.0f} min"
    return f"{seconds / S_PER_HOUR:.1f} h"


def time_of(prepared: Prepared, expected: Expectation, ledger: Ledger) -> str:
    """`, about 12 min` (`at least` where a step has no prediction), for the question whether to go on; empty
    where nothing is known."""
    costs = step_costs(prepared, expected, ledger)
    seconds = total_s(costs)
    least = "at least" if any(one.value_s is None for one in costs) else "about"
    return f", {least} {duration(seconds)}" if seconds > 0 else ""
