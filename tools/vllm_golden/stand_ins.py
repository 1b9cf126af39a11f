"""What stands in the place of vLLM's engine, tokenizer and chat renderer.

They do as the mock server does: the same words, the same counts, the same chat template. What only
the engine's side refuses is refused here in its words (v1/engine/input_processor.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from types import SimpleNamespace as Record
from typing import Any, TypeAlias

from mock_servers.serving import tokenizer
from mock_servers.vllm.admission import MOST_TOKEN_CHARACTERS
from mock_servers.vllm.chat_request import Message, chat_prompt
from mock_servers.vllm.sampling import MOST_LOGPROBS

Theirs: TypeAlias = Any
"""Something of vLLM's: its types are not there."""

CONTEXT = 64
MODEL = Record(
    max_model_len=CONTEXT,
    get_diff_sampling_param=dict,
    generation_config="auto",
    override_generation_config={},
    model="m",
    hf_config=Record(model_type="llama"),
    get_vocab_size=lambda: tokenizer.VOCABULARY,
    max_logprobs=MOST_LOGPROBS,
)


class Tokenizer:
    """The mock server's tokenizer, as vLLM asks for one."""

    max_chars_per_token = MOST_TOKEN_CHARACTERS
    max_token_id = tokenizer.VOCABULARY - 1
    truncation_side = "right"

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text's tokens."""
        return [tokenizer.token_id(token) for token in tokenizer.split(text)]

    def decode(self, ids: int | list[int]) -> str:
        """Return the text of one token."""
        return tokenizer.word(ids if isinstance(ids, int) else ids[0])

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        """Return the texts of tokens."""
        return [tokenizer.word(ident) for ident in ids]


TOKENIZER = Tokenizer()


class Renderer:
    """What turns requests into prompts."""

    model_config = MODEL
    use_harmony = False
    reasoning_effort_map: dict[str, str] = {}  # noqa: RUF012 - vLLM reads it from instances
    tokenizer = TOKENIZER

    def __init__(self, refuse: Theirs) -> None:
        self._refuse = refuse
        self.renderer = self

    def get_tokenizer(self) -> Tokenizer:
        """Return the tokenizer."""
        return TOKENIZER

    def validate_chat_template(self, **_: object) -> None:
        """Take any."""

    async def tokenize_prompt_async(self, prompt: Theirs, _: object) -> dict[str, str]:
        """Return the text of tokens."""
        ids = prompt["prompt_token_ids"]
        return {"prompt": "".join(TOKENIZER.convert_ids_to_tokens(ids))}

    async def render_completion(self, request: Theirs) -> Theirs:
        """Return the prompts of a completion."""
        if request.suffix is not None:
            return self._refuse(
                "suffix is only supported for models with FIM completion rendering", param="suffix"
            )
        prompt = request.prompt
        one = isinstance(prompt, str) or (prompt and isinstance(prompt[0], int))
        return self._prompts(request, [prompt] if one else prompt)

    async def render_chat(self, request: Theirs) -> tuple[list[Any], list[dict[str, Any]]]:
        """Return the messages of a chat, and its prompt."""
        return list(request.messages), self._prompts(request, [_chat(request.messages)])

    async def preprocess_completion(
        self, request: Theirs, *, prompt_input: str, **_: object
    ) -> list[dict[str, Any]]:
        """Return the prompt of a text that is to be tokenized."""
        return self._prompts(request, [prompt_input])

    async def preprocess_chat(
        self, request: Theirs, messages: list[Any], **_: object
    ) -> tuple[list[Any], list[dict[str, Any]]]:
        """Return the prompt of a chat that is to be tokenized."""
        return messages, self._prompts(request, [_chat(messages)])

    def _prompts(self, request: Theirs, given: list[Any]) -> list[dict[str, Any]]:
        bounds = request.build_tok_params(MODEL)
        prompts = []
        for one in given:
            if isinstance(one, str):
                prompt = bounds.apply_pre_tokenization(TOKENIZER, {"prompt": one})
                most = bounds.get_encode_kwargs().get("max_length")
                prompt["prompt_token_ids"] = TOKENIZER.encode(prompt["prompt"])[:most]
                seed = one
            else:
                text = "".join(TOKENIZER.convert_ids_to_tokens(one))
                shown = text if bounds.needs_detokenization else None
                prompt = {"prompt_token_ids": list(one), "prompt": shown}
                seed = ",".join(map(str, one))
            bounds.apply_post_tokenization(TOKENIZER, prompt)
            prompts.append(prompt | {"type": "token", "seed": seed})
        return prompts


class Engine:
    """Makes answers at once.

    Args:
        renderer: of the server.
        invalid: makes vLLM's error of what a request asks.
        delta: vLLM's word for streamed outputs.
        logprob: makes vLLM's record of a log probability.
    """

    model_config = MODEL
    input_processor = None
    vllm_config = Record(kv_transfer_config=None)
    errored = False

    def __init__(self, renderer: Renderer, invalid: Theirs, delta: Theirs, logprob: Theirs) -> None:
        self.renderer = renderer
        self._invalid = invalid
        self._delta = delta
        self._logprob = logprob

    def check_admission(self, _: int) -> None:
        """Take all."""

    async def check_health(self) -> None:
        """Be well."""

    async def generate(
        self, prompt: dict[str, Any], sampling: Theirs, *_: object, **__: object
    ) -> AsyncIterator[Record]:
        """Yield what the engine has for a request, a token of all choices at a time."""
        ids = prompt["prompt_token_ids"]
        self._check(ids, sampling)
        answers = [tokenizer.AnswerIds(prompt["seed"], choice) for choice in range(sampling.n)]
        streams, most = sampling.output_kind == self._delta, sampling.max_tokens
        places = pairwise(range(most + 1)) if streams else [(0, most)]
        for begin, end in places:
            outputs = [
                self._output(choice, [answer[index] for index in range(begin, end)], sampling)
                for choice, answer in enumerate(answers)
            ]
            for output in outputs:
                output.finish_reason = "length" if end == most else None
            together = [[output] for output in outputs] if streams else [outputs]
            for some in together:
                yield self._result(prompt, some, sampling, finished=end == most)

    def _check(self, ids: list[int], sampling: Theirs) -> None:
        asked = sampling.logprobs
        if asked is not None and asked > MOST_LOGPROBS:
            message = f"Requested sample logprobs of {asked}, which is greater than max allowed: "
            raise self._invalid(f"{message}{MOST_LOGPROBS}", parameter="logprobs", value=asked)
        if not ids:
            raise self._invalid("The decoder prompt cannot be empty")
        if max(ids) >= tokenizer.VOCABULARY:
            raise self._invalid(f"Token id {max(ids)} is out of vocabulary")

    def _output(self, choice: int, ids: list[int], sampling: Theirs) -> Record:
        shown = [self._certain(ident, tokenizer.word(ident)) for ident in ids]
        return Record(
            index=choice,
            text="".join(tokenizer.word(ident) for ident in ids),
            token_ids=ids,
            finish_reason=None,
            stop_reason=None,
            logprobs=None if sampling.logprobs is None else shown,
            weight_versions=None,
            routed_experts=None,
            spec_decode_metrics=None,
        )

    def _result(
        self, prompt: dict[str, Any], outputs: list[Record], sampling: Theirs, *, finished: bool
    ) -> Record:
        ids, text = prompt["prompt_token_ids"], prompt.get("prompt")
        told = None
        if sampling.prompt_logprobs is not None:
            pieces = tokenizer.split(text or "")[1:]
            told = [None, *map(self._certain, ids[1:], pieces)]
        return Record(
            prompt_token_ids=ids,
            prompt_logprobs=told,
            num_cached_tokens=0,
            num_cache_creation_tokens=0,
            prompt=text,
            outputs=outputs,
            finished=finished,
            kv_transfer_params=None,
            ec_transfer_params=None,
            metrics=None,
            encoder_prompt_token_ids=None,
        )

    def _certain(self, ident: int, text: str) -> dict[int, Any]:
        return {ident: self._logprob(logprob=0.0, rank=1, decoded_token=text)}


def _chat(messages: list[Any]) -> str:
    """Return the prompt of a chat."""
    said = [Message(message["role"], _content(message.get("content"))) for message in messages]
    return chat_prompt(said).shown


def _content(content: Theirs) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part["text"] for part in content)
