"""Options that several commands share: one name, one meaning, one help text."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer


class Output(str, Enum):
    """How an answer is printed."""

    table = "table"
    json = "json"
    yaml = "yaml"
    csv = "csv"


_WORKLOAD = "Workload"
_LIMITS = "Limits and aim"
_CHOICE = "What to choose from"
_PRICES = "Prices"

ModelArgument = Annotated[
    str | None, typer.Argument(metavar="MODEL", help="Model: a name, a Hub id, a folder or config.json.")
]
ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", metavar="MODEL", help="Model, in place of the argument.")
]
ParamsOption = Annotated[
    str | None,
    typer.Option(
        "--params",
        metavar="SIZE",
        help="Instead of a model: a typical one of this size: 8B, 284B-A13B (13B active).",
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Form of the answer on stdout.")]

WorkloadOption = Annotated[
    str | None,
    typer.Option(
        "--workload",
        "--profile",
        "-w",
        metavar="NAME|FILE",
        help="Workload: a profile (quantadvise profiles list), your own YAML file, or a request log.",
        rich_help_panel=_WORKLOAD,
    ),
]
ScenarioOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="Conventions laid over the workload: synchronous, asynchronous (arXiv 2411.02355), or a file.",
        rich_help_panel=_WORKLOAD,
    ),
]
InputTokensOption = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="Prompt tokens: 512, 32k, 512±128 (lognormal, mean±std), 100-300 (uniform).",
        rich_help_panel=_WORKLOAD,
    ),
]
OutputTokensOption = Annotated[
    str | None,
    typer.Option(
        metavar="N", help="Answer tokens: 256, 2k, 256±64 (mean±std), 100-300.", rich_help_panel=_WORKLOAD
    ),
]
SingleOption = Annotated[
    bool, typer.Option("--single", help="One request at a time.", rich_help_panel=_WORKLOAD)
]
ConcurrencyOption = Annotated[
    str | None,
    typer.Option(
        "--concurrency",
        "--max-concurrency",
        "--users",
        metavar="N|max",
        help="Closed loop: number of users, each with one request at a time (fewer in flight with "
        "--think-time); max queues all requests at once.",
        rich_help_panel=_WORKLOAD,
    ),
]
RateOption = Annotated[
    str | None,
    typer.Option(
        "--rate",
        "--request-rate",
        "--rps",
        "--qps",
        metavar="R",
        help="Open loop: requests that arrive, every turn counted: 4 (per second), 300/min, 10k/day.",
        rich_help_panel=_WORKLOAD,
    ),
]
BurstinessOption = Annotated[
    float | None,
    typer.Option(
        metavar="B",
        help="Shape of the gaps between requests (vLLM bench's --burstiness): 1, the default, is Poisson; "
        "less is burstier.",
        rich_help_panel=_WORKLOAD,
    ),
]
PrefixHitRateOption = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="Share of prompt tokens found in the prefix cache: 0.5 or 50%; 0 by default.",
        rich_help_panel=_WORKLOAD,
    ),
]
TurnsOption = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="Turns of a conversation: 4, 2.5 (on average), 2-8 (uniform), '{kind: geometric, mean: 4}'. "
        "--input-tokens is then the new prompt of a turn.",
        rich_help_panel=_WORKLOAD,
    ),
]
ThinkTimeOption = Annotated[
    str | None,
    typer.Option(
        "--think-time",
        metavar="S",
        help="Seconds between an answer and the user's next prompt: 30, 30±40 (lognormal), 10-60, "
        "'{kind: exponential, mean: 30}'.",
        rich_help_panel=_WORKLOAD,
    ),
]
SystemTokensOption = Annotated[
    str | None,
    typer.Option(metavar="N", help="Tokens that every prompt begins with.", rich_help_panel=_WORKLOAD),
]
HistoryOption = Annotated[
    str | None,
    typer.Option(
        metavar="TURNS",
        help="Earlier turns that a prompt repeats: all, none, or how many of the last.",
        rich_help_panel=_WORKLOAD,
    ),
]
ContextOption = Annotated[str | None, typer.Option("--context", "--context-length", hidden=True)]
LatencyOption = Annotated[str | None, typer.Option("--latency", "--max-latency", hidden=True)]
"""Words that people try first; each is answered with the option that says it."""
SloOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LIMIT",
        help="Limit on the mean or a percentile of TTFT, TPOT, ITL or E2E: ttft_p95_ms=500, "
        "'p99_tpot_ms<=50'; none drops those of the profile.",
        rich_help_panel=_LIMITS,
    ),
]
GoodputOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY:MS",
        help="Limits on each request by itself, ms, as vLLM bench's --goodput: 'ttft:500 tpot:50 e2el:5000'.",
        rich_help_panel=_LIMITS,
    ),
]
MinShareOption = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="Share of requests that must keep --goodput: 0.9 or 90%; 0.95 by default.",
        rich_help_panel=_LIMITS,
    ),
]
MinRecoveryOption = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="Least recovery, the score of the quantized model ÷ that of BF16: 0.99 or 99%.",
        rich_help_panel=_LIMITS,
    ),
]
ConfidenceOption = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="Least probability that all limits are kept at once: 0.95 or 95%; 0.8 by default.",
        rich_help_panel=_LIMITS,
    ),
]
TasksOption = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Benchmarks, or families of them, that accuracy is judged on: code,reasoning.",
        rich_help_panel=_LIMITS,
    ),
]
RecipeOption = Annotated[
    str | None,
    typer.Option(
        metavar="ALGORITHM[@MAKER]",
        help="Algorithm and maker of the checkpoint whose accuracy counts: gptq, gptq@RedHatAI.",
        rich_help_panel=_LIMITS,
    ),
]
PriceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--price",
        "--custom-gpu-cost",
        metavar="GPU=USD",
        help="Your price of one GPU: H100=2.5 (USD per hour), H100=$1500/month.",
        rich_help_panel=_PRICES,
    ),
]
PricingOption = Annotated[
    str | None,
    typer.Option(
        "--pricing",
        "--pricing-model",
        metavar="TERM",
        help="Term of the prices: on-demand, spot, …; live and live-spot fetch today's of many clouds.",
        rich_help_panel=_PRICES,
    ),
]
RegionOption = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Live prices only from regions whose name contains this text.",
        rich_help_panel=_PRICES,
    ),
]
PriceListOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A named list of prices: paper-2024-10.", rich_help_panel=_PRICES),
]
ApiPriceOption = Annotated[
    str | None,
    typer.Option(
        metavar="USD/USD",
        help="A hosted API's price per million prompt/answer tokens: 0.20/0.60 (with cached prompt tokens "
        "0.20/0.02/0.60); says from which traffic on owning costs less.",
        rich_help_panel=_PRICES,
    ),
]
UtilizationOption = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="Mean traffic over a day ÷ the load that the GPUs are sized for: 0.4 or 40%; 1 by default.",
        rich_help_panel=_PRICES,
    ),
]
RecordsOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="DIR",
        envvar="QUANTADVISE_RECORDS",
        help="Folder of your own measurements; predictions learn from them too.",
    ),
]

GpuChoiceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--gpu",
        "--gpus",
        "-g",
        metavar="NAME|FILE|any",
        help="GPUs to choose from: H100,L40S, 2xA100 (exactly two), your own as YAML; all by default.",
        rich_help_panel=_CHOICE,
    ),
]
FormatsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--formats",
        "--quantization",
        metavar="A,B",
        help="Formats to choose from; all by default.",
        rich_help_panel=_CHOICE,
    ),
]
MaxGpusOption = Annotated[
    int | None, typer.Option(metavar="N", help="Most GPUs, all replicas together.", rich_help_panel=_CHOICE)
]
AllowMixedOption = Annotated[
    bool,
    typer.Option(
        "--allow-mixed",
        help="Allow two or more kinds of GPU for one load, where that is cheaper; 4xA100,8xL40S in "
        "--gpu then limits the number of each.",
        rich_help_panel=_CHOICE,
    ),
]
NodesOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Most machines for one replica; by default one, or as many as hold the model.",
        rich_help_panel=_CHOICE,
    ),
]
NumGpusOption = Annotated[
    int | None,
    typer.Option(metavar="N", help="Exact number of GPUs, all replicas together.", rich_help_panel=_CHOICE),
]
TensorParallelChoiceOption = Annotated[
    str | None,
    typer.Option(
        "--tensor-parallel-size",
        "--tp",
        metavar="N,M",
        help="GPUs that one replica is split over: 1,2,4,8 and 16 by default.",
        rich_help_panel=_CHOICE,
    ),
]
ObjectiveOption = Annotated[
    str | None,
    typer.Option(
        "--objective",
        "--sort-by",
        metavar="cost|latency|throughput|accuracy",
        help="What ranks the deployments that keep the limits; cost by default.",
        rich_help_panel=_LIMITS,
    ),
]
MaxCostPerHourOption = Annotated[
    str | None,
    typer.Option(
        "--max-cost-per-hour",
        "--budget",
        metavar="USD",
        help="Budget of all GPUs together: 5 (USD per hour), $120/day, 5000/month.",
        rich_help_panel=_LIMITS,
    ),
]
GpuCountOption = Annotated[
    str | None,
    typer.Option(
        metavar="smallest|same|free",
        help="GPUs per deployment: free, the default, searches; smallest takes the fewest that hold each "
        "format, same as many for every format as BF16 needs.",
        rich_help_panel=_CHOICE,
    ),
]
