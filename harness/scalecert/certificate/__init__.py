"""The certificate: findings put together, as a document, for JUnit and for a terminal."""

from __future__ import annotations
