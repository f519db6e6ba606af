"""The page is shown while the project is being opened, and programs need not wait by themselves."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

pytest.importorskip("starlette.testclient", reason="needs the extra serve")
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from metaadapter.apps.page.access import Access
from metaadapter.apps.page.app import make_app
from metaadapter.apps.page.guard import Guard
from metaadapter.apps.page.loading import Loading
from metaadapter.apps.page.projects import Projects
from metaadapter.apps.page.refusal import Refusal
from metaadapter.errors import DataError, IncompatibleArtifact
from tests.apps.page.conftest import Filled, small_encoder


def client_of(projects):
    return client_behind_guard(make_app(projects))


def client_behind_guard(app):
    client = TestClient(Guard(app, Access("a-token", 8000)), base_url="http://127.0.0.1:8000")
    client.headers["Authorization"] = "Bearer a-token"
    return client


def test_page__while_the_project_is_opened__is_there_and_says_what_is_done(
    tmp_path, colour_encoder
):
    may_open, loads, answers = threading.Event(), threading.Event(), []

    def load(*_, **__):
        loads.set()
        assert may_open.wait(60)
        return colour_encoder

    with Projects(tmp_path / "project", "tiny", load).opened(waits=False) as projects:
        client = client_of(projects)
        assert loads.wait(60)
        page, script = client.get("/"), client.get("/page/main.js")
        work, nothing = client.get("/work"), client.get("/page/..%2fapp.py")
        waiting = threading.Thread(target=lambda: answers.append(client.get("/project")))
        waiting.start()
        stranger = client.get("/work", headers={"Authorization": ""})
        may_open.set()
        waiting.join()
        later = client.get("/work")

    assert "<!doctype html>" in page.text
    assert script.headers["content-type"].startswith("text/javascript")
    assert page.headers["x-frame-options"] == "DENY"
    assert (work.status_code, work.json()["kind"]) == (200, "opening")
    assert work.json()["error"] == "Loading the encoder tiny …"
    assert (nothing.status_code, stranger.status_code) == (404, 401)
    assert (answers[0].json()["name"], later.status_code) == ("project", 200)


@pytest.fixture
def folder(tmp_path, serve, colour_encoder):
    """The folder of a project of two classes with two pictures each, and a tray of two."""
    with serve(tmp_path / "project", None, lambda *_, **__: colour_encoder) as served:
        Filled(served.client, served.projects).fill(n_tray=2, colours=("red", "blue"))
    return tmp_path / "project"


class Slow:
    """Loads an encoder, or raises the first of some errors, once it may."""

    def __init__(self, encoder, *errors):
        self.encoder, self.errors, self.may = encoder, [*errors], threading.Event()

    def __call__(self, *_, **__):
        assert self.may.wait(60)
        if self.errors:
            raise self.errors.pop()
        return self.encoder


def label_one(client):
    """Put a picture of the tray into a class; return the picture, the class and the response."""
    state = client.get("/project").json()
    picture, label = state["tray"][0], state["classes"][0]["id"]
    return picture, label, client.post("/labels", json={"labels": {picture: label}})


def test_old_project__while_its_encoder_is_loaded__is_shown_labelled_and_undone(
    folder, colour_encoder
):
    load = Slow(colour_encoder)
    with Projects(folder, None, load).opened(waits=False) as projects:
        client = client_of(projects)
        picture, label, labelled = label_one(client)
        after = client.get("/project").json()
        thumbnail = client.get(f"/pictures/{picture}")
        undone = client.post("/undo").json()
        work, answers = client.get("/work").json(), client.get("/answers").json()
        advice, history = client.get("/advice").json(), client.get("/history").json()
        load.may.set()
        projects.session.wait_for_results()
        later = client.get("/answers").json()

    assert labelled.status_code == 200
    assert picture in next(one["pictures"] for one in after["classes"] if one["id"] == label)
    assert thumbnail.headers["content-type"] == "image/jpeg"
    assert undone["undone"].startswith("Undone: Put 1 picture into ")
    assert (work["busy"], work["total"], work["error"]) == (True, 6, None)
    assert (answers["ready"], answers["answers"], advice["advice"]) == (False, {}, None)
    assert history["steps"][0]["what"] == "undo"
    assert picture in later["answers"]


def test_encoder__that_cannot_be_loaded__ends_an_old_project_with_the_reason_and_its_edits_stay(
    folder, colour_encoder
):
    told, load = [], Slow(colour_encoder, DataError("the weights are damaged"))
    with Projects(folder, None, load, fail=told.append).opened(waits=False) as projects:
        client = client_of(projects)
        picture, label, labelled = label_one(client)
        session = projects.session
        load.may.set()
        refused = client.get("/work").json()
        while refused["kind"] != "not-opened":
            refused = client.get("/work").json()
        with pytest.raises(Refusal, match="was closed"):
            session.change(lambda _: pytest.fail("the history is closed"))
        again = client.post("/projects/again", json={}).json()
        after = client.get("/project").json()

    assert labelled.status_code == 200
    assert refused["error"] == "The weights are damaged."
    assert len(told) == 1
    assert again["current"] == "project"
    assert after["revision"] > labelled.json()["revision"]
    assert picture in next(one["pictures"] for one in after["classes"] if one["id"] == label)


def test_encoder__that_differs_from_the_projects__ends_the_project_with_the_reason(folder):
    other, told = small_encoder(seed=1), []
    with Projects(folder, None, lambda *_, **__: other, fail=told.append).opened() as projects:
        refused = client_of(projects).get("/work").json()

    assert refused["kind"] == "not-opened"
    assert "was made with" in refused["error"]
    assert isinstance(told[0], IncompatibleArtifact)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DataError("the weights are damaged"), "The weights are damaged."),
        (ZeroDivisionError("division by zero"), "Unexpected ZeroDivisionError: division by zero."),
    ],
)
def test_opening__that_fails__refuses_who_waits_with_the_reason(tmp_path, error, sentence):
    told, answers = [], []

    def load(*_, **__):
        raise error

    projects = Projects(tmp_path / "project", "tiny", load, fail=told.append)
    with projects.opened(waits=False):
        answers.append(client_of(projects).get("/project"))

    assert (answers[0].status_code, answers[0].json()["kind"]) == (503, "not-opened")
    assert answers[0].json()["error"] == sentence
    assert told == [projects.failure]


def test_loading__until_there_is_an_application__serves_the_page_and_lets_others_wait():
    loaded, answers = Future(), []

    async def answer(scope, receive, send):
        await PlainTextResponse(f"the application at {scope['path']}")(scope, receive, send)

    client = client_behind_guard(Loading(loaded))
    page, script, work, nothing = map(client.get, ("/", "/page/main.js", "/work", "/page/app.py"))
    waiting = threading.Thread(target=lambda: answers.append(client.get("/project").text))
    waiting.start()
    waiting.join(0.2)
    assert not answers
    loaded.set_result(answer)
    waiting.join()

    assert "<!doctype html>" in page.text
    assert script.headers["content-type"].startswith("text/javascript")
    assert (work.status_code, work.json()["kind"]) == (200, "opening")
    assert nothing.status_code == 404
    assert answers == ["the application at /project"]
    assert client.get("/work").text == "the application at /work"
