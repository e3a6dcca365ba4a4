"""Writes what vLLM's registry lists, and docs/architectures.md: which of it can be read, and why not.

    python docs/tools/architectures.py registry REGISTRY.py VERSION [MODELING_AUTO.py]
    python docs/tools/architectures.py page

`registry` reads vllm/model_executor/models/registry.py of a source distribution, and transformers'
models/auto/modeling_auto.py for the model_type of each architecture, as text: neither is imported. `page`
needs nothing but this package; a test holds the page to it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "advisor" / "spec" / "catalog" / "architectures.yaml"
PAGE = ROOT / "docs" / "architectures.md"
KINDS: Mapping[str, tuple[str, ...]] = {
    "text": ("_TEXT_GENERATION_MODELS", "_TRANSFORMERS_SUPPORTED_MODELS"),
    "multimodal": ("_MULTIMODAL_MODELS",),
    "pooling": (
        "_EMBEDDING_MODELS",
        "_LATE_INTERACTION_MODELS",
        "_REWARD_MODELS",
        "_TOKEN_CLASSIFICATION_MODELS",
        "_SEQUENCE_CLASSIFICATION_MODELS",
    ),
    "draft": ("_SPECULATIVE_DECODING_MODELS",),
    "removed": ("_PREVIOUSLY_SUPPORTED_MODELS",),
}
OWN_CODE: Mapping[str, str] = {
    "AquilaForCausalLM": "llama",
    "AquilaModel": "llama",
    "BaiChuanForCausalLM": "baichuan",
    "BaichuanForCausalLM": "baichuan",
    "BailingMoeForCausalLM": "bailing_moe",
    "BailingMoeV2ForCausalLM": "bailing_moe_v2",
    "ChatGLMForConditionalGeneration": "chatglm",
    "ChatGLMModel": "chatglm",
    "DeciLMForCausalLM": "nemotron-nas",
    "DeepseekForCausalLM": "deepseek",
    "ExaoneForCausalLM": "exaone",
    "ExaoneMoEForCausalLM": "exaone_moe",
    "GPT2LMHeadModel": "gpt2",
    "IQuestCoderForCausalLM": "iquestcoder",
    "InternLM2ForCausalLM": "internlm2",
    "InternLM3ForCausalLM": "internlm3",
    "InternLMForCausalLM": "internlm",
    "LLaMAForCausalLM": "llama",
    "MPTForCausalLM": "mpt",
    "MiMoForCausalLM": "mimo",
    "MiMoV2FlashForCausalLM": "mimo_v2_flash",
    "MiMoV2ForCausalLM": "mimo_v2",
    "MiniCPMForCausalLM": "minicpm",
    "MiniMaxM3SparseForCausalLM": "minimax_m3",
    "MistralLarge3ForCausalLM": "mistral_large_3",
    "NanbeigeForCausalLM": "nanbeige",
    "NemotronHPuzzleForCausalLM": "nemotron_h_puzzle",
    "OrionForCausalLM": "orion",
    "PanguEmbeddedForCausalLM": "PanguEmbedded",
    "PanguProMoEV2ForCausalLM": "PanguProMoE",
    "PanguUltraMoEForCausalLM": "pangu_ultra_moe",
    "Param2MoEForCausalLM": "param2moe",
    "PhiMoEForCausalLM": "phimoe",
    "Plamo3ForCausalLM": "plamo3",
    "RWForCausalLM": "falcon",
    "Rnj1ForCausalLM": "rnj1",
    "SarvamMLAForCausalLM": "sarvam_mla",
    "SarvamMoEForCausalLM": "sarvam_moe",
    "SolarForCausalLM": "solar",
    "StableLMEpochForCausalLM": "stablelm",
    "Step1ForCausalLM": "step1",
    "TeleChat2ForCausalLM": "telechat2",
    "TeleChat3ForCausalLM": "telechat3",
    "TeleFLMForCausalLM": "teleflm",
    "XverseForCausalLM": "xverse",
}
"""The model_type of architectures whose class is in their repositories, as config.json files have it."""


def listed(registry: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Architectures by kind, and the release before which each removed one was dropped."""
    kinds: dict[str, list[str]] = {kind: [] for kind in KINDS}
    removed: dict[str, str] = {}
    for node in ast.parse(registry.read_text(encoding="utf-8")).body:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not isinstance(node.value, ast.Dict):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        name = getattr(target, "id", "")
        for kind, names in KINDS.items():
            if name not in names:
                continue
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant):
                    kinds[kind].append(str(key.value))
                    if kind == "removed" and isinstance(value, ast.Constant):
                        removed[str(key.value)] = str(value.value)
    return kinds, removed


def model_types(modeling_auto: Path | None) -> dict[str, str]:
    """The model_type of each architecture, from transformers' own tables and `OWN_CODE`."""
    found = {} if modeling_auto is None else _transformers(modeling_auto.read_text(encoding="utf-8"))
    return found | OWN_CODE


def _transformers(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for table in ("MULTIMODAL_LM", "IMAGE_TEXT_TO_TEXT", "CAUSAL_LM"):
        match = re.search(rf"MODEL_FOR_{table}_MAPPING_NAMES = OrderedDict\((.*?)\n\)", text, re.DOTALL)
        for kind, name in re.findall(r'\("([\w.-]+)", "(\w+)"\)', match[1] if match else ""):
            pairs.setdefault(name, kind)
    return pairs


def write_registry(registry: Path, version: str, modeling_auto: Path | None) -> None:
    kinds, removed = listed(registry)
    types = model_types(modeling_auto)
    lines = [
        f"# The architectures that vLLM {version} lists, by what they do; model_type as transformers and the",
        "# repositories have it. Written by docs/tools/architectures.py; do not edit.",
        f'vllm: "{version}"',
    ]
    seen: set[str] = set()
    for kind, names in kinds.items():
        lines.append(f"{kind}:")
        for name in dict.fromkeys(names):
            if name in seen:
                continue
            seen.add(name)
            facts = {"type": types.get(name), "until": removed.get(name)}
            inside = ", ".join(f'{key}: "{value}"' for key, value in facts.items() if value)
            lines.append(f"  {name}: {{{inside}}}")
    CATALOG.write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows() -> Iterator[tuple[str, str, str]]:
    """Architecture, model_type, what becomes of its config.json."""
    from advisor.spec.models.architectures.registry import registered
    from advisor.spec.models.config import readable_types

    readable = readable_types()
    for entry in registered():
        yield entry.architecture, entry.model_type or "", entry.outcome(readable)


def page() -> str:
    from advisor.spec.models.architectures.registry import registered, registry_version

    table = list(rows())
    generating = {entry.architecture for entry in registered() if entry.kind in ("text", "multimodal")}
    read = sum(outcome.startswith("read") for name, _, outcome in table if name in generating)
    lines = [
        "# Which architectures can be read",
        "",
        "<!-- made by docs/tools/architectures.py; a test holds it -->",
        "",
        f"Every architecture that vLLM {registry_version()} lists. Of the {len(generating)} that generate",
        f"text, {read} are read from their config.json. For the others give a size: `--params 8B`, or, for a",
        "mixture of experts, all weights and the active ones: `--params 284B-A13B`.",
        "",
        "| architecture | model_type | config.json |",
        "|---|---|---|",
        *(f"| {name} | {kind} | {outcome} |" for name, kind, outcome in table),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["registry"]:
        auto = Path(arguments[3]) if len(arguments) > 3 else None
        write_registry(Path(arguments[1]), arguments[2], auto)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(sys.argv[1:])
