from __future__ import annotations

import csv
import unicodedata

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaadapter.data.manifest import read_manifest
from metaadapter.errors import DataError


@pytest.fixture
def write(tmp_path):
    (tmp_path / "1.jpg").touch()

    def write_manifest(name, text, encoding="utf-8"):
        (tmp_path / name).write_text(text, encoding=encoding)
        return tmp_path / name

    return write_manifest


def content(table):
    return [(row.path.name, row.label, row.split, row.group) for row in table.rows]


ROWS = [("1.jpg", "fox", "train", "g1"), ("2.jpg", "red lynx", "test", None)]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_read_manifest__csv__is_read_with_any_separator(write, separator, encoding):
    lines = ["path,label,split,group", "1.jpg,fox,train,g1", "", "2.jpg, red lynx ,test,"]

    table = read_manifest(
        write("m.csv", "\n".join(lines).replace(",", separator), encoding), labelled=True
    )

    assert table.source == "CSV manifest"
    assert content(table) == ROWS


def test_read_manifest__jsonl__is_read(write):
    text = (
        '{"path": "1.jpg", "label": "fox", "split": "train", "group": "g1"}\n\n'
        '{"label": "red lynx", "path": "2.jpg", "split": "test", "group": null}\n'
    )

    table = read_manifest(write("m.jsonl", text), labelled=True)

    assert table.source == "JSONL manifest"
    assert content(table) == ROWS


def test_read_manifest__parquet__is_read(tmp_path, write):
    columns = zip(*ROWS, strict=True)
    names = ["path", "label", "split", "group"]
    table = pyarrow.table(dict(zip(names, map(list, columns), strict=True)))
    write("1.jpg", "")
    pyarrow.parquet.write_table(table, tmp_path / "m.parquet")

    read = read_manifest(tmp_path / "m.parquet", labelled=True)

    assert read.source == "PARQUET manifest"
    assert content(read) == ROWS


@pytest.mark.parametrize(
    "header", ["File,Class", "filename,category", "image, label", "filepath,LABEL"]
)
def test_read_manifest__other_names_of_the_columns__are_understood(write, header):
    table = read_manifest(write("m.csv", f"{header}\n1.jpg,fox"), labelled=True)

    assert content(table) == [("1.jpg", "fox", None, None)]


def test_read_manifest__relative_and_absolute_paths__start_at_the_manifest(tmp_path, write):
    text = f"path,label\n1.jpg,fox\n{tmp_path / 'x' / '2.jpg'},lynx"

    table = read_manifest(write("m.csv", text), labelled=True)

    assert [row.path for row in table.rows] == [tmp_path / "1.jpg", tmp_path / "x" / "2.jpg"]


JSONL = '{"path": "1.jpg", "label": "a"}\n'


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "m.csv",
            "path,species\n1.jpg,fox",
            r"a column 'label' \(or class, category\) .* columns are 'path', 'species'",
        ),
        ("m.csv", "1.jpg,fox\n2.jpg,lynx", r"a column 'path' .* '1\.jpg', 'fox'; .*first line"),
        (
            "m.csv",
            "path,label\n1.jpg,\n\n2.jpg,fox\n3.jpg",
            "expected a label .* missing in line 2, line 5;",
        ),
        ("m.csv", 'path,label\n1.jpg,fox\n2.jpg,"lynx\n', "line 3 cannot be read.*quotation mark"),
        (
            "m.csv",
            b"path,label\n1.jpg,b\xe4r",
            "byte 19 is not; save the table again as 'CSV UTF-8'",
        ),
        (
            "m.csv",
            "path,label\n1.jpg,daisy\n2.jpg,daisy, young\n",
            "line 3 has more: 2.jpg, daisy, …; put a cell",
        ),
        ("m.csv", "path,label\n", "but it has no rows"),
        ("m.parquet", "path,label", "cannot read the Parquet table .*; save it again"),
        ("m.jsonl", JSONL + '{"label": "b"}', "expected a path .* missing in line 2;"),
        ("m.jsonl", JSONL + '{"path": "2.jpg"\n', "line 2 of .* is not JSON: .* at character 17"),
        ("m.jsonl", JSONL + '["2.jpg", "fox"]', r'line 2 of .* is \["2\.jpg", "fox"\]'),
        ("m.jsonl", r'{"path": "1.jpg", "label": "\ud800"}', "line 1 of .* is half a character"),
        ("m.jsonl", r'{"path": "\u0000", "label": "a"}', "none of the 1 pictures .* exists"),
    ],
    ids=lambda text: str(text)[:40],
)
def test_read_manifest__that_cannot_be_read__says_why_and_where(tmp_path, name, text, message):
    (tmp_path / "1.jpg").touch()
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(DataError, match=message):
        read_manifest(tmp_path / name, labelled=True)


texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)


@settings(deadline=None)
@given(st.lists(texts, min_size=1))
def test_read_manifest__any_labels__come_back_as_the_csv_module_reads_them(
    tmp_path_factory, labels
):
    folder = tmp_path_factory.mktemp("manifest")
    (folder / "1.jpg").touch()
    with (folder / "m.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "label"), *(("1.jpg", label) for label in labels)])

    table = read_manifest(folder / "m.csv", labelled=True)

    with (folder / "m.csv").open(encoding="utf-8", newline="") as file:
        reference = [row["label"] for row in csv.DictReader(file)]
    assert [row.label for row in table.rows] == [
        unicodedata.normalize("NFC", label) for label in reference
    ]
