"""Configurations for tests: small dictionaries in Hugging Face's own keys, one builder per kind."""

from __future__ import annotations

from typing import Any

from advisor.spec.models.config_json import model_from_config
from advisor.spec.models.model import ModelSpec

Config = dict[str, Any]


def llama_config(**changes: Any) -> Config:
    """Llama-3.1-8B's config.json."""
    config: Config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "intermediate_size": 14336,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
        "tie_word_embeddings": False,
    }
    config.update(changes)
    return {key: value for key, value in config.items() if value is not ABSENT}


ABSENT = object()
"""As a change: the key is not there."""


def moe_config(**changes: Any) -> Config:
    """Qwen3-30B-A3B's config.json."""
    config: Config = {
        "model_type": "qwen3_moe",
        "hidden_size": 2048,
        "num_hidden_layers": 48,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "head_dim": 128,
        "intermediate_size": 6144,
        "moe_intermediate_size": 768,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "vocab_size": 151936,
        "max_position_embeddings": 40960,
    }
    config.update(changes)
    return config


def read(config: Config, name: str = "some-model", **more: Any) -> ModelSpec:
    return model_from_config(config, name=name, **more)
