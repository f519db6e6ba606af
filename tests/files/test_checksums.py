from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.files.checksums import read_document, sealed, unsealed, write_document

VALUES = {"schema": "x/1", "classes": ["fox", "lÿnx\udc80"], "scale": 0.1, 3: None, "n": 12}


REMEDY = "restore it from a copy"


@pytest.fixture
def head(tmp_path):
    """The place of a document, where none is."""
    return tmp_path / "head.json"


@pytest.fixture
def document(head):
    head.with_name("a.bin").write_bytes(b"content")
    head.with_name("empty.csv").write_bytes(b"")
    write_document(head, VALUES, files=["a.bin", "empty.csv"])
    return head


def test_document__written_and_read__has_the_values_of_plain_json_and_its_files(document):
    values, files = read_document(document, "x/1", REMEDY)

    assert values == json.loads(json.dumps(VALUES))
    assert files.read("a.bin") == b"content"
    assert files.read("empty.csv") == b""
    assert files.find("a.bin") == document.with_name("a.bin")
    proven = json.loads(document.read_bytes())["proof"]["files"]
    assert proven["a.bin"] == hashlib.sha256(b"content").hexdigest()


@pytest.mark.parametrize("content", [b"", b"conten", b"content ", b"Content"])
@pytest.mark.parametrize("how", ["read", "find"])
def test_proof__damaged_file__is_refused_by_its_name(document, content, how):
    (document.parent / "a.bin").write_bytes(content)
    _, result = read_document(document, "x/1", REMEDY)

    with pytest.raises(DataError, match=r"a\.bin is damaged .*head\.json; restore it from a copy"):
        getattr(result, how)("a.bin")


@pytest.mark.parametrize("how", ["read", "find"])
def test_proof__missing_or_unknown_file__is_told(document, how):
    (document.parent / "a.bin").unlink()
    (document.parent / "b.bin").write_bytes(b"")
    _, result = read_document(document, "x/1", REMEDY)

    with pytest.raises(DataError, match=r"cannot read .*a\.bin: No such file"):
        getattr(result, how)("a.bin")
    with pytest.raises(DataError, match=r"head\.json does not list the file b\.bin"):
        getattr(result, how)("b.bin")


def write_version(path, version):
    content = str(version).encode()
    values = {"schema": "x/1", "version": version}
    write_document(path, values, {"a.bin": content, "b.bin": content})


def whole_version(path):
    """The version of a document whose files are of it as well."""
    values, files = read_document(path, "x/1", REMEDY)
    content = str(values["version"]).encode()
    assert (files.read("a.bin"), files.read("b.bin")) == (content, content)
    return values["version"]


@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("second", range(8))
def test_write_document__killed_twice__leaves_one_whole_folder(head, kill_at, first, second):
    write_version(head, 1)

    kill_at(first, write_version, head, 2)
    kill_at(second, write_version, head, 3)

    assert whole_version(head) in (1, 2, 3)


@pytest.mark.parametrize("n_replaced", range(6))
def test_write_document__stopped_at_any_moment__leaves_the_old_folder_or_the_new_one(
    head, monkeypatch, n_replaced
):
    write_version(head, 1)
    original, calls = Path.replace, itertools.count()

    def stop(self, target):
        if next(calls) == n_replaced:
            raise SystemExit
        return original(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        with contextlib.suppress(SystemExit):
            write_version(head, 2)

    assert whole_version(head) == (2 if n_replaced > 2 else 1)
    write_version(head, 3)
    assert sorted(path.name for path in head.parent.iterdir()) == ["a.bin", "b.bin", "head.json"]


@pytest.mark.parametrize("name", ["../a.bin", "/dev/zero", "x/../a.bin", "."])
def test_document__that_names_a_file_outside_its_folder__is_refused(head, name):
    head.write_text(json.dumps(sealed({}, {name: "00"})))

    with pytest.raises(DataError, match=r"head\.json is damaged .*outside its folder"):
        read_document(head, "x/1", REMEDY)


@given(data=st.data())
def test_document__any_change_of_its_text__is_refused_or_changes_no_value(data):
    document = sealed(VALUES, {"a.bin": "00"})
    text = json.dumps(document).encode()
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    change = data.draw(st.one_of(st.binary(max_size=40), st.sampled_from([b"1", b"9", b'"'])))

    try:
        result = unsealed(json.loads(text[:start] + change + text[end:]))
    except (ValueError, AttributeError):
        return

    assert result == unsealed(document)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "3", "{", '{"proof": 3}', '{"proof": {}}', "[" * 200_000, "1" * 5_000],
    ids=lambda text: text[:12],
)
def test_document__that_is_none__is_refused_by_its_name(head, text):
    head.write_text(text)

    with pytest.raises(DataError, match=r"head\.json is damaged .*restore it from a copy"):
        read_document(head, "x/1", REMEDY)


@pytest.mark.parametrize("document", [{}, {"schema": "x/0"}, sealed({"schema": "x/2"})])
def test_document__of_another_schema__says_upgrade(head, document):
    head.write_text(json.dumps(document))

    with pytest.raises(IncompatibleArtifact, match=r"expected schema 'x/1', found .*upgrade"):
        read_document(head, "x/1", REMEDY)


def test_document__that_lost_its_proof__is_damaged(document):
    values = json.loads(document.read_bytes())
    del values["proof"]
    document.write_text(json.dumps(values))

    with pytest.raises(DataError, match=r"head\.json is damaged .*lacks its SHA-256"):
        read_document(document, "x/1", REMEDY)


def test_document__with_a_number_that_is_none__is_not_written(document):
    before = document.read_bytes()

    with pytest.raises(ValueError, match="JSON compliant"):
        write_document(document, {"loss": float("nan")})

    assert document.read_bytes() == before
