from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from metaadapter.data.decode import content_hash, decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.packed import TarMember
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
        ("cls", "json", "txt"),
        (b"fox\n", b'{"class": "red fox", "caption": "one"}', b"lynx"),
        strict=True,
    ):
        members |= {f"{key}.png": content, f"{key}.{ending}": label}

    table = read_images(make_tar("a.tar", members))

    assert [row.label for row in table.rows] == ["fox", "red fox", "lynx"]
    assert [row.caption for row in table.rows] == [None, "one", "lynx"]
    assert [row.path for row in table.rows] == [tmp_path / f"a.tar/00{n}.png" for n in (1, 2, 3)]
    for row, content in zip(table.rows, contents.values(), strict=True):
        assert content_hash(row.picture) == content_hash(content)
        assert decode_image(row.picture).tobytes() == decode_image(content).tobytes()
    assert table.warnings == ()


def test_tar__text_beside_json__is_a_caption_and_the_folder_is_the_label(make_tar):
    members = {}
    for number, folder in enumerate(("fox", "lynx")):
        members[f"{folder}/{number}.jpg"] = png(number)
        members[f"{folder}/{number}.txt"] = b"an animal  in snow"
        members[f"{folder}/{number}.json"] = json.dumps({"width": 5}).encode()

    rows = read_images(make_tar("a.tar", members)).rows

    assert [(row.label, row.caption) for row in rows] == [
        ("fox", "an animal in snow"),
        ("lynx", "an animal in snow"),
    ]


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


def test_folder_of_pictures__tar_beside_them__is_left_out_with_a_warning(make_tar, tmp_path):
    make_tar("set/backup.tar", {"fox/1.png": png(0)})
    for label in ("fox", "lynx"):
        (tmp_path / "set" / label).mkdir()
        (tmp_path / "set" / label / "1.png").write_bytes(png(1))

    table = read_images(tmp_path / "set")

    assert [row.packed for row in table.rows] == [None, None]
    assert "1 .tar" in table.warnings[0]


def test_tar__splits_in_its_folders__are_read(make_tar):
    members = {f"{split}/{label}/1.png": png(0) for split in ("train", "test") for label in "ab"}

    rows = read_images(make_tar("a.tar", members), split="test").rows

    assert [row.label for row in rows] == ["a", "b"]


def test_tar__names_that_lead_outside__stay_within_the_container(make_tar, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"not for reading")
    names = ("../secret.png", "/etc/x/2.png", "a/../../3.png", "./4.png")
    container = make_tar("set/a.tar", {name: png(n) for n, name in enumerate(names)})

    rows = read_images(container, labelled=False).rows

    inside = [row.path.relative_to(container).as_posix() for row in rows]
    assert inside == ["secret.png", "etc/x/2.png", "a/3.png", "4.png"]
    assert [content_hash(row.picture) for row in rows] == [content_hash(png(n)) for n in range(4)]


def test_tar__links_hidden_members_and_devices__are_no_pictures(make_tar, tmp_path):
    container = make_tar("a.tar", {"1.png": png(1), "._1.png": b"", "__MACOSX/1.png": png(1)})
    with tarfile.open(container, "a") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            entry = tarfile.TarInfo("link.png")
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)

    assert [row.path.name for row in read_images(container, labelled=False).rows] == ["1.png"]


def test_tar__cut_short__names_it_and_keeps_the_members_before(make_tar):
    container = make_tar("a.tar", {f"{n}.png": png(n) for n in range(4)})
    with tarfile.open(container) as archive:
        third = archive.getmembers()[2]
    container.write_bytes(container.read_bytes()[: third.offset_data + 20])

    table = read_images(container, labelled=False)

    assert "a.tar is cut short or damaged" in table.warnings[0]
    assert [content_hash(row.picture) for row in table.rows[:2]] == [
        content_hash(png(n)) for n in range(2)
    ]
    with pytest.raises(UnreadableImage, match=r"a\.tar/2\.png: the tar file .* ends within it"):
        decode_image(table.rows[2].picture)


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


def test_tar__damaged_header__names_the_byte_and_keeps_the_members_before(make_tar):
    container = make_tar("a.tar", {f"{n}.png": png(n) for n in range(4)}, tarfile.USTAR_FORMAT)
    with tarfile.open(container) as archive:
        place = archive.getmembers()[2].offset
    content = bytearray(container.read_bytes())
    content[place + 10 : place + 200] = b"x" * 190
    container.write_bytes(content)

    table = read_images(container, labelled=False)

    assert f"a.tar is damaged at byte {place:,}" in table.warnings[0]
    assert len(table.rows) == 2


def test_tar__damaged_member__is_unreadable_with_its_reason(make_tar):
    container = make_tar("a.tar", {"1.png": png(1), "2.png": b"GIF89a", "3.png": b""})

    rows = read_images(container, labelled=False).rows

    for row, reason in ((rows[1], "damaged"), (rows[2], "empty")):
        with pytest.raises(UnreadableImage, match=rf"a\.tar/\d\.png: .*{reason}"):
            decode_image(row.picture)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08compressed", b"no tar" * 200])
def test_tar__of_another_kind__says_what_to_do(tmp_path, content):
    (tmp_path / "a.tar").write_bytes(content)

    with pytest.raises(DataError, match=r"cannot read the tar file .*a\.tar.*copy it again"):
        read_images(tmp_path / "a.tar", labelled=False)


def test_tar__without_labels_or_pictures__says_what_was_expected(make_tar):
    with pytest.raises(DataError, match=r"a class for each picture in .*KEY\.cls"):
        read_images(make_tar("a.tar", {"1.png": png(1)}))
    with pytest.raises(DataError, match=r"expected pictures in .*b\.tar.* hold none"):
        read_images(make_tar("b.tar", {"1.txt": b"fox"}))


def test_tar_member__of_a_shorter_file__is_unreadable(make_tar):
    container = make_tar("a.tar", {"1.png": png(1)})

    with pytest.raises(UnreadableImage, match="ends within it"):
        decode_image(TarMember(container / "1.png", container, 512, 10**9))


def test_tar__a_member_that_is_appended_again__is_one_picture_with_the_last_content(tmp_path):
    members = [
        ("a.png", png(1)),
        ("a.cls", b"fox"),
        ("b.png", png(2)),
        ("b.cls", b"lynx"),
        ("a.png", png(3)),
        ("b.png", png(4)),
        ("b.cls", b"owl"),
        ("a.png", png(5)),
    ]
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

    table = read_images(tmp_path / "a.tar")

    with tarfile.open(tmp_path / "a.tar") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert [(row.path.name, row.label) for row in table.rows] == [
        ("a.png", "fox"),
        ("b.png", "owl"),
    ]
    assert [content_hash(row.picture) for row in table.rows] == [
        content_hash(tmp_path / "unpacked" / name) for name in ("a.png", "b.png")
    ]
    assert table.warnings == (
        "3 picture(s) in tar files are there again under the same name; the last one counts, as "
        "when they are unpacked",
    )
