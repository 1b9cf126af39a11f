"""Workloads: arrivals x request sizes, the offered side of a scenario.

`model` is what a scenario's YAML says; `tables` reads the files that it names, once; `rate`
turns its shape into an absolute rate curve; `arrivals` and `sizes` draw from named streams;
`generate` puts them together into the requests that a world offers. All but `tables` is pure.
"""

from __future__ import annotations
