"""The prefix cache against a list of blocks, as vLLM has it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.simulation.prefix_cache import PrefixCache

BLOCKS = 20


class Queue:
    """vLLM's free queue, block by block: (owner, place in the owner's prompt) from the next one to go."""

    def __init__(self) -> None:
        self.free: list[tuple[int, int] | None] = [None] * BLOCKS

    def take(self, blocks: int) -> None:
        self.free = self.free[blocks:]

    def held(self, owner: int, pieces: dict[int, int]) -> int:
        """Leading blocks of what the owner released last."""
        places = {block for block in self.free if block is not None and block[0] == pieces.get(owner, -1)}
        count = 0
        while (pieces.get(owner, -1), count) in places:
            count += 1
        return count

    def claim(self, piece: int, blocks: int) -> None:
        self.free = [b for b in self.free if b is None or b[0] != piece or b[1] >= blocks]

    def release(self, piece: int, blocks: int) -> None:
        self.free += [(piece, place) for place in reversed(range(blocks))]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 8), st.integers(0, 6)), max_size=40))
def test_every_turn_finds_what_the_queue_still_has(turns: list[tuple[int, int, int]]) -> None:
    """Each turn: an owner takes so many blocks beside those that it finds, and others take some for good."""
    cache, queue = PrefixCache(BLOCKS), Queue()
    pieces: dict[int, int] = {}
    for number, (owner, fresh, lost) in enumerate(turns):
        found = cache.held(owner)
        assert found == queue.held(owner, pieces)
        if len(queue.free) < found + fresh + lost:
            return
        cache.claim(owner, found)
        queue.claim(pieces.get(owner, -1), found)
        cache.take(fresh + lost)
        queue.take(fresh + lost)
        pieces[owner] = number
        cache.release(owner, found + fresh)
        queue.release(number, found + fresh)


def test_the_end_of_a_prompt_goes_before_its_beginning() -> None:
    cache = PrefixCache(10)
    cache.take(6)
    cache.release(1, 6)
    cache.take(7)  # four that nobody used, then three of the six
    assert cache.held(1) == 3
    cache.take(3)
    assert cache.held(1) == 0


def test_the_oldest_goes_first() -> None:
    cache = PrefixCache(8)
    cache.take(8)
    cache.release(1, 4)
    cache.release(2, 4)
    cache.take(4)
    assert (cache.held(1), cache.held(2)) == (0, 4)
