"""Commands that check the figures under the workload's own load: vLLM's bench, GuideLLM, lm-eval."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from advisor.cost.quality.tasks import find_task
from advisor.report.commands.bash_scripts import comment, script, wrapped
from advisor.report.manifests.named_deployment import PORT, Subject
from advisor.spec.accuracy_benchmarks import known_averages
from advisor.spec.benchmark_run import BenchmarkRun
from advisor.spec.metrics import percentile_of
from advisor.spec.workloads.conversations.conversation import ALONE
from advisor.spec.workloads.workload import Arrival, Lengths, Load

SEED = 0
PERCENTILES = (50.0, 90.0, 95.0, 99.0)

LM_EVAL_TASKS = {
    "MMLU": "mmlu",
    "MMLU-Pro": "leaderboard_mmlu_pro",
    "GPQA": "leaderboard_gpqa",
    "ARC-Challenge": "arc_challenge",
    "HellaSwag": "hellaswag",
    "WinoGrande": "winogrande",
    "TruthfulQA": "truthfulqa_mc2",
    "GSM8K": "gsm8k",
    "MATH-500": "minerva_math500",
    "MATH-lvl-5": "leaderboard_math_hard",
    "AIME-2024": "aime24",
    "GPQA-Diamond": "gpqa_diamond_cot_zeroshot",
    "BBH": "leaderboard_bbh",
    "MuSR": "leaderboard_musr",
    "HumanEval": "humaneval",
    "MBPP": "mbpp",
    "IFEval": "leaderboard_ifeval",
    "RULER": "ruler",
}
"""Our names of benchmarks → tasks of lm-eval 0.4.13; what is missing here is no task of it."""

OPEN_LLM = "openllm"
"""lm-eval's group of the Open LLM Leaderboard v1, with its few-shot counts: the seed paper's average."""

_PROMPTS_WORKER = Path(__file__).parents[2] / "measure" / "steps" / "workers" / "prompts_worker.py"
"""A program of its own, copied as it stands."""

BASE_URL = f'BASE_URL="${{BASE_URL:-http://localhost:{PORT}}}"'


def verify_files(subject: Subject) -> dict[str, str]:
    """Every file under verify/."""
    found = {
        "verify/vllm_bench.sh": bench_script(subject),
        "verify/guidellm.sh": guidellm_script(subject),
        "verify/lm_eval.sh": lm_eval_script(subject),
    }
    if drawn := _drawn_lengths(subject):
        found["verify/prompts.json"] = drawn
        found["verify/make_prompts.py"] = _PROMPTS_WORKER.read_text(encoding="utf-8")
    return found


def check_run(arrival: Arrival) -> BenchmarkRun:
    """The run of a check: one repeat of what `measure` sends."""
    return BenchmarkRun.planned(arrival.kind, arrival.value, repeats=1)


def bench_script(subject: Subject) -> str:
    """`vllm bench serve` (options as in vLLM 0.32)."""
    load, workload = subject.checked_load, subject.workload
    arrival, run = load.arrival, check_run(load.arrival)
    concurrency = {"single": 1, "concurrency": arrival.value}.get(arrival.kind)
    rate = f"{arrival.value:g}" if arrival.kind == "rate" else "inf"
    asked = [percentile_of(limit.statistic) for limit in workload.limits]
    percentiles = sorted({*PERCENTILES, *(p for p in asked if p is not None)})
    words = [
        *("vllm", "bench", "serve", "--backend", "vllm", "--base-url", '"$BASE_URL"'),
        *("--endpoint", "/v1/completions", "--model", shlex.quote(subject.served_name)),
        *("--tokenizer", shlex.quote(_tokenizer(subject))),
        *_bench_data(subject),
        *("--num-prompts", str(run.num_prompts), "--request-rate", rate),
        *(("--burstiness", f"{arrival.burstiness:g}") if arrival.kind == "rate" else ()),
        *(("--max-concurrency", f"{concurrency:g}") if concurrency is not None else ()),
        *("--num-warmups", str(run.warmup_requests), "--seed", str(SEED), "--ignore-eos"),
        *("--percentile-metrics", "ttft,tpot,itl,e2el"),
        *("--metric-percentiles", ",".join(f"{p:g}" for p in percentiles)),
        *_goodput(subject),
        *("--metadata", *_metadata(subject)),
        *("--save-result", "--result-dir", "results", "--result-filename", "vllm_bench.json"),
    ]
    draw = []
    if _is_drawn(load):
        draw = [
            "# Prompts whose lengths vary as the workload says; needs transformers.",
            "[ -e prompts.jsonl ] || python make_prompts.py prompts.json prompts.jsonl",
        ]
    return script(
        f"{BASE_URL}  # all replicas together",
        "# What a result file does not say by itself; quantadvise import reads it.",
        'version="$(curl -fsS "$BASE_URL/version" | sed \'s/.*"version": *"\\([^"]*\\)".*/\\1/\')"',
        *_stand_in(subject),
        *draw,
        f'exec {wrapped(words)} "$@"',
    )


def _stand_in(subject: Subject) -> list[str]:
    """What a benchmark of single requests says of conversations."""
    if subject.prediction.load.conversation == ALONE:
        return []
    return [
        "# Conversations are stood for by single requests of their mean prompt, at the expected rate, that",
        "# share a prefix as long as the expected hits: this checks the steps, not what the cache forgets.",
    ]


def _metadata(subject: Subject) -> list[str]:
    """The facts of the deployment that were served, as `import` asks for them."""
    of = subject.deployment
    facts = {
        "base_model": of.model.hf_id or of.model.name,
        "format": of.format.name,
        "kv_cache_dtype": of.kv_format,
        "gpu": of.gpu.name,
        "num_gpus": str(of.tensor_parallel),
    }
    if of.replicas > 1:
        facts["replicas"] = str(of.replicas)
    return [*(shlex.quote(f"{key}={value}") for key, value in facts.items()), 'engine_version="$version"']


def guidellm_script(subject: Subject) -> str:
    """`guidellm run` (options as in GuideLLM 0.8.1)."""
    load = subject.checked_load
    arrival, run = load.arrival, check_run(load.arrival)
    profile = {
        "single": "kind=synchronous",
        "concurrency": f"kind=concurrent,streams={arrival.value or 0:g}",
        "rate": f"kind=poisson,rate={arrival.value or 0:g}",
        "maximum": f"kind=throughput,max_concurrency={run.num_prompts}",
    }[arrival.kind]
    served = f"model={subject.served_name},request_format=/v1/completions"
    data = ",".join(
        [
            "kind=synthetic_text",
            *_synthetic("prompt", load.input_tokens),
            *_synthetic("output", load.output_tokens),
        ]
    )
    words = [
        *("guidellm", "run", "--backend", '"kind=openai_http,target=$BASE_URL",' + shlex.quote(served)),
        *("--tokenizer", shlex.quote(f"kind=huggingface_auto,model={_tokenizer(subject)}")),
        *("--data", shlex.quote(data), "--profile", shlex.quote(profile)),
        *("--constraint", f"kind=max_requests,count={run.num_prompts}"),
        *("--seed", f"kind=static,value={SEED}"),
        *("--output", "kind=json,path=results/guidellm.json", "--output", "kind=console"),
    ]
    notes = _stand_in(subject)
    if load.prefix_hit_rate:
        notes.append("# Its prompts share no prefix: the prefix cache of the workload is not checked here.")
    if any(lengths.kind not in ("constant",) for lengths in (load.input_tokens, load.output_tokens)):
        notes.append(
            "# GuideLLM draws lengths from a normal distribution with the workload's mean, spread and ends."
        )
    if arrival.kind == "rate" and arrival.burstiness != 1:
        notes.append("# Its arrivals are Poisson: the workload's burstiness is not checked here.")
    return script(
        f"{BASE_URL}  # all replicas together", *notes, "mkdir -p results", f'exec {wrapped(words)} "$@"'
    )


def lm_eval_script(subject: Subject) -> str:
    """`lm_eval run` against the server, and against one of the unquantized model (lm-eval 0.4.13)."""
    tasks, missing = lm_eval_tasks(subject)
    model = subject.deployment.model
    arguments = (
        f'model="$2",base_url="$3/v1/completions",tokenizer={shlex.quote(_tokenizer(subject))},'
        "num_concurrent=16,max_retries=3,tokenized_requests=False"
    )
    words = ["lm_eval", "run", "--model", "local-completions", "--model_args", arguments]
    words += ["--tasks", ",".join(tasks), "--output_path", '"results/lm_eval-$1"', '"${@:4}"']
    quantized = subject.deployment.format.weight_bits < 16
    notes = [
        "# Recovery is the quantized model's score over the unquantized one's, so both have to be scored:",
        comment(f"serve {model.hf_id or model.name} elsewhere and name it in BASELINE_URL."),
    ]
    if missing:
        notes.append(comment(f"No task of lm-eval: {', '.join(missing)}."))
    if {"humaneval", "mbpp"} & set(tasks):
        notes.append("# Code tasks run what the model wrote: in a sandbox, add --confirm_run_unsafe_code")
        notes.append("# and set HF_ALLOW_CODE_EVAL=1.")
    baseline = shlex.quote(model.hf_id or model.name)
    against = [f'[ -z "${{BASELINE_URL:-}}" ] || score baseline {baseline} "$BASELINE_URL" "$@"']
    return script(
        *(notes if quantized else notes[2:]),
        BASE_URL,
        f"score() {{\n  {wrapped(words)}\n}}",
        f'score served {shlex.quote(subject.served_name)} "$BASE_URL" "$@"',
        *(against if quantized else ()),
    )


def lm_eval_tasks(subject: Subject) -> tuple[list[str], list[str]]:
    """lm-eval's tasks for the workload's, and the benchmarks that it lacks."""
    names = dict.fromkeys(part for task in subject.workload.quality.tasks for part in find_task(task).parts)
    if not names or set(names) == set(known_averages()["OpenLLM-v1"].parts):
        return [OPEN_LLM], []
    tasks = [LM_EVAL_TASKS[name] for name in names if name in LM_EVAL_TASKS]
    missing = [name for name in names if name not in LM_EVAL_TASKS]
    return tasks or [OPEN_LLM], missing


def _tokenizer(subject: Subject) -> str:
    """The model's own where the checkpoint is a folder; scripts under verify/ stand beside it."""
    model = subject.deployment.model
    return model.hf_id or f"../{subject.folder_name}" if subject.is_local else subject.commands.checkpoint


def _is_drawn(load: Load) -> bool:
    """Whether lengths vary in a way that vLLM's random data cannot."""
    return any(
        lengths.kind in ("lognormal", "empirical") for lengths in (load.input_tokens, load.output_tokens)
    )


def _bench_data(subject: Subject) -> list[str]:
    load = subject.checked_load
    if _is_drawn(load):
        return [
            *("--dataset-name", "custom", "--dataset-path", "prompts.jsonl"),
            *("--custom-output-len", "-1", "--skip-chat-template", "--disable-shuffle"),
        ]
    asked = round(load.input_tokens.mean)
    shared = min(asked - 1, round(load.prefix_hit_rate * asked))
    ratios = {"input": _range_ratio(load.input_tokens), "output": _range_ratio(load.output_tokens)}
    varied = ["--random-range-ratio", shlex.quote(json.dumps(ratios))] if any(ratios.values()) else []
    return [
        *("--dataset-name", "random", "--random-input-len", str(asked - shared)),
        *("--random-output-len", str(round(load.output_tokens.mean))),
        *(("--random-prefix-len", str(shared)) if shared else ()),
        *varied,
    ]


def _range_ratio(lengths: Lengths) -> float:
    """Uniform lengths as vLLM's random data has them: mean × (1 ± ratio)."""
    if lengths.kind != "uniform" or lengths.high is None:
        return 0.0
    return round((lengths.high - lengths.low) / (lengths.high + lengths.low), 4)


def _goodput(subject: Subject) -> list[str]:
    """Limits that each request must keep, as --goodput takes them; vLLM says e2el for E2E."""
    goodput = subject.workload.goodput
    if goodput is None:
        return []
    limits = {"ttft": goodput.ttft_ms, "tpot": goodput.tpot_ms, "e2el": goodput.e2e_ms}
    return ["--goodput", *(f"{name}:{ms:g}" for name, ms in limits.items() if ms is not None)]


def _drawn_lengths(subject: Subject) -> str | None:
    """What make_prompts.py reads: the tokenizer, and the lengths of every request."""
    import numpy as np

    from advisor.spec.workloads.length_distribution import sample

    load = subject.checked_load
    if not _is_drawn(load):
        return None
    count, rng = check_run(load.arrival).num_prompts, np.random.default_rng(SEED)
    pairs = zip(sample(load.input_tokens, count, rng), sample(load.output_tokens, count, rng), strict=True)
    spec = {
        "tokenizer": _tokenizer(subject),
        "revision": None,
        "seed": SEED,
        "lengths": [[int(asked), int(answered)] for asked, answered in pairs],
    }
    return json.dumps(spec) + "\n"


def _synthetic(what: str, lengths: Lengths) -> list[str]:
    """GuideLLM's synthetic_text: mean, and where lengths vary their spread and ends."""
    words = [f"{what}_tokens={round(lengths.mean)}"]
    if lengths.kind != "constant" and round(lengths.std) > 0:
        words += [f"{what}_tokens_stdev={round(lengths.std)}", f"{what}_tokens_min={lengths.low}"]
        words += [f"{what}_tokens_max={lengths.longest}"]
    return words
