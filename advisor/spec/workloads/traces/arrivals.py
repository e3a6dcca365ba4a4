"""When requests came: their rate and burstiness while any come, and what a single rate leaves out."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.spec.workloads.request_log import TracedRequest
from advisor.spec.workloads.workload import Arrival

LEAST_GAPS = 20
"""Fewer gaps between requests show no burstiness."""
LEAST_SILENCE_S = 5.0
LEAST_SILENT_SHARE = 0.2
"""Share of the time: with less silence than this the mean rate describes the log."""
LEAST_SPELL = 20
"""Requests in a busy spell, on average; shorter spells are bursts, which burstiness describes."""
_CHANCE = 1e-3
"""That one of the gaps of a Poisson process, at the rate of the busy spells, would be as long."""
_BUSY_S = 60.0
_HOUR_S = 3600.0
_HOURS_PER_DAY = 24
_MOST_HOURS = 100_000
"""Eleven years: a log that claims more has no clock to be believed."""
_VARIES = 1.5
"""Hours differ where the busiest has so many times the requests of the quietest."""
_COARSE = 5
"""Gaps of fewer units of the clock say nothing by themselves."""
_OFF_BEAT, _ON_BEAT = 0.01, 0.99
"""How far from whole beats times may lie, and the share of them that must not."""
_WINDOW_REQUESTS = 20
_LENGTH_CHANGE = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Spells:
    """A log divided at its long silences."""

    gaps: tuple[float, ...]
    """Gaps inside the busy spells, in seconds."""
    silences: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Requests per second while requests come."""
        return len(self.gaps) / sum(self.gaps)


def busy_spells(gaps: Sequence[float]) -> Spells:
    """The log's busy spells; one spell without silence where no gap is far too long for chance.

    The rate inside is judged from the median gap, which silences do not move.
    """
    whole = Spells(gaps=tuple(gaps), silences=())
    middle = statistics.median(gaps) / math.log(2) if len(gaps) >= LEAST_GAPS else 0.0
    if middle <= 0:
        return whole
    longest = max(LEAST_SILENCE_S, middle * math.log(len(gaps) / _CHANCE))
    silences = tuple(gap for gap in gaps if gap > longest)
    inside = tuple(gap for gap in gaps if gap <= longest)
    if sum(silences) < LEAST_SILENT_SHARE * sum(gaps) or len(gaps) / (len(silences) + 1) < LEAST_SPELL:
        return whole
    return Spells(gaps=inside, silences=silences)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The rates of a log that covers at least a day, over its whole days."""

    mean: float
    """Requests per second."""
    busiest: float
    """Requests per second in the busiest hour."""


def day_of(times: Sequence[float]) -> Day | None:
    """The day of a log, from its ascending times in seconds; None where it is shorter or its hours alike."""
    hours = _hours(times)
    days = len(hours) // _HOURS_PER_DAY
    counts = hours[: days * _HOURS_PER_DAY]
    if not days or max(counts) < _VARIES * max(min(counts), 1):
        return None
    return Day(mean=statistics.fmean(counts) / _HOUR_S, busiest=max(counts) / _HOUR_S)


def _hours(times: Sequence[float]) -> list[int]:
    """Requests in each whole hour since the first; one that lacks a minute at the end counts as whole."""
    whole = int((times[-1] - times[0] + _BUSY_S) // _HOUR_S)
    if whole > _MOST_HOURS:
        return []
    hours = Counter(math.floor((at - times[0]) / _HOUR_S) for at in times)
    return [hours.get(hour, 0) for hour in range(whole)]


def burstiness(gaps: Sequence[float]) -> float:
    """Gamma shape with the gaps' mean and variance: 1 for Poisson, below it for bursts."""
    mean = statistics.fmean(gaps)
    variance = statistics.pvariance(gaps, mean)
    if variance == 0:
        return 1000.0
    return min(max(mean**2 / variance, 0.01), 1000.0)


def burstiness_of_counts(times: Sequence[float], window_s: float) -> float | None:
    """Burstiness from how many requests fall into windows, for a clock too coarse for gaps; None: too few.

    Of a renewal process the variance of counts over their mean tends to 1 / shape. Successive windows are
    compared, so that a trend over the day counts as none.
    """
    counts = Counter(math.floor((at - times[0]) / window_s) for at in times)
    values = [counts.get(i, 0) for i in range(max(counts))]  # the last window is cut off
    if len(values) < LEAST_GAPS:
        return None
    mean = statistics.fmean(values)
    variance = statistics.fmean((b - a) ** 2 for a, b in itertools.pairwise(values)) / 2
    return None if variance <= 0 else min(max(mean / variance, 0.01), 1000.0)


def resolution_s(times: Sequence[float]) -> float:
    """The unit that all times are multiples of, when it is a tenth of a second or more; else 0.

    times: ascending.
    """
    units = (60.0, 10.0, 1.0, 0.1)
    whole = (unit for unit in units if all(abs(at / unit - round(at / unit)) < 1e-4 for at in times))
    return max(next(whole, 0.0), _ticks_s(times))


def _ticks_s(times: Sequence[float]) -> float:
    """The beat of a log that writes requests down every few seconds, a millisecond sooner or later; 0: none.

    Mooncake's has one of 3 s. times: ascending.
    """
    apart = [after - before for before, after in itertools.pairwise(times) if after > before]
    if len(apart) < LEAST_GAPS or 2 * len(apart) > len(times):
        return 0.0
    unit = statistics.median(apart)
    on_beat = sum(abs(gap / unit - round(gap / unit)) < _OFF_BEAT and gap > unit / 2 for gap in apart)
    return float(f"{unit:.3g}") if unit >= 0.1 and on_beat >= _ON_BEAT * len(apart) else 0.0


def spread(times: Sequence[float], resolution: float) -> list[float]:
    """The times, those that fall on one tick of a coarse clock spread evenly until the next, in their order.

    A replay would else send all requests of a second, or of Mooncake's three, at one moment.
    """
    unit = max(resolution, resolution_s(sorted(times)))
    mean_gap = (max(times) - min(times)) / max(len(times) - 1, 1)
    if not unit or mean_gap >= _COARSE * unit:
        return list(times)
    ticks = Counter(round(at / unit) for at in times)
    passed: Counter[int] = Counter()
    found = []
    for at in times:
        tick = round(at / unit)
        found.append((tick + (passed[tick] + 0.5) / ticks[tick]) * unit)
        passed[tick] += 1
    return found


def arrival_of(requests: Sequence[TracedRequest], resolution: float) -> tuple[Arrival, list[str]]:
    """How the requests of a log came, and what a reader should know of it; every request has its time."""
    times = sorted(one.at_s for one in requests if one.at_s is not None)
    unit = max(resolution, resolution_s(times))
    gaps = [after - before for before, after in itertools.pairwise(times)]
    spells, notes = busy_spells(gaps), []
    span = times[-1] - times[0]
    overall = len(gaps) / span
    if spells.silences:
        notes.append(
            f"silent for {100 * sum(spells.silences) / span:.0f} % of the time, in {len(spells.silences)} "
            f"gaps of {min(spells.silences):.0f} s and more: the profile has the {spells.rate:.3g} "
            f"requests/s of the {len(spells.silences) + 1} busy spells, over all it is {overall:.3g}"
        )
    shape = _shape(spells, times, unit, notes)
    if not spells.silences:
        notes += _busiest(times, overall)
    notes += _trend(times)
    notes += _lengths_over_time(requests, times[0])
    return Arrival(kind="rate", value=float(f"{spells.rate:.4g}"), burstiness=shape), notes


def _shape(spells: Spells, times: Sequence[float], unit: float, notes: list[str]) -> float:
    if len(spells.gaps) < LEAST_GAPS:
        notes.append(f"{len(spells.gaps)} gaps show no burstiness: Poisson is taken")
        return 1.0
    if unit and statistics.fmean(spells.gaps) < _COARSE * unit:
        window_s = max(10 * unit, _WINDOW_REQUESTS / spells.rate)
        shape = None if spells.silences else burstiness_of_counts(times, window_s)
        coarse = f"times are multiples of {unit:g} s, too coarse for gaps"
        if shape is None:
            notes.append(f"{coarse}: Poisson is taken, and a replay spreads the requests of a tick")
            return 1.0
        notes.append(
            f"{coarse}: burstiness is judged by counts in windows of {window_s:.0f} s, and a replay "
            "spreads the requests of a tick"
        )
        return float(f"{shape:.3g}")
    return float(f"{burstiness(spells.gaps):.3g}")


def _busiest(times: Sequence[float], rate: float) -> list[str]:
    if times[-1] - times[0] <= 2 * _BUSY_S:
        return []
    minutes = Counter(math.floor((at - times[0]) / _BUSY_S) for at in times)
    busiest = max(minutes.values()) / _BUSY_S
    return [f"the mean is {rate:.3g} requests/s, the busiest minute has {busiest:.3g}: plan for it"]


def _trend(times: Sequence[float]) -> list[str]:
    """The rate over the hours, where they differ and are no whole day."""
    counts = sorted(_hours(times))
    if len(counts) < 3 or counts[-1] < _VARIES * max(counts[0], 1) or day_of(times) is not None:
        return []
    return [
        f"over {len(counts)} hours the rate goes from {counts[0] / _HOUR_S:.3g} to "
        f"{counts[-1] / _HOUR_S:.3g} requests/s: one rate stands for none of them, give --rate for the hour "
        "to serve"
    ]


def _lengths_over_time(requests: Sequence[TracedRequest], start: float) -> list[str]:
    """Whether prompts are longer or shorter when most requests come, which independent draws do not keep."""
    windows: dict[int, list[int]] = {}
    for one in requests:
        size = one.input_tokens if one.input_tokens is not None else one.input_chars
        if one.at_s is not None and size is not None:
            windows.setdefault(math.floor((one.at_s - start) / _BUSY_S), []).append(size)
    if len(windows) < LEAST_GAPS:
        return []
    ordered = sorted(windows.values(), key=len, reverse=True)
    busy = [size for window in ordered[: max(1, len(ordered) // 10)] for size in window]
    everyone = [size for window in ordered for size in window]
    change = statistics.fmean(busy) / statistics.fmean(everyone)
    if len(busy) < LEAST_GAPS or 1 / _LENGTH_CHANGE < change < _LENGTH_CHANGE:
        return []
    return [
        f"in the busiest tenth of the minutes prompts are {change:.2g} times as long as on average: "
        "the profile draws lengths and arrivals independently"
    ]
