"""A model's own `config.json`, as Hugging Face keeps it beside the weights, as a shape."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from scalecert.documents import Document, read_documents
from scalecert.engines.profiles import DataType, ModelShape

_FIELDS = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "intermediate": "intermediate_size",
    "vocabulary": "vocab_size",
}
_DEFAULT_CONTEXT = 4096


def is_model_config(document: Document) -> bool:
    """Tell whether a document is a `config.json`: no kind of ours, but layers."""
    value = document.value
    return isinstance(value, dict) and "kind" not in value and _FIELDS["layers"] in value


def read_model_config(path: Path) -> ModelShape | None:
    """Return the shape of a `config.json`, None if the file is something else.

    The name is that of the file's folder.

    Raises:
        UsageError: if it lacks a figure, or has one that no transformer has.
    """
    found = read_documents(path)
    if len(found) != 1 or not is_model_config(found[0]):
        return None
    (document,) = found
    heads = _figure(document, "num_attention_heads")
    return ModelShape(
        name=path.resolve().parent.name.lower(),
        **{field: _figure(document, key) for field, key in _FIELDS.items()},
        kv_heads=_figure(document, "num_key_value_heads", heads),
        head_dim=_figure(document, "head_dim", 0) or None,
        tied_embeddings=_fields(document).get("tie_word_embeddings") is True,
        max_context=_figure(document, "max_position_embeddings", _DEFAULT_CONTEXT),
        dtype=_data_type(document),
    )


def _fields(document: Document) -> dict[str, object]:
    value = document.value
    return dict(value) if isinstance(value, dict) else {}


def _figure(document: Document, key: str, default: int | None = None) -> int:
    """Return a positive whole number; `default` where the key is missing or null."""
    value = _fields(document).get(key)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        shown = "nothing" if value is None else repr(value)
        raise document.error(f"found {shown}, expected a whole number above 0", field=key)
    return value


def _data_type(document: Document) -> DataType:
    fields = _fields(document)
    value = fields.get("torch_dtype") or fields.get("dtype") or "bfloat16"
    for known in get_args(DataType):
        if value == known:
            return known  # type: ignore[no-any-return]
    raise document.error(
        f"found {value!r}, expected one of {', '.join(get_args(DataType))}", field="torch_dtype"
    )
