"""Replays recorded cases of the real HPA controller against scalecert.hpa.

One module per kind of record; each turns one line of a file into a `Verdict`. `files` finds out
which kind a file holds. The formats are described in fixtures/golden/hpa/README.md.
"""
