"""The limits that a profile of JetStream states: what a server has whose words say nothing."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from scalecert.documents import DocumentPart
from scalecert.engines.profile_ranges import MOST_SEQUENCES, MOST_TOKENS


class JetStreamProfileLimits(DocumentPart, frozen=True, kw_only=True):
    """MaxText's names."""

    per_device_batch_size: Annotated[float, Meta(gt=0, le=MOST_SEQUENCES)]
    """Decode slots per accelerator."""
    max_prefill_predict_length: Annotated[int, Meta(ge=16, le=32768)]
    """The longest prompt, tokens; one of `pipeline_limits.BUCKETS`."""
    max_target_length: Annotated[int, Meta(ge=17, le=MOST_TOKENS)]
    """Prompt and answer together, tokens."""
