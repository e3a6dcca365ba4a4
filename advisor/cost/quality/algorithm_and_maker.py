"""Recipe: who made a checkpoint and by which algorithm; two makers' GPTQ lose differently."""

from __future__ import annotations

import re
from dataclasses import dataclass

from advisor.errors import InputError, unknown

ALGORITHMS = ("autoround", "gptq", "awq", "smoothquant", "rtn", "hqq", "omniquant", "qat", "quark")
BOTH = "smoothquant+gptq"
_OTHER_NAMES = {
    "roundtonearest": "rtn",
    "unstated": "rtn",
    "modeloptptq": "rtn",
    "ptq": "rtn",
    "quantizationawaretraining": "qat",
}
_MAKERS = {
    "neuralmagic": "Red Hat",
    "redhatai": "Red Hat",
    "redhat": "Red Hat",
    "nmtesting": "Red Hat",
    "arxiv241102355v4": "Red Hat",
    "nvidia": "NVIDIA",
    "amd": "AMD",
    "rocm": "AMD",
    "intel": "intel",
    "openvinotoolkit": "intel",
}
"""One organisation's names: the seed paper's authors made Red Hat's cards with the same harness."""
_IN_NAME = (
    (r"autoround|auto-round", "autoround"),
    (r"gptq|quantized\.w4a16|quantized\.w8a16|quantized\.w8a8", "gptq"),
    (r"awq", "awq"),
    (r"qat", "qat"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """An algorithm, a maker, or both; None = whichever is usual."""

    algorithm: str | None = None
    maker: str | None = None

    def may_be(self, known: Recipe) -> bool:
        """Whether nothing that this names is otherwise in `known`."""
        return self.algorithm in (None, known.algorithm) and self.maker in (None, known.maker)

    def __str__(self) -> str:
        return "@".join(part for part in (self.algorithm or "", self.maker) if part is not None)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def algorithm_name(text: str) -> str:
    """`GPTQ`, `smooth_quant + gptq`, `AutoRound` … as records spell them; unknown ones as they are."""
    folded = re.sub(r"[^a-z]", "", text.lower())
    if "smoothquant" in folded and "gptq" in folded:
        return BOTH
    for known in ALGORITHMS:
        if known in folded:
            return known
    return _OTHER_NAMES.get(folded, folded)


def maker_name(text: str) -> str:
    """One name for each organisation: `RedHatAI` and `neuralmagic` are Red Hat."""
    return _MAKERS.get(_letters(text), text)


def parse_recipe(text: str) -> Recipe:
    """`gptq`, `gptq@RedHatAI` or `@RedHatAI`. Raises InputError for neither, or an unknown algorithm."""
    algorithm, _, maker = (part.strip() for part in text.partition("@"))
    if (not algorithm and not maker) or "@" in maker:
        raise InputError(f"recipe: '{text}' names no algorithm and no maker; gptq or gptq@RedHatAI do")
    name = algorithm_name(algorithm) if algorithm else None
    if name not in (None, BOTH, *ALGORITHMS):
        raise unknown("algorithm", algorithm, (*ALGORITHMS, BOTH), where=f"recipe: '{text}'")
    return Recipe(
        algorithm=name,
        maker=maker_name(maker) if maker else None,
    )


def recipe_of_checkpoint(repository: str) -> Recipe:
    """What a checkpoint's name says of its recipe: `RedHatAI/Qwen3-8B-quantized.w4a16` is Red Hat's GPTQ."""
    owner, _, name = repository.partition("/")
    algorithm = next((found for pattern, found in _IN_NAME if re.search(pattern, name.lower())), None)
    return Recipe(algorithm=algorithm, maker=maker_name(owner) if name else None)
