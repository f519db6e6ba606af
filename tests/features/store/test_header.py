from __future__ import annotations

import errno

import pytest

from metaadapter.errors import DataError
from metaadapter.features.store.header import hold_folder


def test_hold__folder_of_other_files__names_some_and_adds_nothing(tmp_path):
    for name in ("d.txt", "a.txt", "c.txt", "b.txt"):
        (tmp_path / name).touch()

    message = r"holds other files \(a\.txt, b\.txt, c\.txt …\) and no feature store; give --out an"
    with pytest.raises(DataError, match=message), hold_folder(tmp_path):
        pass

    assert not (tmp_path / ".lock").exists()


def test_hold__folder_of_another_user__asks_for_the_permission(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", fail)

    message = (
        rf"cannot lock the feature store {tmp_path}: Permission denied; correct .* permissions"
    )
    with pytest.raises(DataError, match=message), hold_folder(tmp_path):
        pass
