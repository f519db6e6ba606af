from __future__ import annotations

import pickle
from pathlib import Path

from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import DataError


def test_unreadable_image__is_a_data_error_that_names_file_and_reason_and_can_be_pickled():
    error = UnreadableImage(Path("fox/1.jpg"), "the file is empty")
    copy = pickle.loads(pickle.dumps(error))

    assert isinstance(error, DataError)
    assert str(error) == f"cannot read {Path('fox/1.jpg')}: the file is empty"
    assert (copy.path, copy.reason, str(copy)) == (error.path, error.reason, str(error))
