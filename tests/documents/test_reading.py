"""Reading YAML and JSON: limits, positions, one line for anything that can't be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.documents import parse_documents, read_documents
from scalecert.documents.reading import MAX_BYTES
from scalecert.errors import UsageError

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def refusal(data: bytes | str, **sets: str) -> UsageError:
    raw = data.encode() if isinstance(data, str) else data
    with pytest.raises(UsageError) as caught:
        parse_documents(raw, "in.yaml", sets)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("in.yaml")
    return caught.value


def parsed(text: str, **sets: str) -> object:
    (document,) = parse_documents(text.encode(), "in.yaml", sets)
    return document.value


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: [1, 2\n", 2, "not YAML"),
        ("a: 1\n\tb: 2\n", 2, "not YAML"),
        ("a: 1\nb: 2\na: 3\n", 3, "'a' twice, first on line 1"),
        ("a: 1\nb: .nan\n", 2, "found .nan, expected a finite number"),
        ("a: -.inf\n", 1, "finite"),
        ("a: 1e999\n", 1, "64 bits"),
        ("a: *missing\n", 1, "alias *missing"),
        ("a: &a [*a]\n", 1, "alias *a"),
        ("a: !!python/object:os.system x\n", 1, "tag"),
        ("a: !Ref {b: 1}\n", 1, "tag !Ref"),
        ("a: !!int x\n", 1, "!!int"),
        ("? [1, 2]\n: 3\n", 1, "collection as a key"),
        ("a: 1\n<<: 5\n", 2, "<<"),
        ("a: \x07\n", 1, "not YAML"),
        ("a: 1\nb: 2\nc: \0\n", 3, "binary"),
    ],
)
def test_refusals_name_the_line(text: str, line: int, words: str) -> None:
    """What is not plain, finite, unambiguous YAML is refused in one line that says where."""
    error = refusal(text)
    assert error.line == line
    assert words in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000 + "]" * 5000,
        "{a: " * 5000 + "1" + "}" * 5000,
        "- " * 5000 + "1",
        '{"a":' * 5000 + "1" + "}" * 5000,
        "\t" + "[" * 5000 + "]" * 5000,
    ],
)
def test_deep_nesting_is_refused_before_it_is_built(text: str) -> None:
    """5,000 levels give one line, neither a traceback nor a crash of the recursion."""
    error = refusal(text)
    assert error.line == 1


def test_a_hundred_levels_are_fine() -> None:
    """The limit on depth is far above what manifests have."""
    assert parsed("[" * 99 + "]" * 99) is not None


def test_alias_bomb_is_refused_by_its_expanded_size() -> None:
    """A few hundred bytes that stand for 10^9 values are refused where the limit is crossed."""
    error = refusal(BOMB)
    assert "500000 values" in str(error)


def test_an_alias_is_its_anchor() -> None:
    """Ordinary anchors, aliases and merge keys work."""
    text = "a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\nd: {<<: [*a, {z: 4}]}\n"
    assert parsed(text) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 2},
        "c": {"x": 1, "y": 3},
        "d": {"x": 1, "y": 2, "z": 4},
    }


def test_other_encodings_are_named_by_offset_and_line() -> None:
    """A file in Latin-1 or UTF-16 is refused with the first byte that is not UTF-8."""
    error = refusal(b"a: 1\nb: caf\xe9\n")
    assert (error.line, "0xe9 at offset 11" in str(error)) == (2, True)
    assert refusal("a: 1\n".encode("utf-16")).line == 1
    assert parsed("\ufeffa: 1") == {"a": 1}


def test_size_is_bounded() -> None:
    """A file above 4 MiB is refused unread."""
    assert "4 MiB" in str(refusal(b"a" * (MAX_BYTES + 1)))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nname: {{ .Release.Name }}\n", 2),
        ("a: 1\n{{- if .Values.hpa }}\nb: 1\n{{- end }}\n", 2),
        ("{{ include }}\na: 1\nb: [\n", 1),
    ],
)
def test_unrendered_templates_get_the_hint_to_render(text: str, line: int) -> None:
    """A Helm template that does not parse is recognised, at the line of the template."""
    error = refusal(text)
    assert error.line == line
    assert "helm template" in str(error)


def test_braces_in_a_chat_template_are_not_blamed() -> None:
    """A `{{` within a text does not turn another mistake into a template."""
    assert "helm" not in str(refusal('args: ["{{ messages }}"]\nb: 1\nb: 2\n'))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("'10'", "10"),
        ("010", 8),
        ("0x1f", 31),
        ("1_000", 1000),
        ("-5", -5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.5", 1.5),
        ("500m", "500m"),
        ("1.5Gi", "1.5Gi"),
        ("on", True),
        ("No", False),
        ("~", None),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("1" + "0" * 29, 1e29),
        ("9" * 5000, "9" * 5000),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
        ('"\\u00e9"', "é"),
    ],
)
def test_plain_scalars_read_as_kubectl_reads_them(text: str, value: object) -> None:
    """Types of unquoted scalars are those of go-yaml: dates and 1:30 stay text, 1e3 is a number."""
    (found,) = parsed(f"[{text}]")
    assert found == value
    assert type(found) is type(value)


def test_lines_are_those_of_the_keys() -> None:
    """Every field knows its line; a field that is not there has the line of what would hold it."""
    text = "kind: A\nspec:\n  metrics:\n  - type: Pods\n    pods:\n      x: 1\n  a.b/c: 1\n"
    (document,) = parse_documents(b"# c\n" + text.encode(), "in.yaml")
    paths = ["", "kind", "spec.metrics", "spec.metrics[0]", "spec.metrics[0].pods.x", "spec[a.b/c]"]
    assert [document.line_of(path) for path in paths] == [2, 2, 4, 5, 7, 8]
    assert document.line_of("spec.metrics[0].nothing.here") == 5
    assert document.line_of("spec.metrics[7]") == 4


def test_lists_are_flattened_with_their_lines() -> None:
    """`kubectl get -o yaml` wraps objects in a List; a typed list leaves the kind to itself."""
    text = "kind: List\nitems:\n- {kind: A}\n- {kind: B}\n---\n\n---\nkind: BarList\n"
    text += "apiVersion: v1\nitems:\n- spec: {x: 1}\n"
    documents = parse_documents(text.encode(), "in.yaml")
    assert [(document.value, document.line) for document in documents] == [
        ({"kind": "A"}, 3),
        ({"kind": "B"}, 4),
        ({"kind": "Bar", "apiVersion": "v1", "spec": {"x": 1}}, 11),
    ]


def test_lists_in_lists_are_flattened() -> None:
    """A list of lists is what it holds, as it is to kubectl."""
    text = (
        "kind: List\nitems:\n- kind: List\n  items:\n  - kind: A\n- kind: PodList\n  items: [{}]\n"
    )
    documents = parse_documents(text.encode(), "in.yaml")
    assert [(item.get_text("kind"), item.line) for item in documents] == [("A", 5), ("Pod", 7)]


@pytest.mark.parametrize("between", ["\n", "\n\n", " \n", "", " ", "\n---\n"])
def test_a_stream_of_json_is_read(between: str) -> None:
    """Objects of JSON one after the other, as `jq` prints them, are documents with their lines."""
    text = '{"a":\n 1}' + between + '{"b": 2}\n'
    first, second = parse_documents(text.encode(), "in.json")
    assert (first.value, second.value) == ({"a": 1}, {"b": 2})
    assert second.line == 2 + between.count("\n") or "\n" not in between


def test_null_fields_are_absent() -> None:
    """To the Kubernetes API `a: null`, `a: ~` and `a:` are as if nothing were written."""
    assert parsed("a: null\nb:\nc: [~, 1]\nd: 1\n") == {"c": [None, 1], "d": 1}


def test_json_with_tabs_is_read() -> None:
    """JSON may be indented by tabs, which YAML does not allow."""
    assert parsed('{\n\t"a": ["\\t",\t1]\n}\n') == {"a": ["\t", 1]}


def test_placeholders_are_filled_in_before_a_scalar_gets_its_type() -> None:
    """`--set N=5` makes `$N` the number 5, in quotes the text; what Kubernetes expands stays."""
    text = 'a: $N\nb: "${N}"\nc: x-$N-${M}\nd: $(N) $$N $NN\n'
    (document,) = parse_documents(text.encode(), "in.yaml", {"N": "5"})
    assert document.value == {"a": 5, "b": "5", "c": "x-5-${M}", "d": "$(N) $$N $NN"}
    assert document.substituted == {"N"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "missing.yaml", "no such file"),
        (lambda folder: folder, "is a directory"),
    ],
)
def test_a_file_that_cannot_be_read(
    tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    """The reason of the system is given in one line with the file's name."""
    with pytest.raises(UsageError, match=words) as caught:
        read_documents(make(tmp_path))
    assert caught.value.file == str(make(tmp_path))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="ab:[]{}-&*!<>|'\"#%@\n\t $~?,1.", max_size=80))
def test_any_input_is_read_or_refused_in_one_line(data: bytes | str) -> None:
    """No input gets out another exception than UsageError."""
    raw = data if isinstance(data, bytes) else data.encode()
    message = ""
    try:
        parse_documents(raw, "in.yaml")
    except UsageError as error:
        message = str(error)
    assert "\n" not in message
