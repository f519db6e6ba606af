from __future__ import annotations

import errno
import sys

import pytest

from metaadapter.errors import DataError
from metaadapter.features.store.header import hold_folder

needs_flock = pytest.mark.skipif(sys.platform == "win32", reason="has no flock")


def test_hold__new_folder__is_made_and_free_again_afterwards(tmp_path):
    with hold_folder(tmp_path / "a/store"):
        pass

    with hold_folder(tmp_path / "a/store"):
        assert [path.name for path in (tmp_path / "a/store").iterdir()] == [".lock"]


def test_hold__folder_with_hidden_files_only__counts_as_empty(tmp_path):
    (tmp_path / ".DS_Store").touch()

    with hold_folder(tmp_path):
        assert (tmp_path / ".lock").exists()


def test_hold__folder_of_other_files__names_some_and_adds_nothing(tmp_path):
    for name in ("d.txt", "a.txt", "c.txt", "b.txt"):
        (tmp_path / name).touch()

    message = r"holds other files \(a\.txt, b\.txt, c\.txt …\) and no feature store; give --out an"
    with pytest.raises(DataError, match=message), hold_folder(tmp_path):
        pass

    assert not (tmp_path / ".lock").exists()


def test_hold__folder_of_a_store__may_hold_other_files(tmp_path):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "store.json").touch()

    with hold_folder(tmp_path):
        assert (tmp_path / "notes.txt").exists()


@pytest.mark.parametrize("file", ["notes.txt", "adapter_config.json", "history.jsonl"])
def test_hold__lock_of_another_folder__is_no_mark_of_a_store(tmp_path, file):
    (tmp_path / file).touch()
    (tmp_path / ".lock").touch()

    with pytest.raises(DataError, match="holds other files"), hold_folder(tmp_path):
        pass


def test_hold__document_of_another_program__is_no_mark_of_a_store(tmp_path):
    (tmp_path / "store.json").write_text('{"schema": "shop/1", "address": "Main Street 1"}')

    with pytest.raises(DataError, match="holds other files"), hold_folder(tmp_path):
        pass


def test_hold__files_of_a_first_run_that_was_killed__are_taken_over(tmp_path):
    for name in (".lock", "features-0001.npy", "rows-0001.npz.tmp"):
        (tmp_path / name).touch()

    with hold_folder(tmp_path):
        assert (tmp_path / ".lock").exists()


def test_hold__lock_file_that_cannot_be_opened__names_the_store(tmp_path):
    (tmp_path / ".lock").mkdir()

    message = (
        rf"cannot lock the feature store {tmp_path}: .*choose another --out, or correct the lock "
        rf"{tmp_path / '.lock'}, which should be a file"
    )
    with pytest.raises(DataError, match=message), hold_folder(tmp_path):
        pass


@needs_flock
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_hold__drive_without_locks__warns_and_goes_on(tmp_path, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)

    message = r"cannot lock files \(No locks available\); take care that no other run writes"
    with pytest.warns(UserWarning, match=message), hold_folder(tmp_path):
        assert (tmp_path / ".lock").exists()


@needs_flock
def test_hold__lock_fails_otherwise__is_an_error_that_names_the_store(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("fcntl.flock", fail)

    message = rf"cannot lock the feature store {tmp_path}: Input/output error; choose another --out"
    with pytest.raises(DataError, match=message), hold_folder(tmp_path):
        pass


def test_hold__folder_of_another_user__asks_for_the_permission(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", fail)

    message = rf"cannot write to the feature store {tmp_path}: .*; ask the owner of {tmp_path} for"
    with pytest.raises(DataError, match=message), hold_folder(tmp_path):
        pass
