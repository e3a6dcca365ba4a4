"""A deployment as plain values, for every document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.spec.deployment import Deployment

if TYPE_CHECKING:
    from advisor.report.documents.shared_document_types import (
        DeploymentDocument,
    )


def deployment_document(deployment: Deployment) -> DeploymentDocument:
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
