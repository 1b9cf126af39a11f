"""What a JetStream server's memory goes to: the decode state is allocated once, for all slots.

Every slot has room for `max_target_length` tokens, used or not (MaxEngine's init_decode_state);
beside it lie the caches of prompts that wait for a slot and of the one that is computed.
"""

from __future__ import annotations

from scalecert.engines.jetstream.pipeline_limits import PARKED
from scalecert.engines.profiles import AcceleratorCount, Memory, kv_room_tokens
from scalecert.errors import UsageError


def slots_that_fit(
    memory: Memory, accelerator: AcceleratorCount, *, longest_prompt: int, max_target_length: int
) -> int:
    """Return how many decode slots the memory has room for, 0 if not even the weights fit.

    Args:
        memory: the profile's.
        accelerator: of one replica.
        longest_prompt: tokens of the largest prefill.
        max_target_length: tokens of a slot.
    """
    try:
        room = kv_room_tokens(
            memory, accelerator, utilization=1.0, step_tokens=longest_prompt, block_size=1
        )
    except UsageError:
        return 0
    beside = (PARKED + 1) * longest_prompt
    return max((room - beside) // max_target_length, 0)
