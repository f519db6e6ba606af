"""The history of a project: what was shown as saved is there after any kill."""

from __future__ import annotations

import errno
import hashlib
import json
import os

import pytest

from metaadapter.apps.advice.kinds import Advice
from metaadapter.apps.page import history as module
from metaadapter.apps.page.chain import Chain
from metaadapter.apps.page.changes import add_classes, add_pictures, label_pictures
from metaadapter.apps.page.contents import Origin
from metaadapter.apps.page.history import History, read_contents
from metaadapter.apps.page.settled_advice import settle
from metaadapter.errors import DataError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.jsonl"


def entries(contents):
    return dict(contents.classes), dict(contents.pictures)


@pytest.fixture
def history(path):
    """A history of two classes and two pictures, one of them with a class."""
    history = History(path)
    history.make("classes", add_classes(history.contents, {"a": "fox", "b": "lynx"}))
    history.make("pictures", add_pictures(history.contents, {"1": "1", "2": "2"}, {"1": "a"}))
    return history


def label(history, name="b"):
    history.make(f"to {name}", label_pictures(history.contents, {"2": name}))


def test_history__cut_off_anywhere_in_its_last_line__has_all_edits_before(history, path):
    head = path.with_suffix(".json")
    before, size, head_before = entries(history.contents), path.stat().st_size, head.read_bytes()
    label(history)
    after = entries(history.contents)
    whole = path.read_bytes()

    head_after = head.read_bytes()

    head.write_bytes(head_before)  # a kill comes after the line and before its head
    for end in (*range(size, len(whole) - 1, 5), len(whole) - 2):
        path.write_bytes(whole[:end])
        assert entries(read_contents(path)) == before
    for state, end in ((head_before, -1), (head_after, -1), (head_before, None)):
        head.write_bytes(state)
        path.write_bytes(whole[:end])
        assert entries(read_contents(path)) == after


def test_history__reopened_after_a_cut__continues_after_the_last_whole_line(history, path):

    with path.open("ab") as file:
        file.write(b'{"edit": {"said": "half')

    history = History(path)
    label(history)

    assert read_contents(path).pictures["2"].label == "b"


def test_undo_and_redo__are_saved_too(history, path):

    assert history.undo().message == "pictures"
    history = History(path)
    assert history.contents.pictures == {}
    assert history.redo().message == "pictures"

    assert set(read_contents(path).pictures) == {"1", "2"}


@pytest.mark.parametrize("part", ["lynx", '"sha256"'])
@pytest.mark.usefixtures("history")
def test_line__changed_on_the_disk__is_named(path, part):

    path.write_text(path.read_text().replace(part, part[::-1], 1))

    with pytest.raises(DataError, match=r"line 1 of .*history\.jsonl is damaged .*; restore"):
        History(path)


def test_full_disk__within_a_line__makes_no_edit_and_loses_none(history, path, monkeypatch):
    write = os.write

    def write_half(file, content):
        write(file, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    before = entries(history.contents)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_half)
        with pytest.raises(DataError, match=r"No space left.*This edit was not made"):
            label(history)
    assert not history.saved
    assert entries(history.contents) == entries(read_contents(path)) == before

    label(history)
    assert history.saved
    assert read_contents(path).pictures["2"].label == "b"


def test_long_history__is_shortened_and_keeps_the_latest_undos(history, path, monkeypatch):

    for name in ("b", "a") * 20:
        label(history, name)
    history.undo()
    history.undo()
    before = entries(history.contents)
    size = path.stat().st_size
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    monkeypatch.setattr(module, "KEPT_EDITS", 5)

    history = History(path)
    assert path.stat().st_size < size / 2
    assert entries(history.contents) == before
    assert [history.redo().message, history.redo().message] == ["to b", "to a"]
    assert [history.undo().message for _ in range(4)] == ["to a", "to b", "to a", "to b"]
    assert len(history.contents.done) == 3
    assert set(read_contents(path).pictures) == {"1", "2"}


def test_shortened_history__keeps_settled_advice_and_pictures_of_none(history, path, monkeypatch):
    piece = Advice("stranger", "It looks like none.", ("a",), ("1",), "stranger", {"name": "fox"})
    history.make("settled", settle(history.contents, piece, "none"))
    label(history)
    monkeypatch.setattr(module, "MAX_BYTES", 1)
    monkeypatch.setattr(module, "KEPT_EDITS", 1)

    contents = History(path).contents

    assert contents.pictures["1"].label == "none"
    assert contents.settled == history.contents.settled == read_contents(path).settled
    assert [entry.action for entry in contents.settled.values()] == ["none"]


def test_failing_drive__that_keeps_half_a_line__spoils_no_later_edit(history, path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        patch.setattr(os, "truncate", lambda *_: None)
        with pytest.raises(DataError, match="Input/output error"):
            history.undo()
    label(history)
    now = entries(history.contents)

    assert entries(read_contents(path)) == now


def lines(path):
    return path.read_bytes().splitlines(keepends=True)


DAMAGES = {
    "the last line lost": lambda content: b"".join(content[:-1]),
    "a line lost": lambda content: b"".join([*content[:1], *content[2:]]),
    "the first line lost": lambda content: b"".join(content[1:]),
    "lines swapped": lambda content: b"".join([content[1], content[0], *content[2:]]),
    "a line doubled": lambda content: b"".join([*content, content[-1]]),
    "cut within a line": lambda content: b"".join(content)[:-20],
    "zeroed": lambda content: bytes(len(b"".join(content))),
    "its end zeroed": lambda content: b"".join(content[:-1]) + bytes(len(content[-1])),
    "emptied": lambda _: b"",
    "removed": lambda _: None,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_history__shorter_or_in_another_order__is_named_and_stays_as_it_is(history, path, damage):
    label(history)
    left = DAMAGES[damage](lines(path))
    path.unlink()
    if left is not None:
        path.write_bytes(left)

    for read in (History, read_contents):
        with pytest.raises(DataError, match=r"history\.jsonl .*; restore both files"):
            read(path)
    assert (path.read_bytes() if path.exists() else None) == left


@pytest.mark.parametrize("shortened", [False, True])
def test_history__older_than_its_head__is_named(history, path, shortened, monkeypatch):
    older = path.read_bytes()
    if shortened:
        monkeypatch.setattr(module, "MAX_BYTES", 1)
        history = History(path)
        older = path.read_bytes()
    label(history)
    path.write_bytes(older)

    with pytest.raises(DataError, match=r"history\.jsonl .*; restore both files"):
        History(path)


def test_history__of_another_project__is_named(history, path, tmp_path):
    (tmp_path / "other").mkdir()
    other = History(tmp_path / "other" / path.name)
    for name in ("a", "b", "c", "d"):
        other.make(name, add_classes(other.contents, {name: name}))
    path.write_bytes((tmp_path / "other" / path.name).read_bytes())

    with pytest.raises(DataError, match=r"it is another history; restore both"):
        History(path)


def test_kill__between_a_shortened_history_and_its_head__is_no_damage(history, path, monkeypatch):
    for name in ("b", "a") * 5:
        label(history, name)
    before = entries(history.contents)
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    monkeypatch.setattr(module, "KEPT_EDITS", 3)
    with monkeypatch.context() as patch:
        patch.setattr(Chain, "_write_head", lambda *_, **__: None)
        History(path)

    assert entries(read_contents(path)) == entries(History(path).contents) == before


def test_full_disk__within_the_head__makes_no_edit(history, path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    before, size = entries(history.contents), path.stat().st_size
    with monkeypatch.context() as patch:
        patch.setattr(Chain, "_write_head", fail)
        with pytest.raises(DataError, match=r"No space left.*This edit was not made"):
            label(history)
    assert path.stat().st_size == size
    label(history)
    label(history, "a")

    assert entries(read_contents(path)) == entries(history.contents) != before


@pytest.mark.parametrize("head", ["removed", "damaged"])
def test_history__without_its_head__keeps_what_is_whole_and_loses_no_byte(history, path, head):
    label(history)
    content = lines(path)
    damaged = b"".join([*content[:2], content[2].replace(b"to b", b"to c")])
    path.write_bytes(damaged)
    if head == "damaged":
        path.with_suffix(".json").write_bytes(b"{")
        with pytest.raises(
            DataError, match=r"history\.json .*restore it from a copy, or remove it"
        ):
            History(path)
    path.with_suffix(".json").unlink()  # as the message says

    history = History(path)

    assert history.contents.pictures["2"].label is None
    assert (path.parent / "leftovers" / path.name).read_bytes() == damaged
    label(history)
    assert read_contents(path).pictures["2"].label == "b"


def test_chain__is_that_of_plain_hashes(history, path):
    previous = ""
    for line in lines(path):
        document = json.loads(line)
        assert document["previous"] == previous
        previous = document["proof"].pop("sha256")
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == previous

    head = json.loads(path.with_suffix(".json").read_text())
    assert (head["lines"], head["last"]) == (2, previous)


def test_copy__put_in_the_place_of_the_file__takes_the_next_edits(history, path):
    copy = path.with_name("copy")
    for name in ("b", "a"):
        copy.write_bytes(path.read_bytes())
        copy.replace(path)
        label(history, name)

    assert entries(read_contents(path)) == entries(history.contents)


def test_head__of_many_edits__stays_of_one_size_and_one_file(history, path):
    head = path.with_suffix(".json")
    before = head.stat()
    for name in ("b", "a") * 60:
        label(history, name)

    after = head.stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
    assert json.loads(head.read_text())["lines"] == 122
    assert entries(read_contents(path)) == entries(history.contents)


@pytest.mark.parametrize("change", ["removed", "a link", "shorter"])
def test_head__changed_while_it_is_open__is_written_anew(history, path, change):
    head, elsewhere = path.with_suffix(".json"), path.with_name("elsewhere")
    elsewhere.write_bytes(content := head.read_bytes())
    head.unlink()
    if change == "shorter":
        head.write_bytes(b"{}")
    if change == "a link":
        head.symlink_to(elsewhere)
    label(history)

    assert not head.is_symlink()
    assert elsewhere.read_bytes() == content
    assert entries(read_contents(path)) == entries(history.contents)


@pytest.mark.parametrize("change", ["removed", "older", "damaged", "a link"])
def test_file__changed_while_it_is_open__makes_no_edit(history, path, change):
    older = path.read_bytes()
    label(history)
    before, content = entries(history.contents), path.read_bytes()
    path.unlink()
    other = path.with_name("other")
    other.write_bytes(content)
    if change == "a link":
        path.symlink_to(other)
    elif change != "removed":
        path.write_bytes(older if change == "older" else content.replace(b"fox", b"fix"))

    with pytest.raises(DataError, match=r"history\.jsonl"):
        label(history, "a")

    assert not history.saved
    assert entries(history.contents) == before
    assert other.read_bytes() == content


def test_shortened_history__keeps_who_did_what_and_the_keys(history, path, monkeypatch):
    for number in range(8):
        origin = Origin(by=f"person {number}", at="now", key=f"key-{number}")
        changes = label_pictures(history.contents, {"2": "ab"[number % 2]})
        history.make(f"to {number}", changes, origin)
    history.undo(Origin(by="Anna", key="undo-1"))
    monkeypatch.setattr(module, "MAX_BYTES", 1)
    monkeypatch.setattr(module, "KEPT_EDITS", 5)

    History(path)  # shortens it
    past = History(path).past

    assert [edit.origin.by for edit in past.contents.done] == [f"person {n}" for n in range(2, 7)]
    assert past.contents.undone[0].origin.key == "key-7"
    assert "undo-1" in past.keys
    assert "key-4" in past.keys
