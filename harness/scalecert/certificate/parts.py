"""What the parts of a certificate have in common, whichever module describes them."""

from __future__ import annotations

from typing import TypeVar

import msgspec

P = TypeVar("P", bound=msgspec.Struct)


class CertificatePart(msgspec.Struct, frozen=True, rename="camel"):
    """Base of them: camelCase names; fields that a later release adds pass when one is read."""


def taken_from(source: msgspec.Struct, kind: type[P]) -> P:
    """Return the fields of a plan's part that the certificate's part of that kind shows."""
    names = (field.name for field in msgspec.structs.fields(kind))
    return kind(**{name: getattr(source, name) for name in names})
