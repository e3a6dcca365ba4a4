"""Fits to the user's own measurements and those that ship, cached under the digest of their content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from advisor import atomic_files
from advisor.cost import fit_file
from advisor.cost.fitting.measured_deployments import MeasuredCell
from advisor.errors import DataError, InputError, UnknownNameError
from advisor.record.sources import NAME as SOURCES
from advisor.record.sources import known_sources
from advisor.record.store import files, read_failures, read_kernels, read_quality, read_speed
from advisor.shipped_files import shipped
from advisor.spec.hardware.gpu_by_name import find_gpu

if TYPE_CHECKING:
    from advisor.advise.choose.recorded_failures import Border
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel
    from advisor.record.measurement import SpeedMeasurement
    from advisor.spec.hardware.gpu import GpuSpec
    from advisor.spec.models.model import ModelSpec

METHOD = 3
"""Counts changes of what is learnt from the same records, so that a fit that was kept is made again."""


def predictor_with(
    folders: Sequence[Path],
    *,
    models: Sequence[ModelSpec] = (),
    gpus: Sequence[GpuSpec] = (),
    kept: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Predictor:
    """The predictor fitted to the shipped measurements and those in `folders`.

    `models` and `gpus` are what is asked about: records of a model in a folder, or on a GPU of one's own,
    name what no catalog knows. A fit takes a while, so it is kept in `kept` (`kept_folder()` by default)
    under a name made of all that went into it: other records, another fit. Kernels that `calibrate` timed set
    the ceilings of GPUs on which nothing of one's own was served yet. Raises InputError for a folder that is
    not there.
    """
    from advisor.cost.gpu_from_timed_kernels import with_ceilings
    from advisor.cost.predict.cached_predictor import CachedPredictor
    from advisor.cost.predict.predictor import Predictor

    own = [row for folder in folders for row in read_speed(_existing(folder))]
    predictor = _fitted(own, folders, models=models, gpus=gpus, kept=kept, progress=progress)
    served = {row.gpu for row in own}
    kernels = [row for folder in folders for row in read_kernels(folder) if row.gpu not in served]
    known = {gpu.name: gpu for gpu in gpus}
    for name in {row.gpu for row in kernels} - set(known):
        with suppress(UnknownNameError):
            known[name] = find_gpu(name)
    return CachedPredictor.of(
        Predictor(with_ceilings(predictor.fit, kernels, known)) if kernels else predictor
    )


def _fitted(
    own: Sequence[SpeedMeasurement],
    folders: Sequence[Path],
    *,
    models: Sequence[ModelSpec],
    gpus: Sequence[GpuSpec],
    kept: Path | None,
    progress: Callable[[str], None],
) -> Predictor:
    from advisor.cost.learn_from_own_records import learn_more
    from advisor.cost.predict.predictor import Predictor

    if not own:
        return Predictor.shipped()
    base = shipped("measurements")
    path = (kept or kept_folder()) / f"fit-{_digest([base, *folders], models, gpus)}.json"
    kept_fit = _kept_fit(path)
    if kept_fit is None:
        progress(f"fitting to {len(own):,} own measurements and those that ship; kept in {path}")
        fit = learn_more(
            [*read_speed(base), *own],
            Predictor.shipped().fit,
            models={model.name: model for model in models},
            gpus={gpu.name: gpu for gpu in gpus},
            sources=known_sources(folders),
            progress=progress,
        )
        try:
            atomic_files.write_output(path, fit_file.dumps(fit))
        except InputError as error:  # the answer needs the fit, not the file
            progress(f"not kept, the next answer fits again: {error}")
        kept_fit = _kept_fit(path) or fit  # as it is kept, so that the next answer is the same
    return Predictor(kept_fit)


def _kept_fit(path: Path) -> fit_file.Fit | None:
    """A fit that was kept; None where there is none, or one that is damaged and is made again."""
    try:
        return fit_file.read(path) if path.is_file() else None
    except DataError:
        return None


def left_out_notes(predictor: Predictor) -> list[str]:
    """How many of the user's own rows the fit could not use, a line for each reason; the most first."""
    from advisor.cost.learn_from_own_records import LEFT_OUT

    found = predictor.fit.summary.get(LEFT_OUT)
    if not isinstance(found, Mapping):
        return []
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [
        f"--records: {count:,} {'row' if count == 1 else 'rows'} not used: {why}" for why, count in ordered
    ]


def quality_with(folders: Sequence[Path]) -> QualityModel:
    """What is known of accuracy, conditioned on the scores in `folders` as well; no new fit."""
    from advisor.cost.quality.quality_model import QualityModel

    own = [row for folder in folders for row in read_quality(_existing(folder))]
    known = QualityModel.shipped()
    return known.with_rows(own) if own else known


def border_with(folders: Sequence[Path]) -> Border:
    """Where the runs in `folders` failed, and which deployments served."""
    from advisor.advise.choose.recorded_failures import border_of

    failures = [row for folder in folders for row in read_failures(_existing(folder))]
    return border_of(failures, [row for folder in folders for row in read_speed(folder)] if failures else ())


def kept_folder() -> Path:
    """Where fits to own records are kept: $XDG_CACHE_HOME/quantadvise, or ~/.cache/quantadvise."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "quantadvise"


def _existing(folder: Path) -> Path:
    if not folder.exists():
        raise InputError(f"{folder}: no such file or folder; give a folder of measurements")
    if not files(folder):
        raise InputError(
            f"{folder}: has no measurement file (*.csv); name the folder that measure or import wrote"
        )
    return folder


def _digest(folders: Sequence[Path], models: Sequence[ModelSpec], gpus: Sequence[GpuSpec]) -> str:
    """Changes with every byte of every measurement file, the fit that ships, what is asked about, what a kept
    fit holds of a cell and how it is made."""
    digest = hashlib.sha256((shipped("measurements") / fit_file.NAME).read_bytes())
    digest.update(repr((tuple(models), tuple(gpus), MeasuredCell._fields, METHOD)).encode())
    for folder in folders:
        for path in [*files(folder), *folder.glob(SOURCES)]:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
