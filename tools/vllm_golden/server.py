"""vLLM's API server of its own parts: routers, request models, serving classes, error handlers."""

from __future__ import annotations

import sys
import uuid
from importlib import import_module
from logging import CRITICAL, Logger
from pathlib import Path
from types import SimpleNamespace as Record
from typing import Any

from vllm_golden.partial_import import PartialImport, put
from vllm_golden.stand_ins import Engine, Renderer, Theirs

_ENTRYPOINTS = "vllm.entrypoints"


def vllm_server(unpacked: Path) -> Theirs:
    """Return the server's ASGI application.

    Args:
        unpacked: the folder that vLLM's wheel was unpacked in.
    """
    sys.meta_path.insert(0, PartialImport(unpacked))
    _give_meaning()
    openai, serve = f"{_ENTRYPOINTS}.openai", f"{_ENTRYPOINTS}.serve"
    from fastapi import APIRouter, FastAPI

    app = FastAPI()
    app.state.args = Record(
        log_error_stack=False, sse_keep_alive_interval=0, enable_tokenizer_info_endpoint=False
    )
    for name in ("basic", "health"):
        app.include_router(import_module(f"{serve}.instrumentator.{name}").router)
    for name in (
        f"{serve}.instrumentator.metrics",
        f"{serve}.tokenize.api_router",
        f"{openai}.models.api_router",
        f"{openai}.completion.api_router",
        f"{openai}.chat_completion.api_router",
    ):
        import_module(name).attach_router(app)
    # The router of /ping needs SageMaker's package; its handler is the one of /health.
    ping = APIRouter()
    health = import_module(f"{serve}.instrumentator.health").health
    ping.add_api_route("/ping", health, methods=["GET", "POST"])
    app.include_router(ping)
    import_module(f"{serve}.exception_handling.register").init_exception_handler(app)
    _serve(app, openai, serve)
    return app


def _serve(app: Theirs, openai: str, serve: str) -> None:
    """Give the application the state that its endpoints work with."""
    refuse = import_module(serve).create_error_response
    invalid = import_module("vllm.exceptions").VLLMValidationError
    kinds = import_module("vllm.sampling_params").RequestOutputKind
    renderer = Renderer(refuse)
    logprob = import_module("vllm.logprobs").Logprob
    engine = Engine(renderer, invalid, kinds.DELTA, logprob)
    path = import_module(f"{openai}.models.protocol").BaseModelPath(
        name="m", model_path="/models/m"
    )
    models = import_module(f"{openai}.models.serving").OpenAIServingModels(engine, [path])
    common: dict[str, Any] = {"online_renderer": renderer, "request_logger": None}
    chats = {"chat_template": None, "chat_template_content_format": "auto"}
    state = app.state
    state.engine_client, state.openai_serving_models = engine, models
    completion = import_module(f"{openai}.completion.serving").OpenAIServingCompletion
    state.openai_serving_completion = completion(engine, models, **common)
    chat = import_module(f"{openai}.chat_completion.serving").OpenAIServingChat
    state.openai_serving_chat = chat(engine, models, "assistant", **common, **chats)
    tokenization = import_module(f"{serve}.tokenize.serving").ServingTokenization
    state.serving_tokenization = tokenization(models, renderer, **chats)
    state.enable_server_load_tracking, state.server_load_metrics = False, 0


def _give_meaning() -> None:
    """Fill in what is called of the modules that are empty."""
    import_module("vllm.envs")
    put("vllm.logger", init_logger=_logger)
    put("vllm.utils.import_utils", LazyLoader=lambda *_: None)
    put("vllm.v1.serial_utils", PydanticMsgspecMixin=_Nothing)
    put("vllm.utils", random_uuid=lambda: uuid.uuid4().hex[:16])
    put("vllm.platforms", current_platform=Record(get_max_output_tokens=lambda _: sys.maxsize))
    put("vllm.tracing", contains_trace_headers=lambda _: False)
    put("vllm.inputs", TokensPrompt=dict, tokens_input=lambda ids: {"prompt_token_ids": ids})
    put(
        "vllm.renderers.inputs.preprocess",
        extract_prompt_components=lambda _, prompt: Record(
            text=prompt.get("prompt"), token_ids=prompt["prompt_token_ids"], embeds=None
        ),
        extract_prompt_len=lambda _, prompt: len(prompt["prompt_token_ids"]),
    )
    put(f"{_ENTRYPOINTS}.generate.beam_search.online", BeamSearchOnlineMixin=_Nothing)
    put("vllm.lora.request", LoRARequest=_Nothing)
    no_resolvers = Record(get_supported_resolvers=list)
    put("vllm.lora.resolver", LoRAResolverRegistry=no_resolvers)
    no_parsers = Record(get_parser=lambda **_: None)
    for module in ("vllm.parser", "vllm.parser.parser_manager", "vllm.parser.abstract_parser"):
        put(module, ParserManager=no_parsers)
    put(
        f"{_ENTRYPOINTS}.serve.utils.fingerprint",
        get_system_fingerprint=lambda _: "vllm-0.33.0-HASH",
    )
    put(f"{_ENTRYPOINTS}.launchers.launcher", terminate_if_errored=lambda **_: None)
    types = import_module("vllm.renderers.chat_utils.types")
    shown = {name: getattr(types, name) for name in types.__all__}
    put("vllm.renderers.chat_utils", **shown, has_non_text_content=lambda _: False)
    params = import_module("vllm.renderers.params")
    names = ("ReasoningEffort", "ChatParams", "TokenizeParams", "merge_kwargs")
    put(
        "vllm.renderers",
        map_reasoning_effort=params.map_reasoning_effort,
        **{name: getattr(params, name) for name in names},
    )


def _logger(name: str) -> Logger:
    """Return a logger that says nothing, also once."""
    logger = Logger(name, CRITICAL + 1)
    for method in ("warning_once", "info_once", "debug_once"):
        setattr(logger, method, lambda *_, **__: None)
    return logger


class _Nothing:
    """A base or a type of nothing."""
