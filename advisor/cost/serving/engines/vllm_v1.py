"""vLLM's V1 scheduler (0.8 and newer), as read in vllm/v1/core/sched/scheduler.py.

Every decoding sequence gets a token, then the rest of the token budget goes to prompts, first come first
served. CUDA graphs have no limit of context (`EngineDefaults.graph_context_limit` is None).
"""

from __future__ import annotations

from advisor.cost.serving.engines.scheduler_rules import EngineRules

RULES = EngineRules(watermark=0.0, prefills_first_unchunked=False, runs_on_the_host=False)
