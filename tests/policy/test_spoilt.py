"""Whatever one field of a manifest is replaced by, the answer is a policy or one line."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scalecert.cli.linting import lint
from scalecert.errors import UsageError
from scalecert.policy.loading import load_policies
from scalecert.policy.resolve import resolve

from .conftest import WHOLE

Path = tuple[str | int, ...]
DOCUMENTS = list(yaml.safe_load_all(WHOLE))
WRONG = (None, [], {}, "", "x", "$X", "{{ x }}", "a|b|c|d", -1, 1.5, True, [1], {"a": 1}, 10**30)


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    children = value.items() if isinstance(value, dict) else ()
    children = enumerate(value) if isinstance(value, list) else children
    for key, child in children:
        yield (*path, key)
        yield from paths(child, (*path, key))


@settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(path=st.sampled_from(list(paths(DOCUMENTS))), wrong=st.sampled_from(WRONG))
def test_a_spoilt_field_is_read_or_refused_in_one_line(tmp_path, path, wrong):
    """No manifest gets out another exception than UsageError, through loading, resolving, lint."""
    documents = copy.deepcopy(DOCUMENTS)
    parent: Any = documents
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = wrong
    file = tmp_path / "in.json"
    file.write_text(json.dumps({"kind": "List", "items": documents}))
    message = ""
    try:
        for policy in load_policies([str(file)]):
            lint(policy, resolve(policy))
    except UsageError as error:
        message = str(error)
    assert "\n" not in message
