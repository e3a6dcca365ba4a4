"""Workload: what is asked of a deployment, and what must hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from advisor.spec.api_price import ApiPrice
from advisor.spec.engines.engine import Engine
from advisor.spec.metrics import LatencyMetric, Statistic, latency_key, percentile_of
from advisor.spec.reading.value_checks import require, require_line, within
from advisor.spec.workloads import lognormal
from advisor.spec.workloads.conversations.conversation import ALONE, Conversation
from advisor.spec.workloads.conversations.prompt_lengths import longest_last_turn, mean_prompt, most_hits
from advisor.spec.workloads.load_kind import ArrivalKind

Objective = Literal["cost", "latency", "throughput", "accuracy"]
GpuCount = Literal["smallest", "same", "free"]
LengthKind = Literal["constant", "uniform", "lognormal", "empirical"]

MAX_TOKENS = 100_000_000
"""Ten times the longest context a model is sold with (10 M, Llama 4 Scout): beyond it, a slip of the hand."""
MAX_CONCURRENCY = 10_000_000
MAX_REQUESTS_PER_S = 1e7
MAX_LATENCY_MS = 1e9
"""Eleven days."""
USUAL_CONFIDENCE = 0.8
MIN_CONFIDENCE, MAX_CONFIDENCE = 0.05, 0.999
"""Below, limits say nothing; above, no interval of ours reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Token counts of a request's prompt or answer; `spec.workloads.length_distribution` draws from them."""

    kind: LengthKind
    mean: float
    """What the counts average, after any cut at `low` and `high`."""
    std: float = 0.0
    """For `lognormal`, std ÷ mean is the spread before the cut at `low` and `high`."""
    low: int = 1
    high: int | None = None
    values: tuple[int, ...] = ()
    """For `empirical`: the counts themselves."""

    def __post_init__(self) -> None:
        kind, mean, std, low, high = self.kind, self.mean, self.std, self.low, self.high
        require(kind in get_args(LengthKind), f"lengths kind '{kind}' is none of {get_args(LengthKind)}")
        require(within(mean, 1, MAX_TOKENS), f"mean {mean} is not between 1 and {MAX_TOKENS} tokens")
        require(within(std, 0, 10 * mean), f"std {std} is not between 0 and 10 times the mean {mean}")
        require(within(low, 1, MAX_TOKENS), f"low {low} is not between 1 and {MAX_TOKENS} tokens")
        if high is not None:
            require(within(high, low, MAX_TOKENS), f"high {high} is not between low {low} and {MAX_TOKENS}")
        require(mean >= low, f"mean {mean} is below low {low}")
        require(high is None or mean <= high, f"mean {mean} is above high {high}")
        require(kind == "empirical" or not self.values, f"{kind} lengths have no values")
        if kind == "constant":
            require(std == 0, f"constant lengths have no spread, yet std is {std}")
        elif kind == "uniform":
            require(high is not None, "uniform lengths need low and high")
            middle = (low + (high or low)) / 2
            require(math.isclose(mean, middle), f"mean {mean} is not the middle {middle} of low and high")
        elif kind == "lognormal":
            require(std > 0, "lognormal lengths need a std above 0; without spread they are constant")
            require(low < mean and (high is None or mean < high), f"mean {mean} leaves no room to spread")
            lognormal.location(mean, std, low, high)  # raises where no such lognormal exists
        else:
            require(len(self.values) > 0, "empirical lengths need values")
            require(min(self.values) >= low and (high is None or max(self.values) <= high), "a value is out")
            average = math.fsum(self.values) / len(self.values)
            require(math.isclose(mean, average), f"mean {mean} is not the values' own {average}")

    @classmethod
    def constant(cls, tokens: float) -> Lengths:
        return cls(kind="constant", mean=tokens)

    @classmethod
    def uniform(cls, low: int, high: int) -> Lengths:
        """Every count from `low` to `high`, equally often."""
        count = high - low + 1
        std = math.sqrt(max(count**2 - 1, 0) / 12)
        return cls(kind="uniform", mean=(low + high) / 2, std=std, low=low, high=high)

    @classmethod
    def lognormal(cls, mean: float, std: float, low: int = 1, high: int | None = None) -> Lengths:
        return cls(kind="lognormal", mean=mean, std=std, low=low, high=high)

    @classmethod
    def lognormal_of_percentiles(
        cls, *, p50: float, p99: float, low: int = 1, high: int | None = None
    ) -> Lengths:
        """The lognormal with this median and 99th percentile before it is cut at `low` and `high`."""
        require(low <= p50 < p99, f"p50 {p50} must be at least {low} and below p99 {p99}")
        require(high is None or p50 < high, f"p50 {p50} is not below high {high}")
        mean, std = lognormal.mean_and_std_of(p50=p50, p99=p99, low=low, high=high)
        return cls.lognormal(mean, std, low=low, high=high)

    @classmethod
    def empirical(cls, values: Sequence[int]) -> Lengths:
        """Counts as they were seen; each is as likely as another."""
        require(len(values) > 0, "empirical lengths need values")
        mean = math.fsum(values) / len(values)
        std = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values))
        return cls(
            kind="empirical", mean=mean, std=std, low=min(values), high=max(values), values=tuple(values)
        )

    @property
    def deviation(self) -> float:
        """Standard deviation of the counts, after any cut at `low` and `high`."""
        is_cut = self.kind == "lognormal"
        return lognormal.cut_std(self.mean, self.std, self.low, self.high) if is_cut else self.std

    @property
    def longest(self) -> int:
        """The longest count to be ready for; of an unbounded lognormal, the one in a thousand."""
        if self.kind == "constant":
            return math.ceil(self.mean)
        if self.high is not None:
            return self.high
        return math.ceil(lognormal.one_in_a_thousand(self.mean, self.std))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How requests come."""

    kind: ArrivalKind
    """single: one at a time. concurrency: closed loop, `value` users, all in flight unless they think
    between requests. rate: open loop, `value` requests per second, every turn of a conversation counted.
    maximum: all queued at once, throughput is what counts."""
    value: float | None = None
    burstiness: float = 1.0
    """Gamma shape of the gaps as in vLLM bench: 1 = Poisson, smaller = burstier."""

    def __post_init__(self) -> None:
        require(self.kind in get_args(ArrivalKind), f"load '{self.kind}' is none of {get_args(ArrivalKind)}")
        if self.kind in ("single", "maximum"):
            require(self.value is None, f"load {self.kind} takes no number, yet has {self.value}")
        elif self.value is None:
            raise ValueError(f"load {self.kind} needs a number")
        elif self.kind == "concurrency":
            whole = within(self.value, 1, MAX_CONCURRENCY) and float(self.value).is_integer()
            require(whole, f"concurrency {self.value} is not a whole number from 1 to {MAX_CONCURRENCY}")
        else:
            possible = within(self.value, 0, MAX_REQUESTS_PER_S) and self.value > 0
            require(possible, f"{self.value} requests/s is not above 0 and up to {MAX_REQUESTS_PER_S:g}")
        require(within(self.burstiness, 0.01, 1000), f"burstiness {self.burstiness} is not in 0.01 … 1000")
        require(self.burstiness == 1.0 or self.kind == "rate", "burstiness belongs to requests per second")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked: lengths, arrival, how much of a prompt is already cached."""

    input_tokens: Lengths
    """Tokens of a prompt; in a conversation, those that a turn adds."""
    output_tokens: Lengths
    arrival: Arrival
    prefix_hit_rate: float = 0.0
    """Share of prompt tokens found in the prefix cache; 1 is impossible (the last token is computed). Of a
    conversation it is 0 here: it follows from the turns and the size of the cache."""
    conversation: Conversation = ALONE
    """What requests have to do with one another."""
    longest_request_tokens: int | None = None
    """Prompt and answer of the longest request that is known; None = only the lengths are."""

    def __post_init__(self) -> None:
        known = self.longest_request_tokens
        require(
            known is None or within(known, 2, MAX_TOKENS), f"longest_request_tokens {known} is no request"
        )
        possible = within(self.prefix_hit_rate, 0, 1) and self.prefix_hit_rate < 1
        require(possible, f"prefix_hit_rate {self.prefix_hit_rate} is not from 0 to below 1")
        require(
            not (self.prefix_hit_rate and self.conversation.repeats),
            f"prefix_hit_rate {self.prefix_hit_rate:g} contradicts turns and system_tokens, from which the "
            "hits follow; drop it (prefix_hit_rate: 0)",
        )
        require(
            not (self.arrival.kind == "maximum" and self.conversation.has_turns),
            "load maximum queues all requests at once, but a turn follows an answer; state concurrency or "
            "requests_per_s, or turns: 1",
        )

    @property
    def mean_prompt_tokens(self) -> float:
        """Tokens of a prompt over all requests, system prompt and history included."""
        return mean_prompt(self.conversation, self.input_tokens.mean, self.output_tokens.mean)

    @property
    def most_prefix_hits(self) -> float:
        """Share of prompt tokens that a prefix cache has which forgets nothing: an API's, or as stated."""
        if not self.conversation.repeats:
            return self.prefix_hit_rate
        return most_hits(self.conversation, self.input_tokens.mean, self.output_tokens.mean)

    @property
    def longest_context(self) -> int:
        """Tokens that the longest request's prompt and answer take: the longest known one, else the longest
        prompt and answer together. Of a conversation at least its last turn.
        """
        known, sides = self.longest_request_tokens, (self.input_tokens, self.output_tokens)
        if known is not None and not self.conversation.repeats:
            return max(known, *(side.longest for side in sides))
        return max(known or 0, longest_last_turn(self.conversation, *sides))


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyLimit:
    """A limit on the distribution: `statistic` of `metric` must not exceed `max_ms`."""

    metric: LatencyMetric
    statistic: Statistic
    max_ms: float

    def __post_init__(self) -> None:
        require(self.metric in get_args(LatencyMetric), f"metric '{self.metric}' is not a latency")
        percentile_of(self.statistic)
        possible = within(self.max_ms, 0, MAX_LATENCY_MS) and self.max_ms > 0
        require(possible, f"limit {self.max_ms} ms is not above 0 and up to {MAX_LATENCY_MS:g}")

    @property
    def key(self) -> str:
        """The limit's key in a profile: `ttft_p95_ms`."""
        return latency_key(self.metric, self.statistic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodput:
    """Limits each request must keep by itself, and the share of requests that must keep them all."""

    ttft_ms: float | None = None
    tpot_ms: float | None = None
    e2e_ms: float | None = None
    min_share: float = 0.95

    def __post_init__(self) -> None:
        given = [ms for ms in (self.ttft_ms, self.tpot_ms, self.e2e_ms) if ms is not None]
        require(len(given) > 0, "goodput needs at least one of ttft_ms, tpot_ms, e2e_ms")
        for ms in given:
            possible = within(ms, 0, MAX_LATENCY_MS) and ms > 0
            require(possible, f"goodput limit {ms} ms is not above 0 and up to {MAX_LATENCY_MS:g}")
        possible = within(self.min_share, 0, 1) and self.min_share > 0
        require(possible, f"min_share {self.min_share} is not above 0 and up to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Accuracy that must be left: recovery = quantized score / BF16 score, averaged over `tasks`."""

    min_recovery: float | None = None
    recipe: str | None = None
    """How the checkpoint is made, and by whom: `gptq`, `gptq@RedHatAI`; None = the best known one's."""
    tasks: tuple[str, ...] = ()
    """Benchmark names or families (`knowledge`, `reasoning`, `code`, `chat`, `long-context`,
    `instruction-following`); empty = the published averages."""

    def __post_init__(self) -> None:
        floor = self.min_recovery
        if floor is not None:
            possible = within(floor, 0, 1) and floor > 0
            require(possible, f"min_recovery {floor} is not above 0 and up to 1; 99 % is 0.99")
        if self.recipe is not None:
            require_line(self.recipe, "recipe")
        require(all(self.tasks), "a task has no name")
        for task in self.tasks:
            require_line(task, "task")
        require(len(set(self.tasks)) == len(self.tasks), "a task is named twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Load, limits, accuracy and aim of one use of a model."""

    name: str
    about: str
    """One line: what it stands for."""
    load: Load
    limits: tuple[LatencyLimit, ...] = ()
    goodput: Goodput | None = None
    quality: Quality = Quality()
    objective: Objective = "cost"
    gpu_count: GpuCount = "free"
    """smallest: each format takes its own smallest GPU count (the paper's synchronous tables).
    same: one count for all formats, the one BF16 needs (its asynchronous tables). free: searched."""
    confidence: float = USUAL_CONFIDENCE
    """Least probability that all limits are kept at once."""
    price_list: str | None = None
    """A named list of prices (`paper-2024-10`); None = the catalog's default."""
    source: str = ""
    """Where the shape and the limits were read."""
    engine: Engine | None = None
    """The release and the settings it is served with; None = the default release as it comes."""
    api_price: ApiPrice | None = None
    """What a hosted API would ask for the same requests; None = no comparison."""
    utilization: float | None = None
    """Mean traffic over a day ÷ the traffic of `load`, which the deployment is sized for; None = unknown."""

    @property
    def api_usd_per_request(self) -> float | None:
        """USD that a hosted API at `api_price` asks for the mean request; None without a price. Prompt tokens
        that a prefix cache holds are taken to be in the API's, too, at its price of cached ones."""
        price, load = self.api_price, self.load
        if price is None:
            return None
        return price.usd_per_request(load.mean_prompt_tokens, load.output_tokens.mean, load.most_prefix_hits)

    @property
    def context_tokens(self) -> int:
        """Tokens that a mean prompt and a mean answer take together: the length at which accuracy counts."""
        return round(self.load.mean_prompt_tokens + self.load.output_tokens.mean)

    @property
    def serves_given_clients(self) -> bool:
        """Whether clients in a closed loop have limits on latency: they are the load, as a rate is, and cost
        is USD per hour. Without limits a faster server serves them more, and cost is per token."""
        limited = bool(self.limits) or self.goodput is not None
        return limited and self.load.arrival.kind in ("concurrency", "single")

    def limit_on(self, metric: str, statistic: str | None = None) -> LatencyLimit | None:
        """The first limit on a metric, on one statistic of it where that is named; None without any."""
        on = (limit for limit in self.limits if limit.metric == metric)
        return next((limit for limit in on if statistic in (None, limit.statistic)), None)

    def statistic_of(self, metric: str) -> Statistic:
        """The statistic of a metric that an answer shows: the one that a limit is on, else the mean."""
        limit = self.limit_on(metric)
        return "mean" if limit is None else limit.statistic

    def __post_init__(self) -> None:
        require(bool(self.name), "a workload needs a name")
        for what, text in (("name", self.name), ("about", self.about), ("source", self.source)):
            require_line(text, what)
        if self.price_list is not None:
            require(self.price_list not in ("", "none"), "no price list is None, not a word")
            require_line(self.price_list, "price_list")
        require(self.objective in get_args(Objective), f"objective '{self.objective}' is unknown")
        require(self.gpu_count in get_args(GpuCount), f"gpu_count '{self.gpu_count}' is unknown")
        possible = within(self.confidence, MIN_CONFIDENCE, MAX_CONFIDENCE)
        require(possible, f"confidence {self.confidence} is not from {MIN_CONFIDENCE} to {MAX_CONFIDENCE}")
        used = self.utilization
        possible = used is None or (within(used, 0, 1) and used > 0)
        require(possible, f"utilization {used} is not above 0 and up to 1; 40 % is 0.4")
        kept = {(limit.metric, limit.statistic) for limit in self.limits}
        require(len(kept) == len(self.limits), "one statistic of one metric has two limits")
