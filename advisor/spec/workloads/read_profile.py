"""Profile → Workload: the only reader of profiles/, and of users' own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.errors import InputError, unknown
from advisor.shipped_files import shipped
from advisor.spec.engines.engine_of_profile import refuse_speculative
from advisor.spec.reading.given_value import Given, plain
from advisor.spec.reading.located_yaml import parse_yaml, read_yaml, write_yaml
from advisor.spec.reading.name_lookup import printable
from advisor.spec.workloads.conversations.conversation import (
    NO_PAUSE,
    ONE_TURN,
    Conversation,
    values_of_conversation,
)
from advisor.spec.workloads.length_distribution import at_mean
from advisor.spec.workloads.profile_keys import READERS, WRITERS
from advisor.spec.workloads.workload import USUAL_CONFIDENCE, Load, Quality, Workload

_MAX_CHAIN = 5
LENGTHS = frozenset({"input_tokens", "output_tokens", "turns", "system_tokens", "history"})
"""Keys of a profile that say how long requests are."""
MAXIMUM = "--concurrency max"
"""How the command line says that all requests are queued at once."""
SCENARIOS = "scenarios"
"""Folder of the profiles that state no lengths and are laid over another."""


def known_workloads() -> tuple[str, ...]:
    """Names that `load_workload` finds without a path."""
    return tuple(_workload_files())


def known_scenarios() -> tuple[str, ...]:
    """Names that `scenario=` finds without a path; `paper-` may be left away."""
    return tuple(_scenario_files())


def load_workload(name_or_path: str, *, scenario: str | None = None) -> Workload:
    """The workload of a shipped profile or of a YAML file, with a scenario laid over it.

    Raises UnknownNameError for a name that is no profile, InputError (file:line: key: what; remedy)
    for a profile that is not right.
    """
    path = _workload_path(name_or_path)
    values = profile_values(path)
    if scenario is not None:
        values = values_over(values, scenario_profile(scenario))
    return build(values, where=_shown(path))


def parse_workload(text: str, *, where: str = "profile") -> Workload:
    """The workload of a profile's text."""
    given = parse_yaml(text, where=where)
    return build(_values(given, Path(where), ()), where=where)


def to_yaml(workload: Workload) -> str:
    """A profile that `parse_workload` and `load_workload` read back as this very workload."""
    written: dict[str, object] = {}
    for key, value in values_of(workload).items():
        if value not in (None, "", (), Quality()):
            written[key] = WRITERS[key](value) if key in WRITERS else value
    return write_yaml(written)


def values_of(workload: Workload) -> dict[str, Any]:
    """A workload as the values of a profile's keys."""
    return {
        "name": workload.name,
        "about": workload.about,
        "source": workload.source,
        "input_tokens": workload.load.input_tokens,
        "output_tokens": workload.load.output_tokens,
        "load": workload.load.arrival,
        "prefix_hit_rate": None if workload.load.conversation.repeats else workload.load.prefix_hit_rate,
        **values_of_conversation(workload.load.conversation),
        "longest_request_tokens": workload.load.longest_request_tokens,
        "slo": workload.limits,
        "goodput": workload.goodput,
        "quality": workload.quality,
        "objective": workload.objective,
        "gpu_count": workload.gpu_count,
        "confidence": workload.confidence,
        "price_list": workload.price_list,
        "api_price": workload.api_price,
        "utilization": workload.utilization,
        "engine": workload.engine,
    }


def _shown(path: Path) -> str:
    """Short for a shipped file, as given for a user's."""
    try:
        return str(Path("profiles") / path.relative_to(shipped("profiles")))
    except ValueError:
        return str(path)


def _fold(name: str) -> str:
    """Case, '-', '_', '.' and ' ' do not count in a name."""
    return "".join(c for c in name.lower() if c not in "-_. ")


def _workload_files() -> dict[str, Path]:
    return {path.stem: path for path in sorted(shipped("profiles").glob("*.yaml"))}


def _scenario_files() -> dict[str, Path]:
    return {path.stem: path for path in sorted((shipped("profiles") / SCENARIOS).glob("*.yaml"))}


def _scenario_names() -> dict[str, Path]:
    """What people type for a scenario: `paper-synchronous`, `synchronous`, `sync`."""
    names: dict[str, Path] = {}
    for name, path in _scenario_files().items():
        short = name.removeprefix("paper-")
        names |= {name: path, short: path, short.removesuffix("hronous"): path}
    return names


def _as_path(name: str, folder: Path) -> Path | None:
    """The file that `name` is a path to; None when it is a plain name."""
    if not ("/" in name or "\\" in name or name.lower().endswith((".yaml", ".yml", ".json"))):
        return None
    try:
        return folder / Path(name).expanduser()
    except RuntimeError as error:  # ~nobody
        raise InputError(f"{plain(name)}: cannot be a path ({error}); check it") from error


def _matching(name: str, files: Mapping[str, Path]) -> Path | None:
    return next((path for known, path in files.items() if _fold(known) == _fold(name)), None)


def _workload_path(name: str) -> Path:
    path = _as_path(name, Path()) or _matching(name, _workload_files())
    if path is not None:
        return path
    if _matching(name, _scenario_names()) is not None:
        raise InputError(
            f"'{name}' is a scenario, laid over a workload; use for example --workload rag --scenario {name}"
        )
    raise unknown("workload", plain(name), _workload_files())


def scenario_profile(name_or_path: str) -> dict[str, Any]:
    """What a scenario lays over a workload's values."""
    names = _scenario_names()
    path = _as_path(name_or_path, Path()) or _matching(name_or_path, names)
    if path is None:
        raise unknown(
            "scenario", plain(name_or_path), [name.removeprefix("paper-") for name in _scenario_files()]
        )
    return profile_values(path)


def profile_values(path: Path) -> dict[str, Any]:
    """The values of a profile's keys, its own over those of what it extends; some may be missing."""
    return _values(read_yaml(path, _shown(path)), path, ())


def _values(given: Given, path: Path, below: tuple[Path, ...]) -> dict[str, Any]:
    refuse_speculative(given.mapping())
    own = {key: READERS[key](entry) for key, entry in given.keys(READERS).items()}
    chain = (*below, path.resolve())
    values: dict[str, Any] = {}
    for parent in own.pop("extends", ()):
        entry = given.child("extends", parent)
        parent_path = _parent_path(entry, parent)
        if parent_path.resolve() in chain:
            raise entry.error(f"'{parent}' extends this profile in turn; break the circle")
        if len(chain) >= _MAX_CHAIN:
            raise entry.error(f"more than {_MAX_CHAIN} profiles on top of each other; flatten them")
        below_values = _values(read_yaml(parent_path, _shown(parent_path)), parent_path, chain)
        values = values_over(values, below_values)
    own.setdefault("name", printable(path.stem, what="profile"))
    return values_over(values, own, named=True)


def _parent_path(entry: Given, parent: str) -> Path:
    path = _as_path(parent, entry.folder or Path())
    path = path or _matching(parent, _workload_files()) or _matching(parent, _scenario_names())
    if path is None:
        names = (*_workload_files(), *_scenario_files())
        raise unknown("profile", plain(parent), names, where=f"{entry.place}: extends")
    return path


def values_over(
    values: Mapping[str, Any], layer: Mapping[str, Any], *, named: bool = False
) -> dict[str, Any]:
    """`values` with those of `layer` in their place; `spread: none` then takes lengths at their mean.

    Other lengths have another longest request than the one that was known. A scenario keeps the
    workload's name and description; a profile that extends another has its own.
    """
    merged = dict(values) | dict(layer)
    if not LENGTHS.isdisjoint(layer) and "longest_request_tokens" not in layer:
        merged.pop("longest_request_tokens", None)  # it was one of the other lengths
    if not named and values:
        merged |= {key: values[key] for key in ("about", "source") if key in values}
        merged["name"] = f"{values['name']} ({layer['name']})"
    if merged.pop("spread", "kept") == "none":
        for key in ("input_tokens", "output_tokens"):
            if key in merged:
                merged[key] = at_mean(merged[key])
            else:
                merged["spread"] = "none"
        merged.pop("longest_request_tokens", None)
    return merged


def build(values: Mapping[str, Any], *, where: str | None) -> Workload:
    """The workload of a profile's values; InputError when some are missing or contradict each other.

    where: the profile that errors name; None = options stated them, so errors name options in place of keys.
    """
    missing = [key for key in ("input_tokens", "output_tokens", "load") if key not in values]
    if missing:
        raise InputError(
            f"{where or 'the options'}: has no {' and no '.join(missing)}; state them, or extend a profile "
            "that does"
        )
    arrival, limits, goodput = values["load"], values.get("slo", ()), values.get("goodput")
    if arrival.kind == "maximum" and (limits or goodput is not None):
        raise InputError(
            f"{MAXIMUM if where is None else f'{where}: load maximum'}: queues all requests at once, so a "
            "latency limit cannot be kept; "
            f"state a rate or a number of users, or drop the limits ({_setting(where, 'slo', 'none')})"
        )
    _check_thinking(values, where)
    known, sides = values.get("longest_request_tokens"), (values["input_tokens"], values["output_tokens"])
    if known is not None and known < max(side.longest for side in sides):
        raise InputError(
            f"{_place(where, 'longest_request_tokens')}: {known:,} is less than the longest prompt or "
            f"answer, {max(side.longest for side in sides):,}; drop it, or cut the lengths (max)"
        )
    try:
        return Workload(
            name=values["name"],
            about=values.get("about", ""),
            load=Load(
                input_tokens=values["input_tokens"],
                output_tokens=values["output_tokens"],
                arrival=arrival,
                prefix_hit_rate=values.get("prefix_hit_rate") or 0.0,
                conversation=Conversation(
                    turns=values.get("turns") or ONE_TURN,
                    think_time=values.get("think_time_s") or NO_PAUSE,
                    system_tokens=values.get("system_tokens") or 0,
                    history=values.get("history"),
                ),
                longest_request_tokens=known,
            ),
            limits=limits,
            goodput=goodput,
            quality=values.get("quality", Quality()),
            objective=values.get("objective", "cost"),
            gpu_count=values.get("gpu_count", "free"),
            confidence=values.get("confidence", USUAL_CONFIDENCE),
            price_list=values.get("price_list"),
            api_price=values.get("api_price"),
            utilization=values.get("utilization"),
            engine=values.get("engine"),
            source=values.get("source", ""),
        )
    except ValueError as error:
        raise InputError(f"{where or 'the options'}: {error}") from error


def option_of(key: str) -> str:
    """The option that states a profile's key: `--think-time`."""
    return "--" + key.removesuffix("_s").replace("_", "-")


def _place(where: str | None, key: str) -> str:
    """What an error on a key begins with."""
    return option_of(key) if where is None else f"{where}: {key}"


def _setting(where: str | None, key: str, value: str) -> str:
    """A key with a value as one writes it there: `slo: none`, `--slo none`."""
    return f"{option_of(key)} {value}" if where is None else f"{key}: {value}"


_NOBODY_WAITS = {
    "rate": "requests come by themselves",
    "single": "one request comes after another",
    "maximum": "all requests are queued at once",
}


def _check_thinking(values: Mapping[str, Any], where: str | None) -> None:
    """Raises InputError where nobody waits for an answer, so that a think time would change nothing."""
    kind = values["load"].kind
    talk = Conversation(
        turns=values.get("turns") or ONE_TURN, think_time=values.get("think_time_s") or NO_PAUSE
    )
    if kind in _NOBODY_WAITS and talk.pauses and not talk.has_turns:
        raise InputError(
            f"{_place(where, 'think_time_s')}: {_NOBODY_WAITS[kind]}, so a think time changes nothing; add "
            "turns (conversations) or concurrency (users who wait), or drop it "
            f"({_setting(where, 'think_time_s', '0')})"
        )
