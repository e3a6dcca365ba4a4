"""Writes advisor/spec/catalog/config_defaults.yaml: what transformers' classes set where a config is silent.

    python docs/tools/config_defaults.py advisor/spec/catalog/config_defaults.yaml

Runs where transformers is installed (`quantadvise tools install torch`); no weights, no network. Kept are the
sizes that the readers in advisor/spec/models look at, of classes that stand inside another model's config.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import sys
from pathlib import Path

KEYS = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim"),
    *("intermediate_size", "vocab_size", "max_position_embeddings"),
    *("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"),
    *("patch_size", "image_size", "depth", "embed_dim", "mlp_ratio", "temporal_patch_size"),
    *("spatial_merge_size", "d_model", "encoder_layers", "encoder_ffn_dim", "mlp_dim", "hidden_act"),
)
TEXT = (
    *("llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "gemma", "gemma2"),
    *("cohere", "cohere2", "phi", "phi3", "granite", "opt", "internlm2", "deepseek_v2", "deepseek_v3"),
    *("glm4", "glm4v_text", "glm4v_moe_text", "ernie4_5", "paddleocr_vl_text", "olmo2", "exaone4", "lfm2"),
    *("qwen2_vl_text", "qwen2_5_vl_text", "qwen3_vl_text", "qwen3_vl_moe_text", "smollm3"),
    *("aria_text", "cohere_compass_text", "cosmos3_edge_text", "ernie4_5_vl_moe_text", "gemma3n_text"),
    *("gemma4_unified_text", "glm5_next_text", "granite4_vision_text", "hunyuan_vl_text", "inkling_text"),
    *("mistral4", "molmo2_text", "muse_glimmer_text", "muse_spark_text", "step3p5"),
)
TOWERS = (
    *("clip_vision_model", "siglip_vision_model", "siglip2_vision_model", "pixtral", "idefics3_vision"),
    *("smolvlm_vision", "internvl_vision", "glm4v_vision", "glm4v_moe_vision", "aimv2_vision_model"),
    *("ovis2_vision", "whisper", "qwen2_audio_encoder", "voxtral_encoder", "paddleocr_vl_vision"),
    *("video_llama_3_vision", "ernie4_5_vl_moe_vision", "janus_vision_model", "phi4_multimodal_vision"),
)


def rows() -> dict[str, dict[str, object]]:
    """Class defaults by model_type, sizes alone."""
    import transformers

    found: dict[str, dict[str, object]] = {}
    for name in (*TEXT, *TOWERS):
        if name not in transformers.CONFIG_MAPPING:
            continue
        values = transformers.CONFIG_MAPPING[name]().to_dict()
        kept = {key: values[key] for key in KEYS if isinstance(values.get(key), (int, float, str))}
        heads = kept.get("num_attention_heads")
        if kept.get("num_key_value_heads") == heads:
            kept.pop("num_key_value_heads", None)  # as many as heads, whatever their number
        if isinstance(heads, int) and kept.get("head_dim") == values["hidden_size"] / heads:
            kept.pop("head_dim", None)  # width over heads, whatever they are
        if kept:
            found[name] = kept
    return found


def main(out: Path) -> None:
    import transformers

    lines = [
        f"# What transformers {transformers.__version__} sets where a config.json is silent, sizes alone.",
        "# Written by docs/tools/config_defaults.py; do not edit.",
        "defaults:",
    ]
    for name, values in rows().items():
        inside = ", ".join(f"{key}: {value}" for key, value in values.items())
        lines.append(f"  {name}: {{{inside}}}")
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
