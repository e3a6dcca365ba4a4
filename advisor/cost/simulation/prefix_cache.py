"""vLLM's prefix cache: blocks that nobody uses keep their content until they are needed, the oldest first.

The blocks of a finished request go to the end of the free queue, the last of them first, so that a prefix
outlives what follows it; new content takes blocks from its front. As read in vllm/v1/core/kv_cache_manager.py
and block_pool.py (automatic prefix caching; V0's BlockSpaceManager and its LRU evictor do the same).
"""

from __future__ import annotations

from collections import OrderedDict


class PrefixCache:
    """Free blocks by age, and which conversation's tokens they hold."""

    def __init__(self, blocks: int) -> None:
        self._unused = blocks
        self._idle: OrderedDict[int, int] = OrderedDict()
        """Blocks of each released piece, oldest first; its leading blocks are the last to go."""
        self._newest: dict[int, int] = {}
        """The last piece of each owner."""
        self._owner: dict[int, int] = {}
        self._taken = 0
        """Blocks taken that are still to be found in the queue."""
        self._pieces = 0

    @property
    def blocks(self) -> int:
        """Blocks that are free."""
        return self._unused + sum(self._idle.values()) - self._taken

    def take(self, blocks: int) -> None:
        """So many free blocks get new content."""
        self._taken += blocks

    def held(self, owner: int) -> int:
        """Leading blocks of what the owner released last that are still there."""
        self._settle()
        return self._idle.get(self._newest.get(owner, -1), 0)

    def claim(self, owner: int, blocks: int) -> None:
        """The owner's leading blocks are in use again; what it released beyond them stays in its place."""
        if not blocks:
            return
        piece = self._newest.pop(owner)
        del self._owner[piece]
        self._idle[piece] -= blocks
        if not self._idle[piece]:
            del self._idle[piece]

    def release(self, owner: int, blocks: int) -> None:
        """The owner's blocks are free, and the youngest of all."""
        self._settle()
        if not blocks:
            return
        old = self._newest.get(owner)
        if old is not None:
            self._owner.pop(old, None)
        self._pieces += 1
        self._idle[self._pieces] = blocks
        self._newest[owner], self._owner[self._pieces] = self._pieces, owner

    def _settle(self) -> None:
        unused = min(self._taken, self._unused)
        self._unused -= unused
        self._taken -= unused
        while self._taken:
            piece, blocks = next(iter(self._idle.items()))
            if blocks > self._taken:
                self._idle[piece] = blocks - self._taken
                self._taken = 0
                return
            self._taken -= blocks
            del self._idle[piece]
            owner = self._owner.pop(piece, None)
            if owner is not None:
                del self._newest[owner]
