"""Facts of a benchmark that its result file leaves out and the user states."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass

from advisor.errors import InputError, UnknownNameError
from advisor.record.measurement import LengthKind
from advisor.spec.engines.engine import parse_engine
from advisor.spec.engines.kernel_choice import KvFormat
from advisor.spec.formats.catalog import find_format, format_of_checkpoint
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.parallelism import MAX_GPUS
from advisor.spec.reading.given_value import plain
from advisor.spec.workloads.load_kind import LoadKind

OWN = "own measurement"
UNKNOWN_VERSION = "unknown"
"""What `--engine-version` says where nobody knows it any more."""

FLAGS: Mapping[str, str] = {
    "model": "--model",
    "format": "--format",
    "gpu": "--gpu",
    "num_gpus": "--num-gpus",
    "engine": "--engine",
    "engine_version": "--engine-version",
    "load": "--concurrency, --rate, --batch or --maximum",
    "input_tokens": "--input-tokens",
    "output_tokens": "--output-tokens",
    "algorithm": "--algorithm",
}
"""Which flag states a fact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentFacts:
    """What the user knows of the deployment, or what a file says of it; None = not said."""

    model: str | None = None
    """Any name that `find_model` knows, a checkpoint's too."""
    format: str | None = None
    gpu: str | None = None
    num_gpus: int | None = None
    """Tensor parallel; one replica."""
    engine: str | None = None
    """`vllm`, or the name of another engine, whose runs are refused."""
    engine_version: str | None = None
    """`unknown` where nobody knows it any more."""
    kv_format: KvFormat | None = None
    """None = 16 bits, the engines' default."""
    load: LoadKind | None = None
    load_value: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    lengths: LengthKind | None = None
    unknown_gpu: str | None = None
    """What a file calls its GPU, where no GPU of the catalog is called so."""
    algorithm: str | None = None
    """How the weights were quantized, for accuracy: `gptq`, `rtn`, `awq` …"""
    licence: str = OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Facts settled: catalog names, nothing missing."""

    model: str
    format: str
    gpu: str
    num_gpus: int
    engine: str
    engine_version: str | None
    kv_format: KvFormat


def together(said: DeploymentFacts, file: DeploymentFacts, *, where: str) -> DeploymentFacts:
    """What the flags say, completed by what the file says of itself.

    Raises InputError where the two contradict each other: one of them is about another run.
    """
    file = with_format(file)
    merged: dict[str, object] = {}
    for field in dataclasses.fields(DeploymentFacts):
        flag, own = getattr(said, field.name), getattr(file, field.name)
        if field.name in ("gpu", "format", "num_gpus", "engine") and None not in (flag, own):
            _agree(field.name, flag, own, where)
        merged[field.name] = own if flag is None else flag
    if said.load is not None:
        merged["load_value"] = said.load_value
    merged["licence"] = said.licence
    return DeploymentFacts(**merged)  # type: ignore[arg-type]


def _agree(name: str, flag: object, own: object, where: str) -> None:
    if name == "gpu":
        flag, own = find_gpu(str(flag)).name, find_gpu(str(own)).name
    elif name == "format":
        flag, own = find_format(str(flag)).name, find_format(str(own)).name
    if flag != own:
        raise InputError(f"{where}: the file says {name} {own}, {FLAGS[name]} says {flag}; correct the flag")


def missing(facts: DeploymentFacts, *names: str, where: str) -> None:
    """Raises InputError, one line that names the flags, when a fact is said by neither file nor flag."""
    absent = [name for name in names if getattr(facts, name) is None]
    if absent:
        what = ", ".join(name.replace("_", " ") for name in absent)
        flags = ", ".join(FLAGS[name] for name in absent)
        if absent == ["gpu"] and facts.unknown_gpu is not None:
            called = plain(facts.unknown_gpu)
            raise InputError(f"{where}: its GPU '{called}' is not in the catalog; correct it, or add {flags}")
        raise InputError(f"{where}: does not state {what}; add {flags}")


def settled(facts: DeploymentFacts, *, where: str) -> Served:
    """The deployment by its catalog names; InputError for what is missing or unknown."""
    facts = with_format(facts)
    missing(facts, "model", "format", "gpu", "num_gpus", "engine_version", where=where)
    assert facts.model is not None
    assert facts.format is not None
    assert facts.gpu is not None
    assert facts.num_gpus is not None
    if not 1 <= facts.num_gpus <= MAX_GPUS:
        raise InputError(f"--num-gpus {facts.num_gpus}: not a number of GPUs; give 1 to {MAX_GPUS:,}")
    version = None if facts.engine_version == UNKNOWN_VERSION else facts.engine_version
    engine = facts.engine or "vllm"
    if version is not None:
        parse_engine(f"{engine} {version}")  # refuses what no release is
    return Served(
        model=model_name(facts.model),
        format=find_format(facts.format).name,
        gpu=find_gpu(facts.gpu).name,
        num_gpus=facts.num_gpus,
        engine=engine,
        engine_version=version,
        kv_format=facts.kv_format or "16bit",
    )


def with_format(facts: DeploymentFacts) -> DeploymentFacts:
    """The format that a checkpoint's name ends in, where none is said. A plain name proves nothing."""
    if facts.format is not None or facts.model is None:
        return facts
    found = format_of_checkpoint(facts.model)
    return facts if found is None else dataclasses.replace(facts, format=found.name)


def model_name(name: str) -> str:
    """The catalog's name. Raises UnknownNameError."""
    return find_model(name).name


_ENGINES = (
    ("sglang", "SGLang"),
    ("trt", "TensorRT-LLM"),
    ("tensorrt", "TensorRT-LLM"),
    ("lmdeploy", "LMDeploy"),
    ("tgi", "TGI"),
    ("text-generation-inference", "TGI"),
    ("ollama", "Ollama"),
    ("llama.cpp", "llama.cpp"),
    ("llamacpp", "llama.cpp"),
    ("deepspeed", "DeepSpeed-MII"),
    ("scalellm", "ScaleLLM"),
    ("atom", "ATOM"),
    ("vllm", "vllm"),
    ("llm-d", "vllm"),
)
"""Part of what tools call an engine, a backend or an image → the engine, most specific first."""


def engine_name(text: str) -> str:
    """The engine that a backend (`sglang-oai-chat`), framework (`dynamo-trt`) or image names; else `text`."""
    folded = text.lower()
    return next((name for mark, name in _ENGINES if mark in folded), text)


def known_gpu(name: object) -> str | None:
    """A GPU's name as a tool prints it (`NVIDIA-H100-80GB-HBM3`, `h200-cw`) in the catalog's; else None."""
    if not isinstance(name, str) or not name.strip():
        return None
    tries = (name, name.replace("-", " "), name.split("-")[0].split("_")[0])
    return next((found for text in tries if (found := _gpu(text)) is not None), None)


def unknown_gpu(name: object) -> str | None:
    """What a file calls its GPU, where no GPU of the catalog is called so; else None."""
    if not isinstance(name, str) or not name.strip() or known_gpu(name) is not None:
        return None
    return name.strip()


def _gpu(name: str) -> str | None:
    if name.lower().endswith((".yaml", ".yml")):
        return None  # a path in a foreign file is not ours to open
    try:
        return find_gpu(name).name
    except UnknownNameError:
        return None


def known_model(name: object) -> str | None:
    """The model that an id, a folder (`/models/Qwen3-8B`) or the Hub's cache of one names; else None.

    A served alias such as `default` is no model. Of an id with its organisation all is kept, of a folder its
    name.
    """
    if not isinstance(name, str):
        return None
    cached = _CACHED.search(name)
    folder = cached is not None or name.startswith((".", "/", "~"))
    # The repository alone: an id with its organisation would be looked up on the Hub.
    repository = cached[1] if cached else name.rstrip("/").rsplit("/", 1)[-1]
    if not repository.strip("."):
        return None
    try:
        find_model(repository)
    except InputError:
        return None
    return repository if folder else name


_CACHED = re.compile(r"(?:^|/)(?:models--)?[\w.-]+?--([\w.-]+)(?:/snapshots/[0-9a-f]+)?/?$")
"""A folder of the Hub's cache (`models--org--name/snapshots/…`), or named as it names them."""
