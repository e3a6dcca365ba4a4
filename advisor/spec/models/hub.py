"""config.json from the Hugging Face Hub, where the `hf` extra and a network are there."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from advisor.spec.models.architectures import mistral_params

REACH_S = 5.0
"""A Hub that does not take a connection within this many seconds is out of reach."""


def _reachable(endpoint: str) -> bool:
    """Whether the Hub takes connections; huggingface_hub itself would try for half a minute."""
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    url = urlsplit(endpoint)
    try:
        with socket.create_connection((url.hostname or "", url.port or 443), timeout=REACH_S):
            return True
    except OSError:
        return False


def _downloaded(hub: Any, errors: Any, hf_id: str, *, offline: bool) -> str:
    """Where config.json now is; some repositories of Mistral's have params.json alone."""
    asked = {"etag_timeout": REACH_S, "local_files_only": offline}
    try:
        return str(hub.hf_hub_download(hf_id, "config.json", **asked))
    except errors.EntryNotFoundError:
        return str(hub.hf_hub_download(hf_id, mistral_params.FILE, **asked))


def config_from_hub(hf_id: str) -> Mapping[str, object] | str:
    """The repository's config.json, or in words why it cannot be had and what would help.

    A copy in the Hub's cache is used when the Hub is out of reach; HF_HUB_OFFLINE, HF_ENDPOINT and
    HF_TOKEN are huggingface_hub's own and respected.
    """
    try:
        hub, errors = import_module("huggingface_hub"), import_module("huggingface_hub.errors")
        constants = import_module("huggingface_hub.constants")
    except ImportError:
        return "to look it up on the Hub, pip install 'quantadvise[hf]'; or give a folder with config.json"
    offline = bool(constants.HF_HUB_OFFLINE) or not _reachable(constants.ENDPOINT)
    try:
        path = _downloaded(hub, errors, hf_id, offline=offline)
    except errors.GatedRepoError:
        return "on the Hub it is gated: accept its terms there and set HF_TOKEN"
    except errors.RepositoryNotFoundError:
        return "the Hub has no such repository (a private one needs HF_TOKEN)"
    except errors.LocalEntryNotFoundError:
        return "the Hub is out of reach and its cache has no copy; give a folder with config.json"
    except errors.EntryNotFoundError:
        return "the repository on the Hub has neither config.json nor params.json"
    except (OSError, ValueError) as error:
        # HfHubHTTPError and refused names are of these kinds; the first line says which.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"the Hub could not be asked ({reason}); give a folder with config.json"
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"its cached config.json is damaged ({path}); delete it and try again"
    return value if isinstance(value, Mapping) else f"its config.json holds no keys ({path})"
