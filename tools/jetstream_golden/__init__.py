"""Parts of tools/golden_jetstream.py."""
