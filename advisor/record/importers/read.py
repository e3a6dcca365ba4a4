"""A result file of any tool we know → records; the tool is recognised by what the file holds."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from advisor.errors import DataError, InputError, QuantAdviseError
from advisor.record.importers import (
    aiperf,
    guard,
    guidellm,
    inference_perf,
    inferencex,
    llmd_report,
    lm_eval,
    mlperf,
    vllm_bench,
)
from advisor.record.importers.facts import (
    DeploymentFacts,
    missing,
    model_name,
    settled,
    together,
    with_format,
)
from advisor.record.importers.run import Imported, Run, rows
from advisor.record.measurement import QualityMeasurement
from advisor.spec.formats.catalog import find_format

SPEED_TOOLS: tuple[ModuleType, ...] = (
    mlperf,
    inferencex,
    vllm_bench,
    guidellm,
    aiperf,
    inference_perf,
    llmd_report,
)
"""In the order they are asked; each has TOOL, recognises(document) and runs(document, where=…)."""

_NEEDED = (
    *("model", "format", "gpu", "num_gpus", "engine_version"),
    *("load", "input_tokens", "output_tokens"),
)
_UNQUANTIZED = ("bf16", "fp16")


def import_file(path: Path, facts: DeploymentFacts) -> Imported:
    """The records of a foreign result file.

    Raises InputError when the file is of no tool we know, or when neither it nor `facts` says what stood
    behind the figures (the message names the flags); DataError for a damaged file. Runs that say nothing
    true about the deployment are in `refused`, not an error: others in the same file may be sound.
    """
    content = _content(path)
    document = _document(content, path)
    digest = hashlib.sha256(content).hexdigest()[:12]
    where = str(path)
    if lm_eval.recognises(document):
        return _quality(document, facts, where, f"{lm_eval.TOOL} {path.name} (sha256 {digest})")
    for tool in SPEED_TOOLS:
        if tool.recognises(document):
            return _speed(tool, document, facts, where, f"{tool.TOOL} {path.name} (sha256 {digest})")
    raise _unknown(path)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a file says, whoever served it: for comparing files, which needs no facts beside them."""

    path: Path
    tool: str
    runs: tuple[Run, ...] = ()
    scores: tuple[QualityMeasurement, ...] = ()
    refused: tuple[str, ...] = ()
    """Runs that say nothing true, each with the reason."""
    document: Any = None


def read_results(path: Path) -> Results:
    """The runs or the scores of a result file. Raises InputError, DataError."""
    document = _document(_content(path), path)
    where = str(path)
    if lm_eval.recognises(document):
        name = lm_eval.facts(document).model or "unnamed"
        try:
            found, refused = lm_eval.scores(
                document, model=name, format="bf16", algorithm="none", source=where, licence="own"
            )
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise DataError(f"{where}: not as lm-eval writes it ({error!r}); report its version") from error
        return Results(path=path, tool=lm_eval.TOOL, scores=tuple(found), refused=tuple(refused))
    for tool in SPEED_TOOLS:
        if tool.recognises(document):
            runs = _runs(tool, document, where)
            reasons = [(run, guard.refusal(run)) for run in runs]
            return Results(
                path=path,
                tool=tool.TOOL,
                runs=tuple(run for run, reason in reasons if reason is None),
                refused=tuple(
                    f"{run.name}: {reason}" if run.name else reason
                    for run, reason in reasons
                    if reason is not None
                ),
                document=document,
            )
    raise _unknown(path)


def _unknown(path: Path) -> InputError:
    known = ", ".join(tool.TOOL for tool in (*SPEED_TOOLS, lm_eval))
    return InputError(f"{path}: no result file that we know ({known}); import the file as its tool wrote it")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder; name the result files in it") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; check the path") from error


def _document(content: bytes, path: Path) -> Any:
    """JSON, else loadgen's text, else YAML. NaN is read here and refused where it is used."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text; import the file as its tool wrote it") from error
    if not text.strip():
        raise DataError(f"{path}: is empty; was the run cut off?")
    if text.lstrip()[0] in "{[":
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: damaged JSON ({error}); was it cut off while being written?") from error
    if mlperf.recognises(text):
        return text
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        line = str(error).splitlines()[0]
        raise DataError(
            f"{path}: neither JSON nor YAML ({line}); import the file as its tool wrote it"
        ) from error


def _runs(tool: ModuleType, document: Any, where: str) -> list[Run]:
    try:
        runs: list[Run] = tool.runs(document, where=where)
    except QuantAdviseError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError) as error:
        # Foreign files change shape without notice: that is damage to the reader of one, not a bug of ours.
        raise DataError(f"{where}: not as {tool.TOOL} writes it ({error!r}); report its version") from error
    return runs


def _speed(tool: ModuleType, document: Any, facts: DeploymentFacts, where: str, source: str) -> Imported:
    runs = _runs(tool, document, where)
    found, refused, notes = [], [], []
    for run in runs:
        reason = guard.refusal(run)
        name = f"{where}: {run.name}" if run.name else where
        if reason is not None:
            refused.append(f"{name}: {reason}")
            continue
        said = together(facts, run.facts, where=where)
        run = _completed(run, said)
        missing(_all_said(run, said), *_NEEDED, where=name)
        served = settled(said, where=where)
        # A rate and a fast enough prompt show only with the user's facts.
        reason = guard.refusal(run) or guard.contaminated(run, served)
        if reason is not None:
            refused.append(f"{name}: {reason}")
            continue
        try:
            found += rows(run, served, source=source, licence=said.licence)
        except ValueError as error:
            raise DataError(f"{name}: {error}; import the file as its tool wrote it") from error
        if run.load == "maximum":
            notes.append(f"{name}: all requests at once, so only its throughput was kept")
        if run.suspect:
            notes.append(f"{name}: kept out of the fit, {run.suspect}")
    return Imported(speed=tuple(found), refused=tuple(refused), notes=tuple(notes))


def _all_said(run: Run, said: DeploymentFacts) -> DeploymentFacts:
    """What flags and file say together, for the question what is still missing."""
    return dataclasses.replace(
        with_format(said),
        load=run.load,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
    )


def _completed(run: Run, said: DeploymentFacts) -> Run:
    """The run with the user's word on what the file leaves out."""
    load = said.load if run.load is None or said.load is not None else run.load
    value = said.load_value if said.load is not None else run.load_value
    return dataclasses.replace(
        run,
        load=load,
        load_value=value,
        input_tokens=said.input_tokens if run.input_tokens is None else run.input_tokens,
        output_tokens=said.output_tokens if run.output_tokens is None else run.output_tokens,
        lengths=said.lengths or run.lengths,
    )


def _quality(document: Mapping[str, Any], facts: DeploymentFacts, where: str, source: str) -> Imported:
    said = with_format(together(facts, lm_eval.facts(document), where=where))
    missing(said, "model", "format", where=where)
    assert said.model is not None
    assert said.format is not None
    model, format = model_name(said.model), find_format(said.format).name
    if format in _UNQUANTIZED:
        said = dataclasses.replace(said, algorithm="none")
    missing(said, "algorithm", where=where)
    assert said.algorithm is not None
    try:
        found, refused = lm_eval.scores(
            document,
            model=model,
            format=format,
            algorithm=said.algorithm,
            source=source,
            licence=said.licence,
        )
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise DataError(f"{where}: not as lm-eval writes it ({error!r}); report its version") from error
    notes = []
    if not found and not refused:
        refused = ["no task has a score"]
    limited = sum("first" in row.suspect for row in found)
    if limited:
        notes.append(f"{where}: kept out of the fit, {limited} scores of a --limit run")
    return Imported(
        quality=tuple(found), refused=tuple(f"{where}: {reason}" for reason in refused), notes=tuple(notes)
    )
