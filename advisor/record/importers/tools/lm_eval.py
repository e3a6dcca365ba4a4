"""lm-eval `results_*.json`: scores, each with the protocol that it may be compared under.

Keys are `metric,filter` (plain `metric` in 0.3); a standard error that was not computed is the text "N/A".
Shares (0 to 1) become per cent as published tables print them. Two scores compare only when task version,
examples, filter, chat template, limit and seeds match: all of that stands in `protocol`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from advisor.record.importers.imported_run import number, section, whole
from advisor.record.importers.stated_facts import DeploymentFacts, known_model
from advisor.record.measurement import QualityMeasurement

TOOL = "lm-eval"
_SHARES = re.compile(
    r"acc|acc_norm|acc_mutual_info|exact_match|em|mc[12]|pass@\d+|pass_at_\d+|math_verify"
    r"|(prompt|inst)_level_(strict|loose)_acc|contains"
)

_WORDS = frozenset({"alias", "name", "sample_len", "samples"})
"""Keys of a task's results that are no scores."""


def recognises(document: Any) -> bool:
    if not isinstance(document, Mapping) or not {"results", "versions"} <= document.keys():
        return False
    return {"n-shot", "config"} <= document.keys() or _is_0_3(document)


def _is_0_3(document: Mapping[str, Any]) -> bool:
    """lm-eval 0.3 and before, and forks of it: plain metric names, one version a task, no `n-shot`."""
    results, versions = document["results"], document["versions"]
    if "n-shot" in document or not isinstance(results, Mapping) or not isinstance(versions, Mapping):
        return False
    return bool(results) and all(
        task in versions and isinstance(scores, Mapping) and not any("," in str(key) for key in scores)
        for task, scores in results.items()
    )


def facts(document: Mapping[str, Any]) -> DeploymentFacts:
    """The model and format that the file's own model arguments name."""
    arguments = section(document, "config", "model_args")
    if isinstance(arguments, str):
        arguments = dict(part.split("=", 1) for part in arguments.split(",") if "=" in part)
    name = section(arguments, "pretrained") or section(arguments, "model") or document.get("model_name")
    return DeploymentFacts(model=known_model(name))


def scores(
    document: Mapping[str, Any], *, model: str, format: str, algorithm: str, source: str, licence: str
) -> tuple[list[QualityMeasurement], list[str]]:
    """Every finite score of every task, and what was refused with the reason.

    A standard error that was not computed leaves its score without one; a score that is no number is refused.
    """
    from advisor.record.importers.imported_run import day

    rows: list[QualityMeasurement] = []
    refused: list[str] = []
    limit = number(section(document, "config", "limit"))
    wanted = "" if _is_0_3(document) else ","
    for task, found in document["results"].items():
        if not _is_count(section(document, "n-shot", task)):
            refused.append(
                f"{task}: n-shot: {section(document, 'n-shot', task)!r:.40} is not a number of examples"
            )
            continue
        samples = whole(section(document, "n-samples", task, "effective"))
        for key, raw in found.items():
            metric, comma, filter_ = key.partition(",")
            value = number(raw)
            if comma != wanted or metric.endswith("_stderr") or metric in _WORDS:
                continue
            if value is None:
                refused.append(f"{task} {metric}{comma}{filter_}: no number stands there")
                continue
            if why := _why_no_score(metric, value):
                refused.append(f"{task} {metric}: {why}")
                continue
            stderr = number(found.get(f"{metric}_stderr{comma}{filter_}"))
            scale = 100.0 if _SHARES.fullmatch(metric) else 1.0
            suspect = []
            if section(document, "higher_is_better", task, metric) is False:
                suspect.append("lower is better: value / baseline is no recovery")
            if limit is not None:
                suspect.append(f"only the first {samples or limit:g} items: too few to tell formats apart")
            rows.append(
                QualityMeasurement(
                    model=model,
                    format=format,
                    algorithm=algorithm,
                    task=task,
                    metric=metric,
                    protocol=_protocol(document, task, filter_, limit),
                    value=scale * value,
                    baseline=None,
                    stderr=scale * stderr if stderr is not None and math.isfinite(stderr) else None,
                    samples=samples,
                    origin="imported",
                    source=source,
                    licence=licence,
                    date=day(document.get("date")),
                    suspect="; ".join(suspect),
                    conditions=f"backend {section(document, 'config', 'model')}",
                )
            )
    return rows, refused


def _why_no_score(metric: str, value: float) -> str:
    """Why a number is no score of the metric; empty where it may be one."""
    if not math.isfinite(value):
        return f"{value} is not a score"
    if _SHARES.fullmatch(metric) and not 0 <= value <= 1:
        return f"{value:g} is not a share from 0 to 1"
    return ""


def _is_count(value: Any) -> bool:
    """Whether a number of examples may be right; older results state none."""
    count = 0 if value is None else whole(value)
    return count is not None and count >= 0


def _shots(document: Mapping[str, Any], task: str) -> str:
    """`5-shot`; lm-eval 0.3 states it once for all tasks, results alone state none."""
    if not _is_0_3(document):
        return f"{section(document, 'n-shot', task) or 0}-shot"
    stated = whole(section(document, "config", "num_fewshot"))
    return "shots not stated" if stated is None else f"{stated}-shot"


def _protocol(document: Mapping[str, Any], task: str, filter_: str, limit: float | None) -> str:
    """A readable head, and a digest over the rest that may move a score."""
    config = section(document, "configs", task) or {}
    template = document.get("chat_template_sha") or document.get("chat_template")
    rest = {
        "prompt": [
            config.get(key) for key in ("doc_to_text", "doc_to_target", "doc_to_choice", "description")
        ],
        "generation": config.get("generation_kwargs"),
        "output": config.get("output_type"),
        "hash": section(document, "task_hashes", task),
        "template": template,
        "system": document.get("system_instruction_sha"),
        "multiturn": document.get("fewshot_as_multiturn"),
        "seeds": [
            section(document, "config", f"{name}_seed") for name in ("random", "numpy", "torch", "fewshot")
        ],
        "gen_kwargs": section(document, "config", "gen_kwargs"),
        "backend": section(document, "config", "model"),
    }
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True, default=str).encode()).hexdigest()[:12]
    parts = [
        _shots(document, task),
        filter_,
        "chat template" if template else "",
        "" if limit is None else f"limit {limit:g}",
        f"task version {section(document, 'versions', task)}",
        f"lm-eval {document.get('lm_eval_version') or ('0.3' if _is_0_3(document) else 'unknown')}",
        digest,
    ]
    return ", ".join(part for part in parts if part)
