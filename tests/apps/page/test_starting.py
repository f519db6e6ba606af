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
from metaadapter.errors import DataError


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
