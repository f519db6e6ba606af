"""A journal keeps every whole record, whatever happens to the process or to the drive."""

from __future__ import annotations

import errno
import os

import pytest

from metaadapter.data.journal import Journal
from metaadapter.errors import DataError


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "records.jsonl"
    for number in range(3):
        journal, _ = read(path)
        journal.append({"number": number})
    return path


def read(path, head=None, remedy=None):
    journal, numbers = Journal(path, head), []
    journal.read(lambda values: numbers.append(values["number"]), remedy)
    return journal, numbers


def test_journal__that_is_missing__has_no_records(tmp_path):
    assert read(tmp_path / "none.jsonl")[1] == []


def test_journal__cut_off_anywhere__goes_on_after_the_last_whole_record(path):
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        journal, numbers = read(path)
        # A record counts without its line end, once its last bracket is there.
        assert numbers == [0, 1, 2][: whole[:end].count(b"}")]
        journal.append({"number": 7})
        assert read(path, remedy="restore it")[1] == [*numbers, 7]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [(b"1}", b"?}", ".*"), (b'"number": 1', b'"figure": 1', "it lacks 'number'")],
    ids=["no JSON", "a record of another kind"],
)
def test_damaged_line__is_named_with_its_remedy(path, old, new, reason):
    path.write_bytes(path.read_bytes().replace(old, new))

    message = rf"line 2 of .*records\.jsonl is damaged \({reason}\); restore"
    with pytest.raises(DataError, match=message):
        read(path, remedy="restore it")


def test_damaged_line__without_a_remedy__ends_what_is_read_and_is_replaced(path):
    path.write_bytes(path.read_bytes().replace(b"1}", b"?}"))

    journal, numbers = read(path)
    journal.append({"number": 7})

    assert numbers == [0]
    assert read(path, remedy="restore it")[1] == [0, 7]


@pytest.mark.parametrize(
    ("head", "before", "after"),
    [({"of": "a"}, [1], [1, 2]), ({"of": "b"}, [], [2])],
    ids=["the same records", "other records"],
)
def test_head__of_other_records__leaves_them_out_and_replaces_them(tmp_path, head, before, after):
    path = tmp_path / "records.jsonl"
    read(path, head={"of": "a"})[0].append({"number": 1})

    journal, numbers = read(path, head=head, remedy="restore it")
    journal.append({"number": 2})

    assert numbers == before
    assert read(path, head=head)[1] == after
    assert read(path, head={"of": "a"})[1] == (after if head == {"of": "a"} else [])


@pytest.mark.parametrize("can_truncate", [True, False])
def test_full_disk__in_the_middle_of_a_line__loses_no_record(path, monkeypatch, can_truncate):
    write = os.write

    def write_half(file, content):
        write(file, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    journal, _ = read(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_half)
        if not can_truncate:
            patch.setattr(os, "truncate", lambda *_: None)
        with pytest.raises(OSError, match="No space left"):
            journal.append({"number": 3})
    assert read(path, remedy="restore it")[1] == [0, 1, 2]

    journal.append({"number": 4})
    assert read(path, remedy="restore it")[1] == [0, 1, 2, 4]


@pytest.mark.parametrize("change", ["removed", "grown", "shorter"])
def test_file__changed_by_another_program__is_not_written_to(path, change):
    journal, _ = read(path)
    content = path.read_bytes()
    if change == "removed":
        path.unlink()
    else:
        path.write_bytes(content + b"{}\n" if change == "grown" else content[:-17])
    left = path.read_bytes() if path.exists() else None

    with pytest.raises(DataError, match=r"another program has changed.*records\.jsonl"):
        journal.append({"number": 3})
    assert (path.read_bytes() if path.exists() else None) == left


def test_copy__put_in_the_place_of_the_file__takes_the_next_record(path):
    journal, _ = read(path)
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)

    assert not journal.is_current()
    journal.append({"number": 3})

    assert journal.is_current()
    assert read(path)[1] == [0, 1, 2, 3]


def test_replace__has_the_given_records_alone_and_goes_on_after_them(path):
    journal, _ = read(path)
    journal.replace([{"number": 8}])
    journal.append({"number": 9})

    assert read(path, remedy="restore it")[1] == [8, 9]


def test_link__in_the_place_of_a_journal__is_not_written_through(path, tmp_path):
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)

    for write in (
        Journal(link).prepare,
        lambda: Journal(link).append({}),
        lambda: Journal(link).replace([]),
    ):
        with pytest.raises(DataError, match="is a link"):
            write()
    assert read(path)[1] == [0, 1, 2]


def test_folder__in_the_place_of_a_journal__is_told(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*: it is a folder"):
        read(tmp_path)
