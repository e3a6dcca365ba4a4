"""What `quantadvise profiles check` says: wrong keys, and limits and histories that change nothing."""

from __future__ import annotations

from pathlib import Path

from advisor.errors import QuantAdviseError
from advisor.spec.metrics import percentile_of
from advisor.spec.reading.given_value import Given
from advisor.spec.reading.located_yaml import read_yaml
from advisor.spec.workloads.profile_keys import READERS
from advisor.spec.workloads.read_profile import (
    build,
    profile_values,
)
from advisor.spec.workloads.workload import LatencyLimit, Workload


def check(path: Path | str) -> list[str]:
    """Everything wrong or doubtful in a profile's file, a line each; empty when all is well."""
    path = Path(path)
    try:
        given = read_yaml(path)
        entries = given.mapping()
    except QuantAdviseError as error:
        return [str(error)]
    if not entries:
        return [f"{path}: states nothing; write input_tokens, output_tokens and load, or extend a profile"]
    problems = [problem for entry in entries.values() for problem in _problems_of(entry)]
    if problems:
        return problems
    try:
        values = profile_values(path)
        if "input_tokens" not in values and "output_tokens" not in values:
            return []  # a scenario: complete only over a workload
        return _doubts(build(values, where=str(path)), str(path))
    except QuantAdviseError as error:
        return [str(error)]


def _problems_of(entry: Given) -> list[str]:
    """What the key's reader refuses; inside `slo` each entry speaks for itself."""
    key = entry.path[-1]
    try:
        if key not in READERS:
            raise entry.unknown_key(READERS)
        READERS[key](entry)
    except QuantAdviseError as error:
        return [str(error)]
    return []


def _doubts(workload: Workload, where: str) -> list[str]:
    """What is allowed but changes nothing and so cannot be meant: a history without turns, and limits that
    a stricter one makes idle."""
    talk = workload.load.conversation
    alone = talk.history is not None and not talk.has_turns
    history = [f"{where}: history repeats earlier turns, and there are none; add turns, or drop it"]
    return [
        *(history if alone else ()),
        *(
            f"{where}: slo: {loose.key} {loose.max_ms:g} never binds, since {tight.key} is already "
            f"limited to {tight.max_ms:g}; drop it or lower it"
            for loose in workload.limits
            for tight in workload.limits
            if _implies(tight, loose) and loose.max_ms >= tight.max_ms
        ),
    ]


def _implies(tight: LatencyLimit, loose: LatencyLimit) -> bool:
    """Whether what `tight` bounds is never below what `loose` bounds."""
    if (loose.metric, tight.metric) == ("ttft", "e2e"):
        return loose.statistic == tight.statistic
    low, high = percentile_of(loose.statistic), percentile_of(tight.statistic)
    return loose.metric == tight.metric and low is not None and high is not None and low < high
