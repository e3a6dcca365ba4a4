"""A workload in words: its load, its limits, and what an answer does not weigh."""

from __future__ import annotations

from dataclasses import replace

from advisor.spec.api_price import ApiPrice
from advisor.spec.engines.engine_of_profile import engine_text
from advisor.spec.workloads.conversations.conversation import ALONE, Conversation
from advisor.spec.workloads.conversations.prompt_lengths import last_prompt, most_hits, turn_prompts
from advisor.spec.workloads.workload import Arrival, Goodput, LatencyLimit, Lengths, Load, Quality, Workload

_GPU_COUNTS = {
    "smallest": "each format on the fewest GPUs that hold it",
    "same": "the count BF16 needs, for every format",
    "free": "searched",
}


def describe(workload: Workload) -> list[tuple[str, str]]:
    """(what, how much) of everything a workload states, in the order of its file."""
    load = workload.load
    rows = [
        ("name", workload.name),
        ("stands for", workload.about),
        ("new prompt" if load.conversation.repeats else "prompt", lengths_text(load.input_tokens)),
        ("answer", lengths_text(load.output_tokens)),
        (
            "longest request",
            f"{load.longest_request_tokens:,} tokens, prompt and answer"
            if load.longest_request_tokens
            else "",
        ),
        ("load", load_text(load)),
        ("conversation", conversation_text(load)),
        (
            "prefix cache",
            f"{100 * load.prefix_hit_rate:.0f} % of prompt tokens" if load.prefix_hit_rate else "",
        ),
        ("limits", ", ".join(limit_text(limit) for limit in workload.limits) or "none"),
        ("goodput", "" if workload.goodput is None else goodput_text(workload.goodput)),
        ("accuracy", quality_text(workload.quality)),
        ("confidence", f"{workload.confidence:g} that all limits are kept at once"),
        ("objective", workload.objective),
        ("GPU count", _GPU_COUNTS[workload.gpu_count]),
        ("prices", workload.price_list or "the newest known"),
        ("API price", "" if workload.api_price is None else api_price_text(workload.api_price)),
        (
            "utilization",
            "" if workload.utilization is None else f"{workload.utilization:.3g} on average over a day",
        ),
        ("engine", "" if workload.engine is None else engine_text(workload.engine)),
        ("source", workload.source),
    ]
    return [(what, text) for what, text in rows if text]


def lengths_text(lengths: Lengths) -> str:
    """`512 tokens on average, lognormal, std 128, 1 to 1,024`."""
    if lengths.kind == "constant":
        return f"{lengths.mean:,.10g} tokens"
    if lengths.kind == "uniform":
        return f"{lengths.low:,} to {lengths.high:,} tokens, evenly spread"
    if lengths.kind == "empirical":
        span = f"{lengths.low:,} to {lengths.high:,}"
        return (
            f"{lengths.mean:,.0f} tokens on average, {len(lengths.values):,} lengths equally likely, {span}"
        )
    ends = f"at least {lengths.low:,}" if lengths.high is None else f"{lengths.low:,} to {lengths.high:,}"
    return f"{lengths.mean:,.0f} tokens on average, lognormal, std {lengths.std:,.0f}, {ends}"


def arrival_text(arrival: Arrival) -> str:
    """`one at a time`, `32 in flight`, `4 requests/s`, `all at once`."""
    if arrival.kind == "single":
        return "one at a time"
    if arrival.kind == "maximum":
        return "all at once"
    if arrival.kind == "concurrency":
        return f"{arrival.value:,.0f} in flight"
    noun = "request/s" if arrival.value == 1 else "requests/s"
    gaps = "" if arrival.burstiness == 1 else f", burstiness {arrival.burstiness:g}"
    return f"{arrival.value:,.6g} {noun}{gaps}"


def load_text(load: Load) -> str:
    """`arrival_text`, and what its number counts in a conversation: `8 requests/s (2 conversations/s)`, `50
    users, 30 s between an answer and the next prompt`."""
    arrival, conversation = load.arrival, load.conversation
    text = arrival_text(arrival)
    if arrival.kind == "concurrency" and conversation.pauses:
        noun = "user" if arrival.value == 1 else "users"
        return f"{arrival.value:,.0f} {noun}, {_pause(conversation)} between an answer and the next prompt"
    if arrival.kind == "rate" and conversation.has_turns and arrival.value is not None:
        begun = arrival.value / conversation.turns.mean
        return f"{text} ({begun:,.3g} {'conversation' if begun == 1 else 'conversations'}/s)"
    return text


def conversation_text(load: Load) -> str:
    """`4 turns, 30 s apart; prompts of 512 tokens at the first and 2,816 at the last turn, up to 74% of their
    tokens cached`; empty for requests that stand alone."""
    conversation = load.conversation
    if not conversation.repeats:
        return ""
    sizes = (load.input_tokens.mean, load.output_tokens.mean)
    cached = f"up to {100 * most_hits(conversation, *sizes):.0f} % of prompt tokens cached"
    system = f"{conversation.system_tokens:,} system tokens" if conversation.system_tokens else ""
    if not conversation.has_turns:
        return f"{system} begin every prompt, {cached}"
    turns = conversation.turns
    noun = f"{turns.mean:.3g} turns" + (
        "" if turns.mean == turns.longest else f" on average, {turns.longest} at most"
    )
    kept = {None: "", 0: "without history"}.get(
        conversation.history, f"with the last {conversation.history} turns as history"
    )
    apart = f"{_pause(conversation)} apart" if conversation.pauses else ""
    first = next(turn_prompts(conversation, *sizes)).prompt
    last = last_prompt(conversation, *sizes)
    prompts = f"prompts of {first:,.0f} tokens at the first and {last:,.0f} at the last turn"
    return f"{', '.join(filter(None, (noun, apart, system, kept)))}; {prompts}, {cached}"


def _pause(conversation: Conversation) -> str:
    return f"{conversation.think_time.mean:,.3g} s"


def limit_text(limit: LatencyLimit) -> str:
    """`TTFT p99 ≤ 200 ms`."""
    return f"{limit.metric.upper()} {limit.statistic} ≤ {limit.max_ms:,.6g} ms"


def goodput_text(goodput: Goodput) -> str:
    """`TTFT ≤ 500 ms and TPOT ≤ 50 ms for 95 % of requests`."""
    parts = {"TTFT": goodput.ttft_ms, "TPOT": goodput.tpot_ms, "E2E": goodput.e2e_ms}
    limits = [f"{name} ≤ {ms:,.6g} ms" for name, ms in parts.items() if ms is not None]
    return f"{' and '.join(limits)} for {100 * goodput.min_share:.6g} % of requests"


def limits_text(workload: Workload) -> str:
    """Every latency limit and the goodput in one line; empty when there is none."""
    goodput = [] if workload.goodput is None else [goodput_text(workload.goodput)]
    return ", ".join([*(limit_text(limit) for limit in workload.limits), *goodput])


def unlimited_text(workload: Workload) -> str:
    """What is said where neither latency nor accuracy is limited: a rate must be served all the same."""
    arrival = workload.load.arrival
    if arrival.kind != "rate":
        return "no limits"
    return f"limit: serve {arrival_text(replace(arrival, burstiness=1.0))}"


def api_price_text(price: ApiPrice) -> str:
    """`0.2 USD per million prompt tokens, 0.02 cached, 0.6 per million answer tokens`."""
    cached = "" if price.cached is None else f", {price.cached:g} cached"
    return (
        f"{price.prompt:g} USD per million prompt tokens{cached}, {price.answer:g} per million answer tokens"
    )


def api_bill_text(workload: Workload) -> str:
    """What a hosted API asks for a thousand of the workload's requests; empty without a price."""
    price, usd = workload.api_price, workload.api_usd_per_request
    if price is None or usd is None:
        return ""
    return f"{1_000 * usd:.3g} USD per thousand queries at a hosted API ({price} USD per million tokens)"


def api_not_weighed(workload: Workload) -> tuple[str, ...]:
    """What answers say that set no fleet against the workload's `api_price`; nothing without one."""
    bill = api_bill_text(workload)
    return (f"api_price, {bill}, is not weighed here: recommend sets own GPUs against it",) if bill else ()


def not_weighed(workload: Workload) -> tuple[str, ...]:
    """Remarks on answers over many loads, which simulate none; with what they know of conversations."""
    talks = (
        "conversations are judged in closed form here, with wider intervals where engines are busy or caches "
        "small; recommend, predict and compare simulate every request"
    )
    alone = workload.load.conversation == ALONE
    return (*api_not_weighed(workload), *(() if alone else (talks,)))


def quality_text(quality: Quality) -> str:
    """`recovery ≥ 0.99 on code`, `shown for chat, instruction`; empty when nothing is stated."""
    tasks = ", ".join(quality.tasks)
    if quality.min_recovery is not None:
        return f"recovery ≥ {quality.min_recovery:g} on {tasks or 'the published averages'}"
    return f"shown for {tasks}, no limit" if tasks else ""


def asks_limits(workload: Workload) -> bool:
    """Whether there is anything to keep: limits, a least recovery, or a rate that must be served."""
    asked = workload.limits or workload.goodput or workload.quality.min_recovery is not None
    return bool(asked) or workload.load.arrival.kind == "rate"
