"""Log probabilities: an answer is what it is, so each of its tokens had probability 1.

The lists of candidates name the token that was taken and no other.
"""

from __future__ import annotations

from collections.abc import Sequence

from mock_servers.vllm.asked import Prompt

CERTAIN = 0.0


def completion_logprobs(
    tokens: Sequence[str], prompt_tokens: int = 0, *, offset: int = 0
) -> dict[str, object]:
    """Return what `/v1/completions` shows of tokens.

    Args:
        tokens: their texts, or what stands for them.
        prompt_tokens: how many of them are the prompt's; the first of those has none.
        offset: of the first one in the text.
    """
    unknown = 1 if prompt_tokens else 0
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token)
    known = tokens[unknown:]
    return {
        "text_offset": offsets,
        "token_logprobs": [None] * unknown + [CERTAIN] * len(known),
        "tokens": list(tokens),
        "top_logprobs": [None] * unknown + [{token: CERTAIN} for token in known],
    }


def chat_logprobs(tokens: Sequence[str], candidates: int) -> dict[str, object]:
    """Return what `/v1/chat/completions` shows of tokens, with that many candidates at most."""
    shown = []
    for token in tokens:
        one = {"token": token, "logprob": CERTAIN, "bytes": list(token.encode())}
        shown.append(one | {"top_logprobs": [one] if candidates else []})
    return {"content": shown}


def prompt_logprobs(prompt: Prompt) -> list[dict[str, object] | None]:
    """Return what is shown of a prompt's tokens, by their ids; the first has none."""
    shown: list[dict[str, object] | None] = [
        {str(ident): {"logprob": CERTAIN, "rank": 1, "decoded_token": token}}
        for ident, token in zip(prompt.ids, prompt.pieces, strict=True)
    ]
    return [None, *shown[1:]]
