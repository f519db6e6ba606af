from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from metaadapter.data.decode import content_hash
from metaadapter.data.inputs import UnreadableImage


def test_content_hash__large_file__equals_the_hash_of_its_bytes(tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "a.jpg").write_bytes(content)

    assert content_hash(tmp_path / "a.jpg") == hashlib.sha256(content).hexdigest()


def test_content_hash__missing_file__is_unreadable(tmp_path):
    with pytest.raises(UnreadableImage, match="there is no such file"):
        content_hash(tmp_path / "a.jpg")


def test_content_hash__bytes_and_files__have_the_hash_of_their_path(tmp_path):
    Image.new("RGB", (4, 3), "red").save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()

    assert content_hash(content) == content_hash(tmp_path / "a.png")
    assert content_hash(io.BytesIO(content)) == content_hash(tmp_path / "a.png")


def test_content_hash__open_pictures_and_arrays__have_that_of_their_pixels(tmp_path):
    red = Image.new("RGB", (4, 3), "red")
    red.save(tmp_path / "a.png")

    opened = content_hash(Image.open(tmp_path / "a.png"))

    assert opened == content_hash(red) == content_hash(np.array(red))
    assert opened != content_hash(tmp_path / "a.png")
    assert opened != content_hash(red.resize((3, 4)))
    assert opened != content_hash(Image.new("RGB", (4, 3), "blue"))
