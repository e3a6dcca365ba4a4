"""Texts that are generated and kept: compared, or written anew with --regenerate."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check_text(name: str, text: str, *, regenerate: bool) -> None:
    """`text` is what stands in tests/golden/`name`; blanks at line ends do not count."""
    check_file(FOLDER / name, bare(text) + "\n", regenerate=regenerate)


def check_file(path: Path, text: str, *, regenerate: bool) -> None:
    """`text` is what stands in the file."""
    if regenerate:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path} is missing; pytest --regenerate writes it"
    assert text == path.read_text(encoding="utf-8"), f"{path} is old; pytest --regenerate writes it anew"


def bare(text: str) -> str:
    """Without blanks at line ends, which a table fills its cells with."""
    return "\n".join(line.rstrip() for line in text.splitlines())
