"""How a client asks an engine's server, and reads its answer: what load generators need to know.

Plain data, so that it can be handed to another process, and on another machine, that knows no
engine. An engine's `client` module makes it (`EngineKind.client`).
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One way to ask for an answer, streamed or in one piece.

    A body is `before`, the prompt, `between`, a number of tokens and `after`; the prompt is `word`
    once per token, with `separator` between two. Of a body's tokens the server adds
    `own_input_tokens` to the prompt, and `own_output_tokens` to those that it is asked for.

    A stream comes in pieces that end with `piece_end`; those with `token` in them are a token each.
    An answer in one piece tells its tokens in the header `tokens_header`, or as the number that
    follows `tokens_mark` in its body, else they are the `token`s in it. `refusals` are what pieces
    say of a server at its limits where its status does not. `queue_headers` tell, in milliseconds
    that add up, how long a request waited until it was scheduled. `unready` is the body of the 503
    by which a mock server says that its model loads; the port of the real one is closed then.
    """

    path: str
    before: bytes
    word: bytes
    separator: bytes = b""
    between: bytes
    after: bytes
    own_input_tokens: int = 0
    own_output_tokens: int = 0
    piece_end: bytes = b""
    token: bytes = b""
    tokens_mark: bytes = b""
    tokens_header: str = ""
    refusals: tuple[bytes, ...] = ()
    queue_headers: tuple[str, ...] = ()
    unready: bytes | None = None

    def body(self, input_tokens: int, output_tokens: int) -> bytes:
        """Return the body that asks for an answer of so many tokens to a prompt of so many."""
        words = input_tokens - self.own_input_tokens
        prompt = (self.word + self.separator) * (words - 1) + self.word if words > 0 else b""
        asked = b"%d" % (output_tokens - self.own_output_tokens)
        return b"".join((self.before, prompt, self.between, asked, self.after))

    def tokens_of(self, headers: Mapping[str, str], body: bytes) -> int:
        """Return the tokens of an answer that came in one piece.

        Args:
            headers: by name, in lower case.
            body: of the answer.
        """
        if self.tokens_header:
            return _number(headers.get(self.tokens_header, "").encode())
        if self.tokens_mark:
            return _number(body.rpartition(self.tokens_mark)[2])
        return body.count(self.token)

    def queue_seconds(self, headers: Mapping[str, str]) -> float | None:
        """Return how long the server says that a request waited; None if it does not say."""
        told = [headers.get(name, "") for name in self.queue_headers]
        if not told or not all(text.isdecimal() for text in told):
            return None
        return sum(map(int, told)) / 1000

    def is_unready(self, status: int, body: bytes) -> bool:
        """Tell whether an answer stands for a closed port.

        Args:
            status: of the answer.
            body: of the answer.
        """
        return status == HTTPStatus.SERVICE_UNAVAILABLE and body == self.unready

    def is_refusal(self, status: int, piece: bytes) -> bool:
        """Tell whether an answer without tokens is that of a server at its limits.

        Args:
            status: of the answer.
            piece: what it said last.
        """
        overloaded = status == HTTPStatus.SERVICE_UNAVAILABLE or 400 <= status < 500
        return overloaded or any(refusal in piece for refusal in self.refusals)


class ApiClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client of one server.

    Attributes:
        port: that requests go to.
        streamed: asks for tokens as they come.
        whole: asks for the answer in one piece; of servers that only stream, the same.
        headers: of every request.
        idle_seconds: after which the server closes a connection that nobody uses; None: never.
    """

    port: int
    streamed: Call
    whole: Call
    headers: dict[str, str] = {}
    idle_seconds: float | None = None


def _number(text: bytes) -> int:
    """Return the number that a text begins with, after white space; 0 if it begins with none."""
    text = text.lstrip()
    digits = len(text) - len(text.lstrip(b"0123456789"))
    return int(text[:digits] or b"0")
