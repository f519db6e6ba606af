from __future__ import annotations

import pytest

from metaadapter.errors import DataError
from metaadapter.features.encoded_pictures import is_store


def test_is_store__folders_of_any_kind__are_told_apart(encode, pictures, tmp_path):
    encode()

    assert is_store(tmp_path / "store")
    assert not is_store(pictures)
    assert not is_store(tmp_path / "nowhere")


@pytest.mark.parametrize("other", [None, "folder"])
def test_is_store__store_without_its_header__is_named_with_the_missing_file(
    encode, tmp_path, other
):
    encode()
    header = tmp_path / "store" / "store.json"
    header.unlink()
    if other:
        header.mkdir()

    with pytest.raises(
        DataError, match=rf"{header} is missing, or no file.*restore it from a copy"
    ):
        is_store(tmp_path / "store")
