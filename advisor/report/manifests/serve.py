"""`vllm serve` on the machines themselves, and in a container."""

from __future__ import annotations

import shlex

from advisor.report.commands.bash_scripts import script, wrapped
from advisor.report.manifests.named_deployment import MODEL_MOUNT, PORT, Subject, yaml_text
from advisor.spec.engines.release import minor_release
from advisor.spec.engines.serve_options import option_words

NATIVE_NODES_SINCE = (0, 32)
"""vLLM's own --nnodes were read in 0.32's help; for older versions Ray is used, which all of them take."""


def config_yaml(subject: Subject) -> str:
    """The file for `vllm serve --config`."""
    of = subject.deployment
    about = f"{of.model.name} in {of.format.name} on {subject.deployment.tensor_parallel}x {of.gpu.name}"
    return yaml_text(
        {"model": subject.commands.checkpoint, **subject.settings()},
        comments=(f"{about}, one replica: vllm serve --config vllm.yaml", f"for {of.engine}"),
    )


def serve_script(subject: Subject) -> str:
    """One replica on this machine, or on the machines it needs."""
    words = ["vllm", "serve", subject.commands.checkpoint, *option_words(subject.settings())]
    quoted = [shlex.quote(word) for word in words]
    if subject.num_nodes == 1:
        note = []
        if subject.deployment.replicas > 1:
            note = [
                f"# One of {subject.deployment.replicas:,} replicas; a load balancer shares requests out."
            ]
            if subject.prediction.load.conversation.has_turns:
                note.append("# It must keep a conversation with its replica, whose prefix cache has it.")
        return script(*note, f"exec {wrapped([*quoted, chr(34) + '$@' + chr(34)])}")
    if minor_release(subject.deployment.engine.version) >= NATIVE_NODES_SINCE:
        return _native_nodes(subject, quoted)
    return _ray_nodes(subject, quoted)


def _native_nodes(subject: Subject, quoted: list[str]) -> str:
    nodes = subject.num_nodes
    # Of vLLM's ways to run on several machines only `mp` takes --nnodes.
    shared = [
        *("--distributed-executor-backend", "mp", "--nnodes", str(nodes)),
        *("--node-rank", '"$rank"', "--master-addr", '"$head"'),
    ]
    return script(
        f"# One replica takes {nodes} machines of {subject.gpus_per_node} GPUs. Run on each of them:",
        f"#   ./serve.sh RANK HEAD_ADDRESS    RANK from 0, which answers requests, to {nodes - 1}",
        f'rank="${{1:?rank of this machine, 0 to {nodes - 1}}}" head="${{2:?address of machine 0}}"',
        'headless=(); if [ "$rank" != 0 ]; then headless=(--headless); fi',
        f"exec {wrapped([*quoted, *shared, chr(34) + '${headless[@]}' + chr(34)])}",
    )


def _ray_nodes(subject: Subject, quoted: list[str]) -> str:
    nodes = subject.num_nodes
    return script(
        f"# One replica takes {nodes} machines of {subject.gpus_per_node} GPUs, joined by Ray beforehand:",
        "#   on the first:   ray start --head --port=6379",
        "#   on the others:  ray start --address=FIRST:6379",
        "# Then run this on the first.",
        f"exec {wrapped([*quoted, '--distributed-executor-backend', 'ray'])}",
    )


def docker_script(subject: Subject) -> str | None:
    """One replica in a container of this machine; None where it takes several machines."""
    if subject.num_nodes > 1:
        return None
    if subject.vendor == "intel":
        devices = ["--device", "/dev/dri", "--volume", "/dev/dri/by-path:/dev/dri/by-path"]
    elif subject.vendor == "amd":
        # vLLM's ROCm guide passes the devices by hand; all GPUs of the machine are seen.
        devices = ["--device", "/dev/kfd", "--device", "/dev/dri", "--group-add", "video"]
        devices += ["--security-opt", "seccomp=unconfined"]
    else:
        devices = ["--gpus", str(subject.gpus_per_node)]
    mounts = ["--volume", '"$HOME/.cache/huggingface:/root/.cache/huggingface"']
    if subject.is_local:
        mounts += ["--volume", f'"$PWD:{MODEL_MOUNT}:ro"']
    inside = ["serve", subject.loaded_in_container, *option_words(subject.settings())]
    words = [
        *("docker", "run", "--rm", *devices, "--ipc", "host", "--publish", f"{PORT}:{PORT}"),
        *("--env", "HF_TOKEN", *mounts, "--entrypoint", "vllm", shlex.quote(subject.image)),
        *(shlex.quote(word) for word in inside),
    ]
    return script("# HF_TOKEN is passed on from this shell; gated models need it.", f"exec {wrapped(words)}")
