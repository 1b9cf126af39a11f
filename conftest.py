"""Checkout only: loads the pytest plugin from source, as the installed wheel's entry point does."""

from __future__ import annotations

pytest_plugins = ["scalecert.pytest_plugin"]
