"""The conversations of a request log: which request goes on from which, and the profile that they make.

Two things show it: a name that the log has for each conversation, and prompts that begin with all of an
earlier prompt (cumulative hashes of token blocks, or the messages themselves).
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from advisor.spec.workloads.conversations.conversation import NO_PAUSE, Conversation
from advisor.spec.workloads.conversations.turn_distributions import MAX_THINK_S, MAX_TURNS, ThinkTime, Turns
from advisor.spec.workloads.request_log import TracedRequest

LEAST_FOLLOWING = 0.05
"""Share of the requests that go on a conversation, from which on the log is one of conversations."""
MAX_VALUES = 100
_SYSTEM_SHARE = 0.5
"""Share of the requests that begin alike, from which on that is a system prompt."""
_MOST_DROPPED = 0.5
"""Share of later prompts that are shorter than what was said before, from which on there is no history."""
_LONGER_FIRST = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundConversations:
    """What a log shows of its conversations."""

    conversation: Conversation
    new_tokens: tuple[int, ...]
    """Prompt tokens that each request's turn adds."""
    notes: tuple[str, ...]


def conversations_of(
    requests: Sequence[TracedRequest], prompts: Sequence[int], answers: Sequence[int]
) -> FoundConversations | None:
    """The conversations of a log; None where it shows none. prompts, answers: tokens of each request."""
    shared = _system_depth(requests)
    chains = _chains(requests, shared)
    following = len(requests) - len(chains)
    if following < max(1, LEAST_FOLLOWING * len(requests)):
        return None
    system = _system_tokens(requests, prompts, shared)
    later = [pair for chain in chains for pair in itertools.pairwise(chain)]
    dropped = [now for before, now in later if prompts[now] < prompts[before] + answers[before]]
    history = None if len(dropped) < _MOST_DROPPED * len(later) else 0
    new = [max(1, tokens - system) for tokens in prompts]
    if history is None:
        for before, now in later:
            new[now] = max(1, prompts[now] - prompts[before] - answers[before])
    lengths = [min(len(chain), MAX_TURNS) for chain in chains]
    think, notes = _think_time(requests, later)
    notes += _remarks(chains, new, len(dropped), len(later), history)
    return FoundConversations(
        conversation=Conversation(
            turns=Turns.empirical(_grouped(lengths)), think_time=think, system_tokens=system, history=history
        ),
        new_tokens=tuple(new),
        notes=tuple(notes),
    )


def _chains(requests: Sequence[TracedRequest], shared: int) -> list[list[int]]:
    """Positions of the requests of each conversation, in the order of sending."""
    order = sorted(range(len(requests)), key=lambda i: (requests[i].at_s or 0.0, i))
    chains: list[list[int]] = []
    chain_of: dict[Hashable, int] = {}
    for i in order:
        request = requests[i]
        if request.conversation is not None:
            own: Hashable = ("name", request.conversation)
            at = chain_of.get(own)
        else:
            at = _continued(requests, i, shared, chain_of, chains)
        if at is None:
            at = len(chains)
            chains.append([])
        chains[at].append(i)
        if request.conversation is not None:
            chain_of["name", request.conversation] = at
        elif len(request.prefixes) > shared:
            chain_of["prompt", request.prefixes[-1].name] = at
    return chains


def _continued(
    requests: Sequence[TracedRequest],
    i: int,
    shared: int,
    chain_of: dict[Hashable, int],
    chains: list[list[int]],
) -> int | None:
    """The conversation whose last prompt this longer prompt begins with: of several the longest. What begins
    like an earlier prompt of a conversation that has gone on is another one."""
    for prefix in reversed(requests[i].prefixes[shared:]):
        at = chain_of.get(("prompt", prefix.name))
        if at is not None and _size(requests[chains[at][-1]]) < _size(requests[i]):
            del chain_of["prompt", prefix.name]
            return at
    return None


def _size(request: TracedRequest) -> int:
    """Tokens of a prompt, or characters where the log has text."""
    return (request.in_tokens and request.input_tokens) or request.prefixes[-1].size


def _system_depth(requests: Sequence[TracedRequest]) -> int:
    """Prefixes that at least half of the prompts have in common."""
    depth = 0
    while True:
        names = Counter(one.prefixes[depth].name for one in requests if len(one.prefixes) > depth)
        if not names or names.most_common(1)[0][1] < max(2, _SYSTEM_SHARE * len(requests)):
            return depth
        depth += 1


def _system_tokens(requests: Sequence[TracedRequest], prompts: Sequence[int], depth: int) -> int:
    """Tokens of the prefixes that most prompts have in common; of messages in proportion to their text."""
    if not depth:
        return 0
    sizes = []
    for one, tokens in zip(requests, prompts, strict=True):
        if len(one.prefixes) >= depth:
            per_unit = 1.0 if one.in_tokens else tokens / max(one.prefixes[-1].size, 1)
            sizes.append(one.prefixes[depth - 1].size * per_unit)
    return min(round(statistics.median(sizes)), min(prompts) - 1)


def _think_time(
    requests: Sequence[TracedRequest], later: Sequence[tuple[int, int]]
) -> tuple[ThinkTime, list[str]]:
    pauses, since_sent = [], 0
    for before, now in later:
        sent, ended = requests[now].at_s, requests[before].ended_s
        if ended is None:
            ended = requests[before].at_s
            since_sent += 1
        if sent is not None and ended is not None:
            pauses.append(min(max(sent - ended, 0.0), MAX_THINK_S))
    if not pauses:
        return NO_PAUSE, ["the log does not say how long users think: think_time_s is taken as 0, state it"]
    notes = []
    if since_sent:
        notes.append(
            "the log does not say when answers ended: think_time_s goes from prompt to prompt, so that it is "
            "too long by the time of an answer"
        )
    return ThinkTime.empirical([float(f"{value:.4g}") for value in _means(sorted(pauses))]), notes


def _remarks(
    chains: Sequence[Sequence[int]], new: Sequence[int], dropped: int, later: int, history: int | None
) -> list[str]:
    turns = sum(map(len, chains)) / len(chains)
    notes = [f"{len(chains):,} conversations of {turns:.3g} turns on average"]
    if history == 0:
        notes.append("prompts do not repeat what was said before: history is none")
    elif dropped:
        notes.append(
            f"{100 * dropped / later:.0f} % of later prompts are shorter than what was said before: the log "
            "drops a part of the history, the profile keeps all of it"
        )
    first = statistics.fmean(new[chain[0]] for chain in chains)
    rest = statistics.fmean(new[i] for chain in chains for i in chain[1:])
    if not 1 / _LONGER_FIRST < first / rest < _LONGER_FIRST:
        notes.append(
            f"first prompts have {first:,.0f} new tokens on average, later ones {rest:,.0f}: the profile "
            "draws both from one distribution, so that its prompts repeat more than the log's; "
            "--no-conversations keeps the log's own share"
        )
    return notes


def _means(ordered: Sequence[float]) -> list[float]:
    """At most `MAX_VALUES` means of as many parts of equal weight; their mean is that of the values."""
    if len(ordered) <= MAX_VALUES:
        return list(ordered)
    sums = [0.0, *itertools.accumulate(ordered)]

    def below(place: float) -> float:
        """The sum of the values up to a place between two of them."""
        whole = int(place)
        return sums[whole] + (place - whole) * (ordered[whole] if whole < len(ordered) else 0.0)

    edges = [below(at * len(ordered) / MAX_VALUES) for at in range(MAX_VALUES + 1)]
    return [(high - low) * MAX_VALUES / len(ordered) for low, high in itertools.pairwise(edges)]


def _grouped(counts: Sequence[int]) -> list[int]:
    """At most `MAX_VALUES` whole numbers whose mean is that of the counts, to within a hundredth."""
    found, carried = [], 0.0
    for mean in _means(sorted(counts)):
        whole = max(1, math.floor(mean + carried + 0.5))
        carried += mean - whole
        found.append(whole)
    return found
