"""Chat requests as requests to generate: prompt and parameters (router/src/lib.rs, ChatRequest).

The prompt is made without the model's own template, and tools are shown to the model as text; it
never calls one: its answer is that of a model which picks `no_tool`.
"""

from __future__ import annotations

import msgspec

from mock_servers.serving import tokenizer
from mock_servers.tgi.bodies import (
    ChatRequest,
    FunctionDefinition,
    GenerateParameters,
    GenerateRequest,
    Message,
    Tool,
    TypedChoice,
)
from mock_servers.tgi.refusals import tool_error

OWN_NAME = "tgi"
"""A `model` that means the one that is served; any other is taken for an adapter."""
_PENALTY_OF_NO_PRESENCE = 2.0
_WORDS_OF_CHOICE = frozenset({"auto", "none", "required"})


def generate_request(chat: ChatRequest) -> GenerateRequest:
    """Return what a chat asks the model.

    Raises:
        RefusedError: for tools that do not go with the rest.
    """
    if chat.response_format is not None and chat.tools is not None:
        raise tool_error("Grammar and tools are mutually exclusive")
    return GenerateRequest(_prompt(chat), _parameters(chat))


def _prompt(chat: ChatRequest) -> str:
    turns = [(message.role, _content(message)) for message in chat.messages]
    tools = _offered(chat)
    if tools:
        shown = msgspec.json.encode([_shown(tool.function) for tool in tools]).decode()
        turns.append(("system", f"{chat.tool_prompt or ''}\n{shown}"))
    return tokenizer.conversation(turns)


def _offered(chat: ChatRequest) -> tuple[Tool, ...]:
    """Return the tools that the model may call."""
    tools, choice = chat.tools or (), chat.tool_choice
    if chat.tools is None or choice == "none":
        return ()
    if isinstance(choice, TypedChoice):
        choice = choice.function.name
    if choice is None or choice in _WORDS_OF_CHOICE:
        return tools
    for tool in tools:
        if tool.function.name == choice:
            return (tool,)
    raise tool_error(f"Tool with name {choice} not found")


def _shown(function: FunctionDefinition) -> dict[str, object]:
    arguments = function.arguments if function.parameters is msgspec.UNSET else function.parameters
    return {"name": function.name, "description": function.description, "arguments": arguments}


def _content(message: Message) -> str:
    """Return what a message says as text; an image is a link."""
    if isinstance(message.content, str):
        return message.content
    if message.content is None:
        return msgspec.json.encode(message.tool_calls).decode()
    return "".join(
        f"![]({chunk.image_url.url})" if chunk.image_url is not None else chunk.text or ""
        for chunk in message.content
    )


def _parameters(chat: ChatRequest) -> GenerateParameters:
    greedy = chat.temperature == 0.0
    presence = chat.presence_penalty
    given = (chat.max_tokens, chat.max_completion_tokens)
    return GenerateParameters(
        temperature=None if greedy else chat.temperature,
        repetition_penalty=None if presence is None else presence + _PENALTY_OF_NO_PRESENCE,
        frequency_penalty=chat.frequency_penalty,
        top_p=chat.top_p,
        do_sample=not greedy,
        max_new_tokens=next((tokens for tokens in given if tokens is not None), None),
        stop=chat.stop or (),
        details=True,
        seed=chat.seed,
        top_n_tokens=chat.top_logprobs,
        grammar=chat.response_format,
        adapter_id=None if chat.model == OWN_NAME else chat.model,
    )
