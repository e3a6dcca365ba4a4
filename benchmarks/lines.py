"""Prints where the lines of the package are: code, docstrings, comments, blank lines, by folder.

    python benchmarks/lines.py

A file counts to the folder below `advisor`. `data` are module-level tables of over 20 lines.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "advisor"
LONG_TABLE = 20
KINDS = ("lines", "statements", "data", "imports", "signatures", "docstrings", "comments", "blank")


def lines_of(path: Path) -> Counter[str]:
    """Lines of a file by kind; `statements` are those of no other kind."""
    text = path.read_text(encoding="utf-8")
    kind = ["blank" if not line.strip() else "statements" for line in text.splitlines()]

    def mark(first: int, last: int | None, name: str) -> None:
        for number in range(first - 1, last or first):
            if kind[number] == "statements":
                kind[number] = name

    tree = ast.parse(text)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and token.line.strip().startswith("#"):
            mark(token.start[0], None, "comments")
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                kind[number] = "docstrings"
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            mark(node.lineno, node.end_lineno, "imports")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            mark(node.lineno, max(node.lineno, node.body[0].lineno - 1), "signatures")
    for node in tree.body:
        long = (node.end_lineno or 0) - node.lineno >= LONG_TABLE
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and long:
            mark(node.lineno, node.end_lineno, "data")
    return Counter(kind)


def main() -> None:
    rooms: dict[str, Counter[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE).parts
        rooms.setdefault(inside[0] if len(inside) > 1 else ".", Counter()).update(lines_of(path))
    rooms["all"] = sum(rooms.values(), Counter())
    print(f"{'':10}" + "".join(f"{kind:>12}" for kind in KINDS))
    for name, found in rooms.items():
        found["lines"] = sum(found.values())
        print(f"{name:10}" + "".join(f"{found[kind]:>12,}" for kind in KINDS))


if __name__ == "__main__":
    main()
