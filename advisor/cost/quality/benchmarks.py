"""What a benchmark is: its family, its size, what guessing gets; and the averages people print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["choice", "generated", "worked"]
"""choice: the likeliest of given answers is scored. generated: a text is written and judged as a whole
(code, instructions, chat). worked: an answer is parsed from the end of a chain of thought, so that one
changed word can change it: answers flip most, either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark. `name` is as in `measurements/`."""

    name: str
    family: str
    items: int
    """Questions of the split that is usually scored: what its noise follows from."""
    chance: float
    """Score of guessing, 0..1; a score is worth what lies above it."""
    kind: Kind
    aliases: tuple[str, ...] = ()
    runs: int = 1
    """Generations per question that published scores usually average."""
    source: str = ""
    """Where `items` was read; empty = the split's known size, not checked against a source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    """A printed mean of benchmarks."""

    name: str
    parts: tuple[str, ...]
    normalized: bool = False
    """Scores are rescaled so that guessing is 0 (Open LLM Leaderboard v2)."""
    aliases: tuple[str, ...] = ()


_CARDS = "modelcardhub.com/references/benchmarks"
_LM_EVAL = "n-samples of lm-eval result files"
_ATLAS = "brucewlee/nutcracker-db README"
_REPOS = "several public repositories that load it"

BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark(
        name="MMLU",
        family="knowledge",
        items=14_042,
        chance=0.25,
        kind="choice",
        aliases=("mmlu cot", "mmlu llama", "mmlu generative", "mmmlu"),
        source="llmbook.apartsin.com appendix J.3",
    ),
    Benchmark(
        name="MMLU-Redux",
        family="knowledge",
        items=5_700,
        chance=0.25,
        kind="generated",
        source=_REPOS,
    ),
    Benchmark(name="MMLU-Pro", family="knowledge", items=12_032, chance=0.1, kind="choice", source=_LM_EVAL),
    Benchmark(
        name="C-Eval", family="knowledge", items=1_346, chance=0.25, kind="choice", aliases=("ceval valid",)
    ),
    Benchmark(name="CMMLU", family="knowledge", items=11_582, chance=0.25, kind="choice"),
    Benchmark(
        name="GPQA",
        family="knowledge",
        items=1_192,
        chance=0.25,
        kind="choice",
        aliases=("gpqa main", "gpqa extended"),
    ),
    Benchmark(
        name="SimpleQA",
        family="knowledge",
        items=4_326,
        chance=0.0,
        kind="generated",
        source=_REPOS,
    ),
    Benchmark(name="TriviaQA", family="knowledge", items=17_900, chance=0.0, kind="generated"),
    Benchmark(name="RACE", family="knowledge", items=4_934, chance=0.25, kind="choice"),
    Benchmark(
        name="ARC-Challenge",
        family="knowledge",
        items=1_172,
        chance=0.25,
        kind="choice",
        aliases=("arc c", "ai2 arc", "arc"),
        source=_ATLAS,
    ),
    Benchmark(
        name="ARC-Easy",
        family="knowledge",
        items=2_376,
        chance=0.25,
        kind="choice",
        aliases=("arc e",),
        source=_ATLAS,
    ),
    Benchmark(
        name="HellaSwag",
        family="commonsense",
        items=10_042,
        chance=0.25,
        kind="choice",
        aliases=("hella",),
        source=_ATLAS,
    ),
    Benchmark(
        name="WinoGrande",
        family="commonsense",
        items=1_267,
        chance=0.5,
        kind="choice",
        aliases=("wino",),
        source=_CARDS,
    ),
    Benchmark(
        name="TruthfulQA",
        family="commonsense",
        items=817,
        chance=0.4,
        kind="choice",
        aliases=("truthful qa mc2", "truth"),
        source=_CARDS,
    ),
    Benchmark(
        name="TruthfulQA-mc1",
        family="commonsense",
        items=817,
        chance=0.23,
        kind="choice",
        source=_CARDS,
    ),
    Benchmark(name="PIQA", family="commonsense", items=1_838, chance=0.5, kind="choice", source=_LM_EVAL),
    Benchmark(
        name="BoolQ",
        family="commonsense",
        items=3_270,
        chance=0.5,
        kind="choice",
        source="flageval.baai.ac.cn: validation(3270)",
    ),
    Benchmark(
        name="OpenBookQA",
        family="commonsense",
        items=500,
        chance=0.25,
        kind="choice",
        aliases=("obqa",),
    ),
    Benchmark(
        name="LAMBADA",
        family="commonsense",
        items=5_153,
        chance=0.0,
        kind="choice",
        aliases=("lamb", "lambada openai"),
        source=_REPOS,
    ),
    Benchmark(name="RTE", family="commonsense", items=277, chance=0.5, kind="choice"),
    Benchmark(
        name="GSM8K",
        family="maths",
        items=1_319,
        chance=0.0,
        kind="worked",
        aliases=("gsm8k cot", "gsm8k platinum", "gsm 8k", "gsm"),
        source=_CARDS,
    ),
    Benchmark(name="MGSM", family="maths", items=2_500, chance=0.0, kind="worked"),
    Benchmark(name="MATH-500", family="maths", items=500, chance=0.0, kind="worked", runs=3),
    Benchmark(
        name="MATH-lvl-5",
        family="maths",
        items=1_324,
        chance=0.0,
        kind="worked",
        aliases=(
            "math hard",
            "math level 5",
            "math v 5",
            "math lvl5",
            "leaderboard math hard",
            "minerva math",
        ),
        source="flageval.baai.ac.cn: 1,324 questions of level 5",
    ),
    Benchmark(
        name="AIME-2024",
        family="maths",
        items=30,
        chance=0.0,
        kind="worked",
        aliases=("aime 24", "aime"),
        runs=8,
        source=_REPOS,
    ),
    Benchmark(
        name="AIME-2025",
        family="maths",
        items=30,
        chance=0.0,
        kind="worked",
        aliases=("aime 25",),
        runs=8,
        source=_REPOS,
    ),
    Benchmark(
        name="GPQA-Diamond",
        family="reasoning",
        items=198,
        chance=0.25,
        kind="worked",
        aliases=("gpqa diamond cot",),
        runs=3,
        source=_LM_EVAL,
    ),
    Benchmark(
        name="BBH",
        family="reasoning",
        items=5_761,
        chance=0.3,
        kind="choice",
        aliases=("big bench hard", "bigbench hard"),
    ),
    Benchmark(name="MuSR", family="reasoning", items=756, chance=0.37, kind="choice", source=_REPOS),
    Benchmark(
        name="HumanEval",
        family="code",
        items=164,
        chance=0.0,
        kind="generated",
        aliases=("human eval", "humaneval 64", "humaneval instruct"),
        source=_CARDS,
    ),
    Benchmark(
        name="HumanEval+",
        family="code",
        items=164,
        chance=0.0,
        kind="generated",
        aliases=("human eval plus",),
        source=_CARDS,
    ),
    Benchmark(name="MBPP", family="code", items=378, chance=0.0, kind="generated", aliases=("mbpp plus",)),
    Benchmark(
        name="LiveCodeBench",
        family="code",
        items=400,
        chance=0.0,
        kind="generated",
        aliases=("lcb", "lcb codegeneration"),
    ),
    Benchmark(
        name="IFEval",
        family="instruction following",
        items=541,
        chance=0.0,
        kind="generated",
        aliases=("if eval",),
        source=_LM_EVAL,
    ),
    Benchmark(
        name="Arena-Hard",
        family="chat",
        items=500,
        chance=0.0,
        kind="generated",
        aliases=("arena hard auto", "arena hard auto v0.1"),
    ),
    Benchmark(name="RULER", family="long context", items=6_500, chance=0.0, kind="generated"),
    Benchmark(
        name="NIAH",
        family="long context",
        items=500,
        chance=0.0,
        kind="generated",
        aliases=("needle in a haystack",),
    ),
    Benchmark(name="MMMU", family="multimodal", items=900, chance=0.25, kind="generated"),
    Benchmark(name="DocVQA", family="multimodal", items=5_349, chance=0.0, kind="generated"),
    Benchmark(name="ChartQA", family="multimodal", items=2_500, chance=0.0, kind="generated"),
    Benchmark(name="MathVista", family="multimodal", items=1_000, chance=0.2, kind="worked"),
)
"""Chance levels: 1 / choices where the choices are fixed (MMLU-Pro has ten); BBH, MuSR and TruthfulQA mix
numbers of choices, and theirs are rounded means. A benchmark scored by a judge or a program has none."""

V1 = ("ARC-Challenge", "GSM8K", "HellaSwag", "MMLU", "TruthfulQA", "WinoGrande")
V2 = ("IFEval", "BBH", "MATH-lvl-5", "GPQA", "MuSR", "MMLU-Pro")
GENERAL = (*V1, "MMLU-Pro", "IFEval", "BBH", "MATH-lvl-5", "HumanEval")
"""What "accuracy" means where no task is named: each family, only benchmarks well above guessing."""

AVERAGES: tuple[Average, ...] = (
    Average(
        name="OpenLLM-v1",
        parts=V1,
        aliases=("open llm leaderboard v1", "open llm v1", "leaderboard v1", "v1"),
    ),
    Average(
        name="OpenLLM-v2",
        parts=V2,
        normalized=True,
        aliases=("open llm leaderboard v2", "open llm v2", "leaderboard v2", "v2"),
    ),
    Average(name="OpenLLM-v1+v2", parts=(*V1, *V2), aliases=("academic", "academic average", "v1 v2")),
    Average(
        name="reasoning",
        parts=("AIME-2024", "MATH-500", "GPQA-Diamond"),
        aliases=("reasoning average", "reasoning generation"),
    ),
    Average(name="real-world", parts=("Arena-Hard", "HumanEval", "MBPP"), aliases=("real world average",)),
    Average(
        name="coding",
        parts=("HumanEval", "HumanEval+"),
        aliases=("coding average", "code average", "code", "programming"),
    ),
)
_BY_NAME = {b.name: b for b in BENCHMARKS}


def benchmark(name: str) -> Benchmark:
    """The row of that exact name; KeyError otherwise."""
    return _BY_NAME[name]


def families() -> tuple[str, ...]:
    return tuple(dict.fromkeys(b.family for b in BENCHMARKS))
