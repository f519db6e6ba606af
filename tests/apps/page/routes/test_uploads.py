"""Names of uploaded files, which are shown and never become paths; one file per picture."""

from __future__ import annotations

import pytest

from metaadapter.apps.page.routes.uploads import plain_name


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("a.png", "a.png"),
        ("red/a.png", "red/a.png"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\Users\\me\\a.png", "Users/me/a.png"),
        ("./a//b/../c.png", "a/b/c.png"),
        ("line\nbreak\x1b[31m.png", "line\\nbreak\\x1b[31m.png"),
        ("", "picture"),
        ("..", "picture"),
        ("/".join("x" * 30), "/".join("x" * 16)),
    ],
)
def test_name__of_a_client__loses_drives_and_parent_folders(given, plain):
    assert plain_name(given) == plain


def test_picture__that_several_requests_bring_at_once__is_kept_once(tmp_path, picture):
    from concurrent.futures import ThreadPoolExecutor

    from metaadapter.apps.page.picture_folder import PictureFolder

    n, content = 6, picture("red")
    folder = PictureFolder(tmp_path)
    folder.make()

    with ThreadPoolExecutor(n) as threads:
        kept = set(threads.map(folder.keep, [content] * n))

    (one,) = kept
    assert folder.path(one).read_bytes() == content
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == [one]
    assert not (tmp_path / "leftovers").exists()


def test_thumbnail__of_another_picture_in_its_file__is_made_again(project, picture):
    one, other = project.upload(("1.png", picture("red")), ("2.png", picture("blue")))["added"]
    folder = project.session.project.folder / "thumbnails"
    whole = project.client.get(f"/pictures/{one}").content
    (folder / one).write_bytes((folder / other).read_bytes())

    assert project.client.get(f"/pictures/{one}").content == whole


def test_heic__is_shown_as_jpeg_or_refused_with_what_to_do(project, monkeypatch):
    import io
    import sys

    from PIL import Image

    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(file, "HEIF")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    (refused,) = project.upload(("IMG_1.HEIC", file.getvalue()))["refused"]

    assert "metaadapter[heic]" in refused["reason"]
    assert "Most Compatible" in refused["reason"]
    monkeypatch.undo()
    (key,) = project.upload(("IMG_1.HEIC", file.getvalue()))["added"]
    for size in ("thumbnail", "whole"):
        shown = project.client.get(f"/pictures/{key}?size={size}")
        assert shown.headers["Content-Type"] == "image/jpeg"
        assert Image.open(io.BytesIO(shown.content)).format == "JPEG"
