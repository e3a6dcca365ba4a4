"""`vllm bench serve`: one point of load in, its figures out, or the reason why they are none."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from advisor.errors import DataError
from advisor.measure.state.ledger import Failure
from advisor.measure.steps.vllm_server import Endpoint
from advisor.measure.tools import result_files, subprocesses
from advisor.measure.tools.envs import FoundTool
from advisor.spec.benchmark_run import BenchmarkRun

PERCENTILES = (50, 90, 95, 99)
MAX_FAILED_SHARE = 0.01
"""A run that lost more requests than this says nothing about those that came through."""
LATENCIES = {"ttft": "ttft_ms", "tpot": "tpot_ms", "itl": "itl_ms", "e2el": "e2e_ms"}
"""vLLM's names and ours."""
THROUGHPUTS = {
    "request_throughput": "requests_per_s",
    "output_throughput": "output_tokens_per_s",
    "total_token_throughput": "total_tokens_per_s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A load the server is put under."""

    kind: Literal["concurrency", "rate", "maximum"]
    value: float | None = None
    """Requests in flight, or requests per second; None for maximum."""

    def __str__(self) -> str:
        if self.value is None:
            return "maximum"
        if self.kind == "concurrency":
            return f"concurrency {self.value:g}"
        return f"{self.value:g} request{'' if self.value == 1 else 's'}/s"

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "value": self.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What is sent: either constant random lengths, or prompts from a file."""

    input_tokens: int
    output_tokens: int
    prefix_tokens: int = 0
    """Tokens at the start that all prompts share; part of `input_tokens`."""
    prompts: Path | None = None
    """.jsonl with `prompt` and `output_tokens` (written by the prompts worker), or a ShareGPT .json."""
    burstiness: float = 1.0

    def arguments(self) -> list[str]:
        """The dataset arguments of `vllm bench serve`."""
        if self.prompts is None:
            return [
                *("--dataset-name", "random", "--random-range-ratio", "0"),
                *("--random-input-len", str(self.input_tokens - self.prefix_tokens)),
                *("--random-output-len", str(self.output_tokens)),
                *("--random-prefix-len", str(self.prefix_tokens)),
            ]
        if self.prompts.suffix == ".json":
            return ["--dataset-name", "sharegpt", "--dataset-path", str(self.prompts)]
        return [
            *("--dataset-name", "custom", "--dataset-path", str(self.prompts)),
            *("--custom-output-len", "-1", "--skip-chat-template", "--disable-shuffle"),
        ]


def command(
    found: FoundTool,
    endpoint: Endpoint,
    *,
    tokenizer: str,
    traffic: Traffic,
    point: Point,
    run: BenchmarkRun,
    seed: int,
    result: Path,
    goodput: Sequence[str] = (),
    percentiles: Sequence[float] = PERCENTILES,
) -> list[str]:
    """`vllm bench serve` for one point."""
    rate = f"{point.value:g}" if point.kind == "rate" else "inf"
    words = [
        *(str(found.python), "-m", "vllm.entrypoints.cli.main", "bench", "serve"),
        *("--backend", "vllm", "--base-url", endpoint.url, "--endpoint", "/v1/completions"),
        *("--model", endpoint.served_name, "--tokenizer", tokenizer),
        *traffic.arguments(),
        *("--num-prompts", str(run.num_prompts), "--request-rate", rate, "--seed", str(seed)),
        *("--burstiness", f"{traffic.burstiness:g}"),
        *(
            "--num-warmups",
            str(run.warmup_requests),
            "--ready-check-timeout-sec",
            "60",
            "--ignore-eos",
            "--disable-tqdm",
        ),
        *("--percentile-metrics", ",".join(LATENCIES)),
        *("--metric-percentiles", ",".join(f"{p:g}" for p in percentiles)),
        *("--save-result", "--save-detailed"),
        *("--result-dir", str(result.parent), "--result-filename", result.name),
    ]
    if point.kind == "concurrency":
        words += ["--max-concurrency", f"{point.value:g}"]
    if goodput:
        words += ["--goodput", *goodput]
    return words


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchResult:
    """One repeat of one point: means and percentiles over its requests."""

    completed: int
    failed: int
    duration_s: float
    input_tokens: float
    """Mean per request, as vLLM counted them."""
    output_tokens: float
    figures: Mapping[str, float]
    """`metric/statistic` → value: `ttft_ms/p99`, `requests_per_s/mean`."""
    goodput_share: float | None = None
    ttft_growth: float | None = None
    """Last third's median TTFT over the first third's, by start time; > 2 is a growing queue."""
    input_std: float | None = None
    output_std: float | None = None
    """Standard deviations of the lengths over requests; None in results without them."""

    def to_json(self) -> dict[str, Any]:
        return {
            "completed": self.completed,
            "failed": self.failed,
            "duration_s": self.duration_s,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "figures": dict(self.figures),
            "goodput_share": self.goodput_share,
            "ttft_growth": self.ttft_growth,
            "input_std": self.input_std,
            "output_std": self.output_std,
        }

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> BenchResult:
        return BenchResult(**row)


def parse(text: str, *, where: str) -> BenchResult | Failure:
    """What a result file of `vllm bench serve` says; a Failure when it is no result.

    Raises DataError when the file is not one. vLLM writes 0.0 ms where nothing came through, and latencies
    only of the requests that did: neither is taken for a figure.
    """
    with result_files.expected(where, "a result of `vllm bench serve`"):
        return _parse(json.loads(text), where)


def _parse(row: Mapping[str, Any], where: str) -> BenchResult | Failure:
    completed, failed = int(row["completed"]), int(row["failed"])
    duration_s = float(row["duration"])
    tokens_in, tokens_out = float(row["total_input_tokens"]), float(row["total_output_tokens"])
    if completed < 0 or failed < 0 or not tokens_in > 0 or not 0 <= tokens_out < math.inf:
        return Failure(reason="crash", detail=f"{where}: impossible counts of requests or tokens")
    if completed == 0 or failed > MAX_FAILED_SHARE * (completed + failed):
        why = _first_error(row)
        return Failure(
            reason="too_many_failures",
            detail=f"{failed} of {completed + failed} requests failed{': ' + why if why else ''}",
        )
    if tokens_out == 0:
        return Failure(reason="too_many_failures", detail=f"{completed} answers without a single token")
    figures: dict[str, float] = {}
    for theirs, ours in THROUGHPUTS.items():
        figures[f"{ours}/mean"] = float(row[theirs])
    for theirs, ours in LATENCIES.items():
        for key, value in row.items():
            statistic, _, metric = key.partition("_")
            if metric != f"{theirs}_ms" or value is None:
                continue
            name = {"mean": "mean", "median": "p50"}.get(statistic, statistic)
            if name == "mean" or name.startswith("p"):
                figures[f"{ours}/{name}"] = float(value)
    bad = sorted(name for name, value in figures.items() if not math.isfinite(value) or value < 0)
    # A zero TTFT or E2E cannot be; TPOT and ITL are 0 where every answer has one token.
    bad += [name for name in figures if name.startswith(("ttft", "e2e", "requests")) and figures[name] == 0]
    if bad or not duration_s > 0:
        return Failure(reason="crash", detail=f"{where}: impossible figures ({', '.join(bad) or 'duration'})")
    if tokens_out <= completed:
        figures = {name: value for name, value in figures.items() if not name.startswith(("tpot", "itl"))}
    good = row.get("request_goodput")
    return BenchResult(
        completed=completed,
        failed=failed,
        duration_s=duration_s,
        input_tokens=tokens_in / completed,
        output_tokens=tokens_out / completed,
        figures=figures,
        goodput_share=None if good is None else float(good) / figures["requests_per_s/mean"],
        ttft_growth=growth(row.get("start_times") or (), row.get("ttfts") or ()),
        input_std=_std(row.get("input_lens")),
        output_std=_std(row.get("output_lens")),
    )


def _std(lengths: Sequence[float] | None) -> float | None:
    return statistics.pstdev(lengths) if lengths else None


def _first_error(row: Mapping[str, Any]) -> str:
    """The last line of the first error a request met."""
    for error in row.get("errors") or ():
        lines = [line for line in str(error).splitlines() if line.strip()]
        if lines:
            return lines[-1].strip()[:200]
    return ""


def growth(starts: Sequence[float], ttfts: Sequence[float], least: int = 30) -> float | None:
    """Median TTFT of the last third of requests over that of the first; None below `least` requests."""
    if len(starts) != len(ttfts) or len(starts) < least:
        return None
    ordered = [ttft for _, ttft in sorted(zip(starts, ttfts, strict=True))]
    third = len(ordered) // 3
    first, last = sorted(ordered[:third])[third // 2], sorted(ordered[-third:])[third // 2]
    return last / first if first > 0 else None


def saturated(point: Point, result: BenchResult) -> bool:
    """Whether an open loop asked for more than the server could do: then latencies grow with the run.

    Either the queue grew over the run, or a tenth of the offered rate did not come back (a run of at least
    twenty mean answers, so that start and end do not count).
    """
    if point.kind != "rate" or point.value is None:
        return False
    if result.ttft_growth is not None and result.ttft_growth > 2:
        return True
    long_enough = result.duration_s > 20 * result.figures["e2e_ms/mean"] / 1000
    return long_enough and result.figures["requests_per_s/mean"] < 0.9 * point.value


def measure(
    argv: Sequence[str], result: Path, *, log: Path, env: Mapping[str, str], limit_s: float
) -> BenchResult | Failure:
    """Run `argv` (see `command`) and read its result file. Raises ToolError when it ends badly."""
    result.unlink(missing_ok=True)
    result.parent.mkdir(parents=True, exist_ok=True)
    ended = subprocesses.run(argv, log=log, limit_s=limit_s, name="vllm bench serve", env=env)
    if not result.exists():
        raise DataError(f"{result}: vllm bench serve ended well but wrote no result; log: {ended.log}")
    return parse(result_files.read_text(result, what="a result of `vllm bench serve`"), where=str(result))
