"""Documents: YAML and JSON in, with positions; canonical JSON out, atomically.

Everything that a user wrote enters here (first stage of the flow), and every file of ours is
written by here. Reading is bounded (size, depth, nodes after alias expansion) and every refusal
is a `UsageError` of one line.
"""

from __future__ import annotations

from scalecert.documents.decoding import decode
from scalecert.documents.nodes import Document, Plain
from scalecert.documents.reading import parse_documents, read_documents, read_stream
from scalecert.documents.spelling import check_spelling
from scalecert.documents.stored import decode_stored, read_stored
from scalecert.documents.suggestions import closest, did_you_mean
from scalecert.documents.typed import (
    API_VERSION,
    ApiVersion,
    DocumentPart,
    load_document,
    read_one_document,
    require,
)
from scalecert.documents.writing import canonical_json, sha256_digest, write_atomic

__all__ = [
    "API_VERSION",
    "ApiVersion",
    "Document",
    "DocumentPart",
    "Plain",
    "canonical_json",
    "check_spelling",
    "closest",
    "decode",
    "decode_stored",
    "did_you_mean",
    "load_document",
    "parse_documents",
    "read_documents",
    "read_one_document",
    "read_stored",
    "read_stream",
    "require",
    "sha256_digest",
    "write_atomic",
]
