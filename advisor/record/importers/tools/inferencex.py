"""InferenceX (formerly InferenceMAX) `agg_*.json`: one result, or a list of them.

Keys were read in utils/process_result.py (SemiAnalysisAI/InferenceX, August 2026).
vLLM's keys with `_ms` taken off and the values divided by 1000, so latencies are in **seconds**; throughput
is per GPU. `pXX_intvty` is 1000/pXX_tpot_ms, the slow tail: TPOT says the same and is read instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from advisor.record.importers.imported_run import NO_LIMIT, NOT_RECORDED, STATISTICS, Run, day, number, whole
from advisor.record.importers.stated_facts import (
    DeploymentFacts,
    engine_name,
    known_gpu,
    known_model,
    unknown_gpu,
)
from advisor.spec.engines.speculative import OFF
from advisor.spec.metrics import MetricName
from advisor.spec.models.catalog import find_model
from advisor.units import MS_PER_S

TOOL = "InferenceX"
_LATENCIES: Mapping[str, MetricName] = {
    "ttft": "ttft_ms",
    "tpot": "tpot_ms",
    "itl": "itl_ms",
    "e2el": "e2e_ms",
}
_KEY = re.compile(r"(mean|median|std|min|max|p[\d.]+)_(ttft|tpot|itl|e2el)")
_QUANTITY = re.compile(r"(mean|median|std|p[\d.]+)_\w+|\w*(power|energy|joules)\w*")
_SAME_IN_OTHER_WORDS = "1000 / TPOT"
_IMAGE_VERSION = re.compile(r":v?(\d+\.\d+[\w.]*)")


def recognises(document: Any) -> bool:
    keys = {"hw", "conc", "framework", "precision", "tput_per_gpu"}
    return isinstance(document, Mapping) and keys <= document.keys()


def runs(row: Mapping[str, Any], *, where: str) -> list[Run]:
    """The one run of the object."""
    gpus = whole(row.get("num_gpus")) or whole(row.get("tp"))
    figures: dict[tuple[MetricName, str], float] = {}
    left: list[tuple[str, str]] = []
    total, output = number(row.get("tput_per_gpu")), number(row.get("output_tput_per_gpu"))
    isl, osl = number(row.get("isl")), number(row.get("osl"))
    if total is not None and gpus:
        figures["total_tokens_per_s", "mean"] = gpus * total
    if output is not None and gpus:
        figures["output_tokens_per_s", "mean"] = gpus * output
    for key, raw in row.items():
        match, value = _KEY.fullmatch(key), number(raw)
        if match is not None and value is not None:
            statistic = {"median": "p50"}.get(match[1], match[1])
            if statistic in STATISTICS:
                figures[_LATENCIES[match[2]], statistic] = MS_PER_S * value
            else:
                left.append((key, NO_LIMIT))
        elif value is not None and _QUANTITY.fullmatch(key):
            left.append((key, _SAME_IN_OTHER_WORDS if "intvty" in key else NOT_RECORDED))
    lost = whole(row.get("num_requests_total"))
    completed = whole(row.get("num_requests_successful"))
    run = Run(
        name="",
        load="concurrency",
        load_value=number(row.get("conc")),
        input_tokens=isl,
        output_tokens=osl,
        lengths="distribution",
        figures=figures,
        completed=completed,
        failed=None if lost is None or completed is None else lost - completed,
        date=day(row.get("date")),
        left_out=tuple(left),
        refused=_refused(row),
        suspect=_suspect(row),
        conditions="lengths drawn around the nominal ones" if isl else "",
        facts=_facts(row, gpus),
    )
    return [run]


def _yes(value: Any) -> bool:
    """Written as a JSON boolean or as a shell's text."""
    return value is True or str(value).lower() in ("true", "1", "yes", "on")


def _refused(row: Mapping[str, Any]) -> str:
    if _yes(row.get("disagg")):
        return "prefill and decode ran on separate GPUs: no single replica has these figures"
    if _yes(row.get("is_multinode")):
        return "ran on several nodes; their link is not known"
    for key, what in (("pp", "pipeline"), ("dcp_size", "decode context"), ("pcp_size", "prefill context")):
        parts = whole(row.get(key))
        if parts is not None and parts > 1:
            return f"{what} parallelism of {parts}: a record is of tensor parallelism alone"
    return ""


def _suspect(row: Mapping[str, Any]) -> str:
    speculative = row.get("spec_decoding") or row.get("mtp")
    if speculative and str(speculative).lower() not in OFF:
        return f"speculative decoding ({speculative})"
    if _yes(row.get("dp_attention")):
        return "data-parallel attention, not tensor parallel"
    return ""


def _format(row: Mapping[str, Any]) -> str | None:
    """`fp4` says NVFP4 and MXFP4 alike: a model that ships in one of them settles it, else the user must."""
    precision = str(row["precision"]).lower()
    if precision != "fp4":
        return precision
    model = known_model(row.get("model"))
    native = None if model is None else find_model(model.rsplit("/", 1)[-1]).native_format
    return native if native in ("nvfp4", "mxfp4") else None


def _facts(row: Mapping[str, Any], gpus: int | None) -> DeploymentFacts:
    version = _IMAGE_VERSION.search(str(row.get("image") or ""))
    return DeploymentFacts(
        model=known_model(row.get("model")),
        format=_format(row),
        gpu=known_gpu(row.get("hw")),
        unknown_gpu=unknown_gpu(row.get("hw")),
        num_gpus=gpus,
        engine=engine_name(str(row["framework"])),
        engine_version=None if version is None else version[1],
    )
