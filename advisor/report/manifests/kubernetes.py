"""Manifests for a cluster: Deployment, Service, HorizontalPodAutoscaler, and KServe's InferenceService."""

from __future__ import annotations

from typing import Any

from advisor.report.manifests.autoscaling_target import METRIC, Scaling
from advisor.report.manifests.named_deployment import PORT, Subject, yaml_text
from advisor.report.manifests.pod import pod_spec

KSERVE_VERSION = "0.20"
"""The release whose InferenceService was read."""


def deployment_yaml(subject: Subject) -> str:
    """All replicas."""
    labels = _labels(subject)
    document = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": subject.name, "labels": labels},
        "spec": {
            "replicas": subject.deployment.replicas,
            "selector": {"matchLabels": labels},
            # A new pod would wait for GPUs that the old one holds: the old one goes first.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(subject, container="vllm")},
        },
    }
    comments = (
        f"Each pod needs {subject.gpus_per_node}x {subject.deployment.gpu.title}. In a cluster with other "
        "GPUs too,",
        "add a nodeSelector with the label that your nodes carry.",
    )
    return yaml_text(document, comments=comments)


def service_yaml(subject: Subject) -> str:
    """One address for all replicas."""
    labels = _labels(subject)
    spec: dict[str, Any] = {
        "selector": labels,
        "ports": [{"name": "http", "port": PORT, "targetPort": PORT, "protocol": "TCP"}],
    }
    comments: tuple[str, ...] = ()
    if subject.prediction.load.conversation.has_turns and subject.deployment.replicas > 1:
        spec["sessionAffinity"] = "ClientIP"
        comments = (
            "A conversation must stay with its replica, whose prefix cache has it. ClientIP does that where",
            "clients come by themselves; behind a gateway, let the gateway route by user or by prefix.",
        )
    document = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": subject.name, "labels": labels},
        "spec": spec,
    }
    return yaml_text(document, comments=comments)


def autoscaler_yaml(subject: Subject, scaling: Scaling) -> str:
    """More replicas when they hold more requests than at the advised load."""
    target = {"type": "AverageValue", "averageValue": str(scaling.running_per_replica)}
    document = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": subject.name, "labels": _labels(subject)},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": subject.name},
            "minReplicas": scaling.min_replicas,
            "maxReplicas": scaling.max_replicas,
            "metrics": [{"type": "Pods", "pods": {"metric": {"name": METRIC}, "target": target}}],
        },
    }
    comments = (
        f"Holds each replica near the {scaling.running_per_replica} requests in flight of the advised load.",
        f"The cluster must serve {METRIC} as a custom metric; README.md says how.",
    )
    return yaml_text(document, comments=comments)


def inference_service_yaml(subject: Subject) -> str:
    """The pods under KServe, in the mode that makes plain Deployments."""
    replicas = subject.deployment.replicas
    document: dict[str, Any] = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": subject.name,
            "annotations": {
                "serving.kserve.io/deploymentMode": "Standard",
                "serving.kserve.io/autoscalerClass": "none",
            },
        },
        "spec": {
            "predictor": {
                "minReplicas": replicas,
                "maxReplicas": replicas,
                **pod_spec(subject, container="kserve-container"),
            }
        },
    }
    comments = (
        "Instead of the Deployment and the Service.",
        f"As KServe {KSERVE_VERSION} has it; older releases call the mode RawDeployment.",
    )
    return yaml_text(document, comments=comments)


def _labels(subject: Subject) -> dict[str, str]:
    return {"app.kubernetes.io/name": "vllm", "app.kubernetes.io/instance": subject.name}
