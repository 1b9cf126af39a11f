"""A request to a metrics API, read out of its URL.

First stage of the process: URL -> `Asked` -> `MetricsApis.answer` -> JSON. Paths are those of
k8s.io/metrics' clients, which are the HPA's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qs, unquote

from scalecert.metrics.kube_resources import singular

ApiName = Literal["custom", "external", "resource"]

ALL_OBJECTS: Final = "*"
"""The name that stands for all objects that a label selector takes."""

_CUSTOM = r"/apis/custom\.metrics\.k8s\.io/(?P<version>v1beta[12])/namespaces/(?P<namespace>[^/]+)"
_PATTERNS: Final[tuple[tuple[ApiName, re.Pattern[str]], ...]] = (
    ("custom", re.compile(rf"{_CUSTOM}/(?P<resource>metrics)/(?P<metric>[^/]+)")),
    ("custom", re.compile(rf"{_CUSTOM}/(?P<resource>[^/]+)/(?P<name>[^/]+)/(?P<metric>[^/]+)")),
    (
        "external",
        re.compile(
            r"/apis/external\.metrics\.k8s\.io/(?P<version>v1beta1)"
            r"/namespaces/(?P<namespace>[^/]+)/(?P<metric>[^/]+)"
        ),
    ),
    (
        "resource",
        re.compile(
            r"/apis/metrics\.k8s\.io/(?P<version>v1beta1)"
            r"/namespaces/(?P<namespace>[^/]+)/(?P<resource>pods)(?:/(?P<name>[^/]+))?"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for.

    Attributes:
        api: which of the three APIs.
        version: of the API.
        namespace: of the objects.
        metric: the metric's name; empty in the resource API.
        resource: of the described objects, with its group (`pods`, `deployments.apps`); empty in
            the external API.
        name: the object's, `*` for those that `selector` takes; empty in the external API.
        selector: text of the selector of objects.
        metric_selector: text of the selector of series.
    """

    api: ApiName
    version: str
    namespace: str
    metric: str = ""
    resource: str = ""
    name: str = ""
    selector: str = ""
    metric_selector: str = ""

    @property
    def kind(self) -> str:
        """The described object's kind as `find_resource` takes it."""
        return singular(self.resource.partition(".")[0])


def read_request(path: str, query: str) -> Asked | None:
    """Return what a URL asks of a metric, None if it asks for none.

    Args:
        path: as on the wire, percent-encoded.
        query: what follows the question mark.
    """
    for api, pattern in _PATTERNS:
        found = pattern.fullmatch(path)
        if found is not None:
            return _asked(
                api, {key: unquote(text or "") for key, text in found.groupdict().items()}, query
            )
    return None


def _asked(api: ApiName, parts: dict[str, str], query: str) -> Asked:
    given = parse_qs(query)
    selector = given.get("labelSelector", [""])[0]
    if api == "external":
        return Asked(api, **parts, metric_selector=selector)
    if parts["resource"] == "metrics":
        # What belongs to the namespace itself.
        parts |= {"resource": "namespaces", "name": parts["namespace"]}
    elif api == "resource" and not parts["name"]:
        parts["name"] = ALL_OBJECTS
    metric_selector = given.get("metricLabelSelector", [""])[0]
    return Asked(api, **parts, selector=selector, metric_selector=metric_selector)
