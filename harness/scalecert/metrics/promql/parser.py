"""PromQL text to expressions: recursive descent with Prometheus' precedences.

Types are checked here, so that evaluation meets no wrong one. What Prometheus has and this subset
lacks is refused by its name.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

from scalecert.metrics.promql.lexer import Token, duration_seconds, number_value, tokens, unquote
from scalecert.metrics.promql.signatures import (
    AGGREGATIONS,
    COMPARISONS,
    FUNCTIONS,
    SET_OPERATORS,
    UNSUPPORTED_AGGREGATIONS,
    type_of,
)
from scalecert.metrics.promql.syntax import (
    Aggregation,
    Binary,
    Call,
    Expression,
    Matching,
    Negation,
    Number,
    PromqlError,
    RangeSelector,
    VectorSelector,
)
from scalecert.metrics.tsdb import NAME_LABEL, Matcher

_PRECEDENCE = {
    "or": 1, "and": 2, "unless": 2,
    "==": 3, "!=": 3, "<=": 3, "<": 3, ">=": 3, ">": 3,
    "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "^": 6,
}  # fmt: skip
_UNARY_PRECEDENCE = 5
_MAX_DEPTH = 100
_MAX_TOKENS = 500
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@lru_cache(maxsize=1024)
def parse(query: str) -> Expression:
    """Return the expression that `query` writes.

    Raises:
        PromqlError: for what is no PromQL or outside of the subset.
    """
    return _Parser(query).parse()


class _Parser:
    def __init__(self, query: str) -> None:
        self._tokens = list(tokens(query))
        if len(self._tokens) > _MAX_TOKENS:
            raise PromqlError(f"found a query of more than {_MAX_TOKENS} words")
        self._index = 0
        self._depth = 0

    def parse(self) -> Expression:
        expression = self._expression(1)
        if self._ahead.kind != "end":
            raise self._unexpected("an operator or the end of the query")
        if type_of(expression) == "range vector":
            raise PromqlError("found a range vector, expected it inside a function such as rate()")
        return expression

    @property
    def _ahead(self) -> Token:
        return self._tokens[self._index]

    def _take(self) -> Token:
        token = self._ahead
        self._index += token.kind != "end"
        return token

    def _accept(self, *texts: str) -> str | None:
        """Take and return the token ahead if it is one of these symbols or words."""
        token = self._ahead
        if token.kind in ("symbol", "word") and token.text in texts:
            self._take()
            return token.text
        return None

    def _expect(self, text: str) -> None:
        if self._accept(text) is None:
            raise self._unexpected(repr(text))

    def _unexpected(self, expected: str) -> PromqlError:
        token = self._ahead
        if token.text == "@":
            return PromqlError("the @ modifier is not supported")
        found = token.text if token.kind == "end" else repr(token.text)
        place = f"at character {token.position + 1} of the query"
        return PromqlError(f"found {found} {place}, expected {expected}")

    def _expression(self, minimum: int) -> Expression:
        """Parse operators that bind at least as tightly as `minimum`."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise PromqlError(f"found a query nested deeper than {_MAX_DEPTH} levels")
        left = self._unary()
        while (precedence := _PRECEDENCE.get(self._ahead.text, 0)) >= minimum:
            if self._ahead.kind not in ("symbol", "word"):
                break
            operator = self._take().text
            returns_bool = self._accept("bool") is not None
            matching = self._matching()
            # ^ is the one operator that groups to the right.
            right = self._expression(precedence if operator == "^" else precedence + 1)
            left = _checked(Binary(operator, left, right, matching, returns_bool))
        self._depth -= 1
        return left

    def _matching(self) -> Matching | None:
        word = self._accept("on", "ignoring")
        if word is None:
            return None
        matching = Matching(word == "on", self._labels())
        group = self._accept("group_left", "group_right")
        if group is not None:
            raise PromqlError(f"{group} (many-to-one matching) is not supported")
        return matching

    def _unary(self) -> Expression:
        sign = self._accept("-", "+")
        if sign is None:
            return self._postfix(self._primary())
        operand = self._expression(_UNARY_PRECEDENCE + 1)
        if type_of(operand) == "range vector":
            raise PromqlError("found a range vector after a sign, expected a scalar or vector")
        if sign == "+":
            return operand
        return Number(-operand.value) if isinstance(operand, Number) else Negation(operand)

    def _primary(self) -> Expression:
        token = self._ahead
        if token.kind == "number":
            return Number(number_value(self._take().text))
        if token.kind == "string":
            raise PromqlError(f"found the string {token.text}: strings are not supported here")
        if self._accept("("):
            inner = self._expression(1)
            self._expect(")")
            return inner
        if token.text == "{" and token.kind == "symbol":
            return self._selector(None)
        if token.kind == "word":
            return self._word(self._take().text)
        raise self._unexpected("an expression")

    def _word(self, word: str) -> Expression:
        if word.lower() in ("inf", "nan"):
            return Number(math.inf if word.lower() == "inf" else math.nan)
        if word in UNSUPPORTED_AGGREGATIONS and self._ahead.text in ("(", "by", "without"):
            raise PromqlError(f"the aggregation {word} is not supported")
        if word in AGGREGATIONS and self._ahead.text in ("(", "by", "without"):
            return self._aggregation(word)
        if self._ahead.text == "(":
            return self._call(word)
        return self._selector(word)

    def _aggregation(self, operator: str) -> Expression:
        clause = self._grouping()
        self._expect("(")
        expression = self._expression(1)
        self._expect(")")
        labels, without = clause or self._grouping() or ((), False)
        _require(expression, "vector", operator)
        return Aggregation(operator, expression, labels, without)

    def _grouping(self) -> tuple[tuple[str, ...], bool] | None:
        word = self._accept("by", "without")
        return None if word is None else (self._labels(), word == "without")

    def _labels(self) -> tuple[str, ...]:
        self._expect("(")
        labels: list[str] = []
        while not self._accept(")"):
            labels.append(self._label())
            if not self._accept(",") and self._ahead.text != ")":
                raise self._unexpected("',' or ')'")
        return tuple(labels)

    def _label(self) -> str:
        if self._ahead.kind != "word" or not _LABEL.fullmatch(self._ahead.text):
            raise self._unexpected("a label's name")
        return self._take().text

    def _call(self, function: str) -> Expression:
        signature = FUNCTIONS.get(function)
        if signature is None:
            raise PromqlError(f"the function {function}() is not supported")
        self._expect("(")
        arguments: list[Expression] = []
        while not self._accept(")"):
            arguments.append(self._expression(1))
            if not self._accept(",") and self._ahead.text != ")":
                raise self._unexpected("',' or ')'")
        if len(arguments) != len(signature.arguments):
            raise PromqlError(
                f"found {len(arguments)} arguments of {function}(), "
                f"expected {len(signature.arguments)}"
            )
        for argument, kind in zip(arguments, signature.arguments, strict=True):
            _require(argument, kind, f"{function}()")
        return Call(function, tuple(arguments))

    def _selector(self, name: str | None) -> Expression:
        matchers = [] if name is None else [Matcher(NAME_LABEL, "=", name)]
        if self._accept("{"):
            while not self._accept("}"):
                matchers.append(self._matcher())
                if not self._accept(",") and self._ahead.text != "}":
                    raise self._unexpected("',' or '}'")
        if all(matcher.matches("") for matcher in matchers):
            raise PromqlError("found a selector that matches every series, expected a condition")
        return VectorSelector(tuple(matchers))

    def _matcher(self) -> Matcher:
        if self._ahead.kind == "string":
            raise PromqlError(f"quoted names in selectors ({self._ahead.text}) are not supported")
        label = self._label()
        operator = self._accept("=", "!=", "=~", "!~")
        if operator is None or self._ahead.kind != "string":
            raise self._unexpected('a matcher such as label="value"')
        value = unquote(self._take().text)
        if operator in ("=~", "!~"):
            _check_regex(value)
        return Matcher(label, operator, value)

    def _postfix(self, expression: Expression) -> Expression:
        """Parse what may follow a selector: a range and an offset."""
        range_seconds = self._range(expression) if self._accept("[") else None
        offset_seconds = 0.0
        if self._accept("offset"):
            if self._ahead.kind != "duration":
                raise self._unexpected("a duration such as 5m")
            offset_seconds = duration_seconds(self._take().text)
        if range_seconds is None and not offset_seconds:
            return expression
        if not isinstance(expression, VectorSelector):
            raise PromqlError("found an offset after an expression, expected it after a selector")
        selector = VectorSelector(expression.matchers, offset_seconds)
        return selector if range_seconds is None else RangeSelector(selector, range_seconds)

    def _range(self, expression: Expression) -> float:
        if self._ahead.kind != "duration":
            raise self._unexpected("a duration such as 5m")
        seconds = duration_seconds(self._take().text)
        if self._ahead.text.startswith(":"):
            raise PromqlError("subqueries ([range:step]) are not supported")
        self._expect("]")
        if not isinstance(expression, VectorSelector):
            raise PromqlError("found a range after an expression, expected it after a selector")
        if seconds <= 0:
            raise PromqlError("found a range of zero, expected a positive duration")
        return seconds


def _require(expression: Expression, kind: str, where: str) -> None:
    found = type_of(expression)
    if found != kind:
        raise PromqlError(f"found a {found} in {where}, expected a {kind}")


def _check_regex(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as fault:
        raise PromqlError(f"found the regex {pattern!r}, which is invalid: {fault}") from fault


def _checked(binary: Binary) -> Binary:
    kinds = {type_of(binary.left), type_of(binary.right)}
    operator = binary.operator
    if "range vector" in kinds:
        raise PromqlError(f"found a range vector beside {operator!r}, expected scalars or vectors")
    if operator in SET_OPERATORS and kinds != {"vector"}:
        raise PromqlError(f"found a scalar beside {operator!r}, expected vectors on both sides")
    if binary.matching is not None and kinds != {"vector"}:
        raise PromqlError(f"found{binary.matching} beside a scalar, expected vectors")
    if binary.returns_bool and operator not in COMPARISONS:
        raise PromqlError(f"found bool after {operator!r}, expected it after a comparison")
    if operator in COMPARISONS and kinds == {"scalar"} and not binary.returns_bool:
        raise PromqlError(f"found {operator!r} between scalars, expected {operator} bool")
    return binary
