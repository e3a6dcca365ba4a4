"""The README tells the truth: the answer it shows is the answer given."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.command import Command

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- answer: begin -->\n", "\n<!-- answer: end -->"


def shown() -> str:
    """What stands between the marks."""
    text = README.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def test_the_answer_shown_is_the_answer_given(quantadvise: Command, regenerate: bool) -> None:
    """--regenerate puts the answer of today there."""
    command = re.search(r"^\$ quantadvise (.*)$", shown(), flags=re.MULTILINE)
    assert command is not None
    result = quantadvise(*shlex.split(command[1]))
    assert result.code == 0, result.err
    lines = "\n".join(line.rstrip() for line in result.out.splitlines())
    answer = f"```console\n{command[0]}\n{lines}\n```"
    if regenerate:
        text = README.read_text(encoding="utf-8")
        README.write_text(text.replace(shown(), answer), encoding="utf-8")
    assert shown() == answer


def test_every_question_of_the_readme_is_one_the_command_understands(quantadvise: Command) -> None:
    """Options and names; files of the reader's own are not there."""
    text = README.read_text(encoding="utf-8").replace(shown(), "")
    questions = re.findall(r"^\$ quantadvise (.*)$", text, flags=re.MULTILINE)
    assert len(questions) >= 8
    for question in questions:
        result = quantadvise(*shlex.split(question))
        assert result.code in (0, 1, 3), result.err
        if result.code == 1:
            assert "no such file" in result.err, question


def test_the_first_screen_is_short_and_no_line_is_long() -> None:
    assert len(shown().splitlines()) <= 23  # two fences, the command, and an answer of 20 lines
    code = False
    for line in README.read_text(encoding="utf-8").splitlines():
        code = code != line.startswith("```")
        assert code or line.startswith("```") or len(line) <= 120, line
