"""Writing the folder: each file there in full or not at all, and none over another without asking."""

from __future__ import annotations

from pathlib import Path

from advisor import atomic_files
from advisor.advise.choose.assessment import Assessment
from advisor.cost.predict.prediction import Prediction
from advisor.errors import InputError
from advisor.report.manifests import kubernetes, readme, serve
from advisor.report.manifests.autoscaling_target import scaling_of
from advisor.report.manifests.make_checkpoint_script import checkpoint_files
from advisor.report.manifests.named_deployment import Subject, subject_of
from advisor.report.manifests.verify_figures import verify_files
from advisor.spec.workloads.workload import Workload

README = "README.md"


def texts(answer: Assessment | Prediction, workload: Workload, *, kind: str = "") -> dict[str, str]:
    """Every file of the folder by its name in it; kind as in `Subject`.

    Raises UnsupportedError where nothing can be run.
    """
    subject = subject_of(answer, workload, kind=kind)
    files = {"serve.sh": serve.serve_script(subject)}
    omitted = []
    if subject.num_nodes > 1:
        omitted.append(
            "No container, Deployment or InferenceService is written: a replica takes several machines, and "
            "a single pod cannot."
        )
    else:
        files["vllm.yaml"] = serve.config_yaml(subject)
        clustered, reason = _clustered(subject)
        files |= clustered
        if reason is not None:
            omitted.append(f"No autoscaler is written: {reason}.")
    files |= checkpoint_files(subject)
    files |= verify_files(subject)
    return {README: readme.readme_text(subject, files, omitted), **files}


def write_all(
    answer: Assessment | Prediction, workload: Workload, folder: Path, *, overwrite: bool = False
) -> list[Path]:
    """Write the folder; the paths written, README.md first.

    Raises InputError, before anything is written, when a file would be lost or one of another answer
    would be left among them, and when the folder cannot be written.
    """
    return write_files(texts(answer, workload), folder, overwrite=overwrite)


def write_files(files: dict[str, str], folder: Path, *, overwrite: bool) -> list[Path]:
    """Write all of them, or none: the paths. Raises InputError as `write_all`."""
    for name in files:
        if (folder / name).exists() and not overwrite:
            raise InputError(f"{folder / name}: exists already; --overwrite replaces it")
    for name in readme.PURPOSES.keys() - files.keys():
        if (folder / name).exists():
            raise InputError(
                f"{folder / name}: belongs to another deployment; remove it or name another folder"
            )
    for name, text in files.items():
        atomic_files.write_output(folder / name, text, executable=text.startswith("#!"))
    return [folder / name for name in files]


def _clustered(subject: Subject) -> tuple[dict[str, str], str | None]:
    """Container and cluster, and why there is no autoscaler where there is none."""
    files = {
        "kubernetes/deployment.yaml": kubernetes.deployment_yaml(subject),
        "kubernetes/service.yaml": kubernetes.service_yaml(subject),
        "kserve/inferenceservice.yaml": kubernetes.inference_service_yaml(subject),
    }
    if (docker := serve.docker_script(subject)) is not None:
        files["docker.sh"] = docker
    scaling = scaling_of(subject)
    if isinstance(scaling, str):
        return files, scaling
    return {**files, "kubernetes/autoscaler.yaml": kubernetes.autoscaler_yaml(subject, scaling)}, None
