"""KV cache blocks of the running requests, counted without a list of blocks.

A request holds ceil(tokens / block_size) blocks. Decoding requests all grow by one token a step,
so tokens modulo block size, taken relative to the step number, never changes for a request: its
phase. Counts by phase give the blocks of the whole batch at any step, past or ahead, in time
that depends on neither batch nor steps.
"""

from __future__ import annotations

from operator import mul


class KvCache:
    """Blocks of one server.

    Args:
        num_gpu_blocks: blocks that the server allocated; one of them, the null block, is never
            given to a request (vllm/v1/core/block_pool.py).
        block_size: tokens in a block.
        shared_prefix_tokens: prompt tokens that all longer prompts share, 0 without prefix cache.
    """

    __slots__ = (
        "_phases",
        "_unused",
        "block_size",
        "prefix_blocks",
        "prefix_cached",
        "sharers",
        "usable",
    )

    def __init__(self, num_gpu_blocks: int, block_size: int, shared_prefix_tokens: int = 0) -> None:
        self.usable = num_gpu_blocks - 1
        self.block_size = block_size
        self._phases = [0] * block_size
        self._unused = [-phase % block_size for phase in range(2 * block_size)]
        """Tokens left in the last block of requests at a phase, twice over."""
        self.prefix_blocks = shared_prefix_tokens // block_size
        self.prefix_cached = False
        """Whether some request has computed the shared prefix. It then stays in the cache."""
        self.sharers: set[int] = set()
        """Serials of the requests that hold the shared prefix's blocks, counted once for all."""

    def blocks(self, tokens: int) -> int:
        """Return the blocks that `tokens` of one request take."""
        return -(-tokens // self.block_size)

    def join(self, tokens: int, step: int) -> None:
        """Count a decoding request that holds `tokens` at `step`."""
        self._phases[(tokens - step) % self.block_size] += 1

    def leave(self, tokens: int, step: int) -> None:
        """Count it no longer."""
        self._phases[(tokens - step) % self.block_size] -= 1

    def held(self, tokens: int, step: int) -> int:
        """Return the blocks of all decoding requests at `step`, `tokens` being their sum there."""
        begin = step % self.block_size
        unused: int = sum(map(mul, self._phases, self._unused[begin : begin + self.block_size]))
        return (tokens + unused) // self.block_size

    def full_at(self, step: int) -> int:
        """Return how many decoding requests fill their last block at `step`, so need one next."""
        return self._phases[-step % self.block_size]

    def steps_until(self, free: int, step: int, batch: int) -> int:
        """Return how many steps of `batch` decoding requests after `step` fit in `free` blocks."""
        cycles, left = divmod(free, batch)
        steps = cycles * self.block_size
        while left >= (needed := self.full_at(step + steps)):
            left -= needed
            steps += 1
        return steps

    def shared_saving(self) -> int:
        """Return the blocks that are counted more than once for holding the shared prefix."""
        return (len(self.sharers) - 1) * self.prefix_blocks if self.sharers else 0

    def shares_prefix(self, prompt_tokens: int) -> bool:
        """Tell whether a prompt begins with the shared prefix: if it is longer."""
        size = self.prefix_blocks * self.block_size
        return 0 < size < prompt_tokens

    def hit_tokens(self, prompt_tokens: int) -> int:
        """Return the tokens of a prompt that the prefix cache has."""
        if self.prefix_cached and self.shares_prefix(prompt_tokens):
            return self.prefix_blocks * self.block_size
        return 0
