"""When the requests of a log came: busy spells and silence, coarse clocks, trends, lengths over time."""

from __future__ import annotations

import itertools
import random
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.spec.workloads.request_log import TracedRequest
from advisor.spec.workloads.traces.arrivals import arrival_of, busy_spells, day_of, spread
from advisor.spec.workloads.traces.profile_of_trace import profile_from_trace


def request(at: float, prompt: int = 500) -> TracedRequest:
    return TracedRequest(at_s=at, input_tokens=prompt, output_tokens=100)


def poisson(rate: float, n: int, seed: int = 1, start: float = 0.0, shape: float = 1.0) -> list[float]:
    rng, times, at = random.Random(seed), [], start
    for _ in range(n):
        at += rng.gammavariate(shape, 1 / (shape * rate))
        times.append(at)
    return times


def on_off(spells: int, each: int, rate: float, silence_s: float) -> list[float]:
    times: list[float] = []
    for spell in range(spells):
        times += poisson(rate, each, seed=spell, start=(times[-1] if times else 0.0) + silence_s)
    return times


def test_silence_is_named_and_burstiness_judged_inside_the_spells() -> None:
    """Over all gaps the shape would be 0.01: a profile of a load that nothing keeps."""
    arrival, notes = arrival_of([request(at) for at in on_off(8, 60, 8.0, 100.0)], 0.0)
    assert arrival.value == pytest.approx(8.0, rel=0.1)
    assert arrival.burstiness == pytest.approx(1.0, abs=0.2)
    assert "silent for 9" in notes[0]
    assert "8 busy spells" in notes[0]


def test_plain_poisson_has_no_silence() -> None:
    for seed in range(20):
        arrival, notes = arrival_of([request(at) for at in poisson(2.0, 400, seed=seed)], 0.0)
        assert arrival.value == pytest.approx(2.0, rel=0.2)
        assert not any("silent" in note for note in notes)


@given(shape=st.sampled_from([0.1, 0.3, 0.5]), seed=st.integers(0, 50))
def test_bursts_are_burstiness_and_not_silence(shape: float, seed: int) -> None:
    times = poisson(5.0, 2000, seed=seed, shape=shape)
    gaps = [b - a for a, b in itertools.pairwise(times)]
    if not busy_spells(gaps).silences:
        arrival, _ = arrival_of([request(at) for at in times], 0.0)
        assert arrival.burstiness == pytest.approx(shape, rel=0.4)
    else:
        # What is called silence must be a fifth of the time, in few places.
        assert len(gaps) / (len(busy_spells(gaps).silences) + 1) >= 20


@pytest.mark.parametrize("shape", [1.0, 0.3])
def test_a_clock_of_whole_seconds_shows_burstiness_by_counts(shape: float) -> None:
    """Whatever format the log has: the unit is seen in the times themselves."""
    times = [float(int(at)) for at in poisson(8.0, 20_000, shape=shape)]
    arrival, notes = arrival_of([request(at) for at in times], 0.0)
    assert arrival.burstiness == pytest.approx(shape, rel=0.3)
    assert any("multiples of 1 s" in note and "counts in windows" in note for note in notes)


@pytest.mark.parametrize("shape", [1.0, 0.4])
def test_a_log_that_writes_every_three_seconds_shows_burstiness_by_counts(shape: float) -> None:
    """As Mooncake's: a beat of 3 s, a millisecond sooner or later."""
    ticks = [int(at // 3) for at in poisson(3.4, 12_000, shape=shape)]
    times = [3.0 * tick + 0.001 * (tick % 3) for tick in ticks]
    arrival, notes = arrival_of([request(at) for at in times], 0.0)
    assert arrival.burstiness == pytest.approx(shape, rel=0.35)
    assert any("multiples of 3 s" in note and "a replay spreads" in note for note in notes)


@pytest.mark.parametrize("unit", [1.0, 3.0])
def test_a_replay_spreads_the_requests_of_a_tick(unit: float) -> None:
    """None leaves its tick, none changes its turn, and a clock that is fine enough is left alone."""
    real = poisson(6.0, 2_000)
    told = [unit * (at // unit) for at in real]
    found = spread(told, 0.0)
    assert found == sorted(found)
    assert all(tick <= at < tick + unit for tick, at in zip(told, found, strict=True))
    assert len(set(found)) == len(found)
    assert spread(real, 0.0) == real
    assert statistics.fmean(abs(a - b) for a, b in zip(found, real, strict=True)) < unit / 4


def test_a_short_log_of_whole_seconds_is_poisson() -> None:
    arrival, notes = arrival_of([request(float(int(at))) for at in poisson(8.0, 100)], 0.0)
    assert arrival.burstiness == 1.0
    assert any("too coarse for gaps: Poisson is taken" in note for note in notes)


def test_a_trend_over_the_day_is_named_and_no_burst() -> None:
    times: list[float] = []
    for hour in range(12):
        rate = 0.5 + hour % 6
        start = 3600.0 * hour
        times += [at for at in poisson(rate, int(rate * 3600), seed=hour, start=start) if at < start + 3600]
    _, notes = arrival_of([request(at) for at in sorted(times)], 0.0)
    (note,) = [note for note in notes if "over 1" in note or "hours the rate goes" in note]
    assert "one rate stands for none of them" in note


def test_longer_prompts_in_busy_minutes_are_named() -> None:
    found = []
    for minute in range(60):
        busy = minute % 10 == 0
        times = poisson(8.0 if busy else 1.0, 480 if busy else 60, seed=minute, start=60.0 * minute)
        found += [request(at, 4000 if busy else 500) for at in times]
    _, notes = arrival_of(found, 0.0)
    assert any("busiest tenth of the minutes prompts are" in note for note in notes)


BURST = "5.0,small,470,640,1110,API log\n8.7,large,1100,0,1100,API log\n12.4,small,470,230,700,API log\n"


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        ("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type", BURST),
        (
            "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type",
            "\n".join(f"{row.split(',')[0]},7,1.5,{row.split(',', 1)[1]}" for row in BURST.splitlines()),
        ),
        ("timestamp,input_tokens,output_tokens", "5,470,640\n8,1100,0\n12,470,230"),
        ("arrived_at,num_prefill_tokens,num_decode_tokens", "5,470,640\n8,1100,0\n12,470,230"),
    ],
)
def test_logs_with_a_column_per_fact(tmp_path: Path, head: str, rows: str) -> None:
    """BurstGPT's README has both of its heads; a failed request has no answer tokens."""
    path = tmp_path / "log.csv"
    path.write_text(f"{head}\n{rows}\n", encoding="utf-8")
    found = profile_from_trace(path)
    assert found.requests == 2
    assert sorted(found.workload.load.output_tokens.values) == [230, 640]
    assert found.workload.load.input_tokens.mean == 470
    assert "1 lines or requests without prompt and answer were left out" in found.notes


def test_litellm_spend_logs(tmp_path: Path) -> None:
    path = tmp_path / "spend.jsonl"
    lines = [
        f'{{"request_id": "r{i}", "startTime": "2026-08-01T10:00:{i:02d}.25Z", "prompt_tokens": {100 + i}, '
        f'"completion_tokens": 20, "spend": 0.1}}'
        for i in range(30)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert profile_from_trace(path).workload.load.arrival.value == pytest.approx(1.0)


BATCH = (
    '{{"custom_id": "r{0}", "method": "POST", "url": "/v1/chat/completions", "body": {{"model": "m", '
    '"messages": [{{"role": "user", "content": "{1}"}}], "max_tokens": 300}}}}'
)


def test_a_batch_has_lengths_and_no_arrivals(tmp_path: Path) -> None:
    path = tmp_path / "batch.jsonl"
    path.write_text("\n".join(BATCH.format(i, "word " * (20 + i)) for i in range(12)), encoding="utf-8")
    from advisor.spec.workloads.workload import Lengths

    found = profile_from_trace(path, chars_per_token=4, output_tokens=Lengths.constant(300))
    assert found.workload.load.arrival.kind == "maximum"
    assert found.log == ()
    assert any("a batch has no arrivals" in note for note in found.notes)
    with pytest.raises(InputError, match=r"add --output-tokens N \(its requests allow 300 at most\)"):
        profile_from_trace(path, chars_per_token=4)


def test_images_and_sound_are_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    content = '[{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "x"}}]'
    line = (
        '{"timestamp": %d, "request": {"messages": [{"role": "user", "content": '
        + content
        + ']}, "response": {"usage": {"prompt_tokens": 900, "completion_tokens": 20}}}'
    )
    path.write_text("\n".join(line % at for at in range(5)).replace(content + "]", content + "}]"))
    notes = profile_from_trace(path).notes
    assert any("5 of 5 requests carry images, sound or video" in note for note in notes)
    table = tmp_path / "log.csv"
    table.write_text(
        "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n1,2,300,10\n2,0,300,10\n3,0,300,10\n"
    )
    assert any("1 of 3 requests carry images" in note for note in profile_from_trace(table).notes)


def test_an_unknown_log_is_described(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("when,who,status\n1,a,200\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column of prompt tokens among when, who, status; known are"):
        profile_from_trace(path)
    path.write_text("GET /health 200\n", encoding="utf-8")
    with pytest.raises(InputError, match="begins with 'GET /health 200'"):
        profile_from_trace(path)


def a_day(rates: list[float], seed: int = 3) -> list[float]:
    """Poisson arrivals of one rate for each hour."""
    rng, times = random.Random(seed), []
    for hour, rate in enumerate(rates):
        at = 3600.0 * hour
        while (at := at + rng.expovariate(rate)) < 3600.0 * (hour + 1):
            times.append(at)
    return times


DAY = [0.05] * 8 + [0.2] * 8 + [0.4] * 4 + [0.1] * 4


def test_a_day_has_its_mean_and_its_busiest_hour() -> None:
    day = day_of(a_day(DAY))
    assert day is not None
    assert day.mean == pytest.approx(sum(DAY) / 24, rel=0.05)
    assert day.busiest == pytest.approx(0.4, rel=0.1)


def test_half_a_day_and_an_even_one_are_no_day() -> None:
    assert day_of(a_day(DAY[:20])) is None
    assert day_of(a_day([0.3] * 24)) is None


def test_only_whole_days_count() -> None:
    """A log that ends in the second morning does not count that morning twice."""
    longer, day = day_of(a_day(DAY + DAY[:6])), day_of(a_day(DAY))
    assert longer is not None
    assert day is not None
    assert longer.mean == pytest.approx(day.mean, rel=1e-3)


def test_a_clock_of_centuries_is_no_day() -> None:
    assert day_of([0.0, 1.0, 1e15]) is None


def test_the_profile_of_a_day_serves_its_busiest_hour_and_knows_the_idle_ones(tmp_path: Path) -> None:
    log = tmp_path / "day.csv"
    lines = [f"{at:.3f},500,100" for at in a_day(DAY)]
    log.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *lines]), encoding="utf-8")
    found = profile_from_trace(log)
    rate, used = found.workload.load.arrival.value, found.workload.utilization
    assert rate == pytest.approx(0.4, rel=0.1)
    assert used == pytest.approx(sum(DAY) / 24 / 0.4, rel=0.15)
    assert any("busiest hour" in note for note in found.notes)
    assert not any("one rate stands for none" in note for note in found.notes)
