"""How long things take on a node, and which of it a time lapse divides: the one place for both.

image pull              the agent sleeps           config, divided already
model load              the mock server sleeps     config, divided already; else the profile's,
                        (`--startup-delay`)        divided here: the option is in seconds of the
                                                   clock, whatever `--speed`
steps of the model      the mock server            `--speed`
probes, grace, preStop  the agent                  the manifest's, divided there
SIGKILL after grace     the agent                  mock servers get a `--grace` that never comes
drain flags of servers  the mock server            seconds of the clock, as the command line has
                                                   them: not divided here
crash back-off, the     the agent                  the kubelet's constants below, divided here
kubelet's least grace
exporters' intervals    the exporters              their `--speed`
"""

from __future__ import annotations

from dataclasses import dataclass

BACK_OFF_SECONDS = 10.0
"""First delay before a crashed container is started again (kubelet.go, `backOffPeriod`)."""
MOST_BACK_OFF_SECONDS = 300.0
"""kubelet.go, `MaxCrashLoopBackOff`."""
LEAST_GRACE_SECONDS = 2.0
"""Between SIGTERM and SIGKILL (kuberuntime_manager.go, `minimumGracePeriodInSeconds`)."""
NO_GRACE_OF_ITS_OWN_SECONDS = 86_400.0
"""`--grace` of mock servers beyond the pod's: it is the agent that kills them."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds of the clock.

    Attributes:
        image_pull_seconds: from binding to the containers' start.
        model_load_seconds: of every server; None: of its profile.
        speed: seconds of the run in one of the clock.
    """

    image_pull_seconds: float
    model_load_seconds: float | None
    speed: float

    def load_seconds(self, of_profile: float) -> float:
        """Return how long a server loads its model, whose profile says `of_profile`."""
        given = self.model_load_seconds
        return of_profile / self.speed if given is None else given

    @property
    def back_off_seconds(self) -> float:
        """The first delay before a crashed container is started again."""
        return BACK_OFF_SECONDS / self.speed

    @property
    def most_back_off_seconds(self) -> float:
        """The longest such delay."""
        return MOST_BACK_OFF_SECONDS / self.speed

    @property
    def least_grace_seconds(self) -> float:
        """Between SIGTERM and SIGKILL, however little of the grace period is left."""
        return LEAST_GRACE_SECONDS / self.speed
