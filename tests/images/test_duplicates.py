from __future__ import annotations

import hashlib
import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from metaadapter.images import (
    ImageRow,
    UnreadableImage,
    content_hash,
    duplicates,
)
from metaadapter.images.duplicates import check_duplicates


@pytest.fixture
def make_row(tmp_path):
    numbers = itertools.count()

    def make(label, content):
        path = tmp_path / f"{next(numbers)}.jpg"
        path.write_bytes(content)
        return ImageRow(path, label)

    return make


def test_check_duplicates__same_picture_in_two_classes__names_both_files(make_row):
    fox, lynx = make_row("fox", b"same"), make_row("lynx", b"same")

    (warning,) = check_duplicates([fox, make_row("lynx", b"else"), lynx])

    assert warning == (
        f"the same picture stands in 'fox' ({fox.path}) and 'lynx' ({lynx.path}); "
        "remove it from the wrong class"
    )


def test_check_duplicates__same_picture_twice_in_one_class__is_no_contradiction(make_row):
    rows = [make_row("fox", b"same"), make_row("fox", b"same"), make_row("lynx", b"else")]

    assert check_duplicates(rows) == ()


def test_check_duplicates__equal_size_and_beginning__compares_to_the_end(make_row):
    start = bytes(duplicates.HEAD_BYTES)

    rows = [make_row("fox", start + b"a"), make_row("lynx", start + b"b")]

    assert check_duplicates(rows) == ()


def test_check_duplicates__sizes_differ__reads_no_file(make_row, monkeypatch):
    rows = [make_row("fox", b"a"), make_row("lynx", b"bb")]
    monkeypatch.setattr(duplicates, "open_readable", None)
    monkeypatch.setattr(duplicates, "content_hash", None)

    assert check_duplicates(rows) == ()


def test_check_duplicates__missing_file__is_left_to_the_decoder(make_row):
    rows = [ImageRow(Path("no-such.jpg"), "owl"), make_row("fox", b"a"), make_row("lynx", b"a")]

    assert len(check_duplicates(rows)) == 1


def test_check_duplicates__rows_without_label__are_not_compared(make_row):
    assert check_duplicates([make_row(None, b"a"), make_row("fox", b"a")]) == ()


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([b"x", b"y", b"zz"]))))
def test_check_duplicates__any_rows__agree_with_comparing_every_pair(tmp_path_factory, pictures):
    folder = tmp_path_factory.mktemp("pictures")
    rows = []
    for number, (label, content) in enumerate(pictures):
        (folder / str(number)).write_bytes(content)
        rows.append(ImageRow(folder / str(number), label))

    contradicted = {
        content
        for (label, content), (other, same) in itertools.product(pictures, pictures)
        if content == same and label != other
    }

    assert len(check_duplicates(rows)) == len(contradicted)


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
