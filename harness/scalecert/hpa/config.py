"""The controller's flags and feature gates."""

from __future__ import annotations

from typing import Final

import msgspec

from scalecert.hpa.pod_groups import ReadinessPeriods

SCALE_UP_LIMIT_FACTOR: Final = 2.0


class HorizontalControllerConfig(msgspec.Struct, frozen=True):
    """The controller's flags and feature gates, at the defaults of Kubernetes 1.36."""

    downscale_stabilization_seconds: float = 300.0
    tolerance: float = 0.1
    cpu_initialization_period_seconds: float = 300.0
    initial_readiness_delay_seconds: float = 30.0
    scale_up_limit_factor: float = SCALE_UP_LIMIT_FACTOR
    """of HPAs without behavior; a constant upstream, and 8 in its unit tests"""
    scale_to_zero: bool = False
    """gate HPAScaleToZero (alpha)"""
    configurable_tolerance: bool = True
    """gate HPAConfigurableTolerance (beta)"""
    pod_level_resources: bool = True
    """gate PodLevelResources (beta)"""

    @property
    def readiness_periods(self) -> ReadinessPeriods:
        """The two flags for pods that start up."""
        return ReadinessPeriods(
            cpu_initialization_ms=round(self.cpu_initialization_period_seconds * 1000),
            initial_readiness_delay_ms=round(self.initial_readiness_delay_seconds * 1000),
        )
