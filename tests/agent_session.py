"""A client of the MCP server over stdio, by the SDK, and its session in the guide as text."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "guide.md"
BEGIN, END = "<!-- session: begin -->\n", "\n<!-- session: end -->"
_CALL = re.compile(r"^> (\w+) (\{.*\})$", re.MULTILINE)


def called(calls: Sequence[tuple[str, dict[str, Any]]]) -> list[Any]:
    """The results of calls, one after the other, to a server of their own."""
    import anyio
    from mcp.client.session import ClientSession
    from mcp.client.stdio import StdioServerParameters, stdio_client

    async def session() -> list[Any]:
        arguments = ["-m", "advisor", "mcp"]
        server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
        async with stdio_client(server) as (reads, writes), ClientSession(reads, writes) as client:
            await client.initialize()
            return [await client.call_tool(name, given) for name, given in calls]

    return anyio.run(session)


def shown() -> str:
    """The session in the guide."""
    text = GUIDE.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def made_anew() -> str:
    """The guide's calls with what is answered today, of a document the part that decides."""
    calls = [(name, json.loads(given)) for name, given in _CALL.findall(shown())]
    parts = []
    for (name, given), result in zip(calls, called(calls), strict=True):
        answer = [result.content[0].text] if result.is_error else _decides(name, result.structured_content)
        parts.append("\n".join([f"> {name} {json.dumps(given)}", *answer]))
    return "```text\n" + "\n\n".join(parts) + "\n```"


def _decides(name: str, document: dict[str, Any]) -> list[str]:
    if name == "measure_next":
        found = document["suggestion"]["measurements"]
        return [f"suggestion.measurements[0] = {_short(found[0], 'deployment', 'load', 'gpu_minutes')}"]
    first = document["ranked"][0]
    ttft = _rounded(first["estimates"]["ttft_p95_ms"])
    lines = [
        f"ranked[0].deployment = {_short(first['deployment'], 'format', 'gpu', 'num_gpus')}",
        f"ranked[0].usd_per_hour = {first['usd_per_hour']}",
        f"ranked[0].keeps_all_limits = {_rounded(first['keeps_all_limits'])}",
        f"ranked[0].estimates.ttft_p95_ms = {json.dumps(ttft)}",
        f"ranked[0].commands.serve = {json.dumps(first['commands']['serve'])}",
    ]
    own = document["decision"]["own_or_api"]
    if own is not None:
        at, crossing = next(
            (at, one) for at, one in enumerate(own["break_evens"]) if one["cheaper_above"] == "own"
        )
        keys = ("requests_per_s", "low_requests_per_s", "high_requests_per_s", "requests_per_day")
        lines.append(f"decision.own_or_api.break_evens[{at}] = {_short(crossing, *keys, 'cheaper_above')}")
    return lines


def _short(of: dict[str, Any], *keys: str) -> str:
    values = {key: of[key] for key in keys}
    if isinstance(values.get("deployment"), dict):
        values["deployment"] = {key: values["deployment"][key] for key in ("format", "gpu", "num_gpus")}
    return json.dumps(_rounded(values))


def _rounded(of: Any) -> Any:
    """Three digits: an agent has them all, a reader needs no more."""
    if isinstance(of, dict):
        return {key: _rounded(value) for key, value in of.items()}
    return float(f"{of:.3g}") if isinstance(of, float) else of
