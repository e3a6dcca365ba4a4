"""The documentation is true: every command in it is run, and shows what it gives today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from advisor.spec.metrics import MetricName
from tests import agent_session
from tests.command import Command
from tests.documents import ROOT, Session, blocks, made_anew, words_of
from tests.golden_text import check_file

PAGES = sorted((ROOT / "docs").glob("*.md"))
WRITTEN = [page for page in PAGES if page.name != "reference.md"]
ALL = [*WRITTEN, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
NAMES = [page.name for page in ALL]


@pytest.mark.parametrize("slow", [False, pytest.param(True, marks=pytest.mark.heavy)], ids=["quick", "slow"])
@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_every_command_shows_what_it_gives(
    page: Path,
    slow: bool,
    quantadvise: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    regenerate: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for tool in ("VLLM", "QUANTIZE", "EVALUATE", "TORCH", "RAY"):  # what a page shows is no machine's own
        monkeypatch.setenv(f"QUANTADVISE_{tool}_PYTHON", str(tmp_path / "none"))
    fresh = made_anew(page, Session(quantadvise, tmp_path), slow=slow)
    if slow and not regenerate:
        assert words_of(fresh) == words_of(page.read_text(encoding="utf-8"))
    else:
        check_file(page, fresh, regenerate=regenerate)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_what_is_not_run_here_says_who_runs_it(page: Path) -> None:
    for block in blocks(page):
        if block.kind != "sh":
            continue
        where = f"{page.name}:{block.line}"
        by = re.fullmatch(r"<!-- run by (tests/[\w/]+\.py)::(\w+) -->", block.before)
        if by is None:
            assert re.fullmatch(r"<!-- for your machine: .+ -->", block.before), where
            continue
        assert f"def {by[2]}(" in (ROOT / by[1]).read_text(encoding="utf-8"), where


@pytest.mark.parametrize("page", ALL, ids=NAMES)
def test_every_option_named_is_one(page: Path) -> None:
    """Of commands that are not run here, too: names of commands and options, not their values."""
    known = options()
    for block in blocks(page):
        if block.kind not in ("sh", "console"):
            continue
        text = block.body.replace("\\\n", " ")
        for line in re.findall(r"quantadvise ((?:[a-z-]+ ?){1,2}.*)$", text, flags=re.MULTILINE):
            words = line.split(" #")[0].split()
            command = next((name for name in (" ".join(words[:2]), words[0]) if name in known), None)
            assert command is not None, f"{page.name}:{block.line}: no command {words[0]}"
            for word in words:
                name = word.partition("=")[0]
                if name.startswith("--"):
                    assert name in known[command], f"{page.name}:{block.line}: {command} has no {name}"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name)
def test_every_link_inside_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
    for page_name, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", text):
        other = page if not page_name else page.parent / page_name
        heads = re.findall(r"^#+ (.+)$", other.read_text(encoding="utf-8"), flags=re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
        assert anchor in slugs, f"{page.name}: {page_name}#{anchor}"


PROSE = [
    *(f"docs/{name}.md" for name in ("adding", "agents", "guide", "measuring", "method")),
    *("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "measurements/README.md", "profiles/README.md"),
]


@pytest.mark.parametrize("name", PROSE)
def test_a_page_of_prose_has_no_line_over_120_characters(name: str) -> None:
    """But for tables and what stands in code."""
    code = False
    for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
        code ^= line.startswith("```")
        assert code or line.startswith("|") or len(line) <= 120, f"{name}:{number}"


def options() -> dict[str, set[str]]:
    """Command → its options, of the whole command line."""
    from docs.tools.reference import commands

    return {
        command.name: {name for option in command.options for name in option.names} for command in commands()
    }


@pytest.mark.parametrize("page", ALL, ids=NAMES)
def test_every_python_block_runs(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks(page):
        if block.kind == "python":
            exec(compile(block.body, f"{page.name}:{block.line}", "exec"), {})
            assert capsys.readouterr().out.strip(), "a block that shows nothing teaches nothing"


def test_the_reference_is_that_of_the_code(regenerate: bool) -> None:
    from docs.tools.reference import reference

    check_file(ROOT / "docs" / "reference.md", reference(), regenerate=regenerate)


def test_every_command_and_option_says_what_it_does() -> None:
    from docs.tools.reference import commands

    found = commands()
    assert len(found) >= 12
    mute = [command.name for command in found if not command.about]
    mute += [f"{command.name} {o.names[0]}" for command in found for o in command.options if not o.help]
    assert mute == []


def test_every_column_and_metric_is_explained() -> None:
    from typing import get_args

    from advisor.record.column_meanings import meaning
    from advisor.record.file_columns import COSTS, FAILURES, QUALITY, SPEED
    from advisor.spec.metrics import METRICS

    assert set(METRICS) == set(get_args(MetricName))
    for table in (SPEED, QUALITY, FAILURES, COSTS):
        assert all(meaning(table.kind, name) for name in table.names)


def test_the_session_of_the_agent_is_what_the_server_answers(regenerate: bool) -> None:
    """The guide's calls, by the SDK's own client over stdio; --regenerate writes the answers anew."""
    pytest.importorskip("mcp", reason="the SDK is not installed")
    fresh = agent_session.made_anew()
    if regenerate:
        text = agent_session.GUIDE.read_text(encoding="utf-8")
        agent_session.GUIDE.write_text(text.replace(agent_session.shown(), fresh), encoding="utf-8")
    assert agent_session.shown() == fresh
