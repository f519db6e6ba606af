"""The history of a project: what was shown as saved is there, and damage is named and repaired."""

from __future__ import annotations

import datetime
import json
import sqlite3
from contextlib import closing

import pytest

from metaadapter.apps.page import history as module
from metaadapter.apps.page.changes import add_classes, add_pictures, label_pictures
from metaadapter.apps.page.contents import Edit, Origin
from metaadapter.apps.page.history import DamagedHistory, History, read_contents, repair
from metaadapter.errors import DataError
from tests.apps.page.conftest import entries_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.db"


def entries(contents):
    return dict(contents.classes), dict(contents.pictures)


@pytest.fixture
def opened(path):
    """Opens the history, and closes the one that was open before."""
    histories = []

    def open_(*, is_new=False):
        while histories:
            histories.pop().close()
        histories.append(History(path, is_new=is_new))
        return histories[0]

    yield open_
    while histories:
        histories.pop().close()


@pytest.fixture
def history(opened):
    """A history of two classes and two pictures, one of them with a class."""
    history = opened(is_new=True)
    history.make(Edit("classes", add_classes(history.contents, {"a": "fox", "b": "lynx"})))
    pictures = add_pictures(history.contents, entries_of({"1": "1", "2": "2"}), {"1": ("a",)})
    history.make(Edit("pictures", pictures))
    return history


def records(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        return list(connection.execute("SELECT kind, value FROM records"))


def label(history, name="b"):
    history.make(Edit(f"to {name}", label_pictures(history.contents, {"2": (name,)})))


def test_edits_undos_and_redos__are_saved_with_who_made_them(history, opened, path):
    label(history)
    assert history.undo(Origin(by="Anna", at="now", key="k")).message == "to b"
    before = list(history.contents.steps)
    history = opened()
    assert list(history.contents.steps) == before
    assert "k" in history.contents.keys
    assert history.contents.pictures["2"].labels == ()
    assert history.redo(Origin()).message == "to b"

    assert read_contents(path).pictures["2"].labels == ("b",)


def test_drop__is_one_edit_after_a_restart_in_the_middle_too(history, opened, path):
    before = entries(history.contents)
    for number in range(4):
        history = opened() if number == 2 else history
        new = {f"{number}a": "", f"{number}b": ""}
        changes = add_pictures(history.contents, entries_of(new), {})
        history.make(Edit("", (), "added-pictures", drop="drop").adding(changes))
    after = entries(history.contents)
    assert [edit.message for edit in opened().contents.done][2:] == ["Added 8 pictures"]

    history = opened()
    history.undo(Origin())
    assert entries(history.contents) == entries(read_contents(path)) == before
    history.redo(Origin())
    assert entries(opened().contents) == after


def test_records__can_be_read_with_any_sqlite_browser(history, path):
    label(history)
    history.close()

    kinds, values = zip(*records(path), strict=True)

    assert kinds == ("head", "edit", "edit", "edit")
    last = json.loads(values[-1])
    assert (last["said"], last["entries"]["picture"]["2"]["labels"]) == ("to b", ["b"])


def test_full_disk__makes_no_edit_and_loses_none(history, path, monkeypatch):
    before = entries(history.contents)

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.Database, "append", fail)
        with pytest.raises(DataError, match=r"No space left.*This edit was not made"):
            label(history)
    assert not history.saved
    assert entries(history.contents) == entries(read_contents(path)) == before

    label(history)
    assert history.saved
    assert read_contents(path).pictures["2"].labels == ("b",)


def changed_value(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE records SET value = replace(value, 'to b', 'to c')")


def lost_record(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM records WHERE number = 3")


def zeroed(path):
    path.write_bytes(bytes(path.stat().st_size))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "a changed value": changed_value,
    "a lost record": lost_record,
    "zeroed": zeroed,
    "cut": cut,
    "emptied": lambda path: path.write_bytes(b""),
    "removed": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_history__is_named_and_stays_as_it_is_until_it_is_repaired(history, path, damage):
    label(history)
    history.close()
    DAMAGES[damage](path)
    size = path.stat().st_size if path.exists() else None

    for read in (lambda path: History(path, is_new=False), read_contents):
        with pytest.raises(DataError, match=r"history\.db"):
            read(path)
    with pytest.raises(DamagedHistory):
        History(path, is_new=False)
    # Opening may note in the file who has it open.
    assert (path.stat().st_size if path.exists() else None) == size

    repair(path)

    assert size is None or (path.parent / "leftovers" / path.name).stat().st_size == size
    history = History(path, is_new=False) if read_contents_count(path) else None
    if damage in ("a changed value", "a lost record"):
        assert set(history.contents.pictures) == {"1", "2"}
        assert history.contents.pictures["2"].labels == ()
        label(history)
        assert read_contents(path).pictures["2"].labels == ("b",)
    if history:
        history.close()


def read_contents_count(path):
    return len(read_contents(path).classes)


def test_copies__of_five_days_are_kept_and_the_best_one_repairs_a_lost_file(
    history, opened, path, monkeypatch
):
    class Day(datetime.date):
        now = datetime.date(2026, 1, 1)

        @classmethod
        def today(cls):
            return cls.now

    monkeypatch.setattr(module, "date", Day)
    for number in range(7):
        Day.now = datetime.date(2026, 1, 1 + number)
        label(history, "ab"[number % 2])
    before = entries(history.contents)
    Day.now = datetime.date(2026, 1, 8)
    opened().close()
    copies = [copy.stem for copy in sorted((path.parent / "copies").iterdir())]
    path.unlink()

    note = repair(path)

    assert copies == [f"2026-01-0{number}" for number in range(4, 9)]
    assert note == "the edits are those of the copy of 2026-01-08"
    assert entries(read_contents(path)) == before
    assert len(opened().contents.done) == 9
