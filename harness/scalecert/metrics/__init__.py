"""What the autoscaler sees: scraping, storage, adapters and the metrics APIs of a cluster."""

from __future__ import annotations
