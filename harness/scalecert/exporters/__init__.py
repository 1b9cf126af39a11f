"""What accelerators show of themselves: readings of a server's activity, and who exposes them.

    Activity x 2 -> `device.Device.reading` -> Reading -> an `Exporter`'s samples

`dcgm` and `gke_accelerators` are the exporters, `registry` names them all. docs/accelerators.md
says what each metric tells and what it does not.
"""

from __future__ import annotations
