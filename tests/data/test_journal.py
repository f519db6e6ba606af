"""A journal keeps every whole record, whatever happens to the process or to the drive."""

from __future__ import annotations

import errno
import os

import pytest

from metaadapter.data.journal import Journal


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


def test_journal__cut_off_anywhere__goes_on_after_the_last_whole_record(path):
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        journal, numbers = read(path)
        # A record counts without its line end, once its last bracket is there.
        assert numbers == [0, 1, 2][: whole[:end].count(b"}")]
        journal.append({"number": 7})
        assert read(path, remedy="restore it")[1] == [*numbers, 7]


def test_damaged_line__without_a_remedy__ends_what_is_read_and_is_replaced(path):
    path.write_bytes(path.read_bytes().replace(b"1}", b"?}"))

    journal, numbers = read(path)
    journal.append({"number": 7})

    assert numbers == [0]
    assert read(path, remedy="restore it")[1] == [0, 7]


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
