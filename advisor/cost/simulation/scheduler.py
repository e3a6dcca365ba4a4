"""vLLM's scheduler, iteration by iteration; decode steps between two events are taken at once.

V1 and chunked V0: every decoding sequence gets a token, then the rest of the token budget goes to
prompts, first come first served. V0 without chunking: waiting prompts first, alone. When KV blocks run
out, the sequence admitted last is put back to the head of the queue and computed anew (recompute).
Prompts claim the blocks of their whole length on admission. As read in vllm/v1/core/sched/scheduler.py
and vllm/core/scheduler.py (0.6.x).
"""

from __future__ import annotations

import heapq
import math
from collections import deque

from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.simulation.simulated_requests import Claim, Requests, Run
from advisor.cost.simulation.step_table import StepTable
from advisor.cost.step.memory import BLOCK_TOKENS


def run(engine: EngineTable, requests: Requests) -> Run:
    """Serve `requests` to the last; every one must fit into the KV cache by itself."""
    return Scheduler(engine, requests).run()


class Scheduler:
    """The scheduler's state; times in seconds, `counter` = decode steps so far."""

    def __init__(self, engine: EngineTable, requests: Requests) -> None:
        n = len(requests)
        self.requests = requests
        self.prompt: list[int] = requests.input_tokens.tolist()
        self.cached: list[int] = requests.cached_tokens.tolist()
        self.output: list[int] = requests.output_tokens.tolist()
        longest = max(self.prompt)
        self.slots = int(engine.max_num_seqs[0])
        self.budget = max(int(engine.max_num_batched_tokens[0]), self.slots)
        self.chunked, self.prefill_first = bool(engine.chunked_prefill[0]), bool(engine.prefill_first[0])
        if not self.chunked:
            self.budget = max(self.budget, longest + max(self.output))
        self.ahead = bool(engine.async_scheduling[0])
        self.overhead = float(engine.request_overhead_s[0])
        self.free, self.watermark = int(engine.kv_blocks[0]), int(engine.watermark_blocks[0])
        self.total_blocks = self.free
        self.table = StepTable(
            engine.step,
            max_sequences=min(self.slots, n),
            max_context=longest + max(self.output),
            max_prefill=min(self.budget, n * (longest + max(self.output))),
        )
        # requests
        self.sent = [math.nan] * n if requests.sent_s is None else requests.sent_s.tolist()
        self.admitted, self.first, self.finish = [math.nan] * n, [math.nan] * n, [math.nan] * n
        self.last_token = [math.nan] * n
        self.produced, self.preempted, self.held = [0] * n, [0] * n, [0] * n
        self.before = [0] * n
        """Tokens of a request's first admission that needed no computing."""
        self.base, self.joined, self.epoch = [0] * n, [0] * n, [0] * n
        self.coming: list[tuple[float, int]] = []
        """Heap of (when the scheduler can see it, which)."""
        self.next_to_send = 0
        self.waiting: deque[int] = deque()
        # batch
        self.running: dict[int, None] = {}
        """In order of admission."""
        self.partial: int | None = None
        """The request that is in prefill, always the last admitted; `done` of its prompt tokens are
        computed."""
        self.done = 0
        self.decoding, self.context, self.counter = 0, 0, 0
        self.ends: list[tuple[int, int, int]] = []
        """Heap of (counter at its last token, which, epoch)."""
        self.phase = [0] * BLOCK_TOKENS
        """Decoding sequences by the remainder of the counter at which they next need a block."""
        # time
        self.clock = self.step_start = self.step_before = 0.0
        """Now; the last step's start; that of the one before it."""
        self.stalled: list[tuple[int, float]] = []
        """(sequences, time of their last token) while prompts have steps of their own."""
        self.stretches: list[tuple[float, float, int, int, int, int]] = []
        self.gaps: list[tuple[float, int, float]] = []

    def run(self) -> Run:
        self._start()
        while self.coming or self.waiting or self.running:
            if not self.running and not self.waiting:
                # Single steps of the full batch would have admitted the requests that arrived meanwhile.
                self._take(self.step_before if self.ahead else self.step_start, inclusive=False)
            if not self.running and not self.waiting:
                self.clock = max(self.clock, self.coming[0][0])
                self._take(self.clock, inclusive=True)
            else:
                self._take(self.step_start if self.ahead else self.clock, inclusive=False)
            if self.prefill_first:
                chunks = self._admit([], self.budget)
                if chunks:
                    self._mixed_step(chunks)
                    continue
            made_room = self._make_room()
            chunks = [] if self.prefill_first else self._prompt_chunks(may_admit=not made_room)
            if chunks:
                self._mixed_step(chunks)
            elif self.decoding:
                self._decode_steps(only_one=made_room)
        return Run.of(
            self.requests,
            {
                "sent_s": self.sent,
                "admitted_s": self.admitted,
                "first_s": self.first,
                "finish_s": self.finish,
            },
            {"cached_tokens": self.before, "preempted": self.preempted},
            self.stretches,
            self.gaps,
        )

    # arrivals

    def _start(self) -> None:
        """The requests that are sent whatever happens."""
        n = len(self.requests)
        for _ in range(n if self.requests.sent_s is not None else min(n, self.requests.concurrency)):
            self._send_next(0.0)

    def _send_next(self, now: float) -> None:
        """The next request, if any, leaves its client."""
        if self.next_to_send < len(self.requests):
            self.next_to_send += 1
            self._send(self.next_to_send - 1, now)

    def _send(self, i: int, now: float) -> None:
        """A request leaves its client now, unless its time is settled."""
        if math.isnan(self.sent[i]):
            self.sent[i] = now
        heapq.heappush(self.coming, (self.sent[i] + self.overhead, i))

    def _follow(self, i: int) -> None:
        """What a client sends when its request is answered."""
        if self.requests.sent_s is None:
            self._send_next(self.clock)

    def _take(self, now: float, *, inclusive: bool) -> None:
        """Requests that arrived by `now` join the queue. A request that arrives at the very end of a step is
        too late: the next step begins before a client can have read the last token."""
        coming = self.coming
        while coming and (coming[0][0] < now or (inclusive and coming[0][0] == now)):
            self.waiting.append(heapq.heappop(coming)[1])

    # admission

    def _prompt_chunks(self, *, may_admit: bool) -> list[tuple[int, int, int]]:
        """(which, tokens, tokens before them) of prompt work beside decode."""
        budget = self.budget - self.decoding
        chunks: list[tuple[int, int, int]] = []
        if self.partial is not None and budget > 0:
            i = self.partial
            tokens = min(self.base[i] - self.done, budget)
            chunks.append((i, tokens, self.done))
            budget -= tokens
        return self._admit(chunks, budget) if may_admit else chunks

    def _admit(self, chunks: list[tuple[int, int, int]], budget: int) -> list[tuple[int, int, int]]:
        """Waiting requests join the batch as slots, blocks and budget allow; adds their chunks."""
        waiting = self.waiting
        # Decode, where it shares the step, has been given its blocks before.
        taken = 0 if self.prefill_first else self.phase[self.counter % BLOCK_TOKENS]
        while waiting and budget > 0 and len(self.running) < self.slots:
            i = waiting[0]
            length = self.prompt[i] + self.produced[i]
            claim = self._look_up(i, length)
            tokens = length - claim.cached
            if tokens > budget and not self.chunked:
                break
            # An empty engine takes any request, whatever its watermark.
            if self.free - taken - claim.free < (self.watermark if self.running else 0):
                break
            waiting.popleft()
            if self.admitted[i] != self.admitted[i]:
                self.admitted[i], self.before[i] = self.clock, claim.cached
            self._claim(i, claim)
            self.base[i] = length
            self.running[i] = None
            tokens = min(tokens, budget)
            chunks.append((i, tokens, claim.cached))
            budget -= tokens
        return chunks

    def _look_up(self, i: int, length: int) -> Claim:
        """What a request of `length` tokens would take now."""
        blocks = -(-length // BLOCK_TOKENS)
        return Claim(self.cached[i], blocks, blocks)

    def _claim(self, i: int, claim: Claim) -> None:
        self.free -= claim.free
        self.held[i] = claim.own

    def _release(self, i: int) -> None:
        """The blocks of a request are free again."""
        self.free += self.held[i]

    def _make_room(self) -> bool:
        """Preempt from the end until every decoding sequence can have its next token."""
        preempted = False
        while self.phase[self.counter % BLOCK_TOKENS] > self.free:
            preempted = True
            i = self.running.popitem()[0]
            if i == self.partial:
                self.partial = None
            else:
                self._leave(i)
            self._release(i)
            self.preempted[i] += 1
            self.waiting.appendleft(i)
        return preempted

    # the batch

    def _join(self, i: int) -> None:
        """The prefill of a prompt is done; its sequence decodes from the next step on."""
        self.joined[i] = self.counter
        self.decoding += 1
        self.context += self.base[i]
        self.phase[(self.counter - self.base[i]) % BLOCK_TOKENS] += 1
        end = self.counter + self.output[i] - self.produced[i]
        heapq.heappush(self.ends, (end, i, self.epoch[i]))

    def _leave(self, i: int) -> None:
        """A sequence stops decoding; its blocks are counted, for who gives them back."""
        steps = self.counter - self.joined[i]
        length = self.base[i] + steps
        self.produced[i] += steps
        self.last_token[i] = self.clock
        self.epoch[i] += 1
        self.decoding -= 1
        self.context -= length
        self.phase[(self.joined[i] - self.base[i]) % BLOCK_TOKENS] -= 1
        self.held[i] += -(-length // BLOCK_TOKENS) - (-(-self.base[i] // BLOCK_TOKENS))

    def _finish(self, i: int) -> None:
        self.finish[i] = self.clock
        self._release(i)
        del self.running[i]
        self._follow(i)

    def _advance(self, steps: int) -> None:
        """Every decoding sequence is `steps` tokens further; the clock already is."""
        full, rest = divmod(steps, BLOCK_TOKENS)
        self.free -= full * self.decoding
        for offset in range(rest):
            self.free -= self.phase[(self.counter + offset) % BLOCK_TOKENS]
        self.context += steps * self.decoding
        self.counter += steps

    def _retire(self) -> None:
        """Finish the sequences that produced their last token."""
        ends = self.ends
        while ends and (ends[0][0] <= self.counter or ends[0][2] != self.epoch[ends[0][1]]):
            _, i, epoch = heapq.heappop(ends)
            if epoch == self.epoch[i]:
                self._leave(i)
                self._finish(i)

    # steps

    def _mixed_step(self, chunks: list[tuple[int, int, int]]) -> None:
        decoding = 0 if self.prefill_first else self.decoding
        tokens = sum(chunk[1] for chunk in chunks)
        attended = sum(count * (before + 0.5 * count) for _, count, before in chunks) / tokens
        context = self.context / decoding + 1.0 if decoding else 0.0
        self.step_before, self.step_start = self.step_start, self.clock
        self.clock += self.table.mixed_s(decoding, context, tokens, attended)
        if decoding:
            self.gaps.append((self.clock - self.step_start, decoding, self.clock))
            self._advance(1)
        elif self.decoding:
            self.stalled = self.stalled or [(self.decoding, self.step_start)]
        self.partial = None
        through = 0
        for i, count, before in chunks:
            if before + count < self.base[i]:
                self.partial, self.done = i, before + count
                continue
            through += 1
            if self.produced[i] == 0:
                self.first[i] = self.clock
            else:
                self.gaps.append((self.clock - self.last_token[i], 1, self.clock))
            self.produced[i] += 1
            if self.produced[i] == self.output[i]:
                self._finish(i)
            else:
                self._join(i)
                if self.stalled:
                    self.stalled.append((1, self.clock))
        self._record(1, decoding, decoding + through)
        self._retire()

    def _decode_steps(self, *, only_one: bool) -> None:
        """Decode steps until the batch changes: until an answer ends, blocks run out, or a request arrives
        that can be admitted."""
        while self.ends[0][2] != self.epoch[self.ends[0][1]]:
            heapq.heappop(self.ends)
        decoding, context = self.decoding, self.context / self.decoding + 1.0
        steps = 1 if only_one else min(self.ends[0][0] - self.counter, self._steps_with_room())
        if self.coming and not self.waiting and len(self.running) < self.slots and steps > 1:
            gap = self.coming[0][0] - self.clock
            if gap < 0:  # it arrived after the batch of this step was settled
                steps = 1
            else:
                steps = self.table.decode_steps(decoding, context, gap, steps - self.ahead) + self.ahead
        seconds = self.table.decode_s(decoding, context, steps)
        start = self.clock
        self.step_before, self.step_start = self.step_start, start
        self.clock += seconds
        if steps > 1:
            self.step_start = self.clock - self.table.decode_s(decoding, context + steps - 1)
            self.step_before = start  # exactly: a request may have arrived at that very time
        if steps > 2:
            self.step_before = self.clock - self.table.decode_s(decoding, context + steps - 2, 2)
        gaps = decoding * steps
        for count, since in self.stalled:  # their first gap is longer by the prompts since
            late = min(count, gaps)
            gaps -= late
            self.gaps.append((start - since + seconds / steps, late, self.clock))
        self.gaps.append((seconds / steps, gaps, self.clock))
        self.stalled = []
        self._advance(steps)
        self._record(steps, decoding, decoding * steps, seconds)
        self._retire()

    def _steps_with_room(self) -> int:
        """Decode steps until the free blocks do not suffice; at least 1, which `_make_room` ensures."""
        rounds, free = divmod(self.free, self.decoding)
        offset = 0
        # A round of 16 steps takes a block per sequence, and fewer than that are left after the rounds.
        while (free := free - self.phase[(self.counter + offset) % BLOCK_TOKENS]) >= 0:
            offset += 1
        return rounds * BLOCK_TOKENS + offset

    def _record(self, steps: int, decoding: int, tokens: int, seconds: float | None = None) -> None:
        start = self.step_start if seconds is None else self.clock - seconds
        used = self.total_blocks - self.free
        self.stretches.append((start, self.clock, steps, decoding, tokens, used))
