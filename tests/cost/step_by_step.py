"""The scheduler again, slowly: one step at a time, one sequence at a time, every block counted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.simulation.simulated_requests import Requests
from advisor.cost.step.memory import BLOCK_TOKENS


@dataclass(slots=True, kw_only=True, eq=False)
class Sequence:
    prompt: int
    cached: int
    output: int
    sent_s: float
    computed: int = 0
    """Tokens in the KV cache."""
    produced: int = 0
    blocks: int = 0
    token_s: list[float] = field(default_factory=list)
    preempted: int = 0
    decodes: bool = False
    """All but its newest token are in the cache."""

    @property
    def length(self) -> int:
        return self.prompt + self.produced


class Slow:
    """Serves requests; `all` has every one with the times of its tokens."""

    def __init__(self, setup: EngineTable, requests: Requests) -> None:
        self.overhead_s = float(setup.request_overhead_s[0])
        self.max_num_seqs, self.watermark_blocks = int(setup.max_num_seqs[0]), int(setup.watermark_blocks[0])
        self.chunked, self.prefill_first = bool(setup.chunked_prefill[0]), bool(setup.prefill_first[0])
        self.setup, self.closed = setup, requests.sent_s is None
        sent = np.zeros(len(requests)) if requests.sent_s is None else requests.sent_s
        rows = zip(requests.input_tokens, requests.cached_tokens, requests.output_tokens, sent, strict=True)
        self.all = [
            Sequence(prompt=int(p), cached=int(c), output=int(o), sent_s=float(s)) for p, c, o, s in rows
        ]
        first = requests.concurrency if self.closed else len(requests)
        self.coming, self.unsent = self.all[:first], self.all[first:]
        self.waiting: list[Sequence] = []
        self.running: list[Sequence] = []
        self.free = self.kv_blocks = int(setup.kv_blocks[0])
        self.work: list[tuple[Sequence, int]] = []
        self.budget = 0
        self.now = self.started = 0.0
        while self.coming or self.waiting or self.running:
            self.take()
            self.step()

    def take(self) -> None:
        idle = not self.waiting and not self.running
        if idle:
            self.now = max(self.now, self.coming[0].sent_s + self.overhead_s)
        settled = self.started if self.setup.async_scheduling[0] and not idle else self.now
        while self.coming:
            visible = self.coming[0].sent_s + self.overhead_s
            if visible > settled or (visible == settled and not idle):
                return
            self.waiting.append(self.coming.pop(0))

    def step(self) -> None:
        self.work, self.budget = [], int(self.setup.max_num_batched_tokens[0])
        if self.prefill_first:
            self.admit()
        if not self.work:
            preempted = self.decode()
            if not self.prefill_first:
                for one in self.running:
                    if not one.decodes:
                        self.add(one, min(one.length - one.computed, self.budget))
                if not preempted:
                    self.admit()
        self.run()

    def add(self, one: Sequence, tokens: int) -> None:
        if tokens > 0:
            self.work.append((one, tokens))
            self.budget -= tokens

    def admit(self) -> None:
        while self.waiting and self.budget > 0 and len(self.running) < self.max_num_seqs:
            one = self.waiting[0]
            tokens = one.length - one.cached
            if tokens > self.budget and not self.chunked:
                return
            blocks = math.ceil(one.length / BLOCK_TOKENS)
            if self.free - blocks < (self.watermark_blocks if self.running else 0):
                return
            self.free -= blocks
            one.blocks, one.computed = blocks, one.cached
            self.running.append(self.waiting.pop(0))
            self.add(one, min(tokens, self.budget))

    def decode(self) -> bool:
        """Whether someone was preempted."""
        preempted = False
        for one in list(self.running):
            if one not in self.running or not one.decodes:
                continue
            while math.ceil(one.length / BLOCK_TOKENS) > one.blocks and one in self.running:
                if self.free > 0:
                    self.free -= 1
                    one.blocks += 1
                else:
                    preempted = True
                    self.preempt(self.running[-1])
            if one in self.running:
                self.add(one, 1)
        return preempted

    def preempt(self, last: Sequence) -> None:
        self.running.remove(last)
        self.waiting.insert(0, last)
        self.free += last.blocks
        last.blocks = last.computed = 0
        last.decodes = False
        last.preempted += 1

    def run(self) -> None:
        decoding = [one for one, _ in self.work if one.decodes]
        prompts = [(one, tokens) for one, tokens in self.work if not one.decodes]
        total = sum(tokens for _, tokens in prompts)
        attended = sum(tokens * (one.computed + tokens / 2) for one, tokens in prompts)
        step_s = self.setup.step.step_s(
            np.array([float(len(decoding))]),
            np.array([np.mean([one.length for one in decoding]) if decoding else 0.0]),
            np.array([float(total)]),
            np.array([attended / total if total else 0.0]),
        )
        self.started, self.now = self.now, self.now + float(step_s[0])
        for one, tokens in self.work:
            one.computed += tokens
            if one.computed == one.length:
                one.decodes = True
                one.produced += 1
                one.token_s.append(self.now)
        for one in [one for one in self.running if one.produced == one.output]:
            self.running.remove(one)
            self.free += one.blocks
            if self.closed and self.unsent:
                self.unsent[0].sent_s = self.now
                self.coming.append(self.unsent.pop(0))
        assert 0 <= self.free <= self.kv_blocks
