"""Differences from google-jetstream 0.2.2 that are known, by script and fact, with their causes."""

from __future__ import annotations

from collections.abc import Mapping

from jetstream_golden.scripts import BESIDE, LENGTHS

CAUSES: Mapping[tuple[str, str], str] = {
    (LENGTHS.name, "a message with the prefill"): (
        "The model and the mock server are of 0.3 and later, where the first token leaves with the"
        " prefill; 0.2.2 sends nothing before a request has had a slot for a step. So they are"
        " asked for one token more, and their first message is left out of everything else."
    ),
    (BESIDE.name, "steps from its arrival to its first"): (
        "Before each step the generate thread looks whether anybody waits. It does not see a"
        " request that is in the hands of the prefill thread, and dispatches a step without it. The"
        " model inserts a request right after its prefill."
    ),
}
