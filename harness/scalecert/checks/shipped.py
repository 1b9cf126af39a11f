"""The checks that ship: importing this registers them all, in the order of the reference table."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from scalecert.checks import cost, elasticity, load, reaction, signal, slo, stability
from scalecert.checks.registry import CHECKS, Check

MODULES: tuple[ModuleType, ...] = (slo, reaction, stability, cost, elasticity, signal, load)


def may_read_clairvoyant(check_ids: Iterable[str]) -> bool:
    """Tell whether one of these checks may need the plan's clairvoyant minimum.

    Those of elasticity do; what an author's own check reads, nobody knows.
    """
    modules = {check.id: check.function.__module__ for check in shipped()}
    home = elasticity.__name__
    return any(modules.get(check_id, home) == home for check_id in check_ids)


def shipped() -> list[Check]:
    """Return the checks that ship: core before extended, then by module and place in it."""
    order = [module.__name__ for module in MODULES]

    def place(check: Check) -> tuple[str, int, int]:
        function = check.function
        return check.level, order.index(function.__module__), function.__code__.co_firstlineno

    return sorted((c for c in CHECKS.values() if c.function.__module__ in order), key=place)
