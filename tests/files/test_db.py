"""A database keeps what it says is kept, and finds what was changed or lost."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from metaadapter.errors import DataError, IncompatibleArtifact, MetaAdapterError
from metaadapter.files import db_connection
from metaadapter.files.db import Database
from metaadapter.files.db_connection import DamagedDatabase
from metaadapter.files.salvage import backup, check_database, repaired, salvage

PURPOSE = "the numbers of a test"
ITEMS = [("edit", f"k{number % 7}", {"number": number, "text": "é" * 40}) for number in range(60)]


@pytest.fixture
def path(tmp_path):
    with Database(tmp_path / "log.db", PURPOSE) as log:
        log.append(ITEMS)
    return tmp_path / "log.db"


def opened(path, **options):
    return Database(path, PURPOSE, **{"owner": "the log", **options})


def read(path, **options):
    with opened(path, writes=False, **options) as log:
        return [record[1:] for record in log.records()]


def change(path, command, *values):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(command, values)
        connection.commit()


def test_records__come_back_in_their_order__and_the_last_of_a_key_counts(path):
    with opened(path) as log:
        log.add("undo", "", None)
        assert [record.number for record in log.records()] == list(range(1, 62))
        assert [record.value for record in log.records("undo")] == [None]
        assert log.latest("edit") == {key: value for _, key, value in ITEMS}
    assert read(path) == [*ITEMS, ("undo", "", None)]


def test_missing_file__has_no_records__and_reading_does_not_create_it(tmp_path):
    assert read(tmp_path / "log.db") == []
    assert not (tmp_path / "log.db").exists()


def test_value_that_is_no_text__stays_exact(tmp_path):
    name = os.fsdecode(b"caf\xe9 \xff.jpg")
    with opened(tmp_path / "log.db") as log:
        log.add("input", "1", name)
    assert read(tmp_path / "log.db") == [("input", "1", name)]


def test_append__that_fails__adds_nothing_and_the_next_one_works(path):
    with opened(path) as log:
        with pytest.raises(ValueError, match="JSON"):
            log.append([("edit", "good", 1), ("edit", "bad", float("nan"))])
        log.add("edit", "next", 2)
    assert read(path) == [*ITEMS, ("edit", "next", 2)]


def test_truncate__leaves_a_whole_chain(path):
    with opened(path) as log:
        log.truncate(10)
        log.add("edit", "a", 1)
        log.verify()
    assert read(path) == [*ITEMS[:10], ("edit", "a", 1)]


def test_records_of_another_job__count_as_absent_and_are_replaced_by_the_next_record(tmp_path):
    path = tmp_path / "log.db"
    with opened(path, head={"job": "a"}) as log:
        log.add("row", "1", 1)
    with opened(path, head={"job": "b"}) as log:
        assert list(log.records()) == [] == list(log.latest("row"))
    with opened(path, head={"job": "a"}) as log:
        assert log.latest("row") == {"1": 1}
    with opened(path, head={"job": "b"}) as log:
        log.add("row", "2", 2)
        assert log.latest("row") == {"2": 2}
    with opened(path, head={"job": "a"}) as log:
        assert log.count == 0


KILLED = """
import sys, time
from pathlib import Path
from metaadapter.files.db import Database
with Database(Path(sys.argv[1]), "the numbers of a test") as log:
    print(log.count, flush=True)
    while True:
        log.append([("row", str(log.count + more), log.count) for more in range(3)])
        print(log.count, flush=True)
        time.sleep(0.005)
"""


def test_killed_writer__keeps_all_that_it_said_was_kept__in_whole_transactions(tmp_path):
    path, draw = tmp_path / "log.db", random.Random(0)
    count = 0
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True
        )
        said = [int(writer.stdout.readline()) for _ in range(draw.randrange(1, 20))]
        with pytest.raises(DataError, match=rf"to the log \(process {writer.pid} on .* since 20"):
            opened(path)
        os.kill(writer.pid, signal.SIGKILL)
        said += map(int, writer.communicate()[0].split())
        with opened(path) as log:
            log.verify()
            assert said[0] == count
            assert log.count >= said[-1]
            assert log.count % 3 == 0
            assert [record.value for record in log.records()] == [
                number // 3 * 3 for number in range(log.count)
            ]
            count = log.count


def test_reader__beside_a_writer__sees_the_records_of_its_beginning(path):
    with opened(path) as log, opened(path, writes=False) as reader:
        log_of_reader = reader.records()
        assert next(log_of_reader).number == 1
        assert len(list(log_of_reader)) == 59
        reader.close()
        log.add("edit", "a", 1)
        assert reader.count == 60
        assert len(read(path)) == 61


def test_reader__that_does_not_let_go__is_named_and_nothing_is_written(path, monkeypatch):
    monkeypatch.setattr(db_connection, "SECONDS", 0.05)
    with opened(path) as log:
        with closing(sqlite3.connect(path)) as browser:
            browser.execute("BEGIN")
            browser.execute("SELECT * FROM records").fetchone()
            with pytest.raises(DataError, match=r"another program reads .*log\.db"):
                log.add("edit", "a", 1)
        log.add("edit", "b", 2)
    assert read(path) == [*ITEMS, ("edit", "b", 2)]


@pytest.mark.parametrize(
    "content", [b"path,label\r\n" * 50, b"\0" * 4096, b"SQLite format 4\0" * 9]
)
def test_file_that_is_no_database__is_refused_and_stays(tmp_path, content):
    path = tmp_path / "log.db"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"log\.db is not an SQLite file"):
        repaired(path, PURPOSE)
    assert path.read_bytes() == content


def test_database_of_another_program__of_a_newer_version__or_purpose__is_refused(path):
    before = read(path)
    with pytest.raises(DataError, match=r"has the numbers of a test, not the edits; move it away"):
        Database(path, "the edits")
    change(path, "PRAGMA user_version = 2")
    with pytest.raises(IncompatibleArtifact, match=r"newer metaadapter \(version 2"):
        opened(path)
    change(path, "PRAGMA user_version = 1")
    change(path, "PRAGMA application_id = 7")
    with pytest.raises(DataError, match=r"another program \(its application_id is 7"):
        opened(path)
    change(path, f"PRAGMA application_id = {db_connection.APPLICATION}")
    assert read(path) == before


@pytest.mark.parametrize(
    ("command", "record"),
    [
        ("UPDATE records SET value = replace(value, '31', '13') WHERE number = 32", 32),
        ("UPDATE records SET kind = 'undo' WHERE number = 32", 32),
        ("UPDATE records SET key = 'k9' WHERE number = 32", 32),
        ("DELETE FROM records WHERE number = 32", 32),
        ("UPDATE records SET number = 99 WHERE number = 32", 32),
        ("DELETE FROM records WHERE number > 57", 58),
        ("DELETE FROM records WHERE number > 57; UPDATE state SET count = 57", 57),
        ("UPDATE state SET count = 59", 60),
    ],
)
def test_changed_or_lost_record__is_named__and_salvage_keeps_those_before_it(
    path, command, record, tmp_path
):
    for part in command.split(";"):
        change(path, part)

    with pytest.raises(DamagedDatabase, match=r"log\.db is damaged at record \d+ .*doctor"):
        read(path)

    n_kept = salvage(path, tmp_path / "saved.db")
    assert n_kept >= min(record - 1, 57)
    assert read(tmp_path / "saved.db") == ITEMS[:n_kept]
    assert check_database(path)[1]
    assert check_database(tmp_path / "saved.db")[1] == ""
    with repaired(path, PURPOSE) as log:
        assert [item[1:] for item in log.records()] == ITEMS[:n_kept]


def _require_named(path, error):
    assert str(path) in str(error), str(error)


def test_damage_anywhere__changes_no_value_in_silence__and_names_the_file(path):
    whole, draw = path.read_bytes(), random.Random(1)
    n_refused = 0
    for trial in range(60):
        content = bytearray(whole)
        if trial % 3 == 0:
            content = content[: draw.randrange(len(whole))]
        elif trial % 3 == 1:
            content[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        else:
            start = draw.randrange(len(whole))
            content[start : start + 512] = bytes(512)
        path.write_bytes(content)
        try:
            with opened(path, writes=False) as log:
                records = [record[1:] for record in log.records()]
        except MetaAdapterError as error:
            _require_named(path, error)
            n_refused += 1
        else:
            assert records in (ITEMS, [] if not content else ITEMS)
        try:
            with repaired(path, PURPOSE) as log:
                kept = [record[1:] for record in log.records()]
                log.add("edit", "a", 1)
                log.verify()
        except MetaAdapterError as error:
            _require_named(path, error)
        else:
            assert kept == ITEMS[: len(kept)]
    assert n_refused > 20


def test_backup__of_a_database_that_is_open__is_whole(path, tmp_path):
    with opened(path) as log:
        backup(path, tmp_path / "copy.db")
        log.add("edit", "a", 1)
        backup(path, tmp_path / "copy.db")
        assert read(tmp_path / "copy.db") == [*ITEMS, ("edit", "a", 1)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not replace an open file")
def test_file_that_was_replaced_while_it_was_open__is_not_written_to(path, tmp_path):
    with opened(path) as log:
        backup(path, tmp_path / "copy.db")
        (tmp_path / "copy.db").replace(path)
        with pytest.raises(DataError, match="moved, replaced or removed"):
            log.add("edit", "a", 1)
    assert read(path) == ITEMS


FULL = """
import resource, signal, sys
from pathlib import Path
from metaadapter.files.db import Database
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Database(Path(sys.argv[1]), "the numbers of a test") as log:
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    try:
        for number in range(1000):
            log.add("row", "", "x" * 1000)
    except OSError as error:
        print(type(error).__name__, error.errno, error.filename == sys.argv[1], number)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_full_drive__is_an_os_error__and_all_records_before_it_stay(tmp_path):
    path = tmp_path / "log.db"
    run = subprocess.run(
        [sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True
    )
    *error, number = run.stdout.split()
    assert error[0] == "OSError"
    assert error[2] == "True"
    with opened(path) as log:
        log.verify()
        assert log.count == int(number) > 10
