"""How long a container that ended waits until it is started again. Pure.

As client-go's flowcontrol.Backoff under the kubelet (kuberuntime_manager.go, doBackOff): the delay
counts from the container's end, doubles with every restart, and is forgotten when a container has
run for twice the longest delay. The first restart does not wait.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class BackOff:
    """The delays of one container.

    Attributes:
        first_seconds: the first delay.
        most_seconds: the longest.
    """

    first_seconds: float
    most_seconds: float
    _delay: float = 0.0
    _restarted: float = 0.0

    def next_start(self, ended: float) -> float:
        """Return when a container may be started again that ended at `ended`.

        What comes next is taken to be that start. Times are seconds of one clock.
        """
        if self._delay and ended - self._restarted > 2 * self.most_seconds:
            self._delay = 0.0
        start = ended + self._delay
        self._delay = min(2 * self._delay, self.most_seconds) if self._delay else self.first_seconds
        self._restarted = start
        return start
