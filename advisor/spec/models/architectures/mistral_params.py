"""Mistral's own params.json → the keys of a transformers config.json.

Some repositories of Mistral's have this file alone. Mapped as vLLM 0.33.0 does (configs/mistral.py).
"""

from __future__ import annotations

from collections.abc import Mapping

FILE = "params.json"
_KEYS = {
    "dim": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "hidden_dim": "intermediate_size",
    "tied_embeddings": "tie_word_embeddings",
}
_EXPERT_KEYS = {
    "route_every_n": "moe_layer_freq",
    "first_k_dense_replace": "first_k_dense_replace",
    "num_experts_per_tok": "num_experts_per_tok",
    "num_experts": "n_routed_experts",
    "expert_hidden_dim": "moe_intermediate_size",
    "num_shared_experts": "n_shared_experts",
}
_CONTEXT = 128_000
"""What vLLM takes where the file names no longest context."""


def is_mistral(values: Mapping[str, object]) -> bool:
    """Whether these are the keys of a params.json."""
    return "dim" in values and "n_layers" in values and "model_type" not in values


def _quantization(section: object) -> dict[str, object] | None:
    if not isinstance(section, Mapping):
        return None
    if section.get("qformat_weight") == "fp8_e4m3":
        dynamic = section.get("qscheme_act") == "NO_SCALES"
        return {"quant_method": "fp8", "activation_scheme": "dynamic" if dynamic else "static"}
    return dict(section)


def _experts(config: dict[str, object], moe: Mapping[str, object]) -> None:
    if moe.get("num_shared_experts"):
        config |= {_EXPERT_KEYS[key]: value for key, value in moe.items() if key in _EXPERT_KEYS}
        # Large 3 routes by softmax, without a correction per expert.
        config |= {"model_type": "mistral4", "architectures": ["MistralLarge3ForCausalLM"]}
    else:
        config |= {"num_local_experts": moe.get("num_experts"), "architectures": ["MixtralForCausalLM"]}
        config |= {"num_experts_per_tok": moe.get("num_experts_per_tok"), "model_type": "mixtral"}


def _windows(config: dict[str, object], layers: object) -> None:
    window = config.get("sliding_window")
    if not isinstance(window, list) or not window or not isinstance(layers, int):
        return
    kinds = ["full_attention" if one is None else "sliding_attention" for one in window]
    config["layer_types"] = kinds * (layers // len(kinds))
    config["sliding_window"] = next((one for one in window if one), None)


def _with_vision(config: dict[str, object], vision: Mapping[str, object]) -> dict[str, object]:
    quantization = config.pop("quantization_config", None)
    whole: dict[str, object] = {
        "architectures": ["PixtralForConditionalGeneration"],
        "model_type": "mistral3",
        "text_config": config,
        "vision_config": dict(vision),
        "spatial_merge_size": vision.get("spatial_merge_size", 1),
        "multimodal_projector_bias": vision.get("adapter_bias", False),
    }
    return whole if quantization is None else whole | {"quantization_config": quantization}


def transformers_config(params: Mapping[str, object]) -> dict[str, object]:
    """The config.json that says the same as a params.json."""
    config: dict[str, object] = {_KEYS.get(key, key): value for key, value in params.items()}
    config.setdefault("tie_word_embeddings", False)
    context = params.get("max_position_embeddings") or params.get("max_seq_len") or _CONTEXT
    config["max_position_embeddings"] = context
    config |= {"model_type": "mistral", "architectures": ["MistralForCausalLM"]}
    moe, multimodal = config.pop("moe", None), config.pop("multimodal", None)
    if isinstance(moe, Mapping) and moe:
        _experts(config, moe)
    quantization = _quantization(config.pop("quantization", None))
    if quantization is not None:
        config["quantization_config"] = quantization
    _windows(config, config.get("num_hidden_layers"))
    vision = config.pop("vision_encoder", None)
    if isinstance(multimodal, Mapping):
        vision = multimodal.get("vision_encoder_args", vision)
    return _with_vision(config, vision) if isinstance(vision, Mapping) else config
