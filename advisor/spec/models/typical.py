"""A typical model of a given size, dense or a mixture of experts: for users who know no more of theirs."""

from __future__ import annotations

import math
import re

from advisor.errors import InputError
from advisor.spec.models.layers import dense_ffn, grouped_attention, moe_ffn
from advisor.spec.models.model import LayerGroup, ModelSpec

SMALLEST, LARGEST = 5e7, 3e12
"""Sizes for which a shape can be called typical."""

_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_SIZE = re.compile(r"\s*(\d+(?:[_,]\d{3})*(?:\.\d+)?(?:e[+]?\d+)?)\s*([kmbt]?)\s*", re.IGNORECASE | re.ASCII)


def parse_params(text: str) -> float:
    """'8B', '1.5b', '500M', '1T' or a plain count → parameters. Raises InputError."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InputError(f"params: '{text}' is not a size; write 8B, 1.5B, 500M or a plain count")
    value = float(match.group(1).replace("_", "").replace(",", "")) * _UNITS[match.group(2).lower()]
    if not SMALLEST <= value <= LARGEST:
        hint = f"; did you mean {match.group(1)}B?" if match.group(2) == "" and value < SMALLEST else ""
        raise InputError(f"params: {text} is outside 50M … 3T{hint or '; write 8B, 70B, 500M'}")
    return value


def _kv_heads(heads: int) -> int:
    """8 as in Llama 3, fewer where there are hardly more query heads."""
    return next(k for k in (8, 4, 2, 1) if heads % k == 0 and (k * 2 <= heads or k == 1))


def typical_model(params: float) -> ModelSpec:
    """A dense model with grouped-query attention whose total is within 1 % of `params`.

    The shape follows Llama 3 and Qwen 2.5: depth about hidden / 120, feed-forward 3.5 times hidden,
    heads of 128 with 8 key-value heads, a vocabulary of 128,256 (49,152 below 400 million), embedding
    and head tied below 4 billion. Raises InputError for a size outside 50 million … 3 trillion.
    """
    if not (isinstance(params, (int, float)) and math.isfinite(params) and SMALLEST <= params <= LARGEST):
        raise InputError(f"params: {params} is outside 50M … 3T; write 8B, 70B, 500M")
    vocab = 128_256 if params >= 4e8 else 49_152
    tied = params < 4e9
    head_dim = 128 if params >= 1.5e9 else 64
    best: tuple[float, int, int, int] | None = None
    # hidden ** 3 × 12 / 120 is the size of a model of that depth: look around it, at widths whose heads
    # share their keys and values evenly.
    middle = (params * 120 / 12) ** (1 / 3)
    step = head_dim * (8 if middle > 2500 else 4)
    start = max(step, round(middle * 0.6 / step) * step)
    for hidden in range(start, round(middle * 1.6) + step, step):
        heads = hidden // head_dim
        attention = 2 * hidden * (heads + _kv_heads(heads)) * head_dim
        around = vocab * hidden * (1 if tied else 2) + hidden
        for layers in range(max(4, hidden // 240), hidden // 40 + 2):
            room = (params - around) / layers - attention - 2 * hidden
            inner = round(room / (3 * hidden) / 64) * 64
            if inner < hidden:
                continue
            total = around + layers * (attention + 2 * hidden + 3 * hidden * inner)
            miss = abs(total / params - 1)
            if miss > 0.01:
                continue
            score = abs(math.log(hidden / layers / 120)) + 2 * abs(math.log(inner / hidden / 3.5)) + 10 * miss
            if best is None or score < best[0]:
                best = (score, hidden, layers, inner)
    if best is None:
        raise InputError(f"params: no typical shape of {params:.4g} parameters; name a model instead")
    _, hidden, layers, inner = best
    heads = hidden // head_dim
    kv_heads = _kv_heads(heads)
    group = LayerGroup(
        count=layers,
        attention=grouped_attention(hidden=hidden, heads=heads, kv_heads=kv_heads, head_dim=head_dim),
        ffn=dense_ffn(hidden=hidden, inner=inner),
        norm_params=2 * hidden,
    )
    return ModelSpec(
        name=f"typical-{_short(params)}",
        hf_id=None,
        architecture="typical dense transformer",
        hidden=hidden,
        vocab=vocab,
        max_context=131_072,
        groups=(group,),
        embedding_params=vocab * hidden,
        lm_head_params=0 if tied else vocab * hidden,
        other_params=hidden,
        source="typical shape of that size, after Llama 3 and Qwen 2.5",
        family="typical",
        typical=True,
    )


_ACTIVE = re.compile(r"\s*([^-\s]+)-A([^-\s]+)\s*", re.IGNORECASE)
_EXPERTS_USED = 8
"""Routed experts per token, as in most mixtures since DeepSeek V3 and Qwen3."""
LEAST_ACTIVE, MOST_ACTIVE = 0.01, 0.6
"""Shares of a mixture's weights that a token passes, for which a shape can be called typical."""


def model_of_size(text: str) -> ModelSpec:
    """The typical model of '8B' (dense) or of '284B-A13B' (a mixture of experts: all and active weights).

    Raises InputError for what is no such size.
    """
    match = _ACTIVE.fullmatch(text)
    if match is None:
        if re.search(r"-\s*A", text, re.IGNORECASE):
            raise InputError(
                f"params: '{text}' is not a size; write 284B-A13B: all weights, then the active ones"
            )
        return typical_model(parse_params(text))
    return typical_mixture(parse_params(match[1]), parse_params(match[2]))


def typical_mixture(params: float, active: float) -> ModelSpec:
    """A mixture of experts whose total is within 1 % of `params` and whose active weights are near `active`.

    The shape follows Qwen3, MiniMax-M2, GLM-4.5 and gpt-oss: width 1,500 times the active billions to the
    power of 0.4, depth about width / 60, eight experts a token, grouped-query attention with heads of 128,
    every layer routed, nothing tied. Raises InputError where no such shape has both sizes.
    """
    share = active / params if params else 0.0
    if not LEAST_ACTIVE <= share <= MOST_ACTIVE:
        raise InputError(
            f"params: {_short(params)}-A{_short(active)}: {100 * share:.1f} % of the weights active; a "
            f"mixture has {100 * LEAST_ACTIVE:.0f} % to {100 * MOST_ACTIVE:.0f} %, a dense model "
            f"is --params {_short(params)}"
        )
    vocab = 151_936 if params >= 4e9 else 49_152
    for step in _WIDTHS:
        shape = _mixture_shape(params, active, vocab, step)
        if shape is not None:
            return _mixture(params, active, vocab, *shape)
    raise InputError(
        f"params: no typical mixture of {_short(params)} with {_short(active)} active; name a model"
    )


_WIDTHS = (512, 256, 128)
"""Steps of the hidden width, the coarsest first: its multiples have heads that divide by 8, 4 or 2, so that
a mixture can be split over as many GPUs as those that are published."""


def _mixture_shape(params: float, active: float, vocab: int, step: int) -> tuple[int, int, int, int] | None:
    """The most typical width, depth, width of an expert and number of experts; None where none has both
    sizes."""
    middle = 1500 * (active / 1e9) ** 0.4
    best: tuple[float, int, int, int, int] | None = None
    for hidden in range(512, round(2 * middle) + 512, step):
        heads = 2 * hidden // 128
        attention = 2 * hidden * (heads + _kv_heads(heads)) * 128
        around = 2 * vocab * hidden + hidden
        for layers in range(max(4, hidden // 150), hidden // 25 + 2):
            routed = (active - around) / layers - attention - 2 * hidden
            all_experts = (params - around) / layers - attention - 2 * hidden
            if routed <= 0:
                continue
            experts = max(_EXPERTS_USED, round(all_experts / routed * _EXPERTS_USED / 8) * 8)
            inner = round(all_experts / experts / (3 * hidden) / 64) * 64
            if not 128 <= inner <= 8 * hidden or experts > 1024:
                continue
            per_layer = attention + 2 * hidden + hidden * experts
            total = around + layers * (per_layer + 3 * hidden * inner * experts)
            used = around + layers * (per_layer + 3 * hidden * inner * _EXPERTS_USED)
            miss, off = abs(total / params - 1), abs(used / active - 1)
            if miss > 0.01 or off > 0.05:
                continue
            score = abs(math.log(hidden / middle)) + abs(math.log(hidden / layers / 60)) + 10 * miss + 5 * off
            if best is None or score < best[0]:
                best = (score, hidden, layers, inner, experts)
    return None if best is None else best[1:]


def _mixture(
    params: float, active: float, vocab: int, hidden: int, layers: int, inner: int, experts: int
) -> ModelSpec:
    heads = 2 * hidden // 128
    group = LayerGroup(
        count=layers,
        attention=grouped_attention(hidden=hidden, heads=heads, kv_heads=_kv_heads(heads), head_dim=128),
        ffn=moe_ffn(hidden=hidden, experts=experts, active=_EXPERTS_USED, inner=inner),
        norm_params=2 * hidden,
    )
    return ModelSpec(
        name=f"typical-{_short(params)}-A{_short(active)}",
        hf_id=None,
        architecture="typical mixture of experts",
        hidden=hidden,
        vocab=vocab,
        max_context=131_072,
        groups=(group,),
        embedding_params=vocab * hidden,
        lm_head_params=vocab * hidden,
        other_params=hidden,
        source="typical shape of that size, after Qwen3, MiniMax-M2, GLM-4.5 and gpt-oss",
        family="typical",
        typical=True,
    )


def _short(params: float) -> str:
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if params >= unit:
            return f"{params / unit:.4g}{letter}"
    return f"{params:.0f}"
