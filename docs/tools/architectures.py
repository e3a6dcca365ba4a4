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
    "BailingMoeV2_5ForCausalLM": "bailing_hybrid",
    "BailingMoeV3ForCausalLM": "bailing_hybrid",
    "ChatGLMForConditionalGeneration": "chatglm",
    "ChatGLMModel": "chatglm",
    "DeciLMForCausalLM": "nemotron-nas",
    "DeepseekForCausalLM": "deepseek",
    "ExaoneForCausalLM": "exaone",
    "ExaoneMoEForCausalLM": "exaone_moe",
    "GPT2LMHeadModel": "gpt2",
    "Glm5NextForCausalLM": "glm5_next_text",
    "HCXVisionV2ForCausalLM": "hyperclovax_vision_v2",
    "IQuestCoderForCausalLM": "iquestcoder",
    "IQuestLoopCoderForCausalLM": "iquest_loopcoder",
    "InternLM2ForCausalLM": "internlm2",
    "InternLM3ForCausalLM": "internlm3",
    "InternLMForCausalLM": "internlm",
    "LLaMAForCausalLM": "llama",
    "LongcatFlashNgramForCausalLM": "longcat_flash_ngram",
    "MPTForCausalLM": "mpt",
    "MiMoForCausalLM": "mimo",
    "MiMoV2FlashForCausalLM": "mimo_v2_flash",
    "MiMoV2ForCausalLM": "mimo_v2",
    "MiniCPMForCausalLM": "minicpm",
    "MiniMaxM3SparseForCausalLM": "minimax_m3",
    "MistralLarge3ForCausalLM": "mistral_large_3",
    "MuseGlimmerForCausalLM": "muse_glimmer_text",
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
    "Step3TextForCausalLM": "step3_text",
    "Step3p5ForCausalLM": "step3p5",
    "TeleChat2ForCausalLM": "telechat2",
    "TeleChat3ForCausalLM": "telechat3",
    "TeleFLMForCausalLM": "teleflm",
    "XverseForCausalLM": "xverse",
}
"""The model_type of architectures whose class is in their repositories, as config.json files have it."""

TEXT_SECTIONS: Mapping[str, str] = {
    "AriaForConditionalGeneration": "aria_text",
    "BailingMoeV3VLForConditionalGeneration": "bailing_hybrid",
    "Blip2ForConditionalGeneration": "opt",
    "Cohere2VisionForConditionalGeneration": "cohere2",
    "CohereCompassForConditionalGeneration": "cohere_compass_text",
    "Cosmos3EdgeForConditionalGeneration": "cosmos3_edge_text",
    "DeepseekOCR2ForCausalLM": "deepseek_v2",
    "DeepseekOCRForCausalLM": "deepseek_v2",
    "DeepseekV4ForConditionalGeneration": "deepseek_v4",
    "DeepseekVLV2ForCausalLM": "deepseek_v2",
    "DiffusionGemmaForBlockDiffusion": "diffusion_gemma_text",
    "Dots3NoteForCausalLM": "dots3_note_text",
    "Emu3ForConditionalGeneration": "emu3_text_model",
    "Ernie4_5_VLMoeForConditionalGeneration": "ernie4_5_vl_moe_text",
    "Exaone4_5_ForConditionalGeneration": "exaone4",
    "Gemma3ForConditionalGeneration": "gemma3_text",
    "Gemma3nForConditionalGeneration": "gemma3n_text",
    "Gemma4ForConditionalGeneration": "gemma4_text",
    "Gemma4UnifiedForConditionalGeneration": "gemma4_unified_text",
    "Glm4vForConditionalGeneration": "glm4v_text",
    "Glm4vMoeForConditionalGeneration": "glm4v_moe_text",
    "Glm5NextForConditionalGeneration": "glm5_next_text",
    "GlmAsrForConditionalGeneration": "llama",
    "GlmOcrForConditionalGeneration": "glm_ocr_text",
    "Granite4VisionForConditionalGeneration": "granite4_vision_text",
    "GraniteSpeechForConditionalGeneration": "granite",
    "GraniteSpeechPlusForConditionalGeneration": "granite",
    "HCXVisionV2ForCausalLM": "hyperclovax",
    "HunYuanVLForConditionalGeneration": "hunyuan_vl_text",
    "InklingForConditionalGeneration": "inkling_text",
    "Idefics3ForConditionalGeneration": "llama",
    "InternVLForConditionalGeneration": "qwen2",
    "KimiK25ForConditionalGeneration": "kimi_k2",
    "KimiK3ForConditionalGeneration": "kimi_linear",
    "KimiVLForConditionalGeneration": "deepseek_v3",
    "Lfm2VlForConditionalGeneration": "lfm2",
    "Llama4ForConditionalGeneration": "llama4_text",
    "LlavaForConditionalGeneration": "llama",
    "LlavaNextForConditionalGeneration": "llama",
    "LlavaNextVideoForConditionalGeneration": "llama",
    "LlavaOnevisionForConditionalGeneration": "qwen2",
    "MiniCPMOcrForConditionalGeneration": "qwen3_5_text",
    "MiniCPMV4_6ForConditionalGeneration": "qwen3_5_text",
    "MiniCPMV4_7ForConditionalGeneration": "qwen3_5_text",
    "MiniMaxM3SparseForConditionalGeneration": "minimax_m3_vl_text",
    "Mistral3ForConditionalGeneration": "mistral",
    "Molmo2ForConditionalGeneration": "molmo2_text",
    "MossTranscribeDiarizeForConditionalGeneration": "qwen3",
    "MuseGlimmerForConditionalGeneration": "muse_glimmer_text",
    "MuseSparkForConditionalGeneration": "muse_spark_text",
    "NemotronH_Nano_Omni_Reasoning_V3": "nemotron_h",
    "NemotronH_Nano_VL_V2": "nemotron_h",
    "NemotronH_Omni_Reasoning_V3": "nemotron_h",
    "NemotronH_Super_Omni_Reasoning_V3": "nemotron_h",
    "PaddleOCRVLForConditionalGeneration": "paddleocr_vl_text",
    "PaliGemmaForConditionalGeneration": "gemma",
    "PixtralForConditionalGeneration": "mistral",
    "QianfanOCRForConditionalGeneration": "qwen3",
    "Qwen2AudioForConditionalGeneration": "qwen2",
    "Qwen2VLForConditionalGeneration": "qwen2_vl_text",
    "Qwen2_5OmniForConditionalGeneration": "qwen2_5_omni_text",
    "Qwen2_5_VLForConditionalGeneration": "qwen2_5_vl_text",
    "Qwen3ASRForConditionalGeneration": "qwen3",
    "Qwen3OmniMoeForConditionalGeneration": "qwen3_omni_moe_text",
    "Qwen3VLForConditionalGeneration": "qwen3_vl_text",
    "Qwen3VLMoeForConditionalGeneration": "qwen3_vl_moe_text",
    "Qwen3_5ForConditionalGeneration": "qwen3_5_text",
    "Qwen3_5MoeForConditionalGeneration": "qwen3_5_moe_text",
    "Qwen4ExpForConditionalGeneration": "qwen4_exp_text",
    "SmolVLMForConditionalGeneration": "llama",
    "Step3VLForConditionalGeneration": "step3_text",
    "Step3p7ForConditionalGeneration": "step3p5",
    "VibeVoiceAsrForConditionalGeneration": "qwen2",
    "VoxtralForConditionalGeneration": "llama",
}
"""The model_type of the section that holds the language model, as the classes of transformers 5.24.0 set it;
of those that it does not have, as vLLM's own configurations or the repositories have it."""


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
            facts = {"type": types.get(name), "text": TEXT_SECTIONS.get(name), "until": removed.get(name)}
            inside = ", ".join(f'{key}: "{value}"' for key, value in facts.items() if value)
            lines.append(f"  {name}: {{{inside}}}")
    CATALOG.write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows() -> Iterator[tuple[str, str, str]]:
    """Architecture, model_type, what becomes of its config.json."""
    from advisor.spec.models.architectures.vllm_registry import registered
    from advisor.spec.models.config_json import readable_types

    readable = readable_types()
    for entry in registered():
        yield entry.architecture, entry.model_type or "", entry.outcome(readable)


def page() -> str:
    from advisor.spec.models.architectures.vllm_registry import registered, registry_version

    table = list(rows())
    generating = {entry.architecture for entry in registered() if entry.kind in ("text", "multimodal")}
    read = sum(outcome.startswith("read") for name, _, outcome in table if name in generating)
    open_ended = sum(" where " in outcome for name, _, outcome in table if name in generating)
    lines = [
        "# Which architectures can be read",
        "",
        "<!-- made by docs/tools/architectures.py; a test holds it -->",
        "",
        f"Every architecture that vLLM {registry_version()} lists. Of the {len(generating)} that generate",
        f"text, {read} are read from their config.json; {open_ended} of these are wrappers of any",
        "language model, read where that one is of a type that is. For the others give a size:",
        "`--params 8B`, or, for a mixture of experts, all weights and the active ones: `--params 284B-A13B`.",
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
