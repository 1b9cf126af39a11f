"""`python -m scalecert` is the command line."""

from __future__ import annotations

from scalecert.cli import main

if __name__ == "__main__":
    main()
