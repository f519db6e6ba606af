from __future__ import annotations

import hashlib

import pytest

from metaadapter.images import UnreadableImage, content_hash


def test_content_hash__large_file__equals_the_hash_of_its_bytes(tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "a.jpg").write_bytes(content)

    assert content_hash(tmp_path / "a.jpg") == hashlib.sha256(content).hexdigest()


def test_content_hash__missing_file__is_unreadable(tmp_path):
    with pytest.raises(UnreadableImage, match="there is no such file"):
        content_hash(tmp_path / "a.jpg")
