from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.data.checksums import read_document, sealed, unsealed, write_document
from metaadapter.errors import DataError, IncompatibleArtifact

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
    with pytest.raises(DataError, match=r"head\.json does not know the file b\.bin"):
        getattr(result, how)("b.bin")


@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("second", range(8))
def test_write_document__killed_twice__leaves_one_whole_folder(
    tmp_path, monkeypatch, first, second
):
    path = tmp_path / "head.json"
    write_document(path, {"schema": "x/1", "version": 1}, {"a.bin": b"1", "b.bin": b"1"})

    for version, dies_at in ((2, first), (3, second)):
        process = multiprocessing.get_context("fork").Process(
            target=write_and_die, args=(path, version, dies_at)
        )
        process.start()
        process.join()

    values, result = read_document(path, "x/1", REMEDY)
    version = str(values["version"]).encode()
    assert (result.read("a.bin"), result.read("b.bin")) == (version, version)


def write_and_die(path, version, dies_at):
    """Write a document; be killed at one of the moments at which a file gets its name."""
    original, calls = Path.replace, itertools.count()

    def killed(self, target):
        if next(calls) == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, target)

    Path.replace = killed
    content = str(version).encode()
    write_document(
        path, {"schema": "x/1", "version": version}, {"a.bin": content, "b.bin": content}
    )


@pytest.mark.parametrize("n_replaced", range(6))
def test_write_document__stopped_at_any_moment__leaves_the_old_folder_or_the_new_one(
    tmp_path, monkeypatch, n_replaced
):
    path = tmp_path / "head.json"
    write_document(path, {"schema": "x/1", "version": 1}, {"a.bin": b"one", "b.bin": b"one"})
    original, calls = Path.replace, iter(range(100))

    def killed(self, target):
        if next(calls) == n_replaced:
            raise SystemExit
        return original(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with contextlib.suppress(SystemExit):
            write_document(
                path, {"schema": "x/1", "version": 2}, {"a.bin": b"two", "b.bin": b"two"}
            )

    values, result = read_document(path, "x/1", REMEDY)
    contents = {result.read("a.bin"), result.read("b.bin")}
    assert (values["version"], contents) == ((2, {b"two"}) if n_replaced > 2 else (1, {b"one"}))

    write_document(path, {"schema": "x/1", "version": 3}, {"a.bin": b"three", "b.bin": b"three"})
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.bin", "b.bin", "head.json"]


@pytest.mark.parametrize("name", ["../a.bin", "/dev/zero", "x/../a.bin", "."])
def test_document__that_names_a_file_outside_its_folder__is_refused(head, name):
    head.write_text(json.dumps(sealed({}, {name: "00"})))

    with pytest.raises(DataError, match=r"head\.json is damaged .*outside its folder"):
        read_document(head, "x/1", REMEDY)


@pytest.mark.parametrize("files", [None, 3, ["a.bin"]])
def test_document__sealed_without_a_table_of_files__is_refused(head, files):
    document = {"schema": "x/1", "proof": {"files": files}}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    document["proof"]["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    head.write_text(json.dumps(document))

    with pytest.raises(DataError, match="has no list of the files"):
        read_document(head, "x/1", REMEDY)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
def test_proof__fifo_in_the_place_of_a_file__is_refused_at_once(document):
    (document.parent / "a.bin").unlink()
    os.mkfifo(document.parent / "a.bin")
    _, result = read_document(document, "x/1", REMEDY)

    with pytest.raises(DataError, match=r"cannot read .*a\.bin: it is a pipe"):
        result.read("a.bin")


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


def test_document__of_an_earlier_version__has_no_proof_and_says_so(head):
    head.write_text('{"schema": "x/0"}')

    with pytest.warns(UserWarning, match=r"head\.json is of an earlier version: .* be checked"):
        result = read_document(head, "x/1", REMEDY, without_proof=("x/0",))

    assert result == ({"schema": "x/0"}, None)


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


def test_document__missing__is_refused_by_its_name(head):
    with pytest.raises(DataError, match=r"cannot read .*head\.json: No such file"):
        read_document(head, "x/1", REMEDY)


def test_document__with_a_number_that_is_none__is_not_written(document):
    before = document.read_bytes()

    with pytest.raises(ValueError, match="JSON compliant"):
        write_document(document, {"loss": float("nan")})

    assert document.read_bytes() == before
