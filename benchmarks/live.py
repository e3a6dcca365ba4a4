"""Prints what each kind of change costs `quantadvise ui`, in processor time, on a warm server.

    python benchmarks/live.py

Every question is new to the server; medians and the slowest of several. The bar is 200 ms.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Iterator, Mapping

from advisor.advise.api import shipped_predictor, shipped_quality
from advisor.spec.hardware.catalog import known_gpus
from advisor.ui.answers import Answerer
from advisor.ui.own_models_workloads_gpus import OwnInputs
from advisor.ui.page import FIRST

MODELS = ("Qwen2.5-7B-Instruct", "Mistral-7B-Instruct-v0.3", "Llama-3.3-70B-Instruct", "Qwen2.5-32B-Instruct")

Said = Mapping[str, str]


def changes(base: Said) -> Iterator[tuple[str, list[Said]]]:
    """A kind of change, and questions that differ from `base` by one."""

    def each(name: str, values: str, **others: str) -> list[Said]:
        return [{**base, **others, name: value} for value in values.split()]

    yield "requests in flight", each("level", "7 13 22 37 51 64 90", load="concurrency")
    yield "requests per second", each("level", "1.3 2.7 4.1 5.5 8.2 11 17", load="rate")
    yield "prompt length", each("input", "300 600 777 900 1100 1500 2100")
    yield "a price", each("price", "L40S=0.5 L40S=0.6 L40S=0.7 L40S=0.8 L40S=0.9 L40S=1.1")
    yield "a limit", each("tpot", "11 17 25 30 38 45 61")
    yield "least recovery", each("recovery", "0.9 0.95 0.97 0.98 0.99")
    yield "model", [{**base, "model": model} for model in MODELS]
    chosen = base["gpu"].split(",") if base["gpu"] != "any" else [gpu.name for gpu in known_gpus()]
    fewer = [chosen[:i] + chosen[i + 1 :] for i in range(min(5, len(chosen)))]
    yield "a GPU less", [{**base, "gpu": ",".join(some)} for some in fewer]


def main() -> None:
    answerer = Answerer(shipped_predictor(), shipped_quality(), OwnInputs())

    def took_ms(said: Said) -> float:
        begun = time.process_time()
        json.dumps(answerer.answer(said))
        return 1e3 * (time.process_time() - begun)

    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; processor time, ms: median, slowest")
    for name, gpus in (("four GPUs", FIRST["gpu"]), ("all GPUs", "any")):
        base = {**FIRST, "gpu": gpus}
        print(f"{name}: the first answer {took_ms(base):.0f}")
        for kind, questions in changes(base):
            seen = [took_ms(said) for said in questions]
            print(f"  {kind:<22} {statistics.median(seen):5.0f} {max(seen):5.0f}")


if __name__ == "__main__":
    main()
