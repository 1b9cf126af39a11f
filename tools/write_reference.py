"""Write the generated parts of docs/reference: run after a change of checks or documents."""

from __future__ import annotations

from pathlib import Path

from scalecert.checks import reference
from scalecert.cli import schemas

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"


def generated() -> dict[Path, str]:
    """Return every file with generated parts, as it should be."""
    page = REFERENCE / "checks.md"
    described = {
        REFERENCE / f"{name}.schema.json": schemas.schema_text(name) for name in schemas.names()
    }
    return {page: reference.updated(page.read_text(encoding="utf-8")), **described}


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(REFERENCE.parents[1])}")
