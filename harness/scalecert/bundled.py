"""Where what ships with ScaleCert lies: profiles, policies, suites, mock servers, Go modules.

In a checkout the folders `fixtures/`, `suites/`, `mock_servers/` and `control_plane/` beside
`harness/` are used; the wheel carries copies of them in `scalecert/_bundled/`. Everything else asks
here and never builds such a path.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def bundled_root() -> Path:
    """Return the folder that holds `fixtures/` and `suites/`: the checkout's, else the wheel's."""
    checkout = _PACKAGE.parents[1]
    if _PACKAGE.parent.name == "harness" and (checkout / "fixtures").is_dir():
        return checkout
    return _PACKAGE / "_bundled"


def bundled(*parts: str) -> Path:
    """Return the path of bundled data, e.g. `bundled("fixtures", "profiles", "models.yaml")`.

    The path may not exist: the wheel carries `suites`, `mock_servers`, `control_plane`,
    `fixtures/policies`, `fixtures/profiles`, `fixtures/fidelity.json` and `.yaml` only, golden
    files stay in the repository.
    """
    return bundled_root().joinpath(*parts)
