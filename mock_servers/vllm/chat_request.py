"""Requests to `/v1/chat/completions` (vllm/entrypoints/openai/chat_completion/protocol.py)."""

from __future__ import annotations

from dataclasses import dataclass

from mock_servers.serving import tokenizer
from mock_servers.serving.pydantic_fields import (
    MISSING,
    NO_LIST,
    NO_OBJECT,
    NO_TEXT,
    Fields,
    WrongValueError,
    boolean,
    integer,
    text,
)
from mock_servers.vllm.asked import (
    Asked,
    Prompt,
    check_counts,
    check_stream_options,
    read_manner,
)
from mock_servers.vllm.refusals import RefusalError, invalid, refuse_problems, unsupported
from mock_servers.vllm.sampling import read_sampling

ROLE = "assistant"
"""Of whoever answers."""

_KINDS = (
    *(
        f"ChatCompletion{kind}MessageParam"
        for kind in ("Developer", "System", "User", "Assistant", "Tool", "Function")
    ),
    "CustomChatCompletionMessageParam",
)
"""What a message may be; what is wrong with it is told for the first of them."""
_NO_DICTIONARY = WrongValueError("dict_type", "Input should be a valid dictionary")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: who said it, and what."""

    role: str
    content: str


def chat_prompt(messages: list[Message]) -> Prompt:
    """Return what the model is given."""
    return Prompt(tokenizer.conversation((message.role, message.content) for message in messages))


def read_chat(fields: Fields, model_name: str) -> Asked:
    """Return what a request asks.

    Raises:
        RefusalError: if it is none.
    """
    _check(fields)
    messages = read_messages(fields)
    model = fields.maybe("model", text)
    logprobs = bool(fields.maybe("logprobs", boolean))
    candidates = fields.maybe("top_logprobs", integer) or 0
    older = fields.maybe("max_tokens", integer)
    newer = fields.maybe("max_completion_tokens", integer)
    n = fields.maybe("n", integer)
    sampling = read_sampling(
        fields, n=1 if n is None else n, logprobs=candidates if logprobs else None
    )
    manner = read_manner(fields)
    wants_prompt = fields.maybe("prompt_logprobs", integer) is not None
    beams = fields.read("use_beam_search", boolean, default=False)
    echo = fields.read("echo", boolean, default=False)
    shown = bool(fields.maybe("return_prompt_text", boolean))
    refuse_problems(fields)
    if beams:
        raise unsupported("This server has no beam search.")
    check_text_only(fields, model_name)
    last = messages[-1] if messages else None
    return Asked(
        model=model,
        prompts=(chat_prompt(messages),),
        max_tokens=older if newer is None else newer,
        max_tokens_name="max_tokens" if newer is None else "max_completion_tokens",
        sampling=sampling,
        manner=manner,
        echo=echo,
        # An echo has them told, whether asked for or not: `to_sampling_params`.
        prompt_logprobs=wants_prompt or echo,
        return_prompt_text=shown,
        echoed=last.content if echo and last and last.role == ROLE else "",
    )


def check_tools(given: Fields) -> None:
    """Refuse tools: the server has been started without a parser for them.

    vllm/renderers/online_renderer.py, render_chat.
    """
    choice = given.given.get("tool_choice", "auto" if given.given.get("tools") else "none")
    if choice in (None, "none"):
        return
    if choice == "auto":
        raise RefusalError(
            '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
        )
    described = f'function "{_name(choice)}"' if isinstance(choice, dict) else f'"{choice}"'
    raise RefusalError(f"tool_choice={described} requires --tool-call-parser to be set")


def read_messages(fields: Fields) -> list[Message]:
    """Return the messages; what is wrong with them is noted."""
    if "messages" not in fields.given:
        fields.note(fields.given, MISSING, "messages")
        return []
    value = fields.given["messages"]
    if not isinstance(value, list):
        fields.note(value, NO_LIST, "messages")
        return []
    found: list[Message] = []
    for place, one in enumerate(value):
        if fields.full:
            break
        if (message := _read_message(fields, place, one)) is not None:
            found.append(message)
    return found


def check_text_only(fields: Fields, model_name: str) -> None:
    """Refuse what is no text: the model takes none (vllm/multimodal/registry.py)."""
    messages = fields.given.get("messages")
    for message in messages if isinstance(messages, list) else []:
        content = message.get("content")
        for part in content if isinstance(content, list) else []:
            if not isinstance(part.get("text"), str):
                raise RefusalError(f"{model_name} is not a multimodal model")


def _check(fields: Fields) -> None:
    """Check what vLLM checks before it reads the fields."""
    given = fields.given
    if given.get("continue_final_message") and given.get("add_generation_prompt"):
        raise invalid(
            "Cannot set both `continue_final_message` and `add_generation_prompt` to True."
        )
    _check_tool_fields(fields)
    check_counts(fields, "top_logprobs")
    candidates = given.get("top_logprobs")
    if isinstance(candidates, int | float) and candidates and not given.get("logprobs"):
        raise invalid("when using `top_logprobs`, `logprobs` must be set to true.", "top_logprobs")
    check_stream_options(fields)


def _check_tool_fields(fields: Fields) -> None:
    tools, choice = fields.given.get("tools"), fields.given.get("tool_choice")
    if tools == []:
        raise invalid(
            "`tools` must not be an empty array. Either provide at least one tool or omit the"
            " field entirely.",
            "tools",
        )
    if choice in (None, "none"):
        return
    if tools is None:
        raise invalid("When using `tool_choice`, `tools` must be set.", "tool_choice")
    if choice not in ("auto", "required") and not isinstance(choice, dict):
        raise invalid(
            f'Invalid value for `tool_choice`: {choice}! Only named tools, "none", "auto" or'
            ' "required" are supported.',
            "tool_choice",
        )
    names = [_name(tool) for tool in tools] if isinstance(tools, list) else []
    if isinstance(choice, dict) and (_name(choice) is None or _name(choice) not in names):
        raise invalid(
            "The tool specified in `tool_choice` does not match any of the specified `tools`",
            "tool_choice",
        )


def _name(tool: object) -> str | None:
    """Return the name of a tool, or of the one that a choice names."""
    function = tool.get("function") if isinstance(tool, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None


def _read_message(fields: Fields, place: int, value: object) -> Message | None:
    at = ("messages", place)
    if not isinstance(value, dict):
        for kind in _KINDS:
            fields.note(value, _NO_DICTIONARY, *at, kind)
        fields.note(value, NO_OBJECT, *at, "Message")
        return None
    role = value.get("role")
    if not isinstance(role, str):
        fields.note(value, MISSING, *at, _KINDS[0], "role")
        return None
    content = value.get("content")
    if content is None:
        return Message(role, "")
    if isinstance(content, str):
        return Message(role, content)
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        texts = [part["text"] for part in content if isinstance(part.get("text"), str)]
        return Message(role, "\n".join(texts))
    fields.note(content, NO_TEXT, *at, _KINDS[0], "content")
    return None
