"""The values by which the schedulers of two engine generations differ."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRules:
    """How a scheduler admits prompts and orders prefill and decode."""

    watermark: float
    """Share of the KV blocks that must stay free when a prompt is admitted."""
    prefills_first_unchunked: bool
    """Without chunked prefill, prompts have steps of their own, before any sequence decodes again."""
    runs_on_the_host: bool
    """Scheduling and sampling happen between two steps, so that the host's CPU sets part of the step time."""
