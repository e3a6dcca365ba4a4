"""The Hub as huggingface_hub shows it: a stand-in for that package, with its own exception tree."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from advisor.errors import UnknownNameError
from advisor.spec.models.catalog import find_model
from tests.spec.build_models import llama_config


class HubErrors:
    """As in huggingface_hub.errors 0.30 to 2.4."""

    class HfHubHTTPError(OSError):
        pass

    class RepositoryNotFoundError(HfHubHTTPError):
        pass

    class GatedRepoError(RepositoryNotFoundError):
        pass

    class EntryNotFoundError(Exception):
        pass

    class LocalEntryNotFoundError(EntryNotFoundError, FileNotFoundError, ValueError):
        pass


@pytest.fixture
def hub(monkeypatch):
    """Sets what a download does: a path that it returns, an exception that it raises, or these by file."""
    asked = []

    def installs(result):
        def hf_hub_download(repo_id, filename, *, etag_timeout, local_files_only):
            asked.append((repo_id, filename, local_files_only))
            outcome = result[filename] if isinstance(result, dict) else result
            if isinstance(outcome, Exception):
                raise outcome
            return str(outcome)

        constants = SimpleNamespace(HF_HUB_OFFLINE=True, ENDPOINT="https://huggingface.co")
        package = SimpleNamespace(hf_hub_download=hf_hub_download)
        monkeypatch.setitem(sys.modules, "huggingface_hub", package)
        monkeypatch.setitem(sys.modules, "huggingface_hub.errors", HubErrors)
        monkeypatch.setitem(sys.modules, "huggingface_hub.constants", constants)
        return asked

    return installs


def test_a_model_of_the_hub_is_read(hub, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(llama_config()), encoding="utf-8")
    asked = hub(path)
    model = find_model("someone/my-own-llama")
    assert (model.name, model.hf_id) == ("my-own-llama", "someone/my-own-llama")
    assert model.source == "huggingface.co/someone/my-own-llama"
    assert model.total_params == 8_030_261_248
    # HF_HUB_OFFLINE: the cache only
    assert asked == [("someone/my-own-llama", "config.json", True)]


def test_a_model_of_the_catalog_needs_no_hub(hub):
    asked = hub(HubErrors.LocalEntryNotFoundError())
    find_model("meta-llama/Llama-3.1-8B")
    assert asked == []


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (HubErrors.GatedRepoError("403"), "accept its terms there and set HF_TOKEN"),
        (HubErrors.RepositoryNotFoundError("404"), "the Hub has no such repository"),
        (HubErrors.LocalEntryNotFoundError("offline"), "the Hub is out of reach and its cache has no copy"),
        (HubErrors.EntryNotFoundError("404"), "has neither config.json nor params.json"),
        (HubErrors.HfHubHTTPError("500 Server Error\nfor url"), "could not be asked (500 Server Error)"),
        (TimeoutError(), "could not be asked (TimeoutError)"),
    ],
)
def test_what_the_hub_refuses_is_one_line(hub, failure, words):
    hub(failure)
    with pytest.raises(UnknownNameError) as caught:
        find_model("someone/my-own-llama")
    assert words in str(caught.value)
    assert str(caught.value).startswith("unknown model 'someone/my-own-llama'; ")
    assert "\n" not in str(caught.value)


def test_mistrals_own_file_is_asked_for_where_there_is_no_config(hub, tmp_path):
    path = tmp_path / "params.json"
    params = {"dim": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8, "hidden_dim": 14336}
    path.write_text(json.dumps({**params, "head_dim": 128, "vocab_size": 32768}), encoding="utf-8")
    asked = hub({"config.json": HubErrors.EntryNotFoundError("404"), "params.json": path})
    # Mistral 7B v0.3
    assert find_model("someone/my-own-llama").total_params == 7_248_023_552
    assert [name for _, name, _ in asked] == ["config.json", "params.json"]


@pytest.mark.parametrize(("text", "words"), [("{", "is damaged"), ("[]", "holds no keys")])
def test_a_damaged_cache_is_named(hub, tmp_path, text, words):
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    hub(path)
    with pytest.raises(UnknownNameError, match=words):
        find_model("someone/my-own-llama")
