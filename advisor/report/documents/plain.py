"""Values as plain ones, for every document alike."""

from __future__ import annotations

from typing import Any

from advisor.spec.deployment import Deployment


def deployment_document(deployment: Deployment) -> dict[str, Any]:
    return {
        "model": deployment.model.name,
        "format": deployment.format.name,
        "kv_format": deployment.kv_format,
        "gpu": deployment.gpu.name,
        "gpu_label": deployment.gpu.label,
        "num_gpus": deployment.num_gpus,
        "tensor_parallel": deployment.tensor_parallel,
        "replicas": deployment.replicas,
        "engine": f"{deployment.engine.name} {deployment.engine.version}",
    }
