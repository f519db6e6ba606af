"""The folder of a project: nothing in it is deleted, and no damage of it goes unseen."""

from __future__ import annotations

import os

import numpy as np
import pytest

from metaadapter.apps.cli.app import main
from metaadapter.apps.page.changes import add_classes, add_pictures
from metaadapter.apps.page.contents import Edit
from metaadapter.apps.page.project import open_project
from metaadapter.apps.page.session import Session
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import DataError
from metaadapter.files.checksums import write_document
from tests.apps.page.conftest import entries_of

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "project"


@pytest.fixture
def opened(folder, colour_encoder):
    return lambda: open_project(folder, "colours", None, lambda *_, **__: colour_encoder)


@pytest.fixture
def pictures(opened, picture):
    """A project of two classes of two pictures and a tray of two; the ids of its pictures."""
    with opened() as project:
        contents = project.history.contents
        project.history.make(Edit("classes", add_classes(contents, {"a": "red", "b": "blue"})))
        ids = []
        for colour in ("red", "red", "blue", "blue", "red", "blue"):
            ids.append(project.pictures.keep(picture(colour)))
        labels = dict(zip(ids, [("a",), ("a",), ("b",), ("b",), (), ()], strict=True))
        names = {key: f"{number}.png" for number, key in enumerate(ids)}
        project.history.make(Edit("pictures", add_pictures(contents, entries_of(names), labels)))
        with Session(project) as session:
            session.wait_for_results()
    return ids


def content_of(folder):
    """Every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.filterwarnings("ignore:the first")
def test_project__with_a_damaged_history__says_why_and_is_repaired_without_loss(
    serve, colour_encoder, folder, pictures
):
    path, told = folder / "history.db", []
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"said": "pictures"', b'"said": "picture?"'))
    assert path.read_bytes() != content

    with serve(folder, None, lambda *_, **__: colour_encoder, fail=told.append) as served:
        refused = [served.client.get(place) for place in ("/work", "/project")]
        again = served.client.post("/projects/again", json={}).json()
        listed = served.client.post("/projects/again", json={"repairs": True}).json()
        state = served.client.get("/project").json()
        notes = served.projects.session.project.notes

    assert [one.status_code for one in refused] == [200, 503]  # the work says why
    for one in refused:
        assert one.json()["kind"] == "not-opened", one.text
        assert "history.db" in one.json()["error"]
        assert one.json()["values"] == {"repairs": True}
    assert (len(told), again["current"]) == (2, "")
    assert (listed["current"], state["name"]) == ("project", "colours")
    assert [one["name"] for one in state["classes"]] == ["red", "blue"]
    assert "the first" in notes[0]
    left = folder / "leftovers"
    assert b'"said": "picture?"' in (left / "history.db").read_bytes()
    kept = {file.name for place in (folder / "pictures", left) for file in place.iterdir()}
    assert set(pictures) <= kept


def test_project__that_another_run_has__says_so_and_another_can_be_opened(
    serve, opened, folder, pictures, colour_encoder
):
    def load(*_, **__):
        return colour_encoder

    other = folder.with_name("other")
    with serve(other, "colours", load):
        pass
    with opened(), serve(folder, None, load, fail=lambda _: None) as served:
        refused = served.client.get("/work").json()
        listed = served.client.get("/projects").json()
        opening = served.client.post("/projects/open", json={"folder": "other"}).json()
        now = served.client.get("/project").json()

    assert refused["error"].startswith("Another run is writing to the project")
    assert refused["values"] == {"repairs": False}
    assert ([one["name"] for one in listed["projects"]], listed["current"]) == (["other"], "")
    assert (opening["current"], now["name"]) == ("other", "other")


@pytest.mark.filterwarnings("ignore:.*features.bin is damaged")
def test_features__that_are_damaged__are_encoded_again_and_the_page_says_so(
    opened, folder, pictures
):
    with opened() as project:
        project.features.add({"f" * 64: np.ones((1, 8), np.float16)})
        project.features.commit()
    file = folder / "features" / "features.bin"
    zeroed(file)

    with opened() as project:
        kept = [*project.features.places]
        with Session(project) as session:
            told = session.work()["error"]
            results = session.wait_for_results()
    with opened() as project:
        project.load()
        assert not project.notes

    assert kept == []
    assert told.startswith(f"{file} is damaged after the features of 0 pictures")
    assert {*results.answers, *results.labelled} == set(pictures)


def test_files__that_the_history_does_not_name__stay(opened, folder, pictures):
    names = ["pictures/holiday.jpg", "pictures/more/mine.jpg", "thumbnails/mine.jpg"]
    names += ["incoming/mine.jpg", "leftovers/holiday.jpg"]
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"mine")
    (folder / "incoming" / "upload-1").mkdir()
    (folder / "incoming" / "upload-1" / "half").write_bytes(b"cut off by a kill")

    with opened() as project:
        assert set(project.history.contents.pictures) == set(pictures)
        assert not project.notes

    assert {name: content_of(folder)[name] for name in names} == dict.fromkeys(names, b"mine")
    assert not (folder / "incoming" / "upload-1").exists()


@pytest.mark.filterwarnings("ignore:.*was missing")
def test_project__whose_document_is_lost__opens_with_all_edits_and_says_so(
    opened, folder, pictures
):
    (folder / "project.json").unlink()

    with opened() as project:
        assert set(project.history.contents.pictures) == set(pictures)
        assert "project.json was missing" in project.notes[0]
    with opened() as project:
        assert not project.notes


@pytest.mark.parametrize(
    "files",
    [
        {"holiday.jpg": None},
        {"evaluation.json": "metaadapter.evaluation/1", "rows.csv": None},
        {"project.json": "something else"},
    ],
    ids=["pictures", "evaluation", "another program"],
)
def test_folder__of_something_else__does_not_become_a_project(opened, folder, files):
    folder.mkdir()
    for name, schema in files.items():
        if schema is None:
            (folder / name).write_bytes(b"")
        else:
            write_document(folder / name, {"schema": schema})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    with pytest.raises(DataError, match="holds other files"), opened():
        pass
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    "step",
    ["project.History", "project._features", "history._read", "project.write_facts"],
)
def test_new_project__killed_while_it_is_made__opens_the_next_time(
    opened, folder, monkeypatch, step
):
    class Killed(BaseException):
        pass

    def kill(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(f"metaadapter.apps.page.{step}", kill)
        with pytest.raises(Killed), opened():
            pass

    with opened() as project:
        assert not project.notes


def zeroed(path):
    path.write_bytes(bytes(path.stat().st_size))


def replaced(path):
    other = next(file for file in sorted(path.parent.iterdir()) if file != path)
    path.write_bytes(other.read_bytes())


def linked(path):
    path.rename(path.parents[2] / "elsewhere.png")
    path.symlink_to(path.parents[2] / "elsewhere.png")


def piped(path):
    path.unlink()
    os.mkfifo(path)


def in_a_folder(path):
    path.unlink()
    path.mkdir()


def huge(path):
    os.truncate(path, 2**40)  # a file with a hole, which takes no space


DAMAGES = {
    "zeroed": zeroed,
    "replaced by another": replaced,
    "missing": lambda path: path.unlink(),
    "a link": linked,
    "a pipe": piped,
    "a folder": in_a_folder,
    "huge": huge,
}


@needs_pipes
@pytest.mark.parametrize("damage", DAMAGES)
def test_picture__that_is_not_the_one_added__is_marked_and_never_used(
    opened, folder, pictures, damage
):
    damaged = pictures[4]
    DAMAGES[damage](folder / "pictures" / damaged)

    with opened() as project, Session(project) as session:
        results = session.wait_for_results()
        assert "missing or damaged" in session.work()["error"]
        with pytest.raises(UnreadableImage):
            session.picture(damaged)

    assert session.unreadable.keys() == {damaged}
    assert "add the picture again, or remove it" in session.unreadable[damaged]
    assert {*results.answers, *results.labelled} == {*pictures} - {damaged}
    assert damaged not in results.pool


def verified(folder, capsys):
    code = main(["doctor", "--verify", str(folder)])
    return code, capsys.readouterr().out


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize("lost", ["history.db", "project.json"])
def test_doctor__names_what_is_lost(folder, lost, capsys):
    (folder / lost).unlink()

    code, out = verified(folder, capsys)

    assert code == 3
    assert lost in out
