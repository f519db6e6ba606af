from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest

from metaadapter.data.inputs import UnreadableImage, open_readable
from metaadapter.errors import DataError


def test_open_readable__a_file__gives_its_bytes(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"abc")

    with open_readable(tmp_path / "a.jpg") as file:
        assert file.read() == b"abc"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.jpg", "there is no such file"),
        ("nul\0.jpg", "there is no such file"),
        ("", "it is a folder"),
        ("pipe.jpg", "a device"),  # and does not wait
    ],
)
def test_open_readable__no_file__says_so(tmp_path, name, message):
    os.mkfifo(tmp_path / "pipe.jpg")

    with pytest.raises(UnreadableImage, match=message), open_readable(tmp_path / name):
        pass


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "no permission to read it"),
        (OSError(errno.EIO, "Input/output error"), "input/output error"),
    ],
)
def test_open_readable__system_refuses__gives_the_reason(tmp_path, monkeypatch, error, reason):
    def refuse(*args):
        raise error

    (tmp_path / "a.jpg").write_bytes(b"abc")
    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(UnreadableImage) as caught, open_readable(tmp_path / "a.jpg"):
        pass

    assert caught.value.reason == reason


def test_unreadable_image__is_a_data_error_that_names_file_and_reason_and_can_be_pickled():
    error = UnreadableImage(Path("fox/1.jpg"), "the file is empty")
    copy = pickle.loads(pickle.dumps(error))

    assert isinstance(error, DataError)
    assert str(error) == f"cannot read {Path('fox/1.jpg')}: the file is empty"
    assert (copy.path, copy.reason, str(copy)) == (error.path, error.reason, str(error))
