"""The checks that ship: importing this registers them all, in the order of the reference table."""

from __future__ import annotations

from types import ModuleType

from scalecert.checks import cost, elasticity, load, reaction, signal, slo, stability
from scalecert.checks.registry import CHECKS, Check

MODULES: tuple[ModuleType, ...] = (slo, reaction, stability, cost, elasticity, signal, load)


def shipped() -> list[Check]:
    """Return the checks that ship: core before extended, then by module and place in it."""
    order = [module.__name__ for module in MODULES]

    def place(check: Check) -> tuple[str, int, int]:
        function = check.function
        return check.level, order.index(function.__module__), function.__code__.co_firstlineno

    return sorted((c for c in CHECKS.values() if c.function.__module__ in order), key=place)
