"""The tools on stdin and stdout by the Model Context Protocol, through the official SDK (`mcp` 2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import anyio
import anyio.to_thread
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from pydantic import ValidationError

from advisor.errors import InputError, QuantAdviseError, one_line
from advisor.mcp.tools import TOOLS, Tool
from advisor.spec.engines.engine_of_profile import refuse_speculative
from advisor.spec.reading.given_value import Given
from advisor.version import installed_version

INSTRUCTIONS = (
    "Answers which quantization format, GPU and number of GPUs to deploy an LLM with on vLLM. Latencies are "
    "in ms, costs in USD, accuracy is the share of the 16-bit model's score. Every figure is a prediction "
    "from published measurements with a 90 % interval; give interval and basis when you pass one on."
)


def listed(tool: Tool) -> types.Tool:
    """A tool as the protocol lists it."""
    return types.Tool(
        name=tool.name,
        description=tool.about,
        input_schema=tool.inputs.model_json_schema(),
        output_schema=_schema(tool.schema),
        annotations=types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )


def answered(name: str, arguments: dict[str, Any] | None) -> types.CallToolResult:
    """The document of a tool, also as text; a mistake of the caller as one line with `is_error`."""
    try:
        document = _document(name, arguments or {})
    except QuantAdviseError as error:
        line = in_fields(one_line(str(error)), name)
        return types.CallToolResult(content=[types.TextContent(type="text", text=line)], is_error=True)
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=document
    )


FIELDS = {
    "--rate": "request_rate",
    "--slo": "limits",
    "--think-time": "think_time_s",
    "--concurrency max": "maximum",
    "--price": "prices",
    "--max-cost-per-hour": "max_usd_per_hour",
    "--tensor-parallel-size": "tensor_parallel",
    "--engine": "engine",
    "--stock": "owned_gpus",
}
"""Fields of the tools that have another name than the command line's option."""
ONE_GPU = "predict"
"""The tool that takes one GPU; others choose among `gpus`."""


def in_fields(line: str, tool: str) -> str:
    """An error's line that names the tool's fields where it names the command line's options."""
    for option, name in {**FIELDS, "--gpu": "gpu" if tool == ONE_GPU else "gpus"}.items():
        line = re.sub(rf"(?<![\w-]){option}(?![\w-])", name, line)
    return re.sub(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)", lambda match: match[1].replace("-", "_"), line)


def serve() -> None:
    """Answer on stdin and stdout until the client closes them."""
    anyio.run(_serve)


async def _serve() -> None:
    one_at_a_time = anyio.Semaphore(1)

    async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[listed(tool) for tool in TOOLS])

    async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        async with one_at_a_time:
            return await anyio.to_thread.run_sync(answered, params.name, params.arguments)

    server: Server[Any] = Server(
        "quantadvise",
        version=installed_version() or "not installed",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    async with stdio_server() as (reads, writes):
        await server.run(reads, writes, server.create_initialization_options())


def _document(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    tool = next((tool for tool in TOOLS if tool.name == name), None)
    if tool is None:
        raise InputError(f"unknown tool '{name}'; known: {', '.join(tool.name for tool in TOOLS)}")
    refuse_speculative({name: Given(value=value, where=tool.name) for name, value in arguments.items()})
    try:
        given = tool.inputs.model_validate(arguments)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(_in_arguments(first["loc"], arguments)) or "arguments"
        raise InputError(f"{where}: {first['msg']}; see the tool's input schema") from error
    return tool.answer(given)


def _in_arguments(loc: tuple[str | int, ...], arguments: Any) -> Iterator[str]:
    """The part of pydantic's location that an agent wrote: the field, and the keys inside its value.

    What follows names the type that was tried, where a field may have several.
    """
    for depth, part in enumerate(loc):
        is_inside = part in arguments if isinstance(arguments, dict) else isinstance(arguments, list)
        if depth and not is_inside:
            return
        yield str(part)
        arguments = arguments[part] if is_inside else None


@lru_cache
def _schema(name: str | None) -> dict[str, Any] | None:
    """The JSON Schema of a document; lists have none."""
    from advisor.report.documents.schemas import shipped_schema

    return None if name is None else shipped_schema(name)
