"""Write the generated parts of docs/reference: run after a change of checks or certificate."""

from __future__ import annotations

from pathlib import Path

from scalecert.certificate import document
from scalecert.checks import reference

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"


def generated() -> dict[Path, str]:
    """Return every file with generated parts, as it should be."""
    page = REFERENCE / "checks.md"
    return {
        page: reference.updated(page.read_text(encoding="utf-8")),
        REFERENCE / "certificate.schema.json": document.schema().decode(),
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(REFERENCE.parents[1])}")
