"""The search for the highest rate begins with what is predicted."""

from __future__ import annotations

from pathlib import Path

from advisor.cli.measure.expected_vs_measured import Expectation
from advisor.cli.measure.predicted_highest_rate import with_expected_rates
from advisor.measure.execution.session_job import SessionJob
from advisor.measure.plan_to_jobs import Prepared, prepare
from advisor.measure.steps.what_to_measure import Plan
from advisor.measure.tools.machine import Device


def prepared(folder: Path, limit_ms: float) -> Prepared:
    workload = folder / "w.yaml"
    workload.write_text(
        "about: any\ninput_tokens: 1000\noutput_tokens: 100\nload: {requests_per_s: 1}\n"
        f"slo: {{tpot_p95_ms: {limit_ms}}}\n"
    )
    gpu = Device(
        index=0, name="H100-SXM", driver_name="NVIDIA H100", memory_mib=81_559, in_catalog=True, facts={}
    )
    plan = Plan(model="meta-llama/Llama-3.1-8B-Instruct", workload=str(workload), slo_search=True)
    return prepare(plan, folder, devices=[gpu], need_tools=False)


def expected_share(folder: Path, limit_ms: float) -> tuple[float, float, float]:
    plan = prepared(folder, limit_ms)
    [job] = with_expected_rates(plan, Expectation(plan, None)).jobs
    assert isinstance(job, SessionJob)
    assert job.expected_rate is not None
    return job.expected_rate.low, job.expected_rate.value, job.expected_rate.high


def test_a_looser_limit_is_expected_to_hold_at_a_higher_rate(tmp_path: Path):
    tight, loose = expected_share(tmp_path, 15.0), expected_share(tmp_path, 40.0)
    assert 0 < tight[0] <= tight[1] <= tight[2] <= 1
    assert tight[1] < loose[1]
    assert tight[0] < tight[2]
