"""Where things come from: image, args, nodeSelector, profile; each answer with its source."""

from __future__ import annotations

import pytest

from scalecert.engines.profiles import profile_text
from scalecert.engines.registry import engine_kind
from scalecert.engines.roofline import estimate
from scalecert.errors import UsageError
from scalecert.policy.command_line import command_line
from scalecert.policy.model import Container, Place
from scalecert.policy.model_ids import means_model
from scalecert.policy.resolve import resolve

from .conftest import DEPLOYMENT, HPA, WHOLE, changed, joined

PROFILE = "vllm_llama-2-7b_l4"


def sources(resolved):
    return {answer.what: (answer.value, answer.source) for answer in resolved.provenance}


def refusal(policy, profile=None):
    with pytest.raises(UsageError) as caught:
        resolve(policy, profile)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_everything_from_the_manifests(load):
    """Engine and version come from the image, limits from args over the profile."""
    resolved = resolve(load(WHOLE))
    said = sources(resolved)
    assert (resolved.kind.name, resolved.version) == ("vllm", "0.14.0")
    assert resolved.profile.name == PROFILE
    assert resolved.limits.integer("max_num_seqs") == 64
    assert resolved.model_name == "meta-llama/Llama-2-7b-chat-hf"
    assert said["engine"] == ("vllm", "image vllm/vllm-openai:v0.14.0")
    assert said["model"] == ("meta-llama/Llama-2-7b-chat-hf", "args")
    assert said["accelerator"] == ("1 x l4", "cloud.google.com/gke-accelerator: nvidia-l4")
    limits = {one.source: one.value for one in resolved.provenance if one.what == "limits"}
    assert "max_num_seqs=64" in limits["args"].split()
    assert "max_num_batched_tokens=2048" in limits["profile"].split()


def test_a_profile_given_overrides_what_was_found(load):
    """`--profile` wins over accelerator and model, and says so."""
    resolved = resolve(load(WHOLE), "vllm_llama-2-7b_h100")
    assert resolved.profile.name == "vllm_llama-2-7b_h100"
    assert sources(resolved)["profile"][1] == "--profile"
    assert resolved.limits.integer("max_num_seqs") == 64


def test_an_hpa_alone_needs_a_profile(load):
    """Without the Deployment the profile says everything; without a profile, exit 2."""
    line = refusal(load(HPA))
    assert "in.yaml:6: spec.scaleTargetRef: found no Deployment llm in the input" in line
    assert line.endswith("or say --profile NAME: scalecert profiles lists them)")
    resolved = resolve(load(HPA), PROFILE)
    assert (resolved.container, resolved.kind.name) == (None, "vllm")
    assert sources(resolved)["engine"] == ("vllm", "profile")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Llama-2-7b-chat-hf", "Llama-9-7b", "no engine profile of meta-llama/Llama-9-7b on l4"),
        ("nvidia-l4", "nvidia-tesla-p4", "on nvidia-tesla-p4"),
        ("vllm/vllm-openai:v0.14.0", "nginx:1", "no container that runs an engine"),
        ("    - --model=meta-llama/Llama-2-7b-chat-hf\n    ", "    ", "found no model in args"),
        (
            "      nodeSelector:\n        cloud.google.com/gke-accelerator: nvidia-l4\n",
            "",
            "found no accelerator for meta-llama/Llama-2-7b-chat-hf",
        ),
        ("nvidia.com/gpu: 1", "nvidia.com/gpu: 2", "found 2 accelerators per replica"),
        ("seqs=64", "seqs=many", "in.yaml:39: --max-num-seqs: found 'many'"),
    ],
)
def test_what_does_not_fit_names_the_candidates(load, old, new, words):
    """Each gap is named with its place and the profiles that could fill it."""
    line = refusal(load(joined(HPA, changed(DEPLOYMENT, old, new))))
    assert words in line
    assert line.partition("in.yaml:")[2]
    assert "--profile" in line or "--max-num-seqs" in line


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("nvidia-l4", "tpu-v6e-slice", "; NAME is one of l4, "),
        ("meta-llama/Llama-2-7b-chat-hf", "/models/own", "; SHAPE is the model's config.json)"),
    ],
)
def test_what_to_put_into_the_hint_is_told(load, old, new, words):
    """Where the manifest says nothing that the command could be given."""
    assert words in refusal(load(joined(HPA, DEPLOYMENT.replace(old, new))))


def test_an_unknown_profile_is_refused_with_a_suggestion(load):
    """A misspelt `--profile` gets the nearest name, and a file that is not there its own line."""
    assert PROFILE in refusal(load(WHOLE), "vllm_llama-2-7b_l5")
    assert refusal(load(WHOLE), "no.yaml") == "no.yaml: no such file, expected an engine profile"


def test_a_tag_without_a_version_takes_the_profiles(load):
    """`latest` says nothing; the profile's engine version is assumed, and said to be."""
    resolved = resolve(load(changed(WHOLE, "v0.14.0", "latest")))
    assert resolved.version == resolved.profile.spec.engine_version
    assert "profile" in sources(resolved)["version"][1]


def test_an_image_of_ones_own_is_known_by_its_command(load):
    """`vllm serve` in an image that is called otherwise: its tag is no version of vLLM."""
    own = changed(DEPLOYMENT, "vllm/vllm-openai:v0.14.0", "registry.example/llm:v9.1.0")
    own = changed(own, "        args:\n", "        command: [/opt/vllm, serve]\n        args:\n")
    resolved = resolve(load(joined(HPA, own)))
    assert sources(resolved)["engine"] == ("vllm", "command of container vllm")
    assert resolved.version == resolved.profile.spec.engine_version
    assert resolved.limits.integer("max_num_seqs") == 64


def test_a_profile_given_says_what_an_unknown_container_runs(load):
    """Its flags hold all the same: they are the policy's, not the profile's."""
    own = changed(DEPLOYMENT, "vllm/vllm-openai:v0.14.0", "registry.example/llm:v9.1.0")
    resolved = resolve(load(joined(HPA, own)), PROFILE)
    assert sources(resolved)["engine"] == ("vllm", "profile")
    assert resolved.limits.integer("max_num_seqs") == 64


def test_the_hint_makes_the_profile_that_is_missing(load, tmp_path):
    """The command in the hint, as it stands, makes a profile that the policy resolves with."""
    old, new = "nvidia.com/gpu: 1", "nvidia.com/gpu: 2"
    two = changed(DEPLOYMENT, old, new)
    two = changed(two, "--max-num-seqs=64", "--tensor-parallel-size=2")
    line = refusal(load(joined(HPA, two)))
    words = line.partition("make one: scalecert profile estimate ")[2].partition(",")[0].split()
    told = dict(zip(words[::2], words[1::2], strict=True))
    names = (told[option] for option in ("--engine", "--model", "--accelerator"))
    profile = estimate(*names, count=int(told["--count"]))
    file = tmp_path / told["--out"]
    file.write_text(profile_text(profile))
    assert resolve(load(joined(HPA, two)), str(file)).accelerators_per_replica == 2


@pytest.mark.parametrize(
    ("old", "new"), [("kind: Dep", "kind: De"), ("name: llm\n  min", "name: lm\n  min")]
)
def test_a_target_that_is_nearly_there_is_suggested(load, old, new):
    """A slip in scaleTargetRef, by kind or by name."""
    line = refusal(load(joined(changed(HPA, old, new), DEPLOYMENT)))
    assert "in.yaml:6: spec.scaleTargetRef: found no De" in line
    assert "did you mean Deployment llm?" in line


def test_a_model_in_a_secret_is_said_to_be_unknown(load):
    """A variable from elsewhere is no model's name."""
    hidden = changed(DEPLOYMENT, "meta-llama/Llama-2-7b-chat-hf", "$(MODEL_ID)")
    assert "$(MODEL_ID), whose value is not in the manifest" in refusal(load(joined(HPA, hidden)))


VLLM = engine_kind("vllm")


def container(**fields):
    return Container(name="c", image="i", place=Place("f", 1), **fields)


def model_of(started):
    return VLLM.model_of(command_line(started), started.env)


def served_name(started):
    return VLLM.served_name(command_line(started), started.env)


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        ({"args": ("--model=a/b",)}, ("a/b", "args")),
        ({"args": ("--model", "a/b", "--model", "a/c")}, ("a/c", "args")),
        ({"args": ("--model-id", "a/b")}, ("a/b", "args")),
        ({"command": ("vllm", "serve", "a/b"), "args": ("--port=1",)}, ("a/b", "args")),
        ({"command": ("vllm",), "args": ("serve", "--port=1", "--model=a/b")}, ("a/b", "args")),
        ({"args": ("a/b", "--port=1")}, ("a/b", "args")),
        (
            {
                "command": ("/bin/sh", "-c"),
                "args": ("exec vllm serve $MODEL \\\n --port 1 # serve",),
                "env": {"MODEL": "a/b"},
            },
            ("a/b", "args"),
        ),
        ({"args": ("--model=$(MODEL_ID)",), "env": {"MODEL_ID": "a/b"}}, ("a/b", "args")),
        ({"env": {"MODEL_ID": "a/b"}}, ("a/b", "env MODEL_ID")),
        ({"command": ("python3", "-m", "server")}, None),
        ({}, None),
    ],
)
def test_the_model_on_the_command_line(fields, model):
    """The model is found however the server is started."""
    assert model_of(container(**fields)) == model


def test_a_shell_script_is_split_into_words():
    """A script given to a shell is read as the words that it runs; an open quote is no crash."""
    shell = container(command=("bash", "-ec"), args=('vllm serve a/b --x "1 2"',))
    assert command_line(shell) == ("vllm", "serve", "a/b", "--x", "1 2")
    assert command_line(container(command=("sh", "-c", "echo 'open"))) == ("echo", "'open")


def test_the_served_name():
    """`--served-model-name` is what metrics carry, the model's id without it."""
    assert served_name(container(args=("--model=a/b", "--served-model-name", "b"))) == "b"
    assert served_name(container(args=("--model=a/b",))) == "a/b"
    assert served_name(container()) is None


@pytest.mark.parametrize(
    ("model_id", "name", "same"),
    [
        ("meta-llama/Llama-2-7b-chat-hf", "llama-2-7b", True),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b", True),
        ("/models/llama-2-7b/", "llama-2-7b", True),
        ("meta-llama/Llama-2-70b-chat-hf", "llama-2-7b", False),
        ("TheBloke/Llama-2-7B-AWQ", "llama-2-7b", False),
        ("meta-llama/Llama-3.1-8B", "llama-2-7b", False),
    ],
)
def test_which_ids_mean_a_model(model_id, name, same):
    """Tuning does not change a model's costs; size and quantization do."""
    assert means_model(model_id, name) is same
