"""What the API accepts as names (apimachinery pkg/api/validate/content and core helpers)."""

from __future__ import annotations

import re
from typing import Final

_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_NAME: Final = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_QUALIFIED_NAME: Final = re.compile(rf"((?P<prefix>{_SUBDOMAIN})/)?{_NAME}")
_LABEL_VALUE: Final = re.compile(rf"({_NAME})?")
_MAX_LABEL_LENGTH: Final = 63
_MAX_SUBDOMAIN_LENGTH: Final = 253

_CONTAINER_RESOURCES: Final = frozenset(("cpu", "memory", "ephemeral-storage"))
_HUGEPAGES_PREFIX: Final = "hugepages-"
_NATIVE_DOMAIN: Final = "kubernetes.io/"
_REQUESTS_PREFIX: Final = "requests."


def is_dns1123_label(text: str) -> bool:
    """Tell whether `text` is lower-case letters, digits and inner dashes, at most 63."""
    return len(text) <= _MAX_LABEL_LENGTH and re.fullmatch(_LABEL, text) is not None


def is_dns1123_subdomain(text: str) -> bool:
    """Tell whether `text` is such labels joined by dots, at most 253 characters in all."""
    return len(text) <= _MAX_SUBDOMAIN_LENGTH and re.fullmatch(_SUBDOMAIN, text) is not None


def is_qualified_name(text: str) -> bool:
    """Tell whether `text` is [DNS subdomain/]name with a name of at most 63 characters."""
    match = _QUALIFIED_NAME.fullmatch(text)
    return match is not None and len(match["prefix"] or "") <= _MAX_SUBDOMAIN_LENGTH


def is_label_value(text: str) -> bool:
    """Tell whether `text` may be the value of a label; an empty one may."""
    return _LABEL_VALUE.fullmatch(text) is not None


def is_path_segment_name(text: str) -> bool:
    """Tell whether `text` can be part of a URL's path; that is all that metric names have to be."""
    return text not in (".", "..") and "/" not in text and "%" not in text


def is_container_resource_name(text: str) -> bool:
    """Tell whether a container can request a resource of that name."""
    if not is_qualified_name(text):
        return False
    if "/" not in text:
        return text in _CONTAINER_RESOURCES or text.startswith(_HUGEPAGES_PREFIX)
    if _NATIVE_DOMAIN in text:
        return True
    # extended resources must also be nameable in a quota
    return not text.startswith(_REQUESTS_PREFIX) and is_qualified_name(_REQUESTS_PREFIX + text)
