"""Conversations found in logs: made with known turns, pauses and lengths, and found again."""

from __future__ import annotations

import json
import random
import statistics
from itertools import count
from pathlib import Path

import pytest

from advisor.spec.workloads.conversations.conversation import Conversation
from advisor.spec.workloads.read_profile import parse_workload, to_yaml
from advisor.spec.workloads.traces.profile_of_trace import TraceProfile, profile_from_trace

BLOCK = 512
SYSTEM_BLOCKS = 2


def mooncake(folder: Path, conversations: int = 150, seed: int = 1) -> tuple[Path, list[int]]:
    """A log in the form of Mooncake's conversation trace, and the turns of each conversation.

    Keys and units are those of the published trace (FAST'25 release: timestamp in ms, input_length,
    output_length, hash_ids of 512-token blocks, each id standing for the whole prompt up to its end); the
    rows are made up. The last id of a prompt is of a block that is not full.
    """
    rng, ids = random.Random(seed), count(SYSTEM_BLOCKS)
    rows, turns_of = [], []
    for _ in range(conversations):
        at, turns = rng.uniform(0, 600), 1 + min(int(rng.expovariate(0.4)), 9)
        turns_of.append(turns)
        blocks, tokens = list(range(SYSTEM_BLOCKS)), SYSTEM_BLOCKS * BLOCK
        for _ in range(turns):
            # A turn of less than a block leaves no block of its own, and cannot be found.
            tokens += rng.randint(520, 1000)
            blocks += [next(ids) for _ in range(tokens // BLOCK - len(blocks))]
            answer = rng.randint(100, 700)
            partial = [next(ids)] if tokens % BLOCK else []
            rows.append((at, {"input_length": tokens, "output_length": answer, "hash_ids": blocks + partial}))
            tokens += answer
            at += 12 + rng.expovariate(1 / 20)
    rows.sort(key=lambda row: row[0])
    path = folder / "conversation_trace.jsonl"
    path.write_text("".join(json.dumps({"timestamp": int(1000 * at), **row}) + "\n" for at, row in rows))
    return path, turns_of


def found(path: Path, **flags: object) -> tuple[TraceProfile, Conversation]:
    profile = profile_from_trace(path, **flags)  # type: ignore[arg-type]
    return profile, profile.workload.load.conversation


def test_conversations_of_a_mooncake_log_are_found_by_their_blocks(tmp_path: Path) -> None:
    path, turns = mooncake(tmp_path)
    profile, conversation = found(path)
    assert conversation.turns.mean == pytest.approx(statistics.fmean(turns), rel=0.005)
    assert conversation.turns.longest == max(turns)
    assert conversation.system_tokens == SYSTEM_BLOCKS * BLOCK
    assert conversation.history is None
    assert conversation.think_time.mean == pytest.approx(32, rel=0.1)
    load = profile.workload.load
    assert load.input_tokens.mean == pytest.approx(760, rel=0.05)
    assert load.output_tokens.mean == pytest.approx(400, rel=0.05)
    assert load.prefix_hit_rate == 0


def test_the_profile_has_the_hits_of_the_log(tmp_path: Path) -> None:
    """Both with a cache that forgets nothing; the log's blocks are of 512 tokens, so that it shows fewer, and
    it shows no answers."""
    path, _ = mooncake(tmp_path)
    profile, _ = found(path)
    plain = profile_from_trace(path, conversations=False).workload.load
    by_profile = (
        float(next(n for n in profile.notes if "such a cache has" in n).split("%")[0].split()[-1]) / 100
    )
    assert plain.prefix_hit_rate < by_profile < plain.prefix_hit_rate + 0.2
    # What prompts have on average is the log's own figure.
    assert profile.workload.load.mean_prompt_tokens == pytest.approx(plain.input_tokens.mean, rel=0.15)


def test_a_prompt_asked_again_is_another_conversation(tmp_path: Path) -> None:
    rows = [
        {"timestamp": 1000 * at, "input_length": length, "output_length": 50, "hash_ids": blocks}
        for at, length, blocks in [
            (0, 1100, [1, 2, 3]),
            (10, 1700, [1, 2, 4, 5]),  # goes on from the first
            (20, 1100, [1, 2, 3]),  # the first prompt, sent again
            (30, 2300, [1, 2, 4, 6, 7]),  # goes on from the second
            (40, 2200, [1, 2, 4, 8, 9]),  # begins like the second, which has gone on: from the first again
            *((50 + at, 700, [20 + 2 * at, 21 + 2 * at]) for at in range(7)),
        ]
    ]
    path = tmp_path / "branches.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, conversation = found(path)
    assert conversation.turns.values == (*[1] * 7, 2, 3)


def test_names_in_a_table_make_conversations(tmp_path: Path) -> None:
    """BurstGPT's second form has a session and how long an answer took."""
    path = tmp_path / "burst.csv"
    lines = ["Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type"]
    for session in range(12):
        prompt = 100
        for turn in range(3):
            at = 7 * session + 40 * turn
            lines.append(f"{at},s{session},10,ChatGPT,{prompt},50,{prompt + 50},Conversation log")
            prompt += 50 + 80
    path.write_text("\n".join(lines) + "\n")
    profile, conversation = found(path)
    assert conversation.turns.values == (3,) * 12
    assert conversation.think_time.mean == 30  # 40 s from prompt to prompt, 10 of them for the answer
    assert set(profile.workload.load.input_tokens.values) == {80, 100}
    assert not any("too long by the time of an answer" in note for note in profile.notes)


def test_prompts_that_do_not_grow_have_no_history(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    rows = [f"{at},c{at % 4},300,100" for at in range(40)]
    path.write_text("timestamp,conversation_id,input_tokens,output_tokens\n" + "\n".join(rows) + "\n")
    profile, conversation = found(path)
    assert conversation.history == 0
    assert conversation.turns.mean == 10
    assert profile.workload.load.input_tokens.mean == 300
    assert any("history is none" in note for note in profile.notes)


def test_messages_show_conversations(tmp_path: Path) -> None:
    system = {"role": "system", "content": "s" * 400}
    rows = []
    for talk in range(5):
        said = [system]
        for turn in range(3):
            said = [*said, {"role": "user", "content": f"{talk} {turn} " + "u" * 200}]
            tokens = sum(len(message["content"]) for message in said) // 4
            usage = {"prompt_tokens": tokens, "completion_tokens": 25}
            rows.append((100 * talk + 20 * turn, {"messages": said, "usage": usage}))
            said = [*said, {"role": "assistant", "content": "a" * 100}]
    path = tmp_path / "gateway.jsonl"
    rows.sort(key=lambda row: row[0])
    path.write_text("".join(json.dumps({"timestamp": at, **row}) + "\n" for at, row in rows))
    _, conversation = found(path)
    assert conversation.turns.values == (3,) * 5
    assert conversation.system_tokens == pytest.approx(100, abs=2)
    assert conversation.think_time.mean == 20


def test_the_profile_reads_back(tmp_path: Path) -> None:
    profile, _ = found(mooncake(tmp_path, 300)[0])
    assert parse_workload(to_yaml(profile.workload)) == profile.workload


def test_a_log_of_single_requests_has_none(tmp_path: Path) -> None:
    path = tmp_path / "single.jsonl"
    rows = [
        {
            "timestamp": 900 * i,
            "input_length": 1500,
            "output_length": 50,
            "hash_ids": [3 * i, 3 * i + 1, 3 * i + 2],
        }
        for i in range(40)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert found(path)[1] == Conversation()


REAL = Path(__file__).parents[3] / "data" / "traces" / "mooncake_conversations.jsonl"


def test_mooncakes_own_conversations_are_found() -> None:
    """200 conversations of the published trace; what their blocks say was seen before, counted here anew."""
    rows = [json.loads(line) for line in REAL.read_text(encoding="utf-8").splitlines()]
    seen: set[int] = set()
    again = 0
    for row in rows:
        ids = row["hash_ids"]
        known = next((n for n, block in enumerate(ids) if block not in seen), len(ids))
        again += min(known * BLOCK, row["input_length"])
        seen.update(ids)
    share = again / sum(row["input_length"] for row in rows)
    profile, conversation = found(REAL)
    assert share == pytest.approx(0.256, abs=0.001)
    assert f"{100 * share:.0f} % of prompt tokens were seen before" in " ".join(profile.notes)
    assert "200 conversations of 1.48 turns on average" in profile.notes
    assert conversation.turns.mean == pytest.approx(296 / 200, rel=0.01)
    assert conversation.system_tokens == BLOCK  # one block begins nearly every prompt
    plain = profile_from_trace(REAL, conversations=False)
    assert plain.workload.load.prefix_hit_rate == pytest.approx(share, abs=0.005)
