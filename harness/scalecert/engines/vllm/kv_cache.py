"""KV cache blocks of the running requests, counted without a list of blocks.

A request holds ceil(tokens / block_size) blocks. Decoding requests all grow by one token a step,
so tokens modulo block size, taken relative to the step number, never changes for a request: its
phase. Counts by phase give the blocks of the whole batch at any step, past or ahead, in time
that depends on the phases that there are: at most one for each request and for each token of a
block, however far the step is.
"""

from __future__ import annotations


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
        "block_size",
        "prefix_blocks",
        "prefix_cached",
        "sharers",
        "usable",
    )

    def __init__(self, num_gpu_blocks: int, block_size: int, shared_prefix_tokens: int = 0) -> None:
        self.usable = num_gpu_blocks - 1
        self.block_size = block_size
        self._phases: dict[int, int] = {}
        """Decoding requests by phase, where there are any."""
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
        phase = (tokens - step) % self.block_size
        self._phases[phase] = self._phases.get(phase, 0) + 1

    def leave(self, tokens: int, step: int) -> None:
        """Count it no longer."""
        phase = (tokens - step) % self.block_size
        left = self._phases[phase] - 1
        if left:
            self._phases[phase] = left
        else:
            del self._phases[phase]

    def held(self, tokens: int, step: int) -> int:
        """Return the blocks of all decoding requests at `step`, `tokens` being their sum there."""
        size = self.block_size
        unused = sum([here * (-(phase + step) % size) for phase, here in self._phases.items()])
        return (tokens + unused) // size

    def full_at(self, step: int) -> int:
        """Return how many decoding requests fill their last block at `step`, so need one next."""
        return self._phases.get(-step % self.block_size, 0)

    def steps_until(self, free: int, step: int, batch: int, most: int) -> int:
        """Return how many steps after `step`, at most `most`, fit in `free` blocks.

        In as many steps as a block has tokens each of the `batch` decoding requests takes one.
        """
        size = self.block_size
        cycles, left = divmod(free, batch)
        # In how many steps those of a phase fill their last block; the step after takes the next.
        filled = sorted(((-(phase + step)) % size, here) for phase, here in self._phases.items())
        steps = 0
        for steps, needed in filled:  # noqa: B007 - the last one is what is asked for
            left -= needed
            if left < 0:
                break
        return min(cycles * size + steps, most)

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
