"""README.md of the folder: what each file is for, and the figures that the checks should find."""

from __future__ import annotations

from collections.abc import Iterable

from advisor.cost.estimate_with_interval import Estimate
from advisor.display_text import capitalized, deployment_text, latency_name, low_high, number
from advisor.report.commands.serve_commands import cautions
from advisor.report.documents.missed_limit_words import refusal_text
from advisor.report.manifests.autoscaling_target import METRIC
from advisor.report.manifests.named_deployment import Subject
from advisor.report.manifests.pod import SECRET, claim_name
from advisor.report.terminal.question_and_evidence import workload_lines
from advisor.units import GB

PURPOSES = {
    "serve.sh": "starts one replica",
    "vllm.yaml": "the same settings for `vllm serve --config vllm.yaml`",
    "docker.sh": "starts one replica in vLLM's container",
    "kubernetes/deployment.yaml": "all replicas in a cluster",
    "kubernetes/service.yaml": "one address for all replicas",
    "kubernetes/autoscaler.yaml": "more replicas under more load",
    "kserve/inferenceservice.yaml": "the same under KServe, instead of `kubernetes/`",
    "checkpoint/recipe.yaml": "llm-compressor's recipe for the checkpoint",
    "checkpoint/make_checkpoint.py": "makes the checkpoint by the recipe",
    "verify/vllm_bench.sh": "measures speed with vLLM's own benchmark",
    "verify/guidellm.sh": "measures speed with GuideLLM",
    "verify/lm_eval.sh": "measures accuracy, quantized against unquantized",
    "verify/prompts.json": "prompt and answer lengths of the check",
    "verify/make_prompts.py": "writes prompts of those lengths; vllm_bench.sh calls it",
}
"""Every file that may be there."""


def readme_text(subject: Subject, names: Iterable[str], omitted: Iterable[str]) -> str:
    """The page; `omitted` are sentences on what is missing and why."""
    of = subject.deployment
    parts = [
        f"# {of.model.name}: {deployment_text(of)}",
        f"Written by quantadvise for the workload `{subject.workload.name}` and {of.engine}.",
        "```text\n" + "\n".join(workload_lines(subject.workload)) + "\n```",
        _missed(subject),
        "## Files",
        "\n".join(f"- `{name}`: {PURPOSES[name]}" for name in PURPOSES if name in set(names)),
        *omitted,
        "## Before it runs",
        "\n".join(f"- {line}" for line in _before(subject, set(names))),
        "## What to expect",
        _expected(subject),
        _accuracy(subject),
        "The interval holds nine of ten. *measured*: this very cell was seen; *fitted*: model and GPU are "
        "among the records; *extrapolated*: one of them is new to the fit; *roofline*: physics alone.",
        "Run the scripts in `verify/` against the running server (`BASE_URL=http://ADDRESS:8000`); all "
        "replicas together carry the load. A result outside its interval is worth reporting; "
        "`quantadvise import verify/results/vllm_bench.json --out records/` makes it count in answers with "
        "`--records records/`.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _missed(subject: Subject) -> str:
    """The limits that are not kept, first of all: a user who asked for a refused row must not overlook it."""
    if subject.assessment is None or subject.assessment.kept:
        return ""
    missed = "\n".join(
        f"- {refusal_text(subject.assessment, refusal)}" for refusal in subject.assessment.refusals
    )
    return f"**This deployment does not keep the limits for sure:**\n\n{missed}"


def _before(subject: Subject, names: set[str]) -> list[str]:
    lines = [_checkpoint_line(subject, names)]
    lines += [f"{capitalized(one)}." for one in cautions(subject.prediction, subject.commands)]
    if subject.num_nodes > 1:
        lines.append(
            f"One replica takes {subject.num_nodes} machines of {subject.gpus_per_node} GPUs: tensor "
            "parallel within a machine, pipeline parallel across. `serve.sh` says how they are joined; in a "
            "cluster use a LeaderWorkerSet (github.com/kubernetes-sigs/lws) with a group of that size, or "
            "Ray (KubeRay)."
        )
    if "kubernetes/deployment.yaml" in names:
        lines.append(
            f"Gated models: `kubectl create secret generic {SECRET} --from-literal=token=$HF_TOKEN`. Weights "
            "are fetched anew by each pod; a volume in place of `cache` keeps them."
        )
        if subject.is_local:
            lines.append(
                f"The volume claim `{claim_name(subject)}` must hold the folder `{subject.folder_name}`."
            )
    if "kubernetes/autoscaler.yaml" in names:
        lines.append(
            f"The autoscaler reads `{METRIC}`: with prometheus-adapter, a rule whose `seriesQuery` is "
            "`vllm:num_requests_running` and whose `name.as` is that name."
        )
    return lines


def _checkpoint_line(subject: Subject, names: set[str]) -> str:
    if not subject.is_local:
        return f"Checkpoint: `{subject.commands.checkpoint}`, published on the Hugging Face Hub."
    if "checkpoint/recipe.yaml" in names:
        return (
            f"Checkpoint: none is known to be published; `python checkpoint/make_checkpoint.py` makes "
            f"`{subject.folder_name}/` here."
        )
    if subject.deployment.model.typical:
        return (
            f"Checkpoint: {subject.deployment.model.name} is a size, no published model; put your model in "
            f"{subject.deployment.format.name} here as `{subject.folder_name}/`."
        )
    return f"Checkpoint: put your model's folder here as `{subject.folder_name}/`."


def _expected(subject: Subject) -> str:
    prediction = subject.prediction
    limits: dict[tuple[str, str], float] = {
        (limit.metric, limit.statistic): limit.max_ms for limit in subject.workload.limits
    }
    rows = [
        _row(f"{latency_name(*key)}, ms", estimate, limits.get(key))
        for key, estimate in sorted(prediction.latency.items())
    ]
    figures = {
        "requests/s": prediction.requests_per_s,
        "output tokens/s": prediction.output_tokens_per_s,
        "requests/s at most": prediction.capacity_requests_per_s,
        "share of requests within the goodput limits": prediction.goodput_share,
    }
    rows += [_row(name, estimate) for name, estimate in figures.items() if estimate is not None]
    if subject.assessment is not None and subject.assessment.cost is not None:
        cost = subject.assessment.cost
        if cost.usd_per_million_output_tokens is not None:
            rows.append(_row("USD per million output tokens", cost.usd_per_million_output_tokens))
        rows.append(f"| USD per hour, all GPUs | {number(cost.usd_per_hour)} | | {cost.price.provider} | |")
    head = "| figure | expected | 90 % interval | basis | limit |\n|---|---|---|---|---|"
    weights = number(prediction.memory.weight_bytes / GB)
    kv = number(max(prediction.memory.kv_bytes, 0.0) / GB)
    memory = f"Memory of one GPU: {weights} GB of weights, {kv} GB for the KV cache."
    return "\n".join([head, *rows]) + f"\n\n{memory}"


def _row(name: str, estimate: Estimate, limit: float | None = None) -> str:
    most = "" if limit is None else number(limit)
    if estimate.low == estimate.high:  # follows from the load and the price that were asked about
        return f"| {name} | {number(estimate.value)} | | as asked | {most} |"
    return f"| {name} | {number(estimate.value)} | {low_high(estimate)} | {estimate.basis} | {most} |"


def _accuracy(subject: Subject) -> str:
    prediction = subject.prediction
    if prediction.recovery is None:
        note = prediction.recovery_note or "no evidence for this model and format"
        return f"Accuracy: not predicted ({note})."
    share = prediction.recovery.scaled(100)
    return (
        f"Accuracy: {number(share.value, digits=4)} % of the unquantized score "
        f"({low_high(share, digits=4)} %, {share.basis}). {prediction.recovery_note}"
    ).rstrip()
