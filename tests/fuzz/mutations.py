"""Strategies that spoil a sound document: in its tree, in its lines, in its bytes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml
from fuzz.words import WORDS_ALIKE
from hypothesis import strategies as st

Step = str | int
Tree = Any
"""A document in dicts, lists and scalars."""

_PLACE = st.integers(0, 2**16)
_WHAT_IT_IS = ("apiVersion", "kind")
"""Fields of which nearly every other value is refused at once; seldom changed for that."""

ODD_NUMBERS = (
    0, -1, 1, 2, 3, 7, 0.5, -0.0, 1e-9, 1e-300, 5e-324, 1e9, 1e18, 1e300, -1e300, 2**31 - 1,
    2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**30, 10**400, 10_000_000, 100_000, 86_400,
    float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
ODD_TEXTS = (
    "", " ", "0", "-1", "1e999", "1e-999", "-1e999", "0.1", "NaN", "inf", ".inf", "1m", "100m",
    "1e18Ei", "9" * 400, "1Ki", "1k", "0.5 max", "1e9 max", "1000000 max", "3 replicas", "1e308/s",
    "1e6/s", "5/s", "0/s", "1y", "0s", "1ms", "0.001ms", "90s", "1000h", "99999999999h", "1h1m",
    "null", "~", "true", "yes", "$X", "${X}", "{{ .Values.x }}", "a|b|c|d", "a/b", "..", "/", "*",
    "../../etc/passwd", "-", "nan/s", "x" * 70_000, "\x00", "\x1b[31mred", "\u2028", "\u202e",
    "a\nb", "\u00e9", "\U0001f600", "ttft_p95=2s", "ttft_p0=1s", "tpot_p100=1e9s", "p=1",
    "--max-model-len=1", "--max-model-len=999999999999", "--max-num-seqs=0", "--port=99999999",
    "--max-num-seqs=1000000000", "--max-num-batched-tokens=1", "--block-size=0",
    "--gpu-memory-utilization=1e9", "--max-model-len=1k", "Value", "Utilization", "External",
    "sum(rate(x[5m]))", "(((((", "vllm:num_requests_waiting", "sine", "trace", "gamma",
    "empirical", "lognormal", "steady", "core", "extended", "random", "one-by-one",
)  # fmt: skip


RATES = (
    "0/s", "0 max", "1e-9/s", "0.01/s", "0.3/s", "4/s", "10/s", "100/s", "3000/s", "1000000/s",
    "0.001 max", "0.9 max", "3 max", "1e5 max", "0.5 replicas", "2 replicas", "1000 replicas",
)  # fmt: skip
DURATIONS = (
    "0s", "1ms", "0.001ms", "50ms", "1s", "7s", "90s", "119s", "2m", "2m1s", "10m", "1h", "26h",
    "800h", "9000h", "99999999h", "0.000000001ms",
)  # fmt: skip
QUANTITIES = (
    "0", "1n", "1m", "100m", "0.5", "1", "2", "50", "1k", "1Ki", "10G", "9e18", "1e-9", "-1",
    "9223372036854775807", "1E", "1000E", "0.0000000001",
)  # fmt: skip
_ALIKE = (
    (re.compile(r"[\d.e]+ ?(/s|max|replicas?)"), RATES),
    (re.compile(r"([\d.]+(ms|s|m|h))+"), DURATIONS),
    (re.compile(r"-?[\d.]+([eE]-?\d+|[numkMGTPE]i?|[KMGTPE]i)?"), QUANTITIES),
)


def _alike(old: Tree, choice: int) -> Tree:
    """Return a value of the same kind as `old`: what gets past the types, and may be absurd."""
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        whole = [number for number in ODD_NUMBERS if isinstance(number, int)]
        return [*whole, old + 1, old - 1, 2 * old, 10 * old, -old, old * 1000][
            choice % (len(whole) + 6)
        ]
    if isinstance(old, float):
        return (*ODD_NUMBERS, old * 2, old / 2, -old, old * 1e3, old / 1e3, old * 1e6)[
            choice % (len(ODD_NUMBERS) + 6)
        ]
    if isinstance(old, str):
        for pattern, texts in _ALIKE:
            if pattern.fullmatch(old):
                return texts[choice % len(texts)]
        for pattern, texts in WORDS_ALIKE:
            if choice % 2 and pattern.fullmatch(old):
                return texts[choice // 2 % len(texts)]
        return (old + "x", old.upper(), old[1:], old * 2, old[:-1], f"{old}=1", f" {old}")[
            choice % 7
        ]
    return old[: len(old) // 2] if isinstance(old, list) else {}


def nudged(tree: Tree) -> st.SearchStrategy[Tree]:
    """Return a strategy of trees with one or two numbers, durations or the like changed a little.

    Most are sound documents still, that ask for something unusual.
    """
    return st.lists(st.tuples(_PLACE, _PLACE), min_size=1, max_size=2).map(
        lambda edits: _nudged(tree, edits)
    )


def _nudged(tree: Tree, edits: list[tuple[int, int]]) -> Tree:
    tree = copy.deepcopy(tree)
    leaves = [path for path in _paths(tree) if _is_figure(path, _at(tree, path))]
    for where, choice in edits if leaves else ():
        path = leaves[_spread(where) % len(leaves)]
        _at(tree, path[:-1])[path[-1]] = _near(_at(tree, path), choice)
    return tree


def _is_figure(path: tuple[Step, ...], value: Tree) -> bool:
    if isinstance(value, str):
        return path[-1] not in _WHAT_IT_IS and any(
            pattern.fullmatch(value) for pattern, _ in _ALIKE
        )
    return isinstance(value, bool | int | float)


def _near(old: Tree, choice: int) -> Tree:
    if isinstance(old, bool | str):
        return _alike(old, choice)
    return (old + 1, old * 2, old - 1, old // 2, old * 10, 1, 3)[choice % 7]


def odd_values() -> st.SearchStrategy[Tree]:
    """Return a strategy of values that a field seldom expects."""
    return st.one_of(
        st.sampled_from(ODD_NUMBERS),
        st.sampled_from(ODD_TEXTS),
        st.sampled_from([None, True, False, [], {}, [[]], [None], {"": None}, {"a": {"b": 1}}]),
        st.integers(1, 400).map(_nested),
        st.floats(),
        st.integers(),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    )


def spoilt(tree: Tree) -> st.SearchStrategy[Tree]:
    """Return a strategy of trees that differ from `tree` in one to three places."""
    few = st.lists(_edits(), min_size=1, max_size=3)
    alone = _edits().map(lambda edit: [edit])
    return st.one_of(alone, alone, few).map(lambda edits: _edited(tree, edits))


def spoilt_text(documents: list[Tree]) -> st.SearchStrategy[bytes]:
    """Return a strategy of YAML or JSON whose trees, lines or bytes are spoilt.

    Of nearly half of them only figures are others: those get further than to the first refusal.
    """
    trees = st.one_of(spoilt(documents), spoilt(documents), spoilt(documents))
    figures = nudged(documents)
    return st.one_of(
        figures.map(as_yaml),
        figures.map(as_json),
        figures.map(as_yaml),
        trees.map(as_yaml),
        trees.map(as_json),
        st.just(as_yaml(documents)).flatmap(spoilt_lines),
        st.just(as_yaml(documents)).flatmap(spoilt_bytes),
    )


def spoilt_lines(data: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of texts with lines left out, doubled, moved, or put in."""
    lines = data.splitlines()
    place = st.integers(0, len(lines) - 1)
    edits: st.SearchStrategy[Callable[[list[bytes]], list[bytes]]] = st.one_of(
        place.map(lambda at: lambda old: old[:at] + old[at + 1 :]),
        place.map(lambda at: lambda old: old[: at + 1] + old[at:]),
        place.map(lambda at: lambda old: old[:at] + [b"  " + line for line in old[at:]]),
        st.tuples(place, place).map(lambda ends: lambda old: _swapped(old, *ends)),
        st.tuples(place, st.sampled_from(ODD_LINES)).map(
            lambda pair: lambda old: [*old[: pair[0]], pair[1], *old[pair[0] :]]
        ),
    )
    return st.lists(edits, min_size=1, max_size=3).map(
        lambda chosen: b"\n".join(_all_applied(lines, chosen)) + b"\n"
    )


ALIAS_BOMB = b"\n".join(
    [b"a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [b"a%d: &a%d [%s]" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12)]
)
ODD_LINES = (
    ALIAS_BOMB,
    b"---",
    b"...",
    b"- ",
    b"? x",
    b"<<: *x",
    b"<<: {a: 1}",
    b"&x x: *x",
    b"\t",
    b"!!python/object/apply:os.system [true]",
    b"!!binary aGk=",
    b"x: " + b"[" * 3000,
    b"x: " + b"{a: " * 3000,
    b"k" * 5000 + b": v",
    b"%YAML 9.9",
    b"|",
    b">-",
    b"\xff\xfe",
    b"'",
)


def spoilt_bytes(data: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of the bytes cut short, flipped, overwritten, left out or put in."""
    place = st.integers(0, max(len(data) - 1, 0))
    piece = st.one_of(
        st.binary(min_size=1, max_size=8),
        st.sampled_from([b"\xff" * 8, b"\x00" * 8, b"\x7f", b"9" * 40, b"\r", b"\xed\xa0\x80"]),
    )
    edits: st.SearchStrategy[Callable[[bytes], bytes]] = st.one_of(
        place.map(lambda at: lambda old: old[:at]),
        place.map(lambda at: lambda old: old[at:]),
        st.tuples(place, st.integers(0, 7)).map(lambda bit: lambda old: _flipped(old, *bit)),
        st.tuples(place, piece).map(lambda new: lambda old: old[: new[0]] + new[1] + old[new[0] :]),
        st.tuples(place, piece).map(
            lambda new: lambda old: old[: new[0]] + new[1] + old[new[0] + len(new[1]) :]
        ),
        st.tuples(place, st.integers(1, 64)).map(
            lambda cut: lambda old: old[: cut[0]] + old[cut[0] + cut[1] :]
        ),
    )
    return st.lists(edits, min_size=1, max_size=4).map(lambda chosen: _all_applied(data, chosen))


def as_yaml(documents: list[Tree]) -> bytes:
    """Return documents as a YAML stream; what they share becomes anchors and aliases."""
    text: str = yaml.dump_all(documents, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
    return text.encode("utf-8", "surrogatepass")


def as_json(documents: list[Tree]) -> bytes:
    """Return documents as JSON: one alone, several as a list of Kubernetes objects."""
    whole = documents[0] if len(documents) == 1 else {"kind": "List", "items": documents}
    return json.dumps(whole, ensure_ascii=False).encode("utf-8", "surrogatepass")


_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Edit = tuple[str, int, int, Tree]
"""What to do, where, where else, and with which value."""


def _edits() -> st.SearchStrategy[Edit]:
    kinds = st.sampled_from(
        ["alike"] * 12
        + ["replace"] * 4
        + ["delete", "delete", "double", "swap", "move", "add", "rename", "share", "wrap"]
    )
    return st.tuples(kinds, _PLACE, _PLACE, odd_values())


def _edited(tree: Tree, edits: list[Edit]) -> Tree:
    tree = copy.deepcopy(tree)
    for kind, where, elsewhere, value in edits:
        paths = list(_paths(tree))
        leaves = [path for path in paths if not isinstance(_at(tree, path), dict | list)]
        if not leaves:
            break
        told = [path for path in leaves if path[-1] not in _WHAT_IT_IS]
        if kind == "alike" and told:
            place = told[_spread(where) % len(told)]
            _edit(tree, "replace", place, place, _alike(_at(tree, place), elsewhere))
        else:
            place, other = (paths[_spread(at) % len(paths)] for at in (where, elsewhere))
            _edit(tree, kind, place, other, value)
    return tree


def _spread(number: int) -> int:
    """Return a number that is large and unlike its neighbours': hypothesis prefers small ones."""
    return number * 2654435761 >> 7


def _edit(
    tree: Tree, kind: str, path: tuple[Step, ...], other: tuple[Step, ...], new: Tree
) -> None:
    """Change `tree` in place; kinds that make no sense at the place replace its value."""
    parent, step = _at(tree, path[:-1]), path[-1]
    old, new = parent[step], copy.deepcopy(new)
    if kind == "delete":
        del parent[step]
    elif kind == "double" and isinstance(parent, list):
        parent.insert(int(step), copy.deepcopy(old))
    elif kind == "swap":
        holder, name = _at(tree, other[:-1]), other[-1]
        parent[step], holder[name] = copy.deepcopy(holder[name]), copy.deepcopy(old)
    elif kind == "move":
        _at(tree, other[:-1])[other[-1]] = copy.deepcopy(old)
    elif kind == "add" and isinstance(old, dict):
        old["surprise"] = new
    elif kind == "add" and isinstance(old, list):
        old.append(new)
    elif kind == "rename" and isinstance(parent, dict):
        parent[f"{step}s"] = parent.pop(step)
    elif kind == "share":
        parent[step] = [old, old]
    elif kind == "wrap":
        parent[step] = [old]
    else:
        parent[step] = new


def _paths(value: Tree, path: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    children: Iterator[tuple[Step, Tree]] = iter(())
    if isinstance(value, dict):
        children = iter(value.items())
    elif isinstance(value, list):
        children = iter(enumerate(value))
    for step, child in children:
        yield (*path, step)
        if len(path) < 30:
            yield from _paths(child, (*path, step))


def _at(tree: Tree, path: tuple[Step, ...]) -> Tree:
    for step in path:
        tree = tree[step]
    return tree


def _nested(depth: int) -> Tree:
    value: Tree = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def _swapped(lines: list[bytes], first: int, second: int) -> list[bytes]:
    new = list(lines)
    if max(first, second) < len(new):
        new[first], new[second] = new[second], new[first]
    return new


def _flipped(data: bytes, place: int, bit: int) -> bytes:
    if place >= len(data):
        return data
    return data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]


T = Any


def _all_applied(value: T, edits: list[Callable[[T], T]]) -> T:
    for edit in edits:
        value = edit(value)
    return value
