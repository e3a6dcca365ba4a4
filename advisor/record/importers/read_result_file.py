"""A result file of any tool we know → records; the tool is recognised by what the file holds."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from advisor.errors import DataError, InputError, QuantAdviseError
from advisor.record.importers import foreign_file as documents
from advisor.record.importers import load_of_burst, refuse_untrue_runs
from advisor.record.importers.imported_run import Imported, Run, rows
from advisor.record.importers.stated_facts import (
    DeploymentFacts,
    missing,
    model_name,
    settled,
    together,
    with_format,
)
from advisor.record.importers.tools import (
    aiperf,
    guidellm,
    inference_perf,
    inferencex,
    llmd_report,
    lm_eval,
    mlperf,
    sglang_bench,
    vllm_bench,
    vllm_offline,
)
from advisor.record.measurement import QualityMeasurement, SpeedMeasurement
from advisor.spec.formats.catalog import find_format
from advisor.spec.formats.recipes import UNQUANTIZED

SPEED_TOOLS: tuple[ModuleType, ...] = (
    mlperf,
    inferencex,
    vllm_bench,
    vllm_offline,
    sglang_bench,
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


def import_file(path: Path, facts: DeploymentFacts) -> Imported:
    """The records of a foreign result file.

    Raises InputError when the file is of no tool we know, or when neither it nor `facts` says what stood
    behind the figures (the message names the flags); DataError for a damaged file. Runs that say nothing
    true about the deployment are in `refused`, not an error: others in the same file may be sound.
    """
    content = documents.read_content(path)
    document = documents.parse(content, path)
    digest = hashlib.sha256(content).hexdigest()[:12]
    where = str(path)
    if lm_eval.recognises(document):
        return _quality(document, facts, where, f"{lm_eval.TOOL} {path.name} (sha256 {digest})")
    tool = _tool(document, path)
    return _speed(tool, document, facts, where, f"{tool.TOOL} {path.name} (sha256 {digest})")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a file says without facts about the deployment: enough to compare files."""

    path: Path
    tool: str
    runs: tuple[Run, ...] = ()
    scores: tuple[QualityMeasurement, ...] = ()
    refused: tuple[str, ...] = ()
    """Runs that say nothing true, each with the reason."""
    document: Any = None


def read_results(path: Path) -> Results:
    """The runs or the scores of a result file. Raises InputError, DataError."""
    document = documents.parse(documents.read_content(path), path)
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
    tool = _tool(document, path)
    reasons = [(run, refuse_untrue_runs.refusal(run)) for run in _runs(tool, document, where)]
    return Results(
        path=path,
        tool=tool.TOOL,
        runs=tuple(run for run, reason in reasons if reason is None),
        refused=tuple(
            f"{run.name}: {reason}" if run.name else reason for run, reason in reasons if reason is not None
        ),
        document=document,
    )


def _results(document: Any) -> list[Any]:
    """The results of a file: of a list each one (`--append-result`, a sweep's summary, JSON Lines)."""
    return document if isinstance(document, list) and document else [document]


def _tool(document: Any, path: Path) -> ModuleType:
    """The tool that wrote every result of the file. Raises InputError: what the file looks like instead."""
    results = _results(document)
    for tool in SPEED_TOOLS:
        strange = [at for at, result in enumerate(results, start=1) if not tool.recognises(result)]
        if not strange:
            return tool
        if len(strange) < len(results):
            what = documents.described(results[strange[0] - 1])
            raise InputError(
                f"{path}: result {strange[0]} of {len(results)} is not {tool.TOOL}'s but {what}; "
                "import the files one by one"
            )
    known = ", ".join(tool.TOOL for tool in (*SPEED_TOOLS, lm_eval))
    raise InputError(
        f"{path}: holds {documents.described(document)}; known are results of {known}, as the tool wrote them"
    )


def _runs(tool: ModuleType, document: Any, where: str) -> list[Run]:
    """Every run of the file, with a name that is its own."""
    results = _results(document)
    found: list[Run] = []
    for at, result in enumerate(results, start=1):
        for run in _runs_of_one(tool, result, where):
            parts = (f"result {at}" if len(results) > 1 else "", run.name)
            found.append(dataclasses.replace(run, name=" ".join(part for part in parts if part)))
    return found


def _runs_of_one(tool: ModuleType, document: Any, where: str) -> list[Run]:
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
    found: list[SpeedMeasurement] = []
    refused, notes = [], []
    left: list[tuple[str, str]] = [pair for run in runs for pair in run.left_out]
    for run in runs:
        name = f"{where}: {run.name}" if run.name else where
        reason = _other_engine(run.facts.engine) or refuse_untrue_runs.refusal(run)
        if reason is not None:
            refused.append(f"{name}: {reason}")
            continue
        said = together(facts, run.facts, where=where)
        reason = _other_engine(said.engine)
        if reason is not None:
            refused.append(f"{name}: {reason}")
            continue
        run = _completed(run, said, where=name)
        missing(_all_said(run, said), *_NEEDED, where=name)
        served = settled(said, where=where)
        run = load_of_burst.settled_load(run, served)
        # A rate and a fast enough prompt show only with the user's facts.
        reason = refuse_untrue_runs.refusal(run) or refuse_untrue_runs.contaminated(run, served)
        if reason is not None:
            refused.append(f"{name}: {reason}")
            continue
        run = refuse_untrue_runs.without_chunk_gaps(run, served)
        left += run.left_out
        try:
            made = rows(run, served, source=source, licence=said.licence)
        except ValueError as error:
            raise DataError(f"{name}: {error}; import the file as its tool wrote it") from error
        reason = refuse_untrue_runs.flagged(made, where)
        if reason is not None:
            refused.append(f"{name}: {reason}")
            continue
        found += made
        if run.sent_together is not None:
            notes.append(f"{name}: {load_of_burst.explained(run)}")
        elif run.load == "maximum":
            notes.append(f"{name}: all requests at once, so only its throughput was kept")
        if run.suspect:
            notes.append(f"{name}: kept out of the fit, {run.suspect}")
    notes += [f"{where}: not taken: {line}" for line in _left_out(left)]
    return Imported(speed=tuple(found), refused=tuple(refused), notes=tuple(notes))


def _other_engine(engine: str | None) -> str | None:
    if engine is None or engine == "vllm":
        return None
    return f"{engine} served it; records and predictions are of vLLM"


def _left_out(left: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Every key of the file that gives no row, by reason, each once."""
    by_reason: dict[str, dict[str, None]] = {}
    for key, reason in left:
        by_reason.setdefault(reason, {})[key] = None
    for reason, keys in by_reason.items():
        yield f"{', '.join(keys)} ({reason})"


def _all_said(run: Run, said: DeploymentFacts) -> DeploymentFacts:
    """What flags and file say together, for the question what is still missing."""
    return dataclasses.replace(
        with_format(said),
        load=run.load,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
    )


def _completed(run: Run, said: DeploymentFacts, *, where: str) -> Run:
    """The run with the user's word on what the file leaves out."""
    load = said.load if run.load is None or said.load is not None else run.load
    value = said.load_value if said.load is not None else run.load_value
    prompt = said.input_tokens if run.input_tokens is None else run.input_tokens
    answer = said.output_tokens if run.output_tokens is None else run.output_tokens
    for kind, flag, stated, counted in (
        ("prompt", "--input-tokens", said.input_tokens, run.input_tokens),
        ("answer", "--output-tokens", said.output_tokens, run.output_tokens),
    ):
        if stated is not None and counted is not None and not 0.98 < stated / counted < 1.02:
            raise InputError(
                f"{where}: a request has {counted:.4g} {kind} tokens, {flag} says {stated:g}; leave it out"
            )
    total = run.tokens_per_request
    if total is not None:
        prompt = total - answer if prompt is None and answer is not None else prompt
        answer = total - prompt if answer is None and prompt is not None else answer
        if prompt is not None and answer is not None and not 0.98 < (prompt + answer) / total < 1.02:
            raise InputError(
                f"{where}: a request has {total:g} tokens, --input-tokens and --output-tokens make "
                f"{prompt + answer:g}; correct them"
            )
    return dataclasses.replace(
        run,
        load=load,
        load_value=value,
        input_tokens=prompt,
        output_tokens=answer,
        lengths=said.lengths or run.lengths,
    )


def _quality(document: Mapping[str, Any], facts: DeploymentFacts, where: str, source: str) -> Imported:
    said = with_format(together(facts, lm_eval.facts(document), where=where))
    missing(said, "model", "format", where=where)
    assert said.model is not None
    assert said.format is not None
    model, format = model_name(said.model), find_format(said.format).name
    if format in UNQUANTIZED:
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
