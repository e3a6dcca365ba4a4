"""Markdown whose commands are run, a session per page; what a block shows is compared, or written anew.

A fence ```console holds `$ command` lines, each followed by its output: commands of this package, and
a few of the shell's. After the word `console` may stand what of the output is shown:

    from="Why"   begin at the first line that holds this text     to="Refused"   stop before the one that does
    first=12     at most so many lines                            exit=3         the exit code that is right
    slow         run by the heavy test, which lets its figures differ (a fit to own records moves with every
                 record that ships), and written anew by --regenerate --heavy

They are about the block's last command. What is left out leaves a line `…`.

A fence ```sh is not run here; the line before it says who does:
<!-- run by tests/…::test_name -->, or <!-- for your machine: why it cannot be run here -->.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.command import Command
from tests.golden_text import bare

ROOT = Path(__file__).resolve().parent.parent
CUT = "…"
NAME = "quantadvise: "
PROGRESS = re.compile(r"fitting |\d+ iterations")
"""What stderr says while the reader waits; it has times and paths in it."""
_FENCE = re.compile(r"^```(?P<kind>\w+)(?P<marks>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r'(\w+)(?:=(?:"([^"]*)"|(\S+)))?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block of a page."""

    kind: str
    marks: dict[str, str]
    body: str
    line: int
    before: str
    """The line above the fence."""

    @property
    def commands(self) -> list[str]:
        """What is typed: lines that begin with `$`, continued while they end in a backslash."""
        text = self.body.replace("\\\n", " ")
        return [re.sub(r"\s+", " ", line[2:]).strip() for line in text.splitlines() if line.startswith("$ ")]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        above = text[: match.start()].rstrip("\n").rpartition("\n")[2]
        marks = {name: quoted or plain for name, quoted, plain in _MARK.findall(match["marks"])}
        found.append(
            Block(
                kind=match["kind"],
                marks=marks,
                body=match["body"],
                line=text.count("\n", 0, match.start()) + 1,
                before=above,
            )
        )
    return found


def made_anew(page: Path, run: Callable[[str], tuple[int, str]], *, slow: bool) -> str:
    """The page's text with the output of today in every `console` block; of slow ones only if told so."""
    text = page.read_text(encoding="utf-8")
    told = iter(blocks(page))

    def fresh(match: re.Match[str]) -> str:
        block = next(told)
        if block.kind != "console" or ("slow" in block.marks and not slow):
            return match[0]
        return f"```console{match['marks']}\n" + "".join(_shown(block, run, page)) + "```"

    return _FENCE.sub(fresh, text)


def _shown(block: Block, run: Callable[[str], tuple[int, str]], page: Path) -> Iterator[str]:
    lines = iter(block.body.splitlines())
    for line in lines:
        if not line.startswith("$ "):
            continue
        typed = [line]
        while typed[-1].endswith("\\"):
            typed.append(next(lines))
        command = re.sub(r"\s+", " ", " ".join(part.rstrip("\\") for part in typed))[2:].strip()
        code, out = run(command)
        last = command == block.commands[-1]
        wanted = int(block.marks.get("exit", "0")) if last else 0
        assert code == wanted, f"{page}:{block.line}: {command}: exit {code}, not {wanted}: {out}"
        yield "\n".join(typed) + "\n"
        told = bare(out).strip("\n").splitlines()
        kept = cut(told, block.marks, f"{page}:{block.line}") if last else told
        yield from (f"{line}\n" for line in kept)


def cut(lines: list[str], marks: dict[str, str], where: str) -> list[str]:
    """What of an output is shown."""
    start, end = 0, len(lines)
    for name in ("from", "to"):
        if name in marks:
            at = next((n for n, line in enumerate(lines) if n >= start and marks[name] in line), None)
            assert at is not None, f"{where}: no line holds {marks[name]!r}; the output is {lines}"
            start, end = (at, end) if name == "from" else (start, at)
    while end > start and not lines[end - 1]:
        end -= 1
    if "first" in marks:
        end = min(end, start + int(marks["first"]))
    return [
        *([CUT] if start else []),
        *lines[start:end],
        *([CUT] if end < len(lines) else []),
    ]


def words_of(text: str) -> str:
    """A page without its figures: what slow commands are held to."""
    return re.sub(r"[\d.,–─]+", "0", re.sub(r"\s+", " ", text))


class Session:
    """The reader's folder: what a page's commands write stands there for the next."""

    def __init__(self, quantadvise: Command, folder: Path) -> None:
        self.quantadvise, self.folder = quantadvise, folder

    def __call__(self, command: str) -> tuple[int, str]:
        word, *rest = shlex.split(command)
        if word == "quantadvise":
            result = self.quantadvise(*rest)
            told = [line for line in result.err.splitlines() if not PROGRESS.match(line)]
            return result.code, "\n".join([result.out, *(line.removeprefix(NAME) for line in told)]).strip(
                "\n"
            )
        if word == "cat":
            return 0, "".join((self.folder / name).read_text(encoding="utf-8") for name in rest)
        if word == "cp":
            # From the clone, which the reader's folder stands in.
            source = ROOT / rest[0]
            (self.folder / rest[1]).parent.mkdir(exist_ok=True)
            shutil.copy(source, self.folder / rest[1])
            return 0, ""
        if word == "ls":
            listed = sorted(
                str(path.relative_to(self.folder / rest[0]))
                for path in (self.folder / rest[0]).rglob("*")
                if path.is_file()
            )
            return 0, "\n".join(listed)
        raise AssertionError(f"{command}: not a command that the pages may use; see tests/documents.py")
