"""Parameters of vision and audio towers and their projectors, by the family of the whole model.

They lie in memory at 16 bits and are not read in a text decode step.
"""

from __future__ import annotations

from collections.abc import Callable

from advisor.errors import InputError, UnsupportedError
from advisor.spec.models.architectures.transformers_defaults import class_defaults
from advisor.spec.models.config_values import ConfigValues


def _encoder(
    *, layers: int, hidden: int, inner: int, gated: bool = False, bias: bool = True, norm_values: int = 2
) -> int:
    """Transformer layers with full attention: four projections, an MLP, two norms."""
    attention = 4 * hidden * hidden + (4 * hidden if bias else 0)
    ups = 2 if gated else 1
    mlp = (ups + 1) * hidden * inner + (ups * inner + hidden if bias else 0)
    return layers * (attention + mlp + 2 * norm_values * hidden)


def _gemma3(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """SigLIP, its pooling head unless switched off, and a projection."""
    hidden, patch = v.count("hidden_size", default=1152), v.count("patch_size", default=14)
    positions = (v.count("image_size", default=896) // patch) ** 2
    inner, layers = v.count("intermediate_size", default=4304), v.count("num_hidden_layers", default=27)
    embedding = 3 * patch * patch * hidden + hidden + positions * hidden
    pooling = 5 * hidden + 4 * hidden * (hidden + 1) - 2 * hidden + 2 * hidden * inner + inner + hidden
    head = pooling if v.flag("vision_use_head", True) else 0
    projector = hidden * text_hidden + hidden
    return embedding + _encoder(layers=layers, hidden=hidden, inner=inner) + 2 * hidden + head + projector


def _gemma4_audio(a: ConfigValues, text_hidden: int) -> int:
    """A conformer: two convolutions, then layers of feed-forward, attention, convolution, feed-forward."""
    hidden, layers = a.count("hidden_size", default=1024), a.count("num_hidden_layers", default=12)
    heads, kernel = a.count("num_attention_heads", default=8), a.count("conv_kernel_size", default=5)
    first, second = a.numbers("subsampling_conv_channels") or (128, 32)
    # Two 3 × 3 convolutions of stride 2 over 128 mel bins leave 32 bins.
    start = 9 * first + first + 9 * first * second + second + second * 32 * hidden
    feed = 2 * (8 * hidden * hidden + 2 * hidden)
    attention = 5 * hidden * hidden + hidden // heads
    convolution = 3 * hidden * hidden + kernel * hidden + 2 * hidden
    out = a.count("output_proj_dims", default=1536)
    layer = feed + attention + convolution + 3 * hidden
    return start + layers * layer + hidden * out + out + out * text_hidden


def _gemma4(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """Gemma 4's encoder with gated MLP, norms of queries and keys, and two tables of positions."""
    hidden, layers = v.count("hidden_size", default=768), v.count("num_hidden_layers", default=16)
    heads = v.count("num_attention_heads", default=12)
    kv_heads, dim = v.count("num_key_value_heads", default=heads), v.count("head_dim", default=64)
    inner = v.count("intermediate_size", default=3072)
    attention = 2 * hidden * (heads + kv_heads) * dim + 2 * dim
    layer = attention + 3 * hidden * inner + 4 * hidden
    embedding = 3 * v.count("patch_size", default=16) ** 2 * hidden
    embedding += 2 * v.count("position_embedding_size", default=10_240) * hidden
    audio = outer.section("audio_config")
    extra = 0 if audio is None else _gemma4_audio(audio, text_hidden)
    return embedding + layers * layer + hidden * text_hidden + extra


def _pixtral(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """Mistral Small 3.1's Pixtral encoder, patch merger and two-layer projector."""
    hidden, merge = v.count("hidden_size"), outer.count("spatial_merge_size", default=2)
    embedding = 3 * v.count("patch_size") ** 2 * hidden + hidden
    tower = _encoder(
        layers=v.count("num_hidden_layers"),
        hidden=hidden,
        inner=v.count("intermediate_size"),
        gated=True,
        bias=False,
        norm_values=1,
    )
    bias = 2 * text_hidden if outer.flag("multimodal_projector_bias", False) else 0
    merger = hidden + hidden * merge**2 * hidden
    return embedding + tower + merger + hidden * text_hidden + text_hidden**2 + bias


def _llama4(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """Llama 4's encoder; pixel shuffle gives the projector `intermediate_size` wide inputs."""
    hidden, patch = v.count("hidden_size"), v.count("patch_size", default=14)
    inner = v.count("intermediate_size")
    positions = (v.count("image_size") // patch) ** 2 + 1
    tower = _encoder(layers=v.count("num_hidden_layers"), hidden=hidden, inner=inner)
    embedding = 3 * patch * patch * hidden + hidden + positions * hidden + 4 * hidden
    wide, out = v.count("projector_input_dim", default=4096), v.count("projector_output_dim", default=4096)
    return tower + embedding + inner * wide + out * out + v.count("vision_output_dim") * text_hidden


def _qwen2_vl(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """Qwen2-VL: plain MLP of mlp_ratio, LayerNorm; the merger joins four patches."""
    hidden = v.count("embed_dim", default=1280)
    ratio, merge = v.count("mlp_ratio", default=4), v.count("spatial_merge_size", default=2) ** 2
    patch, frames = v.count("patch_size", "spatial_patch_size"), v.count("temporal_patch_size", default=2)
    tower = _encoder(layers=v.count("depth"), hidden=hidden, inner=ratio * hidden)
    wide = hidden * merge
    out = v.count("hidden_size", default=text_hidden)
    merger = 2 * hidden + wide * wide + wide + wide * out + out
    return 3 * frames * patch * patch * hidden + tower + merger


def _qwen25_vl(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """Qwen2.5-VL: gated MLP with bias, RMSNorm."""
    hidden, merge = v.count("hidden_size", default=1280), v.count("spatial_merge_size", default=2) ** 2
    patch, frames = v.count("patch_size", default=14), v.count("temporal_patch_size", default=2)
    out = v.count("out_hidden_size", default=text_hidden)
    tower = _encoder(
        layers=v.count("depth"), hidden=hidden, inner=v.count("intermediate_size"), gated=True, norm_values=1
    )
    wide = hidden * merge
    merger = hidden + wide * wide + wide + wide * out + out
    return 3 * frames * patch * patch * hidden + tower + merger


def _qwen3_vl(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """Qwen3-VL and Qwen3.5: learnt positions, a merger at the end and one per deepstack level."""
    hidden, merge = v.count("hidden_size"), v.count("spatial_merge_size", default=2) ** 2
    patch, frames = v.count("patch_size"), v.count("temporal_patch_size", default=2)
    out = v.count("out_hidden_size")
    tower = _encoder(layers=v.count("depth"), hidden=hidden, inner=v.count("intermediate_size"))
    embedding = 3 * frames * patch * patch * hidden + hidden + v.count("num_position_embeddings") * hidden
    wide = hidden * merge
    projection = wide * wide + wide + wide * out + out
    deep = len(v.numbers("deepstack_visual_indexes") or ())
    return embedding + tower + 2 * hidden + projection + deep * (2 * wide + projection)


def _kimi(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """Kimi K2.5's MoonViT with a patch merger."""
    hidden, patch = v.count("vt_hidden_size", "hidden_size"), v.count("patch_size")
    layers = v.count("vt_num_hidden_layers", "num_hidden_layers")
    inner = v.count("vt_intermediate_size", "intermediate_size")
    positions = v.count("init_pos_emb_height", default=64) * v.count("init_pos_emb_width", default=64)
    embedding = 3 * patch * patch * hidden + hidden + positions * hidden
    wide = hidden * 4
    projector = 2 * hidden + wide * wide + wide + wide * text_hidden + text_hidden
    return embedding + _encoder(layers=layers, hidden=hidden, inner=inner) + 2 * hidden + projector


def _kimi_k3(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """Kimi K3's MoonViT: attention wider than its stream, no biases, a merger with its norm at the end."""
    hidden, patch = v.count("vt_hidden_size", "hidden_size"), v.count("patch_size")
    layers = v.count("vt_num_hidden_layers", "num_hidden_layers")
    inner, inside = v.count("vt_intermediate_size", "intermediate_size"), v.count("qkv_hidden_size")
    positions = v.count("init_pos_emb_height", default=64) * v.count("init_pos_emb_width", default=64)
    tower = layers * (4 * hidden * inside + 2 * hidden * inner + 2 * hidden) + hidden
    wide = hidden * 4
    return (3 * patch * patch + positions) * hidden + tower + wide * wide + wide * text_hidden + text_hidden


def _glm4v(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """GLM-4.1V and later: gated MLPs as wide as the output, a merger as wide as `intermediate_size`."""
    hidden, out = v.count("hidden_size"), v.count("out_hidden_size", default=text_hidden)
    patch, merge = v.count("patch_size", default=14), v.count("spatial_merge_size", default=2) ** 2
    tower = _encoder(layers=v.count("depth"), hidden=hidden, inner=out, gated=True, bias=False, norm_values=1)
    embedding = 3 * v.count("temporal_patch_size", default=2) * patch * patch * hidden
    embedding += (v.count("image_size", default=336) // patch) ** 2 * hidden
    merger = merge * hidden * out + out * out + 3 * out * v.count("intermediate_size")
    return tower + embedding + merger


def _muse_audio(a: ConfigValues) -> int:
    """Muse Spark's audio tower: stages of convolutional blocks, each over patches of the one before."""
    kernel, out = a.count("conv_kernel_size", default=7), a.count("out_hidden_size", default=8192)
    widths = a.numbers("hidden_sizes") or (256, 512, 1024, 2048)
    patches, depths = a.numbers("patch_sizes") or (16, 6, 5, 4), a.numbers("depths") or (2, 2, 2, 2)
    if not len(widths) == len(patches) == len(depths):
        raise a.wrong("hidden_sizes", "is not as long as patch_sizes and depths")
    total, before = 0, 1
    for width, patch, depth in zip(widths, patches, depths, strict=True):
        block = width * kernel + 2 * width + 8 * width * width + 5 * width
        total += width * patch * before + 2 * width + depth * block
        before = width
    return total + before + before * out + 2 * out


def _muse(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """Muse Glimmer's and Spark's encoder over pairs of frames, and three matrices of projection."""
    hidden, patch, merge = v.count("hidden_size"), v.count("patch_size"), v.count("merge_size", default=2)
    rows = v.count("pos_emb_height", default=32) * v.count("pos_emb_width", default=32)
    embedding = (3 * v.count("patch_temporal", default=2) * patch**2 + rows) * hidden
    inner, layers = v.count("intermediate_size"), v.count("num_hidden_layers")
    tower = _encoder(layers=layers, hidden=hidden, inner=inner) + 4 * hidden
    wide = outer.count("projector_hidden_size", default=4096)
    into = outer.count("out_hidden_size", default=hidden * merge**2)
    audio = outer.section("audio_config")
    projected = into * wide + wide * wide + wide * text_hidden
    return embedding + tower + projected + (0 if audio is None else _muse_audio(audio))


def _inkling(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """Inkling's table of audio tokens, and a few matrices over image patches: a thousandth of the model."""
    audio = outer.section("audio_config")
    rows = (
        0
        if audio is None
        else audio.count("mel_vocab_size", default=256) * audio.count("n_mel_bins", default=80)
    )
    return rows * text_hidden + text_hidden + 4 * text_hidden * text_hidden


def _gemma3n(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """Gemma 3n's MobileNet-V5-300M and conformer, of which the config names the first alone: an estimate."""
    audio = 681_000_000 if outer.section("audio_config") is not None else 0
    return 300_000_000 + audio + (v.count("hidden_size", default=2048) + 1536) * text_hidden


Tower = Callable[[ConfigValues, ConfigValues, int], int]

TOWERS: dict[str, Tower] = {
    "gemma3": _gemma3,
    "gemma4": _gemma4,
    "gemma3n": _gemma3n,
    "inkling_mm_model": _inkling,
    "mistral3": _pixtral,
    "muse_glimmer": _muse,
    "muse_spark": _muse,
    "llama4": _llama4,
    "qwen2_vl": _qwen2_vl,
    "qwen2_5_vl": _qwen25_vl,
    "qwen3_vl": _qwen3_vl,
    "qwen3_vl_moe": _qwen3_vl,
    "qwen3_5": _qwen3_vl,
    "qwen3_5_moe": _qwen3_vl,
    "kimi_k25": _kimi,
    "kimi_k3": _kimi_k3,
    "glm4v": _glm4v,
    "glm4v_moe": _glm4v,
    "glm46v": _glm4v,
}
"""By the model_type of the whole model; checked against transformers 5.23."""


def _by_widths(v: ConfigValues, outer: ConfigValues, text_hidden: int) -> int:
    """A tower of no known family, by its width, depth and patches: an estimate, good to about a tenth.

    Counted as a plain ViT with biases and a projector of two matrices. Raises InputError where the config
    leaves a size out.
    """
    hidden = v.count("hidden_size", "embed_dim", "width", "d_model", "hidden_dim")
    layers = v.count("num_hidden_layers", "depth", "layers", "num_layers", "encoder_layers")
    if "intermediate_size" in v or "mlp_dim" in v or "encoder_ffn_dim" in v:
        inner = v.count("intermediate_size", "mlp_dim", "encoder_ffn_dim")
    else:
        inner = round(hidden * (v.factor("mlp_ratio") if "mlp_ratio" in v else 4.0))
    tower = _encoder(layers=layers, hidden=hidden, inner=inner, gated=v.text("hidden_act") == "silu")
    embedding = 0
    if "patch_size" in v:
        patch = v.count("patch_size")
        embedding = 3 * patch * patch * v.count("temporal_patch_size", default=1) * hidden
        if isinstance(v.raw("image_size"), int):
            embedding += (v.count("image_size") // patch) ** 2 * hidden
    merge = v.count("spatial_merge_size", default=1) ** 2
    return tower + embedding + hidden * merge * text_hidden + text_hidden * text_hidden


_TOWER_SECTIONS = ("vision_config", "audio_config", "encoder_config", "speech_config")


def vision_params(outer: ConfigValues, text_hidden: int) -> int:
    """Parameters beside the language model; 0 for a text model. Raises UnsupportedError by name.

    A family that is not known is counted by its widths (`_by_widths`).
    """
    vision, model_type = outer.section("vision_config"), outer.text("model_type") or ""
    if vision is not None and model_type in TOWERS:
        return TOWERS[model_type](vision, outer, text_hidden)
    total = 0
    for key in _TOWER_SECTIONS:
        section = outer.section(key)
        if section is None or not section.names():
            continue
        try:
            total += _by_widths(tower_defaults(section), outer, text_hidden)
        except InputError as error:
            raise UnsupportedError(
                f"{outer.where}: {key} of '{model_type}' cannot be read yet; give the whole model's size, "
                "--params 8B, or the language model's own repository"
            ) from error
    return total


def tower_defaults(section: ConfigValues) -> ConfigValues:
    """A tower's keys over those that its class in transformers sets (configs leave out what equals them)."""
    return section.over(class_defaults(section.text("model_type"), section.where))
