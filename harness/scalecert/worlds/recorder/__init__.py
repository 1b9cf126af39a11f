"""What a world of real processes leaves behind, turned into a recording.

    watch of the API server ┐
    node agent's pods.jsonl ├─► `record` ─► Recording, as the world in virtual time writes it
    metrics APIs' log       │
    HPA controller's log    │
    load's request columns  ┘

`watching` alone has side effects; the rest is pure. Reading order: `recording` (the door), `logs`
and `controller_log` (what is read), `syncs` (which of it belongs to which sync of the HPA),
`proposals` (what each metric asked for), `replay` (all of it in order of time, into series and
events).
"""

from __future__ import annotations

from scalecert.worlds.recorder.controller_log import VMODULE
from scalecert.worlds.recorder.observations import Heard, Observation, Observed
from scalecert.worlds.recorder.recording import Logs, record
from scalecert.worlds.recorder.watching import CanaryQuestions, Watcher, collections_of

__all__ = [
    "VMODULE",
    "CanaryQuestions",
    "Heard",
    "Logs",
    "Observation",
    "Observed",
    "Watcher",
    "collections_of",
    "record",
]
