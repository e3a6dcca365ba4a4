"""What vLLM's registry says of an architecture: whether it generates text, whether its config is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from advisor.spec.reading.catalog_yaml import read_catalog

Kind = Literal["text", "multimodal", "pooling", "draft", "removed"]
KINDS: tuple[Kind, ...] = ("text", "multimodal", "pooling", "draft", "removed")
_ENCODER_DECODER = "an encoder with a decoder; only decoders are read"
_BLOCKS = "it writes blocks by diffusion, not token after token"
NO_DECODER = frozenset({_ENCODER_DECODER, _BLOCKS})
"""Reasons for which a decoder of the same size says nothing either."""
REFUSED: Mapping[str, str] = {
    "AliceAIForCausalLM": "gated delta net with a layout that no public class describes",
    "CohereAsrForConditionalGeneration": _ENCODER_DECODER,
    "DiffusionGemmaForBlockDiffusion": _BLOCKS,
    "DomynEdgeForCausalLM": "a window of its own in each layer, where three at most are modelled",
    "Dots3NoteForCausalLM": "latent attention with other sizes in its local layers",
    "K2HorizonForCausalLM": "experts of values inside attention",
    "NemotronHPuzzleForCausalLM": "every layer has sizes of its own, and no checkpoint is public",
    "NemotronParseForConditionalGeneration": _ENCODER_DECODER,
    "PanguProMoEV2ForCausalLM": "whole keys and values as attention sinks, and no checkpoint is public",
    "Qwen4ExpForCausalLM": "experimental layers, and no checkpoint is public",
    "Qwen4ExpForConditionalGeneration": "experimental layers, and no checkpoint is public",
    "RadioMBartPrefixForCausalLM": _ENCODER_DECODER,
    "Step5ForCausalLM": "an indexer over grouped heads",
    "Step5ForConditionalGeneration": "an indexer over grouped heads",
    "VibeVoiceAsrForConditionalGeneration": "two encoders of speech that are not counted here",
    "WhisperForConditionalGeneration": _ENCODER_DECODER,
}
"""Architectures whose layers are of a kind that no reader counts."""
DRAFT = "a draft model for speculative decoding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """One architecture that vLLM lists or listed."""

    architecture: str
    kind: Kind
    model_type: str | None
    """`model_type` of its config.json, where it is known."""
    text: str | None = None
    """model_type of the section that holds its language model, where its class has one."""
    until: str | None
    """The last release that served it, of `removed` ones."""

    @property
    def reason(self) -> str | None:
        """Why no config.json of it is read, whatever the readers know; None: nothing is against it."""
        if self.kind == "pooling":
            return "an embedding, ranking or classification model; it generates no text"
        if self.kind == "draft":
            return DRAFT
        return REFUSED.get(self.architecture)

    def outcome(self, readable: Collection[str]) -> str:
        """What becomes of its config.json, by the model_types that can be read: read, or refused and why."""
        end = f" (vLLM served it until {self.until})" if self.until else ""
        if self.kind in ("pooling", "draft"):
            return f"refused: {self.reason}"
        if self.reason is not None:
            return f"refused: {self.reason}{end}"
        if (self.text or self.model_type) in readable:
            return f"read{end}"
        if self.kind == "multimodal" and self.text is None:
            return f"read where its language model is of a type that is read{end}"
        return f"refused: its layers are not known here{end}"


def registry_version() -> str:
    """The vLLM release whose registry was read."""
    return str(read_catalog("architectures.yaml")["vllm"])


@lru_cache(maxsize=1)
def _entries() -> Mapping[str, Registered]:
    catalog: Mapping[str, Any] = read_catalog("architectures.yaml")
    return {
        name: Registered(
            architecture=name,
            kind=kind,
            model_type=facts.get("type"),
            text=facts.get("text"),
            until=facts.get("until"),
        )
        for kind in KINDS
        for name, facts in catalog[kind].items()
    }


def registered() -> tuple[Registered, ...]:
    """Every architecture of the registry, those that generate text first."""
    return tuple(_entries().values())


def find_registered(architecture: str) -> Registered | None:
    return _entries().get(architecture)


_GENERATES = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")


def no_text(architecture: str) -> str | None:
    """Why a model of that architecture is none that generates text; None: nothing says so."""
    if architecture.endswith(_GENERATES):
        return None  # most are: the registry is not read for them
    entry = find_registered(architecture)
    return None if entry is None or entry.kind not in ("pooling", "draft") else entry.reason


def refusal(architecture: str, model_type: str) -> str:
    """Why a config of a type that no reader knows is refused, with what the registry says of it."""
    entry = find_registered(architecture)
    if entry is None:
        return f"architecture '{model_type}' cannot be read yet, nor does vLLM {registry_version()} list it"
    if entry.reason is not None:
        return f"architecture '{model_type}' cannot be read: {entry.reason}"
    return f"architecture '{model_type}' cannot be read yet"
