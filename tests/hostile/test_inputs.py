"""Wrong input by kind, through every way in: one line and exit code 1, or usage and 2; never a traceback, a
hang, or exit code 0 on an answer that something wrong went into.

`CONTENTS` are files that no reader takes, `WORDS` values that no option takes; each meets every reader and
every option, as will those of a reader or option that is added here.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from advisor.record.store import write_speed
from tests.cli.measure.test_command import LLAMA
from tests.command import Command, Result
from tests.record.build import speed

MAX_LINES = 10
"""A check of a file has a line for each thing that is wrong; every other refusal is one or two lines."""
SECONDS = 120.0
"""Longer than this is a hang; the slowest answer takes about a second."""

CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n\t\n",
    "zero bytes": b"\0" * 64,
    "random bytes": bytes(range(256)) * 4,
    "latin-1": "naïve: é\n".encode("latin-1"),
    "UTF-16": "model: x\n".encode("utf-16"),
    "a number": b"42\n",
    "a text": b'"text"\n',
    "null": b"null\n",
    "a list": b"[1, 2, 3]\n",
    "a list of lists": b"[[[[1]]]]\n",
    "an empty object": b"{}\n",
    "deep lists": b"[" * 5_000 + b"]" * 5_000,
    "deep objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "cut off": b'{"model": "x", "results": [1, 2',
    "two values": b'{"a": 1} {"b": ',
    "unknown keys": b'{"nonsense": 1, "more": {"nonsense": [null]}}\n',
    "NaN": b'{"model": NaN, "value": Infinity}\n',
    "long number": b'{"layers": ' + b"9" * 5_000 + b"}\n",
    "duplicate keys": b"a: 1\na: 2\n",
    "YAML alias bomb": b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\n"
    b"d: &d [*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
    "YAML tag": b"a: !!python/object/apply:os.system ['touch pwned']\n",
    "tabs": b"a:\n\t- b\n",
    "a CSV head alone": b"model,gpu,num_gpus\n",
    "ragged CSV": b"a,b,c\n1,2\n1,2,3,4\n",
    "an open quote": b'a,b\n"1,2\n3,4\n',
    "other kind of records": b"#quantadvise nonsense 1\na,b\n1,2\n",
    "newer records": b"#quantadvise speed 99\na\n1\n",
    "HTML": b"<!doctype html><html><body>404</body></html>\n",
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "a byte order mark alone": "\ufeff".encode(),
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00C\xbf\xa6\xa3",
    "twenty thousand keys": b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(20_000)) + b"}",
    "twenty thousand columns": b",".join(b"c%d" % i for i in range(20_000)) + b"\n" + b"1," * 19_999 + b"1\n",
    "a list of nothing": b"[null, null]\n",
    "spans of nothing": b'{"spans": [null, 1, {"spanId": 1, "attributes": null}]}\n',
    "OTLP without spans": b'{"resourceSpans": [{"scopeSpans": 5}, {"scopeSpans": [{"spans": 7}]}]}\n',
    "a table that prints no figures": b"============ Serving Benchmark Result ============\n" * 50,
    "a table of what is no number": b"============ Serving Benchmark Result ============\n"
    b"Successful requests:   nan\nBenchmark duration (s):  0.0\nMean TTFT (ms):   inf\n" + b"=" * 50 + b"\n",
    "scores beyond their range": b'{"results": {"a": {"acc": 1.7}}, "versions": {"a": 0}}\n',
    "scores in words": b'{"results": {"a": {"acc": "high"}}, "versions": {"a": 0}}\n',
    "a rate that is an object": b'{"model_id": "Qwen/Qwen3-8B", "request_rate": {"a": 1}, "completed": true, '
    b'"request_throughput": 1, "total_input_tokens": 5, "total_output_tokens": 5, "duration": 1}\n',
    "negative counts": b'{"model_id": "Qwen/Qwen3-8B", "request_rate": "inf", "max_concurrency": 4, '
    b'"request_throughput": -1, "completed": 500, "total_input_tokens": -5, "total_output_tokens": 5, '
    b'"duration": 10, "mean_ttft_ms": -3}\n',
    "times before the epoch": b"timestamp,input_tokens,output_tokens\n-9e15,10,10\n-9e15,10,10\n",
    "tokens that are true": b'{"input_length": true, "output_length": 5, "timestamp": 1}\n',
    "a zip": b"PK\x03\x04" + b"\0" * 40,
}  # fmt: skip

Question = Callable[[Path], tuple[object, ...]]
FLAGS = ("--gpu", "L40S", "--top", 1)
READERS: dict[str, tuple[str, Question]] = {
    "a model's config": ("config.json", lambda path: ("recommend", path, "-w", "chat", *FLAGS)),
    "a profile": ("mine.yaml", lambda path: ("recommend", "Qwen3-8B", "-w", path, *FLAGS)),
    "a profile to check": ("mine.yaml", lambda path: ("profiles", "check", path)),
    "a GPU": ("gpu.yaml", lambda path: ("predict", "Qwen3-8B", "-w", "chat", "--gpu", path)),
    "cells": ("cells.csv", lambda path: ("predict", "--cells", path)),
    "a result": ("result.json", lambda path: (
        *("import", path, "--model", "Qwen3-8B", "--gpu", "L40S", "--format", "bf16"),
        *("--out", path.parent / "out.csv"),
    )),
    "a trace": ("log.jsonl", lambda path: ("profiles", "from-trace", path)),
    "records to check": ("mine.csv", lambda path: ("check", path.parent)),
    "records to answer with": (
        "mine.csv",
        lambda path: ("predict", "Qwen3-8B", "-w", "chat", "--gpu", "L40S", "--records", path.parent),
    ),
    "sources of records": ("sources.yaml", lambda path: ("check", _with_records(path.parent))),
    "a model's notes of its quantization": (
        "hf_quant_config.json",
        lambda path: ("predict", _with_config(path.parent), "-w", "chat", "--gpu", "L40S"),
    ),
    "a plan": ("plan.yaml", lambda path: ("measure", path, "--dry-run")),
    "results to compare": ("a.json", lambda path: ("compare", path, path)),
}  # fmt: skip


MAY_BE_MISSING = (
    *("records to check", "records to answer with"),
    *("sources of records", "a model's notes of its quantization"),
)


def _with_records(folder: Path) -> Path:
    """The folder with a file of records beside what is hostile."""
    write_speed(folder / "speed.csv", [speed()])
    return folder


def _with_config(folder: Path) -> Path:
    """The folder with a model's config beside what is hostile."""
    (folder / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    return folder


WORDS: dict[str, str] = {
    "empty": "",
    "blank": "  ",
    "minus one": "-1",
    "not a number": "nan",
    "infinite": "inf",
    "beyond floats": "1e999",
    "very long": "9" * 400,
    "other digits": "٣",
    "with underscore": "1_0",
    "a shell word": "$(touch pwned)",
    "two lines": "1\n2",
    "escape codes": "\x1b[31m1",
    "an emoji": "🙂",
    "hexadecimal": "0x10",
    "a fraction bar": "1/2",
    "more than all": "101%",
    "a sign alone": "%",
    "upside down": "9-1",
    "full-width digits": "８B",
}
AT_THE_DOOR = frozenset(
    {"empty", "blank", "very long", "other digits", "with underscore", "two lines", "escape codes"}
    | {"full-width digits"}
)
"""Refused of every argument alike, before the command line is parsed."""
NUMBERS: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(("--max-num-seqs", "--max-num-batched-tokens", "--max-gpus", "--num-gpus"), int),
    "--replicas": int,
    **dict.fromkeys(("--burstiness", "--from"), float),
}
"""Options whose type the command line knows: a value of another type is a wrong usage, exit code 2."""
ASK = ("recommend", "Qwen3-8B", "-w", "chat", "--gpu", "L40S", "--top", 1)
ONE = ("predict", "Qwen3-8B", "-w", "chat", "--gpu", "L40S")
OPTIONS: dict[str, tuple[object, ...]] = {
    "--input-tokens": ASK,
    "--output-tokens": ASK,
    "--concurrency": ASK,
    "--rate": ASK,
    "--burstiness": ASK,
    "--prefix-hit-rate": ASK,
    "--slo": ASK,
    "--goodput": ASK,
    "--min-recovery": ASK,
    "--min-share": (*ASK, "--goodput", "ttft:500"),
    "--confidence": ASK,
    "--users": ASK,
    "--rps": ASK,
    "--budget": ASK,
    "--tasks": ASK,
    "--price": ASK,
    "--pricing": ASK,
    "--price-list": ASK,
    "--engine": ASK,
    "--max-num-seqs": ASK,
    "--max-num-batched-tokens": ASK,
    "--gpu-memory-utilization": ASK,
    "--kv-cache-dtype": ASK,
    "--records": ASK,
    "--formats": ASK,
    "--max-gpus": ASK,
    "--num-gpus": ASK,
    "--tensor-parallel-size": ASK,
    "--objective": ASK,
    "--max-cost-per-hour": ASK,
    "--gpu-count": ASK,
    "--scenario": ASK,
    "--top": ASK[:-2],
    "--replicas": ONE,
    "--format": ONE,
    "--checkpoint": ONE,
    "--params": ("recommend", "-w", "chat", "--gpu", "L40S"),
    "--gpu": ("recommend", "Qwen3-8B", "-w", "chat"),
    "--workload": ("recommend", "Qwen3-8B", "--gpu", "L40S"),
    "--from": ("crossover", "Qwen3-8B", "-w", "chat", "--gpu", "L40S", "--over", "concurrency"),
    "--over": ("crossover", "Qwen3-8B", "-w", "chat", "--gpu", "L40S"),
}


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """End the whole run where a case hangs: a thread that reads a pipe cannot be stopped otherwise."""
    timer = threading.Timer(SECONDS, lambda: os._exit(99))
    timer.start()
    yield
    timer.cancel()


def is_refused(result: Result, *, what: str, code: int = 1) -> None:
    """Few printable lines and exit code 1; with `code` 2 the usage, and what is wrong about it."""
    assert result.code == code, f"{what}: exit code {result.code}\n{result.out[-400:]}{result.err[-400:]}"
    assert "Traceback" not in result.err + result.out, what
    lines = [line for line in result.err.splitlines() if line.strip()]
    assert len(lines) <= MAX_LINES, f"{what}: {result.err}"
    assert all(line.isprintable() for line in lines), f"{what}: {result.err!r}"
    assert lines or result.out.strip(), f"{what}: nothing is said"
    assert code == 1 or "Error: " in result.err, what


def code_of(option: str, text: str, *, at_the_door: bool = False) -> int:
    """2 where the command line knows the option's type and the text has another; else 1."""
    if option in NUMBERS and not at_the_door:
        try:
            NUMBERS[option](text)
        except ValueError:
            return 2
    return 1


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_takes_what_it_cannot_read(
    quantadvise: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str, content: str
) -> None:
    monkeypatch.chdir(tmp_path)
    name, question = READERS[reader]
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / name
    path.write_bytes(CONTENTS[content])
    is_refused(quantadvise(*question(path)), what=f"{reader}: {content}")
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("kind", ["pipe", "folder", "missing", "device", "unreadable link"])
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_takes_what_is_no_file(
    quantadvise: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    name, question = READERS[reader]
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "unreadable link":
        path.symlink_to(path)
    if kind == "missing" and reader in MAY_BE_MISSING:
        pytest.skip("a folder without it is an answer")
    is_refused(quantadvise(*question(path)), what=f"{reader}: {kind}")


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("option", OPTIONS)
def test_no_option_takes_what_it_cannot_mean(
    quantadvise: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = quantadvise(*OPTIONS[option], option, WORDS[word])
    code = code_of(option, WORDS[word], at_the_door=word in AT_THE_DOOR)
    is_refused(result, what=f"{option} {WORDS[word]!r}", code=code)
    assert not list(tmp_path.rglob("pwned"))


def test_the_table_is_large_enough() -> None:
    assert len(CONTENTS) * len(READERS) + 5 * len(READERS) + len(WORDS) * len(OPTIONS) >= 1_400
