"""Names of uploaded files, which are shown and never become paths; one file per picture."""

from __future__ import annotations

import threading

import pytest

from metaadapter.apps.page.uploaded_files import plain_name


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


def test_picture__that_several_requests_bring_at_once__is_kept_once(tmp_path, picture, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from metaadapter.apps.page import picture_folder

    n, content, decode = 6, picture("red"), picture_folder.decode_image
    together = threading.Barrier(n)

    def decode_together(path):
        picture = decode(path)
        together.wait(timeout=20)
        return picture

    monkeypatch.setattr(picture_folder, "decode_image", decode_together)
    files = [tmp_path / f"sent-{number}" for number in range(n)]
    for file in files:
        file.write_bytes(content)
    (tmp_path / "project").mkdir()
    folder = picture_folder.PictureFolder(tmp_path / "project")
    folder.make()

    with ThreadPoolExecutor(n) as threads:
        kept = set(threads.map(folder.keep, files))

    (one,) = kept
    assert folder.path(one).read_bytes() == content
    assert [path.name for path in (tmp_path / "project" / "pictures").iterdir()] == [one]
