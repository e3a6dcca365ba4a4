"""How often, and by how much, a mix of several kinds of GPU is cheaper than the best single kind.

    python -m benchmarks.mixing [--every]

Questions: two models, each with a workload, on GPUs that are rented together, at request rates spread evenly
over their logarithm and three levels of confidence; and what three people own. Printed for each group:
questions, those that only a mix answers, the share in which it is cheaper by more than a tie, the mean and
the largest saving there, mean seconds. `--every` prints each question.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose.recommendation import choose
from advisor.advise.mixed.fleet import Mix, mix
from advisor.report.terminal.mixed.fleet_words import compared_text
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Arrival

RENTED = {
    "A6000, A100, L40S, H100": ("A6000", "A100", "L40S", "H100"),
    "A100, H100": ("A100", "H100"),
    "every GPU": None,
}
MODELS = {
    "Llama-3.1-8B-Instruct": ("chat", np.geomspace(4, 128, 11)),
    "Llama-3.3-70B-Instruct": ("rag", np.geomspace(0.5, 8, 9)),
}
OWNED = (
    ("Llama-3.1-8B-Instruct", "chat", {"A6000": 4, "L40S": 2}, np.geomspace(8, 48, 7)),
    ("Qwen2.5-32B-Instruct", "code-completion", {"A6000": 4, "L40S": 4}, np.geomspace(0.5, 6, 7)),
    ("Llama-3.3-70B-Instruct", "chat", {"A100": 4, "L40S": 8}, np.geomspace(0.5, 8, 7)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    group: str
    model: str
    workload: str
    rate: float
    gpus: tuple[str, ...] | None
    confidence: float = 0.8
    stock: dict[str, int] = field(default_factory=dict)


def questions() -> Iterator[Question]:
    for model, (workload, rates) in MODELS.items():
        for name, gpus in RENTED.items():
            for confidence in (0.5, 0.8, 0.95):
                if name == "every GPU" and confidence != 0.8:
                    continue
                group = f"{model}, {name}, {confidence:g}"
                for rate in rates.tolist():
                    yield Question(
                        group=group,
                        model=model,
                        workload=workload,
                        rate=rate,
                        gpus=gpus,
                        confidence=confidence,
                    )
    for model, workload, stock, rates in OWNED:
        owned = ", ".join(f"{count} {gpu}" for gpu, count in stock.items())
        for rate in rates.tolist():
            yield Question(
                group=f"{model}, owned: {owned}",
                model=model, workload=workload, rate=rate, gpus=tuple(stock), stock=stock,
            )  # fmt: skip


def answered(question: Question) -> Mix:
    workload = load_workload(question.workload)
    load = replace(workload.load, arrival=Arrival(kind="rate", value=question.rate))
    asked = replace(workload, load=load, confidence=question.confidence)
    choice = choice_of(question.model, asked, gpus=question.gpus, stock=question.stock)
    found = mix(
        choose(choice, shipped_predictor(), shipped_quality()), shipped_predictor(), shipped_quality()
    )
    assert found is not None
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", action="store_true", help="print each question")
    every = parser.parse_args().every
    groups: dict[str, list[tuple[Mix, float]]] = {}
    for question in questions():
        start = time.perf_counter()
        found = answered(question)
        groups.setdefault(question.group, []).append((found, time.perf_counter() - start))
        if every:
            print(f"{question.group}, {question.rate:.3g} requests/s: {compared_text(found)}")
    print(f"{'':60} questions  only a mix  cheaper  mean saving  largest  seconds")
    for group, of in groups.items():
        alone = [m for m, _ in of if m.recommended and m.single is None]
        saved = [m.saving for m, _ in of if m.recommended and m.saving is not None]
        mean, most = (100 * float(f(saved)) if saved else 0.0 for f in (np.mean, np.max))
        seconds = float(np.mean([s for _, s in of]))
        print(
            f"{group:60} {len(of):9} {len(alone):11} {100 * len(saved) / len(of):6.0f} % {mean:10.1f} % "
            f"{most:6.1f} % {seconds:8.2f}"
        )


if __name__ == "__main__":
    main()
