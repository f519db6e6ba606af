"""Names of uploaded files, which are shown and never become paths; one file per picture."""

from __future__ import annotations

import threading

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


def test_form__cut_off_before_its_end__adds_nothing(project, picture):
    form = project.client.build_request(
        "POST", "/pictures", files=[("pictures", (f"{n}.png", picture("red"))) for n in range(2)]
    )
    body, head = form.read(), {"Content-Type": form.headers["Content-Type"]}

    answer = project.client.post("/pictures", content=body[:-40], headers=head)

    assert (answer.status_code, answer.json()["kind"]) == (400, "form")
    assert project.state["names"] == {}
    assert project.client.post("/pictures", content=body, headers=head).status_code == 202


def test_thumbnail__of_another_picture_in_its_file__is_made_again(project, picture):
    one, other = project.upload(("1.png", picture("red")), ("2.png", picture("blue")))["added"]
    folder = project.session.project.folder / "thumbnails"
    whole = project.client.get(f"/pictures/{one}").content
    (folder / one).write_bytes((folder / other).read_bytes())

    assert project.client.get(f"/pictures/{one}").content == whole
