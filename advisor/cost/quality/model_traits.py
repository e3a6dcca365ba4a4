"""The traits of a model that decide how much quantization costs it: family, size, sparsity.

Scores are published under many names; those of one base (Llama-3.1-8B-Instruct, its base model,
DeepSeek-R1-Distill-Llama-8B) are kin: what is learned of one says something of the other, and none may
be left in when the others are held out.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import lru_cache

from advisor.errors import UnknownNameError
from advisor.spec.models.catalog import find_model
from advisor.spec.models.model import ModelSpec

BILLION = 1e9
SMALLEST_B = 0.001
"""Sizes are in steps of a million parameters; a toy below one is taken as one, so that logarithms exist."""

_FAMILIES: tuple[tuple[str, str], ...] = (
    (r"r1-distill-llama|llama-?3(?!\d)", "llama-3"),
    (r"r1-distill-qwen|qwq|qwen-?2\.5", "qwen2.5"),
    (r"llama-?4(?!\d)", "llama-4"),
    (r"llama|vicuna|alpaca", "llama-2"),
    (r"qwen-?3", "qwen3"),
    (r"qwen", "qwen2"),
    (r"mixtral|mistral|ministral|neural-chat|devstral|magistral|pixtral", "mistral"),
    (r"gemma", "gemma"),
    (r"phi", "phi"),
    (r"granite", "granite"),
    (r"deepseek|kimi", "deepseek"),
    (r"gpt-?oss", "gpt-oss"),
    (r"glm", "glm"),
    (r"minimax", "minimax"),
    (r"olmo", "olmo"),
    (r"falcon", "falcon"),
    (r"hunyuan", "hunyuan"),
)
"""A model's kin by its name, the first that matches; distilled models belong to what they were made from."""

_PARAMS_B: dict[str, tuple[float, float]] = {
    "phi-4": (14.7, 14.7),
    "phi-3-medium": (14.0, 14.0),
    "phi-3-mini": (3.8, 3.8),
    "phi-3.5-mini": (3.8, 3.8),
    "phi-2": (2.8, 2.8),
    "mistral-nemo": (12.2, 12.2),
    "mistral-small": (23.6, 23.6),
    "mixtral-8x7b": (46.7, 12.9),
    "mixtral-8x22b": (140.6, 39.1),
    "llama-4-scout": (108.6, 17.2),
    "llama-4-maverick": (401.6, 17.2),
    "deepseek-r1": (671.0, 37.6),
    "deepseek-v3": (671.0, 37.6),
    "qwen2-57b-a14b": (57.4, 14.2),
}
"""Billions of parameters, all and active, of models whose name does not say, as their makers state them;
used only for scores of models that stand in no catalog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """One model as the accuracy model sees it."""

    name: str
    """The model's name as sources print it."""
    key: str
    """The name without what people vary; equal keys are one model."""
    family: str
    group: str
    """Family and rounded size: models of one group are held out together."""
    params_b: float
    active_b: float
    size_sd: float = 0.0
    """Standard deviation of the logarithm of the size; 0 where the size is known."""

    @property
    def sparse(self) -> bool:
        return self.active_b < 0.8 * self.params_b


def model_key(name: str) -> str:
    """A name without organisation, case, separators and Meta's older prefix."""
    short = name.rsplit("/", 1)[-1].lower()
    return re.sub(r"[^a-z0-9]", "", short.removeprefix("meta-"))


def family_of(name: str, fallback: str = "") -> str:
    """The family a name belongs to; `fallback` (the catalog's), then the name's first word."""
    short = name.rsplit("/", 1)[-1].lower()
    for pattern, family in _FAMILIES:
        if re.search(pattern, short):
            return family
    return fallback or re.split(r"[-_.\d ]", short)[0]


_SIZE = re.compile(r"(?<![\d.a-z])(\d+(?:\.\d+)?)b(?:-a(\d+(?:\.\d+)?)b)?(?![a-z\d])")
"""`8b`, `30b-a3b`; not the `7b` of `8x7b`."""


def _group(name: str, family: str, params_b: float) -> str:
    """Family and the size in the name (Qwen2.5-7B has 7.6 billion, and its kin all say 7B)."""
    said = _SIZE.search(name.lower())
    return f"{family} {said.group(1) if said else format(params_b, '.0f')}B"


def _traits(name: str, family: str, params_b: float, active_b: float) -> Traits:
    return Traits(
        name=name,
        key=model_key(name),
        family=family,
        group=_group(name, family, params_b),
        params_b=max(round(params_b, 3), SMALLEST_B),
        active_b=max(round(active_b, 3), SMALLEST_B),
    )


def traits_of(model: ModelSpec | Traits) -> Traits:
    """The traits of a model whose architecture is known; traits as they are."""
    return model if isinstance(model, Traits) else traits(model)


def traits(model: ModelSpec) -> Traits:
    """The traits of a model whose architecture is known."""
    return _traits(
        model.name,
        family_of(model.name, model.family),
        model.total_params / BILLION,
        model.active_params / BILLION,
    )


@lru_cache(maxsize=1024)
def traits_by_name(name: str) -> Traits | None:
    """Traits of a model that a score is printed for: from the catalog, a table, or its name; None if unknown.

    Never asks a network (a name without an organisation is looked up here only): the same records give
    the same fit everywhere.
    """
    short = name.rsplit("/", 1)[-1]
    try:
        return traits(find_model(short))
    except UnknownNameError:
        pass
    for start, (params_b, active_b) in _PARAMS_B.items():
        if start in short.lower():
            return _traits(short, family_of(short), params_b, active_b)
    size = _SIZE.search(short.lower())
    if size is None:
        return None
    params_b = float(size.group(1))
    return _traits(short, family_of(short), params_b, float(size.group(2) or params_b))


UNKNOWN_SIZE_B, UNKNOWN_SIZE_SD = 8.0, math.log(3.0)
"""A model whose size nobody gives is taken as 8 billion parameters, within a factor of three."""


def traits_by_family(name: str) -> Traits | None:
    """Traits of a model whose name says no more than its family; None where it says not even that."""
    known = traits_by_name(name)
    if known is not None:
        return known
    short = name.rsplit("/", 1)[-1].lower()
    if not any(re.search(pattern, short) for pattern, _ in _FAMILIES):
        return None
    about = _traits(name, family_of(name), UNKNOWN_SIZE_B, UNKNOWN_SIZE_B)
    return replace(about, group=f"{about.family} of unknown size", size_sd=UNKNOWN_SIZE_SD)
