from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from metaadapter.data.inputs import UnreadableImage, open_readable
from metaadapter.errors import DataError


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


def test_unreadable_image__is_a_data_error_that_names_file_and_reason_and_can_be_pickled():
    error = UnreadableImage(Path("fox/1.jpg"), "the file is empty")
    copy = pickle.loads(pickle.dumps(error))

    assert isinstance(error, DataError)
    assert str(error) == f"cannot read {Path('fox/1.jpg')}: the file is empty"
    assert (copy.path, copy.reason, str(copy)) == (error.path, error.reason, str(error))
