"""Imports the modules of vLLM that answer requests; all others are empty and have any name.

vLLM's API server imports torch, transformers and the engine for little more than names of types.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
import typing
from collections.abc import Sequence
from pathlib import Path

EMPTY = ("vllm", "torch", "transformers", "huggingface_hub", "cachetools")
"""Packages whose modules are empty unless they are among `REAL`."""

_ENTRYPOINTS = """
    generate.base.protocol generate.base.serving serve serve.engine.protocol serve.engine.serving
    openai.completion.protocol openai.completion.serving openai.completion.api_router
    openai.chat_completion.protocol openai.chat_completion.serving
    openai.chat_completion.api_router openai.chat_completion.stream_processor
    openai.chat_completion.message_assembly openai.chat_completion.batch_serving
    openai.models.protocol openai.models.serving openai.models.api_router
    serve.tokenize.protocol serve.tokenize.serving serve.tokenize.api_router serve.lora.protocol
    serve.exception_handling serve.exception_handling.error_response
    serve.exception_handling.register serve.exception_handling.utils
    serve.exception_handling.handlers serve.exception_handling.handlers.http
    serve.exception_handling.handlers.validation serve.exception_handling.handlers.exception
    serve.exception_handling.handlers.vllm_error
    serve.utils.api_utils serve.utils.orca_metrics serve.utils.sse_keep_alive
    serve.utils.tool_calls_utils
    serve.instrumentator.basic serve.instrumentator.health serve.instrumentator.metrics
""".split()  # noqa: SIM905 - one a line would be a page
_OTHERS = """
    exceptions envs version _version sampling_params logprobs renderers.params
    renderers.chat_utils.types utils.collection_utils utils.async_utils utils.counter
    v1.engine.exceptions v1.metrics.prometheus
""".split()  # noqa: SIM905 - one a line would be a page
REAL = frozenset(
    [f"vllm.entrypoints.{name}" for name in _ENTRYPOINTS] + [f"vllm.{name}" for name in _OTHERS]
)


class PartialImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules of `EMPTY` packages.

    Args:
        unpacked: the folder that the wheel was unpacked in.
    """

    def __init__(self, unpacked: Path) -> None:
        self._unpacked = unpacked

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the protocol's
        target: types.ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """Return where a module comes from; None for other packages' modules."""
        if fullname.partition(".")[0] not in EMPTY:
            return None
        if fullname in REAL:
            return self._real(fullname)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Return a module that has any name."""
        return _Empty(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Leave it empty."""

    def _real(self, name: str) -> importlib.machinery.ModuleSpec | None:
        place = self._unpacked / Path(*name.split("."))
        package = place / "__init__.py"
        if package.exists():
            folders = [str(place)]
            return importlib.util.spec_from_file_location(
                name, package, submodule_search_locations=folders
            )
        return importlib.util.spec_from_file_location(name, place.with_suffix(".py"))


class _Empty(types.ModuleType):
    """A module where any name is any type."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return typing.Any


def put(module: str, **names: object) -> None:
    """Give names of an empty module a meaning."""
    importlib.import_module(module)
    for name, value in names.items():
        setattr(sys.modules[module], name, value)
