"""What `tools/published.py` is made of: claims, figures, statistics, loads, runs, the page."""
