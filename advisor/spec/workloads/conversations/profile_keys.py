"""The keys of a conversation in a profile: how each is read, how it is written back."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.spec.reading.given_value import Given
from advisor.spec.reading.located_yaml import plain_number
from advisor.spec.workloads.conversations.conversation import MAX_SYSTEM_TOKENS
from advisor.spec.workloads.conversations.turn_distributions import MAX_THINK_S, MAX_TURNS, ThinkTime, Turns

TURNS_KEYS: Mapping[str, tuple[str, ...]] = {
    "constant": ("kind", "value"),
    "uniform": ("kind", "min", "max"),
    "geometric": ("kind", "mean"),
    "empirical": ("kind", "values"),
}
THINK_KEYS: Mapping[str, tuple[str, ...]] = {
    "constant": ("kind", "value"),
    "uniform": ("kind", "min", "max"),
    "exponential": ("kind", "mean"),
    "lognormal": ("kind", "mean", "std", "cv"),
    "empirical": ("kind", "values"),
}


def read_turns(given: Given) -> Turns:
    """`4`, `2.5` (a mix of 2 and 3), `{kind: geometric, mean: 4}`, `{min: 1, max: 8}`, `{values: [..]}`."""
    if not isinstance(given.value, Mapping):
        return Turns.constant(given.number(low=1, high=MAX_TURNS, unit="turns"))
    kind, entries = _kind(given, TURNS_KEYS, "geometric", "turns")

    def count(entry: Given, low: int = 1) -> int:
        return entry.whole(low=low, high=MAX_TURNS, unit="turns")

    if kind == "uniform":
        low = count(_need(given, entries, kind, "min"))
        return Turns.uniform(low, count(_need(given, entries, kind, "max"), low))
    if kind == "empirical":
        values = [count(item) for item in _need(given, entries, kind, "values").items()]
        return given.build(lambda: Turns.empirical(values))
    if kind == "constant":
        return Turns.constant(
            _need(given, entries, kind, "value").number(low=1, high=MAX_TURNS, unit="turns")
        )
    mean = _need(given, entries, kind, "mean").number(low=1, high=MAX_TURNS, unit="turns")
    return given.build(lambda: Turns.geometric(mean))


def write_turns(turns: Turns) -> object:
    """What `read_turns` turns back into the same turns."""
    if turns.kind == "uniform":
        return {"kind": "uniform", "min": turns.low, "max": turns.high}
    if turns.kind == "empirical":
        return {"values": list(turns.values)}
    if turns.kind == "geometric":
        return {"kind": "geometric", "mean": plain_number(turns.mean)}
    return plain_number(turns.mean)


def read_think_time(given: Given) -> ThinkTime:
    """Seconds: `30`, `{kind: exponential, mean: 30}`, `{mean: 30, std: 40}` (lognormal), `{values: [3]}`."""
    if not isinstance(given.value, Mapping):
        return ThinkTime.constant(_seconds(given))
    kind, entries = _kind(given, THINK_KEYS, "exponential", "think time")
    if kind == "uniform":
        low = _seconds(_need(given, entries, kind, "min"))
        high = _need(given, entries, kind, "max").number(low=low, high=MAX_THINK_S, unit="s")
        return ThinkTime.uniform(low, high)
    if kind == "empirical":
        values = [_seconds(item) for item in _need(given, entries, kind, "values").items()]
        return given.build(lambda: ThinkTime.empirical(values))
    if kind == "constant":
        return ThinkTime.constant(_seconds(_need(given, entries, kind, "value")))
    mean = _need(given, entries, kind, "mean").number(above=0, high=MAX_THINK_S, unit="s")
    if kind == "exponential":
        return ThinkTime.exponential(mean)
    if ("std" in entries) == ("cv" in entries):
        raise given.error("lognormal think time needs mean with std, or mean with cv")
    if "cv" in entries:
        std = mean * entries["cv"].number(low=1e-6, high=10)
    else:
        std = entries["std"].number(low=1e-6 * mean, high=10 * mean, unit="s")
    return given.build(lambda: ThinkTime.lognormal(mean, std))


def write_think_time(think: ThinkTime) -> object:
    """What `read_think_time` turns back into the same think time."""
    if think.kind == "uniform":
        return {
            "kind": "uniform",
            "min": plain_number(think.low),
            "max": plain_number(think.high or think.low),
        }
    if think.kind == "empirical":
        return {"values": [plain_number(value) for value in think.values]}
    if think.kind == "exponential":
        return {"kind": "exponential", "mean": plain_number(think.mean)}
    if think.kind == "lognormal":
        return {"kind": "lognormal", "mean": plain_number(think.mean), "std": plain_number(think.std)}
    return plain_number(think.mean)


def read_system_tokens(given: Given) -> int:
    """Tokens that all prompts begin with."""
    return given.whole(low=0, high=MAX_SYSTEM_TOKENS, unit="tokens")


def read_history(given: Given) -> int | None:
    """`all` (None), `none` (0) or how many of the last turns."""
    if isinstance(given.value, str) and given.value.strip().lower() in ("all", "none"):
        return None if given.value.strip().lower() == "all" else 0
    if isinstance(given.value, str) or given.value is None:
        raise given.error(f"expected all, none or a number of turns, found '{given.value}'")
    return given.whole(low=0, high=MAX_TURNS, unit="turns")


def write_history(history: int | None) -> object:
    """What `read_history` turns back."""
    return "all" if history is None else history or "none"


def _seconds(given: Given) -> float:
    return given.number(low=0, high=MAX_THINK_S, unit="s")


def _kind(
    given: Given, known: Mapping[str, tuple[str, ...]], by_mean: str, what: str
) -> tuple[str, dict[str, Given]]:
    """The kind stated or implied, and its entries; `by_mean` is what a mean alone stands for."""
    entries = given.keys(dict.fromkeys(key for keys in known.values() for key in keys))
    if "kind" in entries:
        kind = entries["kind"].choice(known)
    elif "values" in entries:
        kind = "empirical"
    elif "value" in entries:
        kind = "constant"
    elif "std" in entries or "cv" in entries:
        kind = "lognormal"
    else:
        kind = by_mean if "mean" in entries else "uniform"
    for key, entry in entries.items():
        if key not in known[kind]:
            raise entry.error(f"does not belong to {kind} {what}; known keys: {', '.join(known[kind])}")
    return kind, entries


def _need(given: Given, entries: Mapping[str, Given], kind: str, key: str) -> Given:
    if key not in entries:
        raise given.error(f"{kind} needs '{key}'")
    return entries[key]
