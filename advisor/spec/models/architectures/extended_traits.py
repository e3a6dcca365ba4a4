"""Models with one thing more than a row of `TRAITS` says: Beam, Molmo 2, ERNIE-VL, TeleChat 2.

Shapes follow transformers 5.24.0; those of TeleChat 2 and of LongCat's n-gram tables vLLM 0.33.0.
"""

from __future__ import annotations

import dataclasses

from advisor.spec.models.architectures.latent_attention_beyond_deepseek import longcat
from advisor.spec.models.attention_and_mlp import Body, hidden_size, read_transformer
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.layers import moe_ffn


def _plus(body: Body, per_layer: int) -> Body:
    """The body with so many more parameters in each layer, which no format narrows."""
    layers = tuple((attention, ffn, norms + per_layer) for attention, ffn, norms in body.layers)
    return dataclasses.replace(body, layers=layers)


def _beam(c: ConfigValues, max_context: int) -> Body:
    """Beam: the gate on the attention's output has one bias a head."""
    return _plus(read_transformer(c, "beam", max_context), c.count("num_attention_heads"))


def _telechat2(c: ConfigValues, max_context: int) -> Body:
    """TeleChat 2: biases on the way out of attention and of the feed-forward part alone."""
    return _plus(read_transformer(c, "telechat2", max_context), hidden_size(c))


def _molmo2(c: ConfigValues, max_context: int) -> Body:
    """Molmo 2: further rows of the embedding for image tokens."""
    body = read_transformer(c, "qwen3", max_context)
    return dataclasses.replace(
        body, other_params=c.count("additional_vocab_size", default=128) * hidden_size(c)
    )


def _pair(c: ConfigValues, key: str) -> tuple[int, int]:
    """The figures of the text's experts and of the images'; one figure stands for both."""
    if not isinstance(c.raw(key), (list, tuple)):
        one = c.count(key)
        return one, one
    pair = c.numbers(key)
    if not pair:
        raise c.wrong(key, "is not a figure for text and one for images")
    return pair[0], pair[-1]


def _ernie_vl(c: ConfigValues, max_context: int) -> Body:
    """ERNIE 4.5 VL: ERNIE's experts for text, others for image tokens, which a text token does not pass."""
    pairs = {key: _pair(c, key) for key in ("moe_num_experts", "moe_intermediate_size") if key in c}
    text = {key: of_text for key, (of_text, _) in pairs.items()}
    body = read_transformer(ConfigValues(text, c.where).over(c), "ernie4_5_moe", max_context)
    if not isinstance(c.raw("moe_intermediate_size"), (list, tuple)):
        return body
    (_, experts), (_, inner) = _pair(c, "moe_num_experts"), _pair(c, "moe_intermediate_size")
    images = moe_ffn(hidden=hidden_size(c), experts=experts, active=0, inner=inner, router_bias=True)
    each = images.total_linear_params + images.router_params + images.other_params
    routed = sum(1 for _, ffn, _ in body.layers if ffn.experts)
    return dataclasses.replace(body, other_params=body.other_params + routed * each)


def _longcat_ngram(c: ConfigValues, max_context: int) -> Body:
    """LongCat-Flash-Lite: hashed runs of tokens have embeddings of their own, then projected."""
    hidden = hidden_size(c)
    tables = c.count("emb_split_num") * (c.count("emb_neighbor_num") - 1)
    width = hidden // tables
    rows = tables * c.count("ngram_vocab_size_ratio") * c.count("vocab_size") + tables * tables
    body = longcat(c, max_context)
    return dataclasses.replace(body, other_params=rows * width + tables * width * hidden)


READERS = {
    "beam": _beam,
    "telechat2": _telechat2,
    "molmo2_text": _molmo2,
    "ernie4_5_vl_moe_text": _ernie_vl,
    "longcat_flash_ngram": _longcat_ngram,
}
