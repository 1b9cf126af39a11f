"""Recordings: what a world saw of one trial, on disk before the first check."""

from __future__ import annotations
