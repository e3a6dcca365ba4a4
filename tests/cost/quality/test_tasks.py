"""Task names as people, cards and lm-eval write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.quality.tasks import find_task, task_notes
from advisor.spec.accuracy_benchmarks import benchmark, families, known_averages, known_benchmarks

V1, V2 = (known_averages()[name].parts for name in ("OpenLLM-v1", "OpenLLM-v2"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MMLU", "MMLU"),
        ("mmlu", "MMLU"),
        ("MMLU (CoT, 0-shot)", "MMLU"),
        ("mmlu_college_biology", "MMLU"),
        ("German MMLU 5-shot", "MMLU"),
        ("mmlu_pro", "MMLU-Pro"),
        ("leaderboard_mmlu_pro 5 shots", "MMLU-Pro"),
        ("gsm8k", "GSM8K"),
        ("GSM-8K (5-shot, strict-match)", "GSM8K"),
        ("gsm8k_platinum_cot_llama", "GSM8K"),
        ("arc_challenge", "ARC-Challenge"),
        ("ARC-C llama", "ARC-Challenge"),
        ("ARC-e", "ARC-Easy"),
        ("truthfulqa_mc2", "TruthfulQA"),
        ("truthfulqa_mc1", "TruthfulQA-mc1"),
        ("leaderboard_ifeval inst_level_strict_acc", "IFEval"),
        ("leaderboard_math_hard", "MATH-lvl-5"),
        ("Math-|v|-5 (4-shot)", "MATH-lvl-5"),
        ("MATH-500 pass@1", "MATH-500"),
        ("HUMANEVAL", "HumanEval"),
        ("HumanEval+ pass@10", "HumanEval+"),
        ("humaneval_64_instruct", "HumanEval"),
        ("lighteval|gpqa:diamond|0|0", "GPQA-Diamond"),
        ("GPQA (0-shot)", "GPQA"),
        ("extended|lcb:codegeneration", "LiveCodeBench"),
        ("AIME24", "AIME-2024"),
        ("aime25@k=1@n=1|0", "AIME-2025"),
        ("Arena-Hard-Auto-v0.1", "Arena-Hard"),
        ("RULER 131072 niah_multikey_2", "RULER"),
        ("lambada_openai", "LAMBADA"),
        ("OpenLLM V1 - GSM8K", "GSM8K"),
    ],
)
def test_a_benchmark_is_known_by_any_of_its_names(text: str, name: str) -> None:
    task = find_task(text)
    assert task.parts == (name,)
    assert task.known


@pytest.mark.parametrize(
    ("text", "parts", "normalized"),
    [
        ("Open LLM Leaderboard V1 average", V1, False),
        ("OpenLLM v1", V1, False),
        ("openllm_v1", V1, False),
        ("openllm", V1, False),
        ("V2 avg", V2, True),
        ("open-llm-leaderboard v2", V2, True),
        ("leaderboard", V2, True),
        ("Academic average (V1,V2)", (*V1, *V2), False),
        (
            "Reasoning average (AIME24, MATH-500, GPQA-Diamond)",
            ("AIME-2024", "MATH-500", "GPQA-Diamond"),
            False,
        ),
        ("Coding", ("HumanEval", "HumanEval+"), False),
        ("Real-world average", ("Arena-Hard", "HumanEval", "MBPP"), False),
    ],
)
def test_a_printed_average_stands_for_its_benchmarks(
    text: str, parts: tuple[str, ...], normalized: bool
) -> None:
    task = find_task(text)
    assert (task.parts, task.normalized, task.one_of) == (parts, normalized, False)


def test_an_average_that_lists_its_benchmarks_is_that_average() -> None:
    task = find_task("avg5 (hellaswag,lambada,mmlu,piqa,winogrande)")
    assert set(task.parts) == {"HellaSwag", "LAMBADA", "MMLU", "PIQA", "WinoGrande"}


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("maths", "maths"),
        ("knowledge", "knowledge"),
        ("long-context", "long context"),
        ("instruction following", "instruction following"),
        ("chat", "chat"),
    ],
)
def test_a_family_stands_for_one_of_its_benchmarks_and_says_so(text: str, family: str) -> None:
    task = find_task(text)
    assert {benchmark(name).family for name in task.parts} == {family}
    assert task.one_of == (len(task.parts) > 1)
    assert (task.name, task.asked) == (family, text)


def test_an_unknown_task_is_an_unnamed_benchmark_and_says_so() -> None:
    task = find_task("our support tickets")
    assert not task.known
    assert task.one_of
    [note] = task_notes([task])
    assert note.startswith("'our support tickets': scored by nobody but you")


def test_names_of_one_kind_share_a_sentence() -> None:
    tasks = [find_task(name) for name in ("chat", "long-context", "MMLU", "math")]
    (note,) = task_notes(tasks)
    assert note == "'chat', 'long-context', 'math' (maths): read as any one benchmark of that family"


def test_no_task_is_accuracy_at_large() -> None:
    assert find_task("").parts == find_task("average").parts
    assert not find_task("").one_of


@given(st.text(max_size=60))
def test_any_text_is_some_task(text: str) -> None:
    assert find_task(text).parts


@given(st.sampled_from(list(known_benchmarks())), st.sampled_from([str.upper, str.lower, str.title]))
def test_case_and_separators_do_not_matter(name: str, case) -> None:
    assert find_task(case(name).replace("-", "_")).parts == (name,)


def test_every_benchmark_and_average_is_sound() -> None:
    names = list(known_benchmarks())
    assert len(set(names)) == len(names)
    for row in known_benchmarks().values():
        assert row.items > 0
        assert 0 <= row.chance <= 0.5
    for average in known_averages().values():
        assert all(benchmark(part) for part in average.parts)
    assert {
        "knowledge",
        "maths",
        "reasoning",
        "code",
        "chat",
        "long context",
        "instruction following",
    } <= set(families())
