"""A model's `config.json` is a shape as good as a catalogue's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scalecert.engines.catalog import load_model
from scalecert.errors import UsageError

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "max_position_embeddings": 131072,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "rope_scaling": {"factor": 8.0},
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "vocab_size": 128256,
}


def config(folder: Path, **changes: object) -> str:
    """Write a config with changed fields (None: left out) into the model's folder."""
    fields = {name: value for name, value in (LLAMA | changes).items() if value is not None}
    folder.mkdir(exist_ok=True)
    path = folder / "config.json"
    path.write_text(json.dumps(fields))
    return str(path)


def test_a_config_is_the_shape_that_the_catalogue_has(tmp_path: Path) -> None:
    """Llama-3.1-8B from its own file is Llama-3.1-8B."""
    assert load_model(config(tmp_path / "Llama-3.1-8B")) == load_model("llama-3.1-8b")


def test_what_older_configs_lack_has_its_meaning(tmp_path: Path) -> None:
    """Without grouped heads every head has its own keys and values."""
    shape = load_model(config(tmp_path / "old", num_key_value_heads=None, torch_dtype=None))
    assert (shape.kv_heads, shape.bytes_per_weight) == (32, 2.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vocab_size": None}, ["vocab_size", "found nothing"]),
        ({"hidden_size": "big"}, ["hidden_size", "found 'big'"]),
        ({"num_attention_heads": 0}, ["num_attention_heads", "found 0"]),
        ({"torch_dtype": "bfloat61"}, ["torch_dtype", "bfloat16"]),
    ],
)
def test_a_config_that_cannot_be_used_is_named(
    tmp_path: Path, changes: dict[str, object], words: list[str]
) -> None:
    """One line: file, field, what was found."""
    with pytest.raises(UsageError) as error:
        load_model(config(tmp_path / "x", **changes))
    assert all(word in str(error.value) for word in ["config.json", *words])


def test_another_file_is_refused_as_a_catalogue(tmp_path: Path) -> None:
    """A YAML of something else is told what a catalogue is."""
    path = tmp_path / "other.yaml"
    path.write_text("kind: Deployment\n")
    with pytest.raises(UsageError, match="expected"):
        load_model(str(path))
