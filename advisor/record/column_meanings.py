"""What the columns and metrics of measurement files mean, for who reads or writes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from advisor.record.kernel_timing import KernelKind
from advisor.record.measurement import FailureReason, LengthKind, Origin, Stage
from advisor.spec.metrics import MetricName


def _listed(literal: object) -> str:
    return ", ".join(f"`{value}`" for value in get_args(literal))


_SHARED: Mapping[str, str] = {
    "model": "name in the model catalog: the Hub repository without its organisation",
    "format": "canonical name of the format as stored; how a GPU runs it follows from the GPU",
    "kv_format": "`16bit` or `fp8`",
    "gpu": "name in the GPU catalog",
    "num_gpus": "tensor parallel size of one replica",
    "input_tokens": "mean over the requests, tokens",
    "output_tokens": "mean over the requests, tokens",
    "lengths": _listed(LengthKind),
    "load": "`single` (one request at a time), `concurrency` (closed loop), `rate` (Poisson), `maximum` (all "
    "queued), `batch` (all started together)",
    "load_value": "concurrency, requests per second or batch size; empty for `single` and `maximum`",
    "engine": "`vllm`",
    "engine_version": "release of the engine",
    "value": "the figure",
    "half_width": "half a unit of the last printed digit: the truth lies in value ± half_width",
    "samples": "requests or repeats behind the figure",
    "stderr": "standard error of the value",
    "origin": f"{_listed(Origin)}; derived: recovered from a finer figure beside it",
    "source": "table, card or run",
    "licence": "licence of the source",
    "date": "day, month or year of the run",
    "conditions": "engine arguments as `key=value` and remarks, separated by `; `",
    "suspect": "why the fit leaves the row out; empty = sound",
    "printed": "the figure as printed where `value` was recovered (`24.5 s`); empty = as `value` is",
}

_OWN: Mapping[str, Mapping[str, str]] = {
    "speed": {
        "metric": _listed(MetricName),
        "statistic": "`mean`, `p50`, `p99` …; rates are `mean`",
        "requests": "requests sent in one repeat of the run; older files lack this and the next four columns",
        "repeats": "how often the run was made; the figure is the mean, `samples` the sum",
        "input_std": "standard deviation of the prompts' lengths, in tokens",
        "output_std": "standard deviation of the answers' lengths, in tokens",
        "burstiness": "gamma shape of the gaps between arrivals under `rate`, 1 = Poisson",
    },
    "quality": {
        "algorithm": "`none` (16 bits), `rtn`, `gptq`, `awq`, `smoothquant+gptq`, `autoround`, `hqq` …",
        "task": "the benchmark",
        "metric": "`score`, `average`, `win rate`, `relative to BF16`",
        "protocol": "shots, filter, prompts; rows compare only when task, metric and protocol are equal",
        "value": "the score, per cent",
        "baseline": "the 16-bit score of the same source under the same protocol",
        "samples": "repeats behind the score",
        "printed_recovery_pct": "the recovery that the source prints, which may come from unrounded scores",
        "paired_stderr": "standard error of value − baseline over the same items; older files lack it",
    },
    "failures": {
        "max_context": "the context length that was asked for",
        "stage": _listed(Stage),
        "reason": _listed(FailureReason),
        "detail": "last lines of its log",
        "load": "the load it was under, empty before any; older files lack this and the next three columns",
        "source": "who made the run",
    },
    "costs": {
        "metric": "`e2e_ms` or `requests_per_s`",
        "value": "the speed figure as printed",
        "queries_per_usd": "the printed queries per dollar",
        "queries_half_width": "half a unit of the last digit of queries_per_usd",
        "usd_per_hour": "the source's own price of `num_gpus` of this GPU",
    },
    "kernels": {
        "num_gpus": "GPUs of an all-reduce; 1 for other kernels",
        "what": _listed(KernelKind),
        "dtype": "type of a GEMM: `bf16`, `fp16`, `fp8`, `int8`, or `int4 weights`",
        "tokens": "rows of a GEMM",
        "width": "outputs of a GEMM, and its inputs where `depth` is empty",
        "depth": "inputs of a GEMM; older files lack this and the next four columns",
        "heads": "query heads of attention on one GPU",
        "kv_heads": "KV heads of attention on one GPU",
        "head_dim": "size of an attention head",
        "window": "sliding window of attention, tokens",
        "kv_dtype": "type of the KV cache of attention",
        "context": "cached tokens per sequence of attention",
        "batch": "sequences of attention",
        "size_bytes": "bytes moved by a copy, or reduced",
        "unit": "unit of `value`: GB/s, TFLOPS (10¹² a second), launches/s",
        "value": "the rate",
        "seconds": "seconds of one call, the median of blocks",
        "conditions": "library and version, threads, driver",
    },
}


def meaning(kind: str, column: str) -> str:
    """What a column of a kind of file holds. Raises KeyError for a column that is not described."""
    own = _OWN[kind]
    return own[column] if column in own else _SHARED[column]
