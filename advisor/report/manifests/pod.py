"""The pod that runs one replica; Kubernetes and KServe wrap the same one."""

from __future__ import annotations

from typing import Any

from advisor.report.manifests.named_deployment import MODEL_MOUNT, PORT, Subject
from advisor.spec.engines.serve_options import option_words

STARTUP_MINUTES = 30
"""Time to fetch and load a checkpoint before Kubernetes starts again: ours, not measured."""

SECRET = "hf-token"
"""The secret whose key `token` opens gated models."""


def pod_spec(subject: Subject, *, container: str) -> dict[str, Any]:
    """The pod of one replica that fits one machine."""
    return {"containers": [_container(subject, container)], "volumes": _volumes(subject)}


def gpu_resource(subject: Subject) -> str:
    """What the vendor's device plugin calls a GPU."""
    return {"nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu", "intel": "gpu.intel.com/xe"}[subject.vendor]


def claim_name(subject: Subject) -> str:
    """The volume that must hold a checkpoint that is not published."""
    return f"{subject.name}-checkpoint"


def _container(subject: Subject, name: str) -> dict[str, Any]:
    gpus = {gpu_resource(subject): str(subject.gpus_per_node)}
    token = {"secretKeyRef": {"name": SECRET, "key": "token", "optional": True}}
    return {
        "name": name,
        "image": subject.image,
        # The image's own entry point differs between versions.
        "command": ["vllm", "serve", subject.loaded_in_container],
        "args": option_words(subject.settings()),
        "env": [{"name": "HF_TOKEN", "valueFrom": token}],
        "ports": [{"containerPort": PORT, "protocol": "TCP"}],
        "resources": {"requests": dict(gpus), "limits": dict(gpus)},
        "startupProbe": {**_health(), "periodSeconds": 10, "failureThreshold": 6 * STARTUP_MINUTES},
        "readinessProbe": {**_health(), "periodSeconds": 5},
        "livenessProbe": {**_health(), "periodSeconds": 10, "failureThreshold": 3},
        "volumeMounts": _mounts(subject),
    }


def _health() -> dict[str, Any]:
    return {"httpGet": {"path": "/health", "port": PORT}}


def _mounts(subject: Subject) -> list[dict[str, Any]]:
    own = [{"name": "checkpoint", "mountPath": MODEL_MOUNT, "readOnly": True}] if subject.is_local else []
    return [
        {"name": "shared-memory", "mountPath": "/dev/shm"},
        {"name": "cache", "mountPath": "/root/.cache"},
        *own,
    ]


def _volumes(subject: Subject) -> list[dict[str, Any]]:
    claim = {"claimName": claim_name(subject), "readOnly": True}
    own = [{"name": "checkpoint", "persistentVolumeClaim": claim}] if subject.is_local else []
    return [
        # GPUs of a replica talk through it; a container's own 64 MB are too few.
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}},
        {"name": "cache", "emptyDir": {}},
        *own,
    ]
