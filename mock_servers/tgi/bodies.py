"""What the bodies of requests are: their fields and types, as the router declares them.

From router/src/lib.rs. A body that does not fit is explained in `rejections`, for which the types
carry serde's names: `title` is what an error says was expected. Fields that there are not are left
alone, as serde does.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, Struct

from mock_servers.tgi.serde.cursor import MOST_INTEGER

U32 = Annotated[int, Meta(ge=0, le=2**32 - 1, title="u32")]
I32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1, title="i32")]
U64 = Annotated[int, Meta(ge=0, title="u64")]
"""The upper bound is checked by hand: constraints are signed 64-bit numbers."""
USIZE = Annotated[int, Meta(ge=0, title="usize")]
F32 = Annotated[float, Meta(title="f32")]


class _Body(Struct, frozen=True):
    """A struct of serde.

    `ALIASES` are fields under another name; the same field under both is one too many.
    """

    ALIASES: ClassVar[dict[str, str]] = {}

    def __post_init__(self) -> None:
        """Refuse what the types can't say."""
        for alias, name in self.ALIASES.items():
            if getattr(self, alias) is not None and getattr(self, name) is not None:
                raise ValueError(name)
        for name in ("seed", "best_of", "truncate"):
            if (getattr(self, name, None) or 0) > MOST_INTEGER:
                raise ValueError(name)


class Grammar(Struct, frozen=True):
    """What an answer must be like; it is checked but nothing follows from it."""

    type: Annotated[
        Literal["json", "json_object", "regex", "json_schema"],
        Meta(title="one of `json`, `json_object`, `regex`, `json_schema`"),
    ]
    value: object


class GenerateParameters(_Body, frozen=True):
    """`parameters` of a request; `None` of one that has none at all: see `do_sample`."""

    best_of: USIZE | None = None
    temperature: F32 | None = None
    repetition_penalty: F32 | None = None
    frequency_penalty: F32 | None = None
    top_k: I32 | None = None
    top_p: F32 | None = None
    typical_p: F32 | None = None
    do_sample: bool = False
    max_new_tokens: U32 | None = None
    return_full_text: bool | None = None
    stop: tuple[str, ...] = ()
    truncate: USIZE | None = None
    watermark: bool = False
    details: bool = False
    decoder_input_details: bool = False
    seed: U64 | None = None
    top_n_tokens: U32 | None = None
    grammar: Annotated[Grammar | None, Meta(title="adjacently tagged enum GrammarType")] = None
    adapter_id: str | None = None


WITHOUT_PARAMETERS = GenerateParameters(do_sample=True)
"""Of a request that says nothing about them; one with empty `parameters` is greedy."""


class GenerateRequest(_Body, frozen=True):
    """The body of /generate, /generate_stream and /tokenize."""

    inputs: str
    parameters: GenerateParameters = WITHOUT_PARAMETERS


class CompatGenerateRequest(GenerateRequest, frozen=True):
    """The body of /."""

    stream: bool = False


class CompletionRequest(_Body, frozen=True):
    """The body of /v1/completions."""

    prompt: Annotated[
        str | Annotated[tuple[str, ...], Meta(min_length=1)],
        Meta(title="untagged enum PromptDeserializer"),
    ]
    model: str | None = None
    max_tokens: U32 | None = None
    temperature: F32 | None = None
    top_p: F32 | None = None
    stream: bool = False
    seed: U64 | None = None
    suffix: str | None = None
    repetition_penalty: F32 | None = None
    frequency_penalty: F32 | None = None
    stop: tuple[str, ...] | None = None


class Url(Struct, frozen=True):
    """Where an image is."""

    url: str


class MessageChunk(Struct, frozen=True):
    """A piece of a message's content."""

    type: Annotated[Literal["text", "image_url"], Meta(title="`text` or `image_url`")]
    text: str | None = None
    image_url: Url | None = None

    OF_VARIANT: ClassVar[dict[str, tuple[str, ...]]] = {
        "text": ("text",),
        "image_url": ("image_url",),
    }

    def __post_init__(self) -> None:
        """Refuse a piece without its content."""
        if (self.text if self.type == "text" else self.image_url) is None:
            raise ValueError(self.type)


class FunctionDefinition(_Body, frozen=True):
    """A function that a model may call, or has called."""

    ALIASES: ClassVar[dict[str, str]] = {"parameters": "arguments"}
    NEEDED: ClassVar[tuple[str, ...]] = ("arguments",)

    name: str
    description: str | None = None
    arguments: object = UNSET
    parameters: object = UNSET

    def __post_init__(self) -> None:
        """Refuse a function without arguments, or with arguments twice."""
        if (self.arguments is UNSET) == (self.parameters is UNSET):
            raise ValueError(self.name)


class Tool(Struct, frozen=True):
    """A tool; only functions are any."""

    type: str
    function: FunctionDefinition


class ToolCall(Struct, frozen=True):
    """A call that a model made earlier."""

    id: str
    type: str
    function: FunctionDefinition


class FunctionName(Struct, frozen=True):
    """The name of a function."""

    name: str


class TypedChoice(Struct, frozen=True):
    """The one tool that is to be called."""

    type: Annotated[Literal["function"], Meta(title="`function`")]
    function: FunctionName


class Message(Struct, frozen=True):
    """One message of a conversation: with content, or with calls."""

    ONE_OF: ClassVar[tuple[str, tuple[str, ...]]] = ("MessageBody", ("content", "tool_calls"))

    role: str
    content: str | tuple[MessageChunk, ...] | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuse an empty message."""
        if self.content is None and self.tool_calls is None:
            raise ValueError(self.role)


class StreamOptions(Struct, frozen=True):
    """What a stream has beside the answer."""

    include_usage: bool = False


class ChatRequest(_Body, frozen=True):
    """The body of /v1/chat/completions and /chat_tokenize."""

    ALIASES: ClassVar[dict[str, str]] = {"max_completion_tokens": "max_tokens"}

    messages: tuple[Message, ...]
    model: str | None = None
    frequency_penalty: F32 | None = None
    logit_bias: tuple[F32, ...] | None = None
    logprobs: bool | None = None
    top_logprobs: U32 | None = None
    max_tokens: U32 | None = None
    max_completion_tokens: U32 | None = None
    n: U32 | None = None
    presence_penalty: F32 | None = None
    stop: tuple[str, ...] | None = None
    stream: bool = False
    seed: U64 | None = None
    temperature: F32 | None = None
    top_p: F32 | None = None
    tools: tuple[Tool, ...] | None = None
    tool_prompt: str | None = None
    tool_choice: Annotated[
        str | TypedChoice | None, Meta(title="untagged enum ToolTypeDeserializer")
    ] = None
    response_format: Annotated[Grammar | None, Meta(title="adjacently tagged enum GrammarType")] = (
        None
    )
    stream_options: StreamOptions = StreamOptions()
