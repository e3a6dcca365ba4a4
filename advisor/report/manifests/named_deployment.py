"""Subject: the deployment a folder is written for, with the names that its files share."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from advisor.advise.choose.assessment import Assessment
from advisor.cost.predict.prediction import Prediction
from advisor.errors import UnsupportedError
from advisor.report.commands.serve_commands import Commands, commands_for, common_name, parallel_split
from advisor.spec.deployment import Deployment
from advisor.spec.engines.serve_options import Setting
from advisor.spec.hardware.gpu import Vendor
from advisor.spec.workloads.conversations.conversation import ALONE
from advisor.spec.workloads.length_distribution import at_mean
from advisor.spec.workloads.workload import Arrival, Lengths, Load, Workload

PORT = 8000
"""`vllm serve` listens here unless told otherwise (vLLM 0.32)."""

NAME_LENGTH = 40
"""A Kubernetes name ends at 63 characters, and KServe hangs `-predictor` and the namespace on it."""

MODEL_MOUNT = "/models"
"""Where a container finds checkpoints that are not published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Everything the files are made from."""

    prediction: Prediction
    workload: Workload
    commands: Commands = field(hash=False)
    assessment: Assessment | None = None
    """With prices and verdicts, where the deployment was judged."""
    kind: str = ""
    """Name of this kind within a fleet of several kinds of GPU; empty for a fleet of one kind."""

    @property
    def deployment(self) -> Deployment:
        return self.prediction.deployment

    @property
    def checked_load(self) -> Load:
        """What a benchmark sends: the load itself; of conversations, requests of their mean prompt that share
        a prefix as long as what the cache is expected to have."""
        load, served = self.prediction.load, self.prediction.requests_per_s
        if not load.conversation.repeats and not load.conversation.pauses:
            return load
        arrival = load.arrival
        if arrival.kind == "concurrency" and load.conversation.pauses and served is not None:
            arrival = Arrival(kind="rate", value=float(f"{served.value:.4g}"))
        return replace(
            load,
            input_tokens=Lengths.constant(round(load.mean_prompt_tokens)),
            output_tokens=at_mean(load.output_tokens),
            arrival=arrival,
            prefix_hit_rate=self.prediction.prefix_hits or 0.0,
            conversation=ALONE,
        )

    @property
    def is_local(self) -> bool:
        """True when the checkpoint is a folder and no repository on the Hub."""
        return not self.commands.published

    @property
    def folder_name(self) -> str:
        """The last part of the checkpoint's name."""
        return self.commands.checkpoint.rstrip("/").rsplit("/", 1)[-1]

    @property
    def served_name(self) -> str:
        """What a request calls the model; the same for all kinds of a fleet."""
        if self.kind:
            return common_name(self.deployment.model)
        return self.folder_name if self.is_local else self.commands.checkpoint

    @property
    def name(self) -> str:
        """For Kubernetes: lower case, digits and hyphens, begins with a letter (RFC 1035)."""
        if self.kind:
            return f"{slug(self.deployment.model.name, NAME_LENGTH - len(self.kind) - 1)}-{self.kind}"
        return slug(f"{self.deployment.model.name}-{self.deployment.format.name}")

    @property
    def num_nodes(self) -> int:
        """Machines that one replica takes."""
        return parallel_split(self.deployment)[1]

    @property
    def gpus_per_node(self) -> int:
        """GPUs that one replica takes on each of its machines."""
        return parallel_split(self.deployment)[0]

    @property
    def vendor(self) -> Vendor:
        """Whose GPUs they are."""
        return self.deployment.gpu.vendor

    @property
    def image(self) -> str:
        """vLLM's own image of the version the figures are for."""
        build = {"nvidia": "", "amd": "-rocm", "intel": "-xpu"}[self.vendor]
        return f"vllm/vllm-openai{build}:v{self.deployment.engine.version}"

    def settings(self) -> dict[str, Setting]:
        """Options of `vllm serve`, with the name that requests use where the checkpoint is a folder."""
        named = {"served-model-name": self.served_name} if self.is_local or self.kind else {}
        return {**named, **self.commands.settings}

    @property
    def loaded_in_container(self) -> str:
        """What `vllm serve` loads inside a container."""
        return f"{MODEL_MOUNT}/{self.folder_name}" if self.is_local else self.commands.checkpoint


def slug(text: str, length: int = NAME_LENGTH) -> str:
    """A name for Kubernetes, no longer than this."""
    made = re.sub(r"[^a-z0-9]+", "-", text.lower())
    made = made if made[:1].isalpha() else f"m-{made}"
    return made[:length].strip("-")


def subject_of(answer: Assessment | Prediction, workload: Workload, *, kind: str = "") -> Subject:
    """The subject of an answer. Raises UnsupportedError where the GPU cannot run the format at all."""
    prediction = answer.prediction if isinstance(answer, Assessment) else answer
    if prediction is None:
        of = answer.deployment
        raise UnsupportedError(f"{of.gpu.name} cannot run {of.format.name}; choose a row that is ranked")
    return Subject(
        prediction=prediction,
        workload=workload,
        commands=commands_for(prediction),
        assessment=answer if isinstance(answer, Assessment) else None,
        kind=kind,
    )


def yaml_text(document: Any, *, comments: tuple[str, ...] = ()) -> str:
    """A YAML document under comment lines."""
    import yaml

    class Plain(yaml.SafeDumper):
        """Writes a value in full wherever it appears again: people read no anchors."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    text: str = yaml.dump(document, Dumper=Plain, sort_keys=False, allow_unicode=True, width=10_000)
    return "".join(f"# {' '.join(line.split())}\n" for line in comments) + text
