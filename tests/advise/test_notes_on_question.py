"""Notes on a question: releases nobody read, recipes nobody made a checkpoint by, replicas over machines."""

from __future__ import annotations

import pytest

from advisor.advise.api import choice_of
from advisor.advise.notes_on_question import engine_notes, split_notes
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine, newest_version
from advisor.spec.engines.start_table import known_releases
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload

MODEL = "Llama-3.1-8B-Instruct"


@pytest.mark.parametrize("version", [newest_version(), known_releases()[0], "0.11.0"])
def test_a_release_that_was_read_has_no_note(version: str) -> None:
    assert engine_notes(Engine(version=version)) == ()


def test_a_release_after_the_newest_read_is_noted_in_the_answer() -> None:
    notes = choice_of(MODEL, "chat", gpus=["H100"], engine="vllm 0.50.0").notes
    [note] = (note for note in notes if note.startswith("vllm 0.50.0 is newer than what was read of vLLM"))
    assert note.endswith(f"start and run as {known_releases()[0]} does")


@pytest.mark.parametrize(
    ("recipe", "noted"), [("gptq@RedHatAI", False), ("gptq@nobody", True), ("omniquant", True)]
)
def test_a_recipe_that_no_checkpoint_is_made_by_is_noted(recipe: str, noted: bool) -> None:
    workload = override(load_workload("chat"), recipe=recipe)
    notes = choice_of(MODEL, workload, gpus=["H100"], formats=["int4"]).notes
    assert (
        any("no checkpoint of Llama-3.1-8B-Instruct is known that is made so" in note for note in notes)
        == noted
    )


@pytest.mark.parametrize(("gpus", "noted"), [(8, False), (64, True)])
def test_a_replica_over_several_machines_is_noted(gpus: int, noted: bool) -> None:
    """An H100 machine holds 8."""
    deployment = Deployment(
        model=find_model(MODEL), format=find_format("bf16"), gpu=find_gpu("H100"), tensor_parallel=gpus
    )
    notes = split_notes(deployment)
    assert [("tensor parallel 8 in each of 8 machines" in note) for note in notes] == [True] * noted
