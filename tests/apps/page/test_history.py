"""The history of a project: what was shown as saved is there after any kill."""

from __future__ import annotations

import errno
import os

import pytest

from metaadapter.apps.page import history as module
from metaadapter.apps.page.changes import add_classes, add_pictures, label_pictures
from metaadapter.apps.page.history import History, read_contents
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


def lines(path):
    return path.read_bytes().splitlines(keepends=True)


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
