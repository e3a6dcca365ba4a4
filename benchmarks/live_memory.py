"""Prints what `quantadvise ui` holds in memory over many questions, and what 50 clients at once wait.

    python benchmarks/live_memory.py [QUESTIONS]

Over HTTP, as a browser asks: each question's answer and its folds, of every tenth also how sure it is and the
ranking, of every hundredth the load story. A leak shows as memory that grows from the middle to the end.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from advisor.advise.api import shipped_predictor, shipped_quality
from advisor.ui.answers import Answerer
from advisor.ui.own_models_workloads_gpus import OwnInputs
from advisor.ui.page import FIRST, ui_page
from advisor.ui.server import Server

MODELS = (
    "Llama-3.1-8B-Instruct",
    "Qwen2.5-7B-Instruct",
    "Mistral-7B-Instruct-v0.3",
    "Llama-3.3-70B-Instruct",
)
WORKLOADS = ("chat", "rag", "summarization", "code-completion")
CLIENTS = 50


def questions(count: int) -> Iterator[Mapping[str, str]]:
    """All different: in model, workload, load, limits and prices."""
    for k in range(count):
        yield {
            **FIRST,
            "model": MODELS[k % 4],
            "workload": WORKLOADS[k // 4 % 4],
            "load": ("rate", "concurrency")[k % 2],
            "level": f"{1 + k / 50:.2f}" if k % 2 == 0 else str(1 + k),
            "tpot": f"{30 + k % 70}",
            "price": f"L40S={0.5 + k / 1000:.3f}",
        }


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def ask(port: int, what: str, said: Mapping[str, str]) -> tuple[int, float]:
    """Status, and seconds until the whole answer was there."""
    begun = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("GET", f"/api/{what}?{urlencode(said)}")
    response = connection.getresponse()
    json.loads(response.read())
    connection.close()
    return response.status, time.perf_counter() - begun


def grow(port: int, count: int) -> None:
    print(f"before the first question: {resident_mb():.0f} MB")
    marks = {1, count // 20, count // 4, count // 2, 3 * count // 4, count}
    for k, said in enumerate(questions(count), start=1):
        views = ["answer", "rest"]
        views += ["sure", "ranking"] if k % 10 == 0 else []
        views += ["load"] if k % 100 == 0 else []
        for view in views:
            status, _ = ask(port, view, said)
            assert status == 200, (view, said, status)
        if k in marks:
            print(f"after {k:>5} questions: {resident_mb():.0f} MB", flush=True)


def crowd(port: int) -> None:
    """Every client asks something else at the same moment."""
    asked = list(questions(CLIENTS))
    begun = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        found = list(clients.map(lambda said: ask(port, "answer", said), asked))
    whole = time.perf_counter() - begun
    seconds = sorted(s for _, s in found)
    answered = sum(status == 200 for status, _ in found)
    print(
        f"{CLIENTS} clients at once: {answered} answered in {whole:.1f} s; one waits "
        f"{statistics.median(seconds):.1f} s at the median, {seconds[-1]:.1f} s at most"
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    server = Server(
        0, ui_page({}, OwnInputs()), Answerer(shipped_predictor(), shipped_quality(), OwnInputs())
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    crowd(server.server_port)
    grow(server.server_port, count)
    gc.unfreeze()
    gc.collect()
    print(f"after a full collection: {resident_mb():.0f} MB")
    server.shutdown()


if __name__ == "__main__":
    main()
