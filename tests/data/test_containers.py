from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from metaadapter.data.decode import content_hash, decode_image
from metaadapter.data.reader import read_images
from metaadapter.data.tar_pictures import list_tar
from metaadapter.errors import DataError


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(content := io.BytesIO(), "PNG")
    return content.getvalue()


@pytest.fixture
def make_tar(tmp_path):
    """Writes tmp_path/NAME with members by name."""

    def make(name, members, form=tarfile.PAX_FORMAT):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w", format=form) as archive:
            for member, content in members.items():
                entry = tarfile.TarInfo(member)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return path

    return make


def test_tar__of_webdataset__pictures_are_those_of_files_with_their_labels(make_tar, tmp_path):
    contents = {"001": png(1), "002": png(2), "003": png(3)}
    members = {}
    for (key, content), ending, label in zip(
        contents.items(),
        ("cls", "json", "cls"),
        (b"fox\n", b'{"class": "red fox"}', b"lynx"),
        strict=True,
    ):
        members |= {f"{key}.png": content, f"{key}.{ending}": label}

    table = read_images(make_tar("a.tar", members))

    assert [row.label for row in table.rows] == ["fox", "red fox", "lynx"]
    assert [row.path for row in table.rows] == [tmp_path / f"a.tar/00{n}.png" for n in (1, 2, 3)]
    for row, content in zip(table.rows, contents.values(), strict=True):
        assert content_hash(row.picture) == content_hash(content)
        assert decode_image(row.picture).tobytes() == decode_image(content).tobytes()
    assert table.warnings == ()


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar__long_and_foreign_names__are_read(make_tar, form):
    long = "füchse/" + "x" * 200
    members = {f"{long}.png": png(0), f"{long}.cls": b"7", "b.png": png(1), "b.cls": b"8"}

    rows = read_images(make_tar("a.tar", members, form)).rows

    assert [(row.path.name, row.label) for row in rows] == [
        ("x" * 200 + ".png", "7"),
        ("b.png", "8"),
    ]


@pytest.mark.parametrize(
    "names", [("train/a-000.tar", "val/a-000.tar"), ("train-000.tar", "val-000.tar")]
)
def test_folder_of_tars__named_after_splits__has_these_splits(make_tar, tmp_path, names):
    for number, name in enumerate(names):
        make_tar(f"set/{name}", {"fox/1.png": png(number), "lynx/1.png": png(number + 9)})

    rows = read_images(tmp_path / "set", split="all").rows

    assert [row.split for row in rows] == ["train", "train", "val", "val"]
    assert [row.label for row in rows] == ["fox", "lynx"] * 2


def test_tar__names_that_lead_outside__stay_within_the_container(make_tar, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"not for reading")
    names = ("../secret.png", "/etc/x/2.png", "a/../../3.png", "./4.png")
    container = make_tar("set/a.tar", {name: png(n) for n, name in enumerate(names)})

    rows = read_images(container, labelled=False).rows

    inside = [row.path.relative_to(container).as_posix() for row in rows]
    assert inside == ["secret.png", "etc/x/2.png", "a/3.png", "4.png"]
    assert [content_hash(row.picture) for row in rows] == [content_hash(png(n)) for n in range(4)]


def test_tar__cut_at_every_place__is_named_and_never_an_unknown_error(make_tar):
    container = make_tar("a.tar", {f"{n}.png": png(n) for n in range(3)}, tarfile.USTAR_FORMAT)
    whole = container.read_bytes()
    with tarfile.open(container) as archive:
        end = archive.getmembers()[-1].offset_data + 512

    for size in range(1, 512, 37):
        container.write_bytes(whole[:size])
        with pytest.raises(DataError, match="cannot read the tar file"):
            list(list_tar(container, []))
    for size in range(512, end, 37):
        container.write_bytes(whole[:size])
        warnings: list[str] = []
        assert 1 <= len(list(list_tar(container, warnings))) <= 3
        assert "cut short" in warnings[0]
