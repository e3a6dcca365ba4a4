"""What one deployment rests on and how it is run: evidence of its accuracy, its memory, its commands."""

from __future__ import annotations

from advisor.advise.choose.assessment import Assessment
from advisor.cost.predict.prediction import Prediction
from advisor.display_text import number, share, span
from advisor.report.commands.checkpoint_and_kernel_words import passed_over, start_words, why_made
from advisor.report.commands.serve_commands import commands_for, remarks
from advisor.units import GB


def accuracy_lines(prediction: Prediction, *, head: str = "Accuracy: ") -> list[str]:
    """The evidence for the recovery, and each warning, a line each; `head` where nothing stands above it."""
    first, *rest = prediction.recovery_note.split("; ")
    return [f"{head}{first}.", *(f"  {part}." for part in rest)] if first else []


def memory_lines(assessment: Assessment) -> list[str]:
    """What lies in the memory of one GPU, and how much it can hold."""
    prediction = assessment.prediction
    if prediction is None:
        return []
    memory, gpu = prediction.memory, assessment.deployment.gpu
    return [
        f"{number(gpu.memory_bytes / GB)} GB, of which the engine takes {number(memory.usable_bytes / GB)}",
        f"weights {number(memory.weight_bytes / GB)} GB, runtime {number(memory.overhead_bytes / GB)} GB, "
        f"KV cache {span(memory.kv.scaled(1 / GB))} GB",
        f"holds {memory.max_concurrency:,} sequences of this load at once, "
        f"or one of {memory.max_context:,} tokens",
        *_prefix_hits(prediction),
    ]


def _prefix_hits(prediction: Prediction) -> list[str]:
    """What the prefix cache has of the prompts, and what it takes of the router that it does."""
    hits, spread, replicas = (
        prediction.prefix_hits,
        prediction.prefix_hits_spread,
        prediction.deployment.replicas,
    )
    if hits is None or not prediction.memory.fits:
        return []
    line = f"the prefix cache has {share(hits)} of the prompt tokens"
    if replicas == 1 or spread is None or hits - spread < 0.005:
        return [line]
    return [
        f"{line}, if each conversation stays with its replica (session affinity); spread over all "
        f"{replicas}, {share(spread)}"
    ]


def command_lines(assessment: Assessment) -> list[str]:
    """The checkpoint and the commands, to be copied."""
    if assessment.prediction is None:
        return []
    commands = commands_for(assessment.prediction)
    lines = [commands.serve]
    if assessment.deployment.replicas > 1:
        lines.append(f"# {assessment.deployment.replicas:,} of these behind a load balancer")
    if commands.recipe is not None:
        lines.append(
            f"# {why_made(assessment.deployment)}; llm-compressor makes {commands.checkpoint} by this recipe:"
        )
        lines += [f"#   {line}" for line in commands.recipe.rstrip().splitlines()]
    lines += [f"# {remark}" for remark in remarks(assessment.prediction, commands)]
    other = passed_over(assessment.deployment)
    return [*lines, f"# {start_words(commands.start)}", *([f"# {other}"] if other else [])]
