"""What a world is given and what it must do."""

from __future__ import annotations

from typing import Final, Protocol

from scalecert.planning.trial import Trial
from scalecert.recording.model import Recording

TIME_LAPSES: Final = (1, 3, 5)
"""Seconds of a run that may pass in one of the clock. More than 5 would leave a probe of 5 s, the
shortest in use, under the second that the API takes at least."""


class World(Protocol):
    """Turns a trial into a recording; the only kind of place with side effects."""

    @property
    def name(self) -> str:
        """The word on the command line: `sim`, `local`."""

    def run(self, trial: Trial) -> Recording:
        """Run the trial to its end.

        Raises:
            EnvironmentFault: if the world broke.
        """
