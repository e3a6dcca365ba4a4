"""`quantadvise mcp`: the answers as tools for agents, on stdin and stdout."""

from __future__ import annotations

from advisor.errors import MissingToolError


def mcp() -> None:
    """Serve recommend, predict, crossover, compare and measure-next as tools to an agent (MCP on stdio)."""
    try:
        from advisor.mcp.server import serve
    except ModuleNotFoundError as error:
        if error.name not in ("mcp", "pydantic", "anyio", "mcp.types"):
            raise
        raise MissingToolError("the MCP SDK is not installed; pip install 'quantadvise[mcp]'") from error
    serve()
