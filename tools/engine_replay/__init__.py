"""Replay of a recorded server: recorded requests through the engine model, side by side."""
