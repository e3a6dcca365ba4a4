"""A file that was dropped on the page: what it is, read by the readers that the command line uses.

The browser sends the text, and no path is opened for it but a temporary one that is gone afterwards; a
profile that names another file in turn is refused.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from advisor.display_text import number
from advisor.errors import DataError, InputError, QuantAdviseError
from advisor.record.importers.read_result_file import Results, read_results
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.hardware.gpu_file import KEYS as GPU_KEYS
from advisor.spec.hardware.gpu_file import load_gpu_file
from advisor.spec.models.local_files import LARGEST_CONFIG_BYTES, model_from_file
from advisor.spec.models.model import ModelSpec
from advisor.spec.reading.given_value import Given
from advisor.spec.reading.located_yaml import MAX_BYTES as LARGEST_YAML_BYTES
from advisor.spec.reading.located_yaml import parse_yaml
from advisor.spec.reading.name_lookup import printable
from advisor.spec.workloads.profile_keys import READERS
from advisor.spec.workloads.read_profile import parse_workload
from advisor.spec.workloads.traces.profile_of_trace import profile_from_trace
from advisor.spec.workloads.workload import Workload
from advisor.ui.form import gpu_row
from advisor.ui.own_models_workloads_gpus import OwnInputs
from advisor.units import MB, MS_PER_S

MOST_BYTES = int(64 * MB)
"""Largest dropped file; a larger one goes to the command line, which reads it where it lies."""
MOST_KEPT = 16
"""Files of a kind that the page remembers; the oldest go first."""
MOST_NAME = 80
KNOWN = "a workload or a GPU as YAML, a request log, a config.json, a result file of a benchmark"
TRACES = (".jsonl", ".ndjson", ".csv", ".log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a file was read as."""

    told: dict[str, object]
    """For the page: the kind, the name to ask by, a line for the reader."""
    model: ModelSpec | None = None
    workload: Workload | None = None
    gpu: GpuSpec | None = None

    def on(self, inputs: OwnInputs) -> OwnInputs:
        """These inputs with the dropped file added."""
        if self.model is not None:
            return replace(inputs, models=_with(inputs.models, self.model.name, self.model))
        if self.workload is not None:
            return replace(inputs, workloads=_with(inputs.workloads, self.workload.name, self.workload))
        if self.gpu is not None:
            return replace(inputs, gpus=_with(inputs.gpus, self.gpu.name, self.gpu))
        return inputs


def take(name: str, content: bytes) -> Taken:
    """Read a file by what it holds. Raises InputError or DataError, one line that names the file."""
    shown = Path(name.replace("\\", "/")).name[-MOST_NAME:]
    shown = shown if shown.isprintable() and shown.strip(". ") else "file"
    if len(content) > MOST_BYTES:
        raise InputError(f"{shown}: larger than {MOST_BYTES / MB:.0f} MB; give it to the command line")
    with _lying(shown, content) as path:
        try:
            return _take(path, content, shown)
        except QuantAdviseError as error:
            # The temporary path means nothing to the user.
            raise InputError(str(error).replace(f"{path.parent}/", "")) from error


def _take(path: Path, content: bytes, shown: str) -> Taken:
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return _yaml(path, content, shown)
    if suffix in TRACES or (suffix == ".json" and content.lstrip()[:1] == b"["):
        return _either(_trace, _results, path)
    if suffix == ".json" and len(content) <= LARGEST_CONFIG_BYTES and _is_config(content):
        return _config(path, content)
    if suffix in (".json", ".txt"):
        return _either(_results, _trace, path)
    raise InputError(f"{shown}: is not a file that the page reads: {KNOWN}")


def _either(first: Any, second: Any, path: Path) -> Taken:
    """What the file is likelier to be; where it is neither, the first reader's reason."""
    try:
        taken: Taken = first(path)
        return taken
    except (InputError, DataError) as error:
        try:
            other: Taken = second(path)
            return other
        except QuantAdviseError:
            raise error from None


@contextmanager
def _lying(name: str, content: bytes) -> Iterator[Path]:
    """The content in a folder of its own, for readers that take a path."""
    with tempfile.TemporaryDirectory(prefix="quantadvise-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield path


def _yaml(path: Path, content: bytes, shown: str) -> Taken:
    if len(content) > LARGEST_YAML_BYTES:
        raise InputError(f"{shown}: larger than {LARGEST_YAML_BYTES / MB:.0f} MB; is it a YAML file?")
    try:
        given = parse_yaml(content.decode("utf-8-sig"), where=shown)
    except UnicodeDecodeError as error:
        raise InputError(f"{shown}: not a text file (byte {error.start} is not UTF-8); write YAML") from error
    keys = set(given.mapping())
    if keys & (set(GPU_KEYS) - set(READERS)):
        gpu = load_gpu_file(str(path))
        row = gpu_row(gpu.name)
        return Taken(
            told={"kind": "gpu", "name": gpu.name, "row": row, "says": f"{shown}: GPU {gpu.name}"}, gpu=gpu
        )
    if not keys & set(READERS):
        return _results(path)
    _refuse_paths(given)
    workload = parse_workload(content.decode("utf-8-sig"), where=shown)
    return _of_workload(workload, f"{shown}: workload {workload.name}")


def _refuse_paths(given: Given) -> None:
    """A profile may build on one that ships; another file would be opened on this machine."""
    parents = given.mapping().get("extends")
    if parents is None:
        return
    named = parents.items() if isinstance(parents.value, (list, tuple)) else [parents]
    for parent in named:
        text = str(parent.value)
        if any(mark in text for mark in "/\\~") or text.lower().endswith((".yaml", ".yml", ".json")):
            raise parent.error(
                "the page opens no file that another names; extend a profile that ships, or start with "
                "quantadvise ui --workload FILE"
            )


def _of_workload(workload: Workload, says: str) -> Taken:
    printable(workload.name, what="workload")
    return Taken(told={"kind": "workload", "name": workload.name, "says": says}, workload=workload)


def _trace(path: Path) -> Taken:
    found = profile_from_trace(path, name=path.stem)
    notes = "".join(f"; {note}" for note in found.notes)
    return _of_workload(found.workload, f"{path.name}: {found.requests:,} requests{notes}")


def _is_config(content: bytes) -> bool:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, Mapping) and ("model_type" in value or "architectures" in value)


def _config(path: Path, content: bytes) -> Taken:
    """The model of a config.json, named as it names itself."""
    own = json.loads(content).get("_name_or_path")
    name = str(own).replace("\\", "/").rstrip("/").rpartition("/")[2] if own else ""
    model = model_from_file(path)
    model = replace(model, name=name if name.isprintable() and name else "my-model")
    printable(model.name, what="model")
    says = f"{path.name}: model {model.name}, {number(model.total_params / 1e9)} billion weights"
    return Taken(told={"kind": "model", "name": model.name, "says": says}, model=model)


def _results(path: Path) -> Taken:
    """Measured figures, to stand beside predictions; the fit learns from them by `quantadvise import`."""
    results = read_results(path)
    answers = [*_runs(results), *_scores(results)]
    if not answers:
        why = "; ".join(results.refused) or "it holds no figure"
        raise InputError(f"{path.name}: nothing to show: {why}")
    says = (
        f"{path.name}: {len(answers)} measured by {results.tool}, now in Compare; to answer with them: "
        f"quantadvise import {path.name}, then quantadvise ui --records"
    )
    return Taken(told={"kind": "results", "answers": answers, "says": says})


def _runs(results: Results) -> Iterator[dict[str, object]]:
    for run in results.runs[:MOST_KEPT]:
        figures = []
        for (metric, statistic), value in sorted(run.figures.items()):
            name, is_ms, _ = metric.rpartition("_ms")
            factor, unit = (1 / MS_PER_S, "s") if name == "e2e" else (1.0, "ms")
            label = (
                f"{name.upper()} {statistic}, {unit}"
                if is_ms
                else metric.replace("_per_s", " per s").replace("_", " ")
            )
            shown = value * factor if is_ms else value
            figures.append({"name": label, "value": shown, "text": number(shown)})
        level = "" if run.load_value is None else f" {number(run.load_value)}"
        tokens = [f"{t:,.0f}" if t is not None else "?" for t in (run.input_tokens, run.output_tokens)]
        yield {
            "headline": f"measured: {results.path.name}",
            "about": f"{run.load or 'load not stated'}{level}, {'/'.join(tokens)} tokens",
            "figures": figures,
        }


def _scores(results: Results) -> Iterator[dict[str, object]]:
    if results.scores:
        figures = [
            {"name": f"{s.task} {s.metric}", "value": s.value, "text": number(s.value, digits=4)}
            for s in results.scores
        ]
        yield {"headline": f"measured: {results.path.name}", "about": results.tool, "figures": figures}


def _with(known: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    kept = {key: one for key, one in known.items() if key != name}
    return {**dict(list(kept.items())[-(MOST_KEPT - 1) :]), name: value}
