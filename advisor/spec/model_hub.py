"""config.json from the Hugging Face Hub, where the `hf` extra and a network are there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path


def config_from_hub(hf_id: str) -> Mapping[str, object] | str:
    """The repository's config.json, or in words why it cannot be had and what would help.

    A copy in the Hub's cache is used when the Hub is out of reach; HF_HUB_OFFLINE and HF_TOKEN are
    huggingface_hub's own and respected by it.
    """
    try:
        hub, errors = import_module("huggingface_hub"), import_module("huggingface_hub.errors")
    except ImportError:
        return "to look it up on the Hub, pip install 'quantadvise[hf]'; or give a folder with config.json"
    try:
        path = hub.hf_hub_download(hf_id, "config.json", etag_timeout=10)
    except errors.GatedRepoError:
        return "on the Hub it is gated: accept its terms there and set HF_TOKEN"
    except errors.RepositoryNotFoundError:
        return "the Hub has no such repository (a private one needs HF_TOKEN)"
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        return "the Hub is out of reach and its cache has no copy; give a folder with config.json"
    except errors.EntryNotFoundError:
        return "the repository on the Hub has no config.json"
    except (OSError, ValueError) as error:
        # HfHubHTTPError and refused names are of these kinds; the first line says which.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"the Hub could not be asked ({reason}); give a folder with config.json"
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"its cached config.json is damaged ({path}); delete it and try again"
    return value if isinstance(value, Mapping) else f"its config.json holds no keys ({path})"
