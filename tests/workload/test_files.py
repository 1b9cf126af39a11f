"""Files that a workload names."""

from __future__ import annotations

import gzip

import pytest

from scalecert.errors import UsageError
from scalecert.workload import files
from scalecert.workload.files import find_file, read_lines, split_cells


@pytest.fixture
def folder(tmp_path):
    """A manifest's folder, with a file inside and one beside it."""
    inside = tmp_path / "scenario"
    (inside / "data").mkdir(parents=True)
    (inside / "data" / "trace.csv").write_text("inside\n")
    (tmp_path / "secret.csv").write_text("outside\n")
    return inside


def test_inside_the_folder(folder):
    """A manifest may name files beside it and below, through links that stay inside too."""
    assert find_file("data/trace.csv", folder).read_text() == "inside\n"
    (folder / "link.csv").symlink_to(folder / "data" / "trace.csv")
    assert find_file("link.csv", folder).read_text() == "inside\n"


@pytest.mark.parametrize(
    "name", ["../secret.csv", "data/../../secret.csv", "data/../data/trace.csv"]
)
def test_no_way_up(folder, name):
    """`..` is refused in a manifest, even where it would come back."""
    with pytest.raises(UsageError, match="inside the manifest's folder"):
        find_file(name, folder)


def test_no_absolute_path_or_link_out(folder):
    """Neither an absolute path nor a symbolic link leads a manifest out of its folder."""
    (folder / "link.csv").symlink_to(folder.parent / "secret.csv")
    (folder / "up").symlink_to(folder.parent)
    (folder / "loop").symlink_to(folder / "loop")
    for name in (str(folder / "data" / "trace.csv"), "link.csv", "up/secret.csv", "loop", "a\0b"):
        with pytest.raises(UsageError, match="inside the manifest's folder"):
            find_file(name, folder)


def test_flag_may_name_any_path(folder):
    """A path from the command line is the user's own choice."""
    path = folder.parent / "secret.csv"
    assert find_file(str(path), None) == path


def test_missing_file(folder):
    """A missing file is named, with the one that was probably meant."""
    with pytest.raises(
        UsageError, match=r"data/trase\.csv: no such file \(did you mean trace\.csv"
    ):
        find_file("data/trase.csv", folder)
    with pytest.raises(UsageError, match="not a regular file"):
        find_file("data", folder)
    with pytest.raises(UsageError, match=r"nowhere/trace\.csv: no such file"):
        find_file("nowhere/trace.csv", folder)
    with pytest.raises(UsageError, match="no such file"):
        find_file("a\0b", None)


def test_lines_are_numbered(tmp_path):
    """Blank lines are passed over but counted; a byte order mark and CRLF don't show."""
    path = tmp_path / "lines.csv"
    path.write_bytes("\ufeffone\r\n\r\n  \ntwo\nthree".encode())
    assert list(read_lines(path)) == [(1, "one"), (4, "two"), (5, "three")]


def test_gzip_is_known_by_content(tmp_path):
    """Gzip needs no .gz in the name, and a .gz that is none is read as it is."""
    zipped, plain = tmp_path / "lines.csv", tmp_path / "plain.gz"
    zipped.write_bytes(gzip.compress(b"one\ntwo\n"))
    plain.write_bytes(b"one\ntwo\n")
    assert list(read_lines(zipped)) == list(read_lines(plain)) == [(1, "one"), (2, "two")]


def test_truncated_gzip(tmp_path):
    """A download that was cut short is told from a short trace."""
    path = tmp_path / "lines.csv.gz"
    data = gzip.compress("\n".join(str(n) for n in range(50_000)).encode())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UsageError, match=r"lines.csv.gz:\d+: found the end inside the gzip data"):
        list(read_lines(path))


def test_damaged_gzip(tmp_path):
    """Damage in the middle, and a wrong checksum, are errors with a place."""
    path = tmp_path / "lines.csv.gz"
    data = bytearray(gzip.compress(b"one\ntwo\n"))
    data[-6] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"lines.csv.gz:\d+: found damaged gzip data"):
        list(read_lines(path))
    path.write_bytes(b"\x1f\x8b\x08\x00garbage that is no deflate stream at all")
    with pytest.raises(UsageError, match="gzip data"):
        list(read_lines(path))


def test_not_utf8(tmp_path):
    """Bytes that are no UTF-8 are named with their line."""
    path = tmp_path / "lines.csv"
    path.write_bytes(b"one\ntw\xff\n")
    with pytest.raises(UsageError, match=r"lines\.csv:2: found byte 0xff, expected UTF-8"):
        list(read_lines(path))


def test_limits(tmp_path, monkeypatch):
    """A line without end and a file without end are refused while reading."""
    path = tmp_path / "lines.csv"
    path.write_bytes(b"one\n" + b"x" * (files.MAX_LINE_BYTES + 1))
    with pytest.raises(UsageError, match=r"lines\.csv:2: found a line longer than 1 MiB"):
        list(read_lines(path))
    monkeypatch.setattr(files, "MAX_LINES", 3)
    path.write_text("\n" * 5)
    with pytest.raises(UsageError, match=r"lines\.csv:4: found more than 3 lines"):
        list(read_lines(path))


def test_unreadable_file(tmp_path):
    """A folder, or a file that went away, is an error of one line."""
    with pytest.raises(UsageError, match="can't be read"):
        list(read_lines(tmp_path))


def test_quoted_cells():
    """Cells may be quoted, with commas inside, and padded."""
    assert split_cells('1, "GPT-4, new" ,3') == ["1", '"GPT-4', 'new"', "3"]
    assert split_cells('1,"GPT-4, new",3') == ["1", "GPT-4, new", "3"]


@pytest.mark.parametrize("cell", ['"a"\rb', '"' + "x" * 200_000])
def test_what_is_no_csv_has_cells_still(cell):
    """Whoever reads a cell says what is wrong with it; the line itself is no failure of ours."""
    assert split_cells(f"{cell},1") == [cell, "1"]
