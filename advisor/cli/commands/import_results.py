"""`quantadvise import`: other tools' results as measurements of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli.option_groups import grouped
from advisor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from advisor.record.importers.imported_run import Imported
    from advisor.record.importers.stated_facts import DeploymentFacts
    from advisor.record.measurement import QualityMeasurement, SpeedMeasurement

_WHAT = "What the file does not say"
_WHERE = "Where to"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What the file does not say about its deployment and load."""

    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="MODEL", help="Model: a name or Hub id.", rich_help_panel=_WHAT
        ),
    ] = None
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="Format of the weights: bf16, fp8, int4, …",
            rich_help_panel=_WHAT,
        ),
    ] = None
    gpu: Annotated[
        str | None, typer.Option(metavar="NAME", help="GPU: H100, L40S, …", rich_help_panel=_WHAT)
    ] = None
    num_gpus: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="GPUs of the one replica that was measured (tensor parallel size).",
            rich_help_panel=_WHAT,
        ),
    ] = None
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Engine; vllm by default, results of others are refused.",
            rich_help_panel=_WHAT,
        ),
    ] = None
    engine_version: Annotated[
        str | None,
        typer.Option(metavar="VERSION|unknown", help="Release of the engine: 0.11.0.", rich_help_panel=_WHAT),
    ] = None
    kv_cache_dtype: Annotated[
        str | None,
        typer.Option(
            metavar="16bit|fp8", help="Type of the KV cache; 16bit by default.", rich_help_panel=_WHAT
        ),
    ] = None
    engine_args: Annotated[
        str | None,
        typer.Option(
            metavar="'ARGS'",
            help="Settings of the server: '--max-num-seqs 64 --enforce-eager'.",
            rich_help_panel=_WHAT,
        ),
    ] = None
    concurrency: Annotated[
        float | None,
        typer.Option(min=1, metavar="N", help="Requests in flight at once.", rich_help_panel=_WHAT),
    ] = None
    rate: Annotated[
        float | None,
        typer.Option(metavar="R", help="Requests per second that arrived.", rich_help_panel=_WHAT),
    ] = None
    batch: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Requests of one static batch (vllm bench latency).",
            rich_help_panel=_WHAT,
        ),
    ] = None
    maximum: Annotated[
        bool, typer.Option("--maximum", help="All requests were queued at once.", rich_help_panel=_WHAT)
    ] = False
    input_tokens: Annotated[
        float | None,
        typer.Option(min=1, metavar="N", help="Mean prompt tokens per request.", rich_help_panel=_WHAT),
    ] = None
    output_tokens: Annotated[
        float | None,
        typer.Option(min=1, metavar="N", help="Mean answer tokens per request.", rich_help_panel=_WHAT),
    ] = None
    algorithm: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Quantization algorithm of the checkpoint: gptq, rtn, …",
            rich_help_panel=_WHAT,
        ),
    ] = None
    licence: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Licence of the figures; own by default.", rich_help_panel=_WHAT),
    ] = None


@grouped
def import_results(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE|FOLDER…",
            help="Results of vLLM bench (saved, or as it prints them), GuideLLM, AIPerf, inference-perf, "
            "llm-d, InferenceX, lm-eval or MLPerf; a folder of them, or of `vllm bench sweep`.",
        ),
    ],
    *,
    stated: Stated,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="CSV|FOLDER",
            help="File that rows are added to; a folder takes speed.csv and quality.csv.",
            rich_help_panel=_WHERE,
        ),
    ] = Path("measurements.csv"),
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print what would be added, and add nothing.", rich_help_panel=_WHERE),
    ] = False,
) -> None:
    """Add results of other tools to a measurements file, which --records then learns from.

    What a file does not say about the deployment is asked for by flag; runs that were contaminated, failed,
    unsteady or saturated are refused with the reason. The same file is never added twice.

    quantadvise import result.json --format fp8 --gpu H100 --num-gpus 1 --engine-version 0.11.0 --out mine
    """
    from advisor.record.importers.read_result_file import import_file

    facts = _facts(stated)
    every = [file for path in files for file in _in_folder(path)]
    found = [_with_settings(import_file(path, facts), stated.engine_args) for path in every]
    for imported in found:
        for note in imported.notes:
            typer.echo(f"quantadvise: {note}", err=True)
        for refused in imported.refused:
            typer.echo(f"quantadvise: refused: {refused}", err=True)
    if not any(imported.speed or imported.quality for imported in found):
        raise InputError("nothing imported: every run was refused")
    _add(found, out, dry_run=dry_run)


def _with_settings(imported: Imported, engine_args: str | None) -> Imported:
    """The rows with the settings of the server among their conditions. Raises InputError for unread words."""
    if engine_args is None:
        return imported
    from dataclasses import replace

    from advisor.spec.engines.settings_from_conditions import stated_settings, written_settings
    from advisor.spec.engines.speculative import speculates

    if speculates(engine_args):
        raise InputError(
            "--engine-args: the server drafted tokens (speculative decoding), which records and predictions "
            "do not; import a run without it"
        )
    words = "; ".join(written_settings(stated_settings(engine_args)))
    if not words:
        raise InputError(f"--engine-args: '{engine_args}' states no known setting; try --max-num-seqs 64")
    rows = (
        replace(row, conditions="; ".join(part for part in (row.conditions, words) if part))
        for row in imported.speed
    )
    return replace(imported, speed=tuple(rows))


_MOST_FILES = 1_000


def _in_folder(path: Path) -> list[Path]:
    """The file, or the runs of a folder that `vllm bench sweep` wrote; else the results that lie in a folder.

    A sweep's summary holds the same runs once more.
    """
    if not path.is_dir():
        return [path]
    found = sorted(path.rglob("run=*.json")) or sorted(
        file for file in path.iterdir() if file.suffix in (".json", ".jsonl") and file.is_file()
    )
    failed = [file for file in found if file.name.endswith(".failure.json")]
    if failed:
        typer.echo(f"quantadvise: {path}: {len(failed)} benchmarks failed and have no result", err=True)
    found = [file for file in found if file not in failed]
    if not found:
        raise InputError(f"{path}: holds no result (*.json, or run=*.json of a sweep); name a result file")
    if len(found) > _MOST_FILES:
        raise InputError(f"{path}: holds {len(found):,} files; import at most {_MOST_FILES:,} at once")
    return found


def _load(
    concurrency: float | None, rate: float | None, batch: int | None, maximum: bool
) -> tuple[str, float | None] | None:
    flags = (("--concurrency", concurrency), ("--rate", rate), ("--batch", batch))
    said = [name for name, given in flags if given is not None]
    if maximum:
        said.append("--maximum")
    if len(said) > 1:
        raise InputError(f"{' and '.join(said)}: a run has one load; keep one of them")
    if concurrency is not None:
        return "concurrency", concurrency
    if rate is not None:
        if not rate > 0:
            raise InputError(f"--rate {rate:g}: must be above 0")
        return "rate", rate
    if batch is not None:
        return "batch", float(batch)
    return ("maximum", None) if maximum else None


def _facts(stated: Stated) -> DeploymentFacts:
    from advisor.record.importers.stated_facts import OWN, DeploymentFacts
    from advisor.spec.formats.catalog import find_kv_format

    kind, value = _load(stated.concurrency, stated.rate, stated.batch, stated.maximum) or (None, None)
    kv = stated.kv_cache_dtype
    return DeploymentFacts(
        model=stated.model,
        format=stated.format,
        gpu=stated.gpu,
        num_gpus=stated.num_gpus,
        engine=stated.engine,
        engine_version=stated.engine_version,
        kv_format=None if kv is None else find_kv_format(kv).name,
        input_tokens=stated.input_tokens,
        output_tokens=stated.output_tokens,
        algorithm=stated.algorithm,
        licence=stated.licence or OWN,
        load=kind,  # type: ignore[arg-type]
        load_value=value,
    )


def _add(found: Sequence[Imported], out: Path, *, dry_run: bool) -> None:
    from advisor.record.importers.merge_rows import add_quality, add_speed, with_baselines

    speed = [row for imported in found for row in imported.speed]
    quality = with_baselines([row for imported in found for row in imported.quality])
    folder = out.is_dir() or out.suffix.lower() != ".csv"
    if speed and quality and not folder:
        raise InputError(f"{out}: a file holds speed or accuracy, these are both; name a folder")
    if dry_run:
        for line in _lines(speed, quality):
            typer.echo(line)
        typer.echo(f"{len(speed) + len(quality)} rows; nothing written", err=True)
        return
    if speed:
        path = out / "speed.csv" if folder else out
        _say(path, len(speed), add_speed(path, speed))
    if quality:
        path = out / "quality.csv" if folder else out
        _say(path, len(quality), add_quality(path, quality))


def _say(path: Path, rows: int, added: int) -> None:
    known = f", {rows - added} were there already" if added < rows else ""
    typer.echo(f"{path}: {added} rows added{known}")


def _lines(speed: Sequence[SpeedMeasurement], quality: Sequence[QualityMeasurement]) -> Iterator[str]:
    for row in speed:
        load = row.load if row.load_value is None else f"{row.load} {row.load_value:g}"
        tokens = f"{row.input_tokens:g}/{row.output_tokens:g} tokens"
        figure = f"{row.metric} {row.statistic} {row.value:.6g}"
        yield f"{row.model} {row.format} {row.num_gpus}x {row.gpu}, {load}, {tokens}: {figure}"
    for score in quality:
        yield f"{score.model} {score.format}, {score.task} {score.metric}: {score.value:.6g}"
