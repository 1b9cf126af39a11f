"""Worlds: a trial goes in, a recording comes out. Worlds judge nothing."""

from __future__ import annotations
