"""The scheduler with conversations: prompts that begin with what the KV cache still has, users who think."""

from __future__ import annotations

from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.simulation.prefix_cache import PrefixCache
from advisor.cost.simulation.scheduler import Scheduler
from advisor.cost.simulation.simulated_requests import Chains, Claim, Requests
from advisor.cost.step.memory import BLOCK_TOKENS

_SYSTEM = -1
"""Owner of the system prompt's blocks."""


class ConversationScheduler(Scheduler):
    """Serves conversations: a request is sent `pause_s` after the answer before it.

    The blocks of the system prompt are shared by all requests that run. Those of a conversation wait in the
    cache for its next turn.
    """

    def __init__(self, engine: EngineTable, requests: Requests, chains: Chains) -> None:
        super().__init__(engine, requests)
        self.owner: list[int] = chains.conversation.tolist()
        self.follows: list[int] = chains.follows.tolist()
        self.pause: list[float] = chains.pause_s.tolist()
        self.reused: list[int] = chains.reused_tokens.tolist()
        self.begins: list[int] = chains.begins.tolist()
        self.begun = 0
        self.system = chains.system_tokens // BLOCK_TOKENS
        self.system_users = 0
        self.caching = bool(engine.prefix_caching[0])
        self.cache = PrefixCache(self.total_blocks)
        self.shared = [0] * len(requests)

    def _start(self) -> None:
        if self.requests.sent_s is None:
            for _ in range(min(self.requests.concurrency, len(self.begins))):
                self._begin(0.0)
            return
        for i in self.begins:
            self._send(i, 0.0)

    def _begin(self, now: float) -> None:
        """A user begins the next conversation."""
        if self.begun < len(self.begins):
            i = self.begins[self.begun]
            self.begun += 1
            self._send(i, now + self.pause[i])

    def _follow(self, i: int) -> None:
        after = self.follows[i]
        if after >= 0:
            self._send(after, self.clock + self.pause[after])
        elif self.requests.sent_s is None:
            self._begin(self.clock)

    def _look_up(self, i: int, length: int) -> Claim:
        blocks = -(-length // BLOCK_TOKENS)
        if not self.caching:
            return Claim(0, blocks, blocks)
        there = self.system_users > 0 or self.cache.held(_SYSTEM) >= self.system
        # The last token is computed in any case: it gives the first token of the answer.
        most = min(self.reused[i], length - 1) // BLOCK_TOKENS
        shared = min(self.system, most)
        own = min(self.cache.held(self.owner[i]), most - shared) if there else 0
        cached = BLOCK_TOKENS * (shared + own) if there else 0
        cached = max(cached, min(self.cached[i], length - 1))
        rest = blocks - shared
        return Claim(cached, rest, rest + (0 if self.system_users or not shared else self.system), own)

    def _claim(self, i: int, claim: Claim) -> None:
        super()._claim(i, claim)
        if not self.caching:
            return
        total = -(-(self.prompt[i] + self.produced[i]) // BLOCK_TOKENS)
        self.shared[i] = total - claim.own
        self.cache.claim(self.owner[i], claim.found)
        self.cache.take(claim.own - claim.found)
        if self.shared[i]:
            if not self.system_users:
                known = min(self.cache.held(_SYSTEM), self.system) if claim.cached else 0
                self.cache.claim(_SYSTEM, known)
                self.cache.take(self.system - known)
            self.system_users += 1

    def _advance(self, steps: int) -> None:
        before = self.free
        super()._advance(steps)
        self.cache.take(before - self.free)

    def _release(self, i: int) -> None:
        super()._release(i)
        self.cache.release(self.owner[i], self.held[i])
        # A preempted request finds its own blocks again, if nobody takes them meanwhile.
        self.reused[i] = self.prompt[i] + self.produced[i]
        if self.shared[i]:
            self.shared[i] = 0
            self.system_users -= 1
            if not self.system_users:
                self.free += self.system
                self.cache.release(_SYSTEM, self.system)
