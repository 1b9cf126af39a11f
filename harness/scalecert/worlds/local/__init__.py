"""World `local`: a real control plane on this machine, mock servers as its pods' processes."""

from __future__ import annotations
