"""The session of an open project: encoding, predictions, and errors."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from metaadapter.apps.page import picture_encoding as module
from metaadapter.apps.page.changes import add_classes, add_pictures, label_pictures
from metaadapter.apps.page.contents import Origin
from metaadapter.apps.page.editor import Editor
from metaadapter.apps.page.project import open_project
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.session import Session
from tests.apps.page.conftest import COLOURS


@pytest.fixture
def opened(tmp_path, colour_encoder):
    folder = tmp_path / "project"
    return lambda: open_project(folder, "colours", None, lambda *_, **__: colour_encoder)


@pytest.fixture
def fill(picture):
    """Two classes of so many pictures, and a tray of so many; the pictures of the tray."""

    def add(project, *, shots, tray):
        contents = project.history.contents
        project.history.make("classes", add_classes(contents, {"a": "red", "b": "blue"}))
        labels = {}
        for colour, label, n in (("red", "a", shots), ("blue", "b", shots), ("red", None, tray)):
            for _ in range(n):
                file = project.incoming / "new"
                file.write_bytes(picture(colour))
                labels[project.pictures.keep(file)] = label
        names = dict.fromkeys(labels, "x.png")
        project.history.make("pictures", add_pictures(contents, names, labels))
        return [picture for picture, label in labels.items() if label is None]

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


@pytest.mark.parametrize(
    ("shade", "gain", "is_used"), [(0, 0.1, False), (90, 0.1, True), (90, None, False)]
)
def test_answers__for_a_tray_from_elsewhere__learn_from_it_if_a_gain_is_expected(
    opened, fill, picture, monkeypatch, shade, gain, is_used
):
    monkeypatch.setattr("metaadapter.apps.page.results.pool_gain", lambda *_: gain)
    with opened() as project:
        fill(project, shots=9, tray=0)
        names = {}
        for number in range(24):
            colour = COLOURS["blue" if number % 2 else "red"]
            file = project.incoming / "new"
            file.write_bytes(picture(tuple(level + shade for level in colour)))
            names[project.pictures.keep(file)] = f"{number}.png"
        contents = project.history.contents
        project.history.make("tray", add_pictures(contents, names, {}))
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


def test_answers__where_no_label_changed__keep_the_adapter(opened, fill, picture):
    with opened() as project:
        fill(project, shots=9, tray=1)
        with Session(project) as session:
            before = session.wait_for_results()
            file = project.incoming / "new"
            file.write_bytes(picture("blue"))
            new = project.pictures.keep(file)
            Editor(session, Origin()).edit(
                "one more", lambda contents: add_pictures(contents, {new: "new.png"}, {})
            )
            after = session.wait_for_results()

    assert after.stored is before.stored
    assert set(after.answers) == {*before.answers, new}


def test_label__given_to_a_picture_of_the_tray__changes_the_adapter(opened, fill):
    with opened() as project:
        (loose,) = fill(project, shots=9, tray=1)
        with Session(project) as session:
            before = session.wait_for_results()
            Editor(session, Origin()).edit(
                "label", lambda contents: label_pictures(contents, {loose: "a"})
            )
            after = session.wait_for_results()

    assert loose in before.answers
    assert after.answers == {}
    assert len(after.task.labels) == len(before.task.labels) + 1
    assert loose in after.left_out


def test_work__that_was_stopped__continues_after_the_next_edit(opened, fill):
    with opened() as project:
        fill(project, shots=1, tray=1)
        session = Session(project)
        assert (session.work().busy, session.work().total) == (True, 3)
        session.stop()
        assert not session.work().busy
        with session:
            Editor(session, Origin()).edit(
                "class", lambda contents: add_classes(contents, {"c": "green"})
            )
            assert len(session.wait_for_results().answers) == 1
            assert not session.work().busy


def test_work__that_was_stopped__says_what_is_left_and_goes_on_when_resumed(opened, fill):
    with opened() as project:
        fill(project, shots=1, tray=1)
        session = Session(project)
        session.stop()
        work = session.work()
        assert (work.busy, work.stopped, work.total - work.done) == (False, True, 3)
        with session:
            session.resume()
            assert len(session.wait_for_results().answers) == 1
        assert not session.work().stopped


def test_encoding__that_fails__is_shown_and_tried_after_the_next_edit(opened, fill, monkeypatch):
    with opened() as project:
        fill(project, shots=1, tray=1)

        def full(*_, **__):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(module, "encode_new", full)
            session = Session(project)
            session.__enter__()
            with session._state:
                assert session._state.wait_for(lambda: session._error, timeout=60)
            assert "No space left" in session.work().error
        Editor(session, Origin()).edit(
            "class", lambda contents: add_classes(contents, {"c": "green"})
        )
        assert len(session.wait_for_results().answers) == 1
        assert session.work().error is None
        session.__exit__(None, None, None)


def test_answers__without_two_classes__are_refused_with_what_to_do(opened):
    refused = pytest.raises(Refusal, match=r"give two classes a picture each")
    with opened() as project, Session(project) as session, refused:
        session.wait_for_results()


def test_edit__of_a_project_that_was_closed_meanwhile__is_refused(opened):
    with opened() as project:
        with Session(project) as session:
            pass
        with pytest.raises(Refusal, match=r"was closed"):
            Editor(session, Origin()).edit(
                "class", lambda contents: add_classes(contents, {"c": "green"})
            )


def test_project__open_in_another_process__is_not_opened_twice(opened):
    from metaadapter.errors import DataError

    with opened(), pytest.raises(DataError, match=r"another run .*use the page"), opened():
        pass


def test_features__of_many_blocks__are_joined_unchanged(opened, fill, monkeypatch, colour_encoder):
    from metaadapter.apps.page import project as project_module

    with opened() as project:
        rng = np.random.default_rng(0)
        for number in range(4):
            rows = rng.standard_normal((1, colour_encoder.dim)).astype(np.float16)
            project.features.add({f"{number:064x}": rows})
            project.features.flush()
        before = {key: rows.tolist() for key, rows in project.features.features.items()}
    monkeypatch.setattr(project_module, "MAX_BLOCKS", 2)

    with opened() as project:
        assert len(list((project.folder / "features").glob("*/block-*"))) == 1
        after = {key: rows.tolist() for key, rows in project.features.features.items()}
        assert after == before
