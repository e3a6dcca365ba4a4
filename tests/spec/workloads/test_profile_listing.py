"""What `profiles list` prints."""

from __future__ import annotations

from advisor.spec.workloads.profile_listing import profile_rows
from advisor.spec.workloads.read_profile import known_scenarios, known_workloads


def test_the_list_has_every_profile_and_scenario_once() -> None:
    rows = profile_rows()
    assert [row.name for row in rows if not row.is_scenario] == list(known_workloads())
    assert [f"paper-{row.name}" for row in rows if row.is_scenario] == list(known_scenarios())
    chat = next(row for row in rows if row.name == "chat")
    assert (chat.tokens, chat.load, chat.limits) == (
        "512/256",
        "1 request/s",
        "TTFT p95 ≤ 500 ms, TPOT p95 ≤ 50 ms",
    )
