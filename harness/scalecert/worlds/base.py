"""What a world is given and what it must do."""

from __future__ import annotations

from typing import Protocol

from scalecert.planning.trial import Trial
from scalecert.recording.model import Recording


class World(Protocol):
    """Turns a trial into a recording; the only kind of place with side effects."""

    name: str

    def run(self, trial: Trial) -> Recording:
        """Run the trial to its end.

        Raises:
            EnvironmentFault: if the world broke.
        """
