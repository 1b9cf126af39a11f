"""A mock of vLLM's OpenAI-compatible server."""

VERSION = "0.33.0"
"""Whose API this is: its request models, answers and errors were read from that wheel."""
