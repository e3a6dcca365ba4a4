"""A transformers config.json → ModelSpec; an architecture that cannot be read right is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from advisor.errors import UnsupportedError, nearest
from advisor.spec.models.architectures import (
    deepseek_v2_v3,
    deepseek_v4,
    extended_traits,
    falcon_h1_olmo_hybrid_lfm2_moe,
    gated_attention,
    gemma3n,
    grouped_query,
    latent_attention_beyond_deepseek,
    llama4_gemma4_mimo_nemotron_nas,
    looped_layers,
    mistral_params,
    recurrence_with_latent,
    state_space,
    vllm_registry,
)
from advisor.spec.models.architectures.transformers_defaults import class_defaults
from advisor.spec.models.architectures.vision_and_audio_towers import vision_params
from advisor.spec.models.attention_and_mlp import EXPERTS, Body, Layer, hidden_size, read_transformer
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.hybrids import HYBRIDS
from advisor.spec.models.model import LayerGroup, ModelSpec
from advisor.spec.models.model_type_traits import TRAITS
from advisor.spec.models.native_format import native_format
from advisor.spec.models.packaging_from_config import kind_of_config

OWN_LAYERS = {
    **deepseek_v2_v3.READERS,
    **llama4_gemma4_mimo_nemotron_nas.READERS,
    **HYBRIDS,
    **deepseek_v4.READERS,
    **latent_attention_beyond_deepseek.READERS,
    **grouped_query.READERS,
    **falcon_h1_olmo_hybrid_lfm2_moe.READERS,
    **recurrence_with_latent.READERS,
    **extended_traits.READERS,
    **gated_attention.READERS,
    **gemma3n.READERS,
    **looped_layers.READERS,
    **state_space.READERS,
}
"""Readers of architectures whose layers are no row of `TRAITS`, by model_type."""
TEXT_SECTIONS = ("text_config", "llm_config", "language_config", "text_model_config")
OUTER_SECTIONS = ("thinker_config",)
"""Where speaking models keep the one that writes text."""
CONTEXT_KEYS = (
    *("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length"),
    *("model_max_length", "max_position_embedding"),
)

# Older multimodal configs keep the language model's keys at the top, under the outer model_type.
FLAT_MULTIMODAL = {"qwen2_vl": "qwen2_vl_text", "qwen2_5_vl": "qwen2_5_vl_text"}
ALIASES = {
    "kimi_k2": "deepseek_v3",
    "deepseek_v32": "deepseek_v3",
    "glm_moe_dsa": "deepseek_v3",
    "sarvam_mla": "deepseek_v3",
    "mimo_v2": "mimo_v2_flash",
    "glm4v_text": "glm4",
    "glm_ocr_text": "glm4",
    "qwen2_5_omni_text": "qwen2_5_vl_text",
    "qwen3_omni_moe_text": "qwen3_moe",
    "phi4mm": "phi3",
    "phi4_multimodal": "phi3",
    "phi3_v": "phi3",
    "kimi_vl": "deepseek_v3",
    "glm4v_moe_text": "glm4_moe",
    "paddleocr_vl_text": "ernie4_5",
    "granite_speech": "granite",
    "llama4": "llama4_text",
    "gemma3": "gemma3_text",
    "gemma4": "gemma4_text",
    "qwen3_vl": "qwen3_vl_text",
    "qwen3_vl_moe": "qwen3_vl_moe_text",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "gemma4_unified_text": "gemma4_text",
    "granite4_vision_text": "granite",
    "cohere_compass_text": "cohere2",
    "hunyuan_vl_text": "hunyuan_v1_dense",
    "hunyuan_vl": "hunyuan_v1_dense",
    "emu3_text_model": "llama",
    "mistral4": "deepseek_v3",
    "mistral_large_3": "deepseek_v3",
    "step3p5_text": "step3p5",
    "falcon_refinedweb": "falcon",
    "RefinedWeb": "falcon",
    "RefinedWebModel": "falcon",
}


def readable_types() -> tuple[str, ...]:
    """Every model_type that can be read."""
    return tuple(sorted({*TRAITS, *OWN_LAYERS, *ALIASES, *FLAT_MULTIMODAL}))


def _reader(model_type: str, c: ConfigValues, outer: ConfigValues) -> Callable[[ConfigValues, int], Body]:
    special = OWN_LAYERS.get(model_type)
    if special is not None:
        return special
    if model_type in TRAITS:
        return lambda values, context: read_transformer(values, model_type, context)
    close = nearest(model_type, readable_types())
    hint = f" (similar: {', '.join(close)})" if close else ""
    architectures = outer.texts("architectures") or ("",)
    raise UnsupportedError(
        f"{c.where}: {vllm_registry.refusal(architectures[0], model_type)}{hint}; {_way_on(c)}"
    )


def _way_on(c: ConfigValues) -> str:
    """What gives an answer though the layers are not known: the size, of a mixture of experts both sizes."""
    sections = (c, *(section for key in TEXT_SECTIONS if (section := c.section(key)) is not None))
    if any(key in section for section in sections for key in EXPERTS):
        return "give all and active weights instead, such as --params 284B-A13B"
    return "give its size instead, such as --params 8B"


def _grouped(layers: tuple[Layer, ...], *, again: bool = False) -> tuple[LayerGroup, ...]:
    """Equal layers counted together, in the order they first appear."""
    counts: dict[Layer, int] = {}
    for layer in layers:
        counts[layer] = counts.get(layer, 0) + 1
    return tuple(
        LayerGroup(count=n, attention=attention, ffn=ffn, norm_params=norms, again=again)
        for (attention, ffn, norms), n in counts.items()
    )


def _text_values(c: ConfigValues, architectures: Sequence[str]) -> tuple[ConfigValues, str]:
    """The language model's keys, and its model_type. Raises UnsupportedError for what writes no text."""
    drafts = c.text("speculators_model_type")
    if drafts is not None:
        raise UnsupportedError(
            f"{c.where}: speculators_model_type {drafts} is {vllm_registry.DRAFT}; "
            "name a model that writes text"
        )
    if architectures:
        reason = vllm_registry.no_text(architectures[0])
        if reason is not None:
            raise UnsupportedError(
                f"{c.where}: {architectures[0]} is {reason}; name a model that generates text"
            )
        reason = vllm_registry.REFUSED.get(architectures[0])
        if reason is not None:
            way_on = "name a decoder" if reason in vllm_registry.NO_DECODER else _way_on(c)
            raise UnsupportedError(f"{c.where}: {architectures[0]} cannot be read: {reason}; {way_on}")
    outer = c.text("model_type")
    for key in TEXT_SECTIONS:
        section = c.section(key)
        if section is not None:
            inner = section.text("model_type") or outer
            break
    else:
        section, inner = c, outer
        if outer in FLAT_MULTIMODAL:
            inner = FLAT_MULTIMODAL[outer]
    if section is not c:
        section = section.over(class_defaults(inner, section.where))
    if inner is None:
        raise UnsupportedError(
            f"{c.where}: 'model_type' is missing, so the architecture is unknown; give a complete config.json"
        )
    if section.flag("is_encoder_decoder", False):
        raise UnsupportedError(f"{c.where}: encoder-decoder models cannot be read; name a decoder")
    return section, ALIASES.get(inner, inner)


def _max_context(c: ConfigValues, model_type: str) -> int:
    """The longest context: what the config states, or what its YaRN scaling makes of the original."""
    default = state_space.ENDLESS if model_type in state_space.WITHOUT_ATTENTION else None
    if model_type in ("falcon", "bloom", "mpt"):
        default = 2048
    stated = c.count(*CONTEXT_KEYS, default=default)
    scaling = None
    for key in ("rope_scaling", "rope_parameters"):
        section = c.section(key)
        scaling = section if section is not None and "factor" in section else scaling
    if scaling is None or "yarn" not in (scaling.text("rope_type"), scaling.text("type")):
        return stated
    original = scaling.count("original_max_position_embeddings", default=stated)
    return max(stated, int(original * scaling.factor("factor")))


def _head_params(c: ConfigValues, outer: ConfigValues, body: Body, *, hidden: int, vocab: int) -> int:
    """Parameters of the layer that makes token probabilities: no matrix of its own where the embedding's
    serves."""
    tied = c.flag("tie_word_embeddings", outer.flag("tie_word_embeddings", body.tied))
    return (0 if tied else hidden * vocab) + (vocab if body.head_bias else 0)


def model_from_config(
    config: Mapping[str, object],
    *,
    name: str,
    hf_id: str | None = None,
    published_params: int | None = None,
    source: str = "",
    extra_params: int | None = None,
    family: str | None = None,
    where: str | None = None,
) -> ModelSpec:
    """The model that a config.json describes, or Mistral's params.json.

    `extra_params`: parameters beside the language model (vision tower, projector), where they are known;
    otherwise they are counted from `vision_config`. `where` begins error messages (default: `name`).
    Raises InputError for a missing or impossible value, UnsupportedError for an architecture, a vision
    tower or a quantization that is not known.
    """
    if mistral_params.is_mistral(config):
        config = mistral_params.transformers_config(config)
    outer = ConfigValues(config, where or name)
    for key in OUTER_SECTIONS:
        outer = outer.section(key) or outer
    architectures = outer.texts("architectures") or ()
    c, model_type = _text_values(outer, architectures)
    reader = _reader(model_type, c, outer)
    defaults = TRAITS[model_type].defaults if model_type in TRAITS else {}
    c = c.over(ConfigValues(defaults, c.where))
    max_context = _max_context(c, model_type)
    try:
        body = reader(c, max_context)
    except UnsupportedError as error:  # the readers say what they cannot read, and here is the way on
        raise UnsupportedError(f"{error}; {_way_on(c)}") from error
    hidden = hidden_size(c)
    vocab = c.count("vocab_size", "padded_vocab_size")
    beside = vision_params(outer, hidden) if extra_params is None else extra_params
    format_name, parts = native_format(outer, c, name=hf_id or name)
    quantization = outer.section("quantization_config") or c.section("quantization_config")
    return ModelSpec(
        name=name,
        hf_id=hf_id,
        architecture=architectures[0] if architectures else model_type,
        hidden=hidden,
        vocab=vocab,
        max_context=max_context,
        groups=_grouped(body.layers) + _grouped(body.again, again=True),
        embedding_params=vocab * hidden,
        lm_head_params=_head_params(c, outer, body, hidden=hidden, vocab=vocab),
        other_params=body.final_norm_params + body.other_params + beside,
        published_params=published_params,
        source=source,
        native_format=format_name,
        native_parts=parts,
        model_type=outer.text("model_type") or model_type,
        native_kind=None if quantization is None else kind_of_config(quantization, format_name, parts),
        family=family or model_type.removesuffix("_text").replace("_", "-"),
    )


__all__ = ["model_from_config", "readable_types"]
