"""The server as an agent's client meets it: the SDK's own client, over stdio, to a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

from advisor.report.documents.schemas import shipped_schema
from tests.command import Command

types = pytest.importorskip("mcp.types", reason="the SDK is not installed")

SMALL = {"model": "Llama-3.1-8B-Instruct", "workload": "chat"}
CALLS: dict[str, tuple[dict[str, Any], str | None]] = {
    "recommend": (
        {
            **SMALL,
            "gpus": ["L40S", "A6000"],
            "request_rate": "240/min",
            "confidence": "90 %",
            "top": 2,
            "api_price": "0.20/0.60",
        },
        "recommendation",
    ),
    "predict": ({**SMALL, "gpu": "L40S", "format": "fp8", "concurrency": 8}, "prediction"),
    "crossover": ({**SMALL, "gpus": ["L40S"], "over": "concurrency", "low": 1, "high": 64}, "crossover"),
    "compare": ({**SMALL, "first": "fp8@L40S", "second": "int4@L40S"}, "comparison"),
    "measure_next": ({**SMALL, "gpus": ["L40S", "A6000"]}, "suggestion"),
    "list_models": ({"contains": "llama-3.1"}, None),
    "list_gpus": ({"contains": "H100"}, None),
    "list_workloads": ({}, None),
}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "recommend": ({**SMALL, "gpus": ["H1000"]}, "unknown GPU 'H1000'"),
    "predict": ({**SMALL, "gpu": "L40S", "request_rate": "5/fortnight"}, "request_rate: '5/fortnight' is no"),
    "crossover": ({**SMALL, "over": "temperature"}, "over: Input should be"),
    "compare": ({**SMALL, "first": "fp8", "second": "int4@L40S"}, "fp8"),
    "measure_next": ({"model": "Llama-3.1-8B-Instruct", "gpus": []}, "gpus: is empty"),
    "list_models": ({"limit": 3}, "limit: Extra inputs are not permitted"),
    "list_gpus": ({"contains": 3}, "contains: Input should be a valid string"),
    "list_workloads": ({"contains": "x" * 101}, "contains: String should have at most 100 characters"),
}


def asked(calls: Mapping[str, dict[str, Any]]) -> tuple[list[Any], dict[str, Any]]:
    """The tools that a fresh server lists, and its results of the calls."""
    import anyio
    from mcp.client.session import ClientSession
    from mcp.client.stdio import StdioServerParameters, stdio_client

    async def session() -> tuple[list[Any], dict[str, Any]]:
        arguments = ["-m", "advisor", "mcp"]
        server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
        async with stdio_client(server) as (reads, writes), ClientSession(reads, writes) as client:
            await client.initialize()
            tools = (await client.list_tools()).tools
            results = {name: await client.call_tool(name, arguments) for name, arguments in calls.items()}
            return list(tools), results

    return anyio.run(session)


@pytest.fixture(scope="module")
def good() -> tuple[list[Any], dict[str, Any]]:
    return asked({name: arguments for name, (arguments, _) in CALLS.items()})


@pytest.mark.parametrize("name", CALLS)
def test_each_tool_answers_with_the_document_of_its_schema(name: str, good: Any) -> None:
    tools, results = good
    result = results[name]
    assert not result.is_error, result.content
    document = result.structured_content
    assert json.loads(result.content[0].text) == document
    schema = CALLS[name][1]
    if schema is None:
        assert next(iter(document.values()))
        return
    known = shipped_schema(schema)
    jsonschema.Draft202012Validator(known).validate(document)
    assert next(tool for tool in tools if tool.name == name).output_schema == known


def test_an_answer_is_what_the_command_line_says(good: Any, quantadvise: Command) -> None:
    said = quantadvise(
        *("recommend", SMALL["model"], "-w", "chat", "--rate", 4, "--gpu", "L40S,A6000", "--top", 2),
        *("--confidence", 0.9, "--api-price", "0.20/0.60"),
        *("-o", "json"),
    )
    assert good[1]["recommend"].structured_content == json.loads(said.out)


def test_a_tool_says_in_few_words_what_it_is_for_and_in_which_units(good: Any) -> None:
    tools, _ = good
    assert {tool.name for tool in tools} == set(CALLS)
    for tool in tools:
        assert 2 <= len(tool.description.split()) <= 70
        for field in tool.input_schema["properties"].values():
            assert field.get("description"), f"{tool.name}: {field}"
    text = " ".join(tool.description for tool in tools)
    assert all(unit in text for unit in ("ms", "USD", "%", "GiB"))


def test_bad_input_is_one_line_that_the_agent_can_act_on() -> None:
    _, results = asked({name: arguments for name, (arguments, _) in BAD.items()})
    for name, (_, message) in BAD.items():
        result = results[name]
        assert result.is_error, name
        [content] = result.content
        assert message in content.text
        assert "\n" not in content.text


def test_an_error_names_the_field_and_no_option_of_the_command_line() -> None:
    _, results = asked({"predict": {**SMALL, "gpu": "L40S", "min_recovery": 1.5}})
    assert results["predict"].content[0].text.startswith("min_recovery: expected a share above 0 and up to 1")


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"request_rate": float("nan")}, "request_rate: Input should be greater than 0"),
        ({"request_rate": True}, "request_rate: Input should be a number, not true or false"),
        ({"prices": {"L40S": -1}}, "prices.L40S: Input should be greater than 0"),
        ({"prices": {"L40S": 1e-300}}, "price of L40S: 1e-300 is not from 0.001 to 1,000 USD"),
        ({"prices": {"L40S": 1, "l40s": 2}}, "price of L40S: stated twice, 1 and 2 USD; keep one"),
        ({"max_usd_per_hour": 1e-320}, "max_usd_per_hour: "),
        ({"gpus": ["L40S", None]}, "gpus.1: Input should be a valid string"),
        ({"gpus": ["１xL40S"]}, "unknown GPU '１xL40S'"),
        ({"workload": "\0\x1b[31m"}, "unknown workload '\\x00\\x1b[31m'"),
        ({"nonsense": 1}, "nonsense: Extra inputs are not permitted"),
    ],
)
def test_a_line_names_what_the_agent_wrote(asked: dict[str, Any], line: str) -> None:
    from advisor.mcp.server import answered

    result = answered("recommend", {**SMALL, "gpus": ["L40S"], **asked})
    assert result.is_error
    [content] = result.content
    assert isinstance(content, types.TextContent)
    assert content.text.startswith(line)
    assert content.text.isprintable()


def test_an_agent_asks_about_a_conversation() -> None:
    talk = {"turns": "4", "think_time_s": "{mean: 30}", "system_tokens": 500, "concurrency": 20}
    _, results = asked({"predict": {**SMALL, "gpu": "L40S", **talk}})
    document = results["predict"].structured_content
    assert document["workload"]["turns"] == 4
    assert document["workload"]["think_time_s"] == {"kind": "exponential", "mean": 30}
    assert 0.5 < document["prediction"]["prefix_hits"] < 1
    _, results = asked({"predict": {**SMALL, "gpu": "L40S", "think_time_s": "long"}})
    assert results["predict"].content[0].text == "think_time_s: expected a number, found 'long'"


def test_a_model_is_a_size_of_all_and_active_weights() -> None:
    _, results = asked({"predict": {"model": "30B-A3B", "workload": "chat", "gpu": "H100", "format": "fp8"}})
    assert results["predict"].structured_content["model"]["name"] == "typical-30B-A3B"


def test_a_gpu_may_have_its_count() -> None:
    questions = {
        "predict": {**SMALL, "gpu": "2xL40S", "format": "fp8"},
        "recommend": {**SMALL, "gpus": ["2xL40S"], "top": 1},
        "crossover": {**SMALL, "gpus": ["2xL40S", "H100"], "over": "rate"},
    }
    _, results = asked(questions)
    assert results["predict"].structured_content["prediction"]["deployment"]["tensor_parallel"] == 2
    first = results["recommend"].structured_content["ranked"][0]["deployment"]
    assert (first["gpu"], first["num_gpus"]) == ("L40S", 2)
    assert results["crossover"].content[0].text.startswith("gpus: a count stands with one GPU alone")
    _, results = asked({"predict": {**SMALL, "gpu": "2xL40S", "tensor_parallel": 4}})
    assert results["predict"].content[0].text == "gpu: 2 GPUs, and tensor_parallel 4; keep one of them"


def test_an_error_about_one_gpu_names_the_field_of_its_tool() -> None:
    _, results = asked({"predict": {**SMALL, "gpu": "0xL40S"}, "recommend": {**SMALL, "gpus": ["L41S"]}})
    assert "gpus" not in results["predict"].content[0].text
    assert "unknown GPU 'L41S'" in results["recommend"].content[0].text


def test_a_stock_of_what_is_not_chosen_from_is_refused() -> None:
    _, results = asked({"recommend": {**SMALL, "gpus": ["L40S"], "owned_gpus": {"A6000": 2}}})
    assert results["recommend"].content[0].text.startswith("owned_gpus: A6000 is not among the GPUs")


def test_two_kinds_of_load_are_refused() -> None:
    _, results = asked({"predict": {**SMALL, "gpu": "L40S", "concurrency": 8, "request_rate": 2}})
    assert "a workload has one kind of load" in results["predict"].content[0].text


def test_a_wrong_price_of_an_api_is_one_line() -> None:
    of = {**SMALL, "gpus": ["L40S"]}
    for more, words in (
        ({"api_price": "cheap"}, "api_price: 'cheap' is not a price"),
        ({"utilization": 0.5}, "add api_price"),
    ):
        _, results = asked({"recommend": {**of, **more}})
        assert words in results["recommend"].content[0].text


def test_every_tool_that_prices_takes_the_known_prices_of_a_term() -> None:
    one = {**SMALL, "gpu": "L40S", "format": "fp8", "request_rate": 4}
    two = {**SMALL, "first": "fp8@L40S", "second": "fp8@A6000", "request_rate": 4}
    _, owned = asked({"predict": {**one, "pricing": "marketplace"}, "compare": {**two, "pricing": "live"}})
    cost = owned["predict"].structured_content["prediction"]["cost"]
    assert (cost["term"], cost["usd_per_hour"] > 0) == ("marketplace", True)
    assert "prices" in " ".join(owned["compare"].structured_content["notes"])
    for name, question in (("predict", one), ("compare", two)):
        _, results = asked({name: {**question, "region": "eu"}})
        assert results[name].content[0].text == "region: needs live prices; add pricing live"


def test_a_mix_of_what_is_owned_is_beside_the_single_kinds() -> None:
    owned = {"A6000": 4, "L40S": 2}
    question = {**SMALL, "request_rate": 26, "owned_gpus": owned, "allow_mixed": True, "top": 1}
    _, results = asked({"recommend": question})
    document = results["recommend"].structured_content
    jsonschema.Draft202012Validator(shipped_schema("recommendation")).validate(document)
    for kind in document["mixed"]["fleet"]["kinds"]:
        name = kind["deployment"]["gpu"]
        assert kind["deployment"]["num_gpus"] <= owned[name]
    _, results = asked({"recommend": {**SMALL, "gpus": ["L40S"], "allow_mixed": True}})
    assert results["recommend"].content[0].text.startswith("allow_mixed: there is one kind of GPU")


def test_a_client_that_goes_away_ends_the_server_without_a_word() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "advisor", "mcp"], input=b"", capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_without_the_sdk_one_line_says_what_to_install(quantadvise: Command, monkeypatch: Any) -> None:
    for name in [name for name in sys.modules if name == "mcp" or name.startswith(("mcp.", "advisor.mcp"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    result = quantadvise("mcp")
    assert result.code == 1
    assert result.err == "quantadvise: the MCP SDK is not installed; pip install 'quantadvise[mcp]'\n"
