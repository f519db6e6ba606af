"""The session of an open project: encoding, predictions, and errors."""

from __future__ import annotations

import time

import pytest

from metaadapter.apps.page import snapshot as module
from metaadapter.apps.page.changes import add_classes, add_pictures
from metaadapter.apps.page.contents import Edit, Origin
from metaadapter.apps.page.project import open_project
from metaadapter.apps.page.session import Session
from metaadapter.data.inputs import UnreadableImage
from tests.apps.page.conftest import COLOURS, entries_of


@pytest.fixture
def opened(tmp_path, colour_encoder):
    folder = tmp_path / "project"
    return lambda: open_project(folder, "colours", None, lambda *_, **__: colour_encoder)


@pytest.fixture
def fill(picture):
    """Two classes of so many pictures, and a tray of so many; the pictures of the tray."""

    def add(project, *, shots, tray):
        contents = project.history.contents
        project.history.make(Edit("classes", add_classes(contents, {"a": "red", "b": "blue"})))
        labels = {}
        for colour, label, n in (("red", "a", shots), ("blue", "b", shots), ("red", None, tray)):
            for _ in range(n):
                labels[project.pictures.keep(picture(colour))] = (label,) if label else ()
        names = dict.fromkeys(labels, "x.png")
        project.history.make(Edit("pictures", add_pictures(contents, entries_of(names), labels)))
        return [picture for picture, label in labels.items() if not label]

    return add


def test_picture__is_encoded_once__also_when_the_project_is_opened_again(opened, fill, monkeypatch):
    with opened() as project:
        fill(project, shots=2, tray=3)
        with Session(project) as session:
            first = session.wait_for_results()
    encoded = []
    monkeypatch.setattr(module, "encode_new", lambda *rows, **_: encoded.append(rows))

    with opened() as project, Session(project) as session:
        again = session.wait_for_results()

    assert encoded == []
    assert again.answers.keys() == first.answers.keys()
    for picture, prediction in again.answers.items():
        assert prediction.probability == pytest.approx(first.answers[picture].probability, abs=1e-6)


def test_answers__with_few_pictures_a_class__learn_from_the_tray_and_with_many_do_not(opened, fill):
    with opened() as project:
        tray = fill(project, shots=1, tray=4)
        with Session(project) as session:
            with session._state:
                assert session._state.wait_for(lambda: session.results.pool, timeout=60)
            assert sorted(session.results.pool) == sorted(tray)
            assert session.results.stored.config.n_unlabelled == 4


def test_full_disk__reads_on_and_stores_the_features_at_the_next_edit(opened, fill, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    def wait_until(is_so):
        until = time.monotonic() + 60
        while not is_so() and time.monotonic() < until:
            time.sleep(0.01)

    with opened() as project:
        tray = fill(project, shots=1, tray=20)
        with monkeypatch.context() as patch, Session(project) as session:
            patch.setattr("metaadapter.features.store.kept_features.open_after", full)
            patch.setattr("metaadapter.features.store.kept_features.COMMIT_SECONDS", 0)
            wait_until(lambda: session.work()["error"] and not session.work()["busy"])
            answers, error = session.wait_for_results().answers, session.work()
            stored_before = len(project.features.committed())
            patch.undo()
            session.change(lambda history: history.undo(Origin()))
            wait_until(lambda: len(project.features.committed()) == len(project.features.hashes))

    assert sorted(answers) == sorted(tray)
    assert stored_before == 0
    assert len(project.features.committed()) == len(project.features.hashes)
    assert error["kind"] == "machine"
    assert error["error"].startswith("Cannot write")
    assert "add a picture to continue" in error["error"]
    assert "--out" not in error["error"]


@pytest.mark.parametrize(
    ("shade", "gain", "is_used"), [(0, 0.1, False), (90, 0.1, True), (90, None, False)]
)
def test_answers__for_a_tray_from_elsewhere__learn_from_it_if_a_gain_is_expected(
    opened, fill, picture, monkeypatch, shade, gain, is_used
):
    monkeypatch.setattr("metaadapter.apps.page.answers.pool_gain", lambda *_: gain)
    with opened() as project:
        fill(project, shots=9, tray=0)
        names = {}
        for number in range(24):
            colour = COLOURS["blue" if number % 2 else "red"]
            content = picture(tuple(level + shade for level in colour))
            names[project.pictures.keep(content)] = f"{number}.png"
        contents = project.history.contents
        project.history.make(Edit("tray", add_pictures(contents, entries_of(names), {})))
        with Session(project) as session:
            with session._state:
                assert session._state.wait_for(
                    lambda: session.results.answers and bool(session.results.pool) == is_used,
                    timeout=60,
                )
            results = session.wait_for_results()

    assert results.shift.n == 24
    assert results.shift.is_shifted == bool(shade)
    assert len(results.pool) == 24 * is_used


def test_picture__damaged_after_it_was_encoded__is_left_out_of_the_predictions(opened, fill):
    with opened() as project:
        damaged, *others = fill(project, shots=2, tray=3)
        with Session(project) as session:
            session.wait_for_results()
            project.pictures.path(damaged).write_bytes(b"no picture")

            with pytest.raises(UnreadableImage):
                session.picture(damaged)

            assert sorted(session.wait_for_results().answers) == sorted(others)
