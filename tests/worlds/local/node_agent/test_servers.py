"""Which container is a mock server, and what it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from worlds.local.node_agent.pods import PLAIN, SERVER, deployments, pod_object, pod_spec

from scalecert.engines.registry import engine_names
from scalecert.errors import UsageError
from scalecert.policy.loading import load_policies
from scalecert.policy.resolve import resolve
from scalecert.worlds.local.node_agent.config import ServerImage
from scalecert.worlds.local.node_agent.pod_objects import read_spec
from scalecert.worlds.local.node_agent.servers import (
    Server,
    ServerTable,
    environment,
    mock_arguments,
)

_TARGET = "HPA_AVERAGEVALUE_TARGET"
TGI = {
    "name": "tgi",
    "image": "ghcr.io/huggingface/text-generation-inference:3.3.7",
    "args": ["--model-id=$(MODEL)"],
    "env": [
        {"name": "MODEL", "value": "meta-llama/Llama-2-7b-chat-hf"},
        {"name": "PORT", "value": "8080"},
        {"name": "PYTHONPATH", "value": "/opt"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ],
    "resources": {"limits": {"nvidia.com/gpu": "1"}},
}


def server(*containers: dict[str, Any], table: ServerTable | None = None) -> Server:
    found = (table or ServerTable()).server_of(read_spec(pod_object(spec=pod_spec(*containers))))
    assert found is not None
    return found


def arguments(one: Server) -> list[str]:
    return mock_arguments(
        one,
        profile="p.yaml",
        host="127.7.7.10",
        speed=5.0,
        load_seconds=1.5,
        grace_seconds=60.0,
    )


@pytest.mark.parametrize(
    ("file", "manifest"), deployments(), ids=lambda value: getattr(value, "stem", "")
)
def test_pods_of_a_policy_have_the_server_that_certify_finds(file: Path, manifest: dict[str, Any]):
    """The same engine, profile, container and version, for every policy that is shipped."""
    sets = {_TARGET: "10"} if f"${_TARGET}" in file.read_text() else {}
    resolved = resolve(load_policies([str(file)], sets)[0])
    template = manifest["spec"]["template"]
    text = json.loads(json.dumps(template["spec"]))
    found = ServerTable().server_of(read_spec(pod_object(spec=text, **template["metadata"])))
    assert found is not None
    assert resolved.container is not None
    assert (found.name, found.container.name) == (resolved.kind.name, resolved.container.name)
    assert found.profile.name == resolved.profile.name
    version = resolved.version or resolved.profile.spec.engine_version
    assert found.profile.spec.engine_version == version


def test_arguments_are_split_and_expanded_as_the_container_would_have_them():
    """References to variables are filled in, and the port is where the real server listens."""
    one = server(TGI)
    assert one.words == ("--model-id=meta-llama/Llama-2-7b-chat-hf",)
    assert one.port == 8080


def test_variables_of_a_container_do_not_change_the_mock_server_itself():
    """Only what a server reads is handed over, and what Python needs is the agent's own."""
    own = {"PATH": "/bin", "KUBECONFIG": "secret", "HOME": "/root"}
    assert environment(server(TGI), own) == {
        "MODEL": "meta-llama/Llama-2-7b-chat-hf",
        "PORT": "8080",
        "PATH": "/bin",
        "HOME": "/root",
    }


def test_no_manifest_makes_a_mock_server_listen_elsewhere():
    """Of an option that is there twice the last one counts, and that is the agent's."""
    given = SERVER | {"args": [*SERVER["args"], "--host=0.0.0.0", "--port=9000", "--"]}
    words = arguments(server(given))
    assert words.index("--host=0.0.0.0") < words.index("--host")
    assert words[words.index("--host") + 1] == "127.7.7.10"
    assert words[words.index("--port") + 1] == "9000"
    assert "--" not in words


def test_seconds_of_the_clock_are_handed_over_as_they_are():
    """Only the model is told of a time lapse."""
    words = arguments(server(SERVER))
    assert words[words.index("--speed") + 1] == "5"
    assert words[words.index("--startup-delay") + 1] == "1.500000s"


def test_metrics_on_a_port_of_their_own_are_where_the_real_server_has_them():
    """Or nowhere, if its command line does not turn them on."""
    at = [one for one in _all_servers() if one.metrics_options]
    assert at
    for one in at:
        assert one.metrics_options in (("--metrics-port", "9100"), ("--metrics-port", "off"))


def _all_servers() -> list[Server]:
    specs = [manifest["spec"]["template"]["spec"] for _, manifest in deployments()]
    quiet = json.loads(json.dumps(specs[0]))
    for container in quiet["containers"]:
        container["args"] = [a for a in container.get("args", []) if "prometheus_port" not in a]
    found = [ServerTable().server_of(read_spec(pod_object(spec=one))) for one in [*specs, quiet]]
    return [one for one in found if one is not None]


def test_the_table_names_servers_that_no_engine_recognises():
    """With a profile of its own, or that of its engine."""
    mine = SERVER | {"image": "registry.example/mine:7", "args": [], "command": []}
    name = engine_names()[-1]
    image = ServerImage(pattern="registry.example/*", server=name, profile=_profile(name))
    one = server(mine, table=ServerTable([image]))
    assert (one.name, one.profile.name) == (name, _profile(name))
    table = ServerTable([ServerImage(pattern="*/mine:*", server=name)], {name: _profile(name)})
    assert server(mine, table=table).profile.name == _profile(name)


def _profile(engine: str) -> str:
    return f"{engine}_llama-2-7b_l4"


def test_the_one_profile_there_is_says_what_the_one_accelerated_container_runs():
    """As `--profile` does for `scalecert certify`."""
    mine = SERVER | {"image": "registry.example/mine:7", "args": []}
    name = engine_names()[-1]
    one = server(mine, PLAIN, table=ServerTable((), {name: _profile(name)}))
    assert (one.name, one.container.name) == (name, "server")


def test_a_pod_of_other_images_has_no_server():
    """Nor is that an error."""
    assert ServerTable().server_of(read_spec(pod_object(spec={"containers": [PLAIN]}))) is None


def test_a_server_whose_profile_is_not_found_is_refused():
    """By the message that `scalecert certify` has for it."""
    unknown = SERVER | {"args": ["--model=nobody/knows"]}
    with pytest.raises(UsageError, match="profile"):
        server(unknown)
