"""The page is shown while the project is being opened, and programs need not wait by themselves."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

pytest.importorskip("starlette.testclient", reason="needs the extra serve")
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from metaadapter.apps.page.access import Access
from metaadapter.apps.page.guard import Guard
from metaadapter.apps.page.server import Starting
from metaadapter.errors import DataError


class Opening:
    """A project that is opened, or fails, when the test says so."""

    def __init__(self, error=None):
        self.may_open, self.error, self.is_closed = threading.Event(), error, False

    @contextmanager
    def opened(self):
        assert self.may_open.wait(60)
        if self.error:
            raise self.error
        yield PlainTextResponse("the project")
        self.is_closed = True


def client_of(starting):
    access = Access("a-token", 8000)
    client = TestClient(Guard(starting, access), base_url="http://127.0.0.1:8000")
    client.headers["Authorization"] = "Bearer a-token"
    return client


def test_page__while_the_project_is_opened__is_there_and_says_what_is_done():
    opening, answers = Opening(), []
    with Starting(opening.opened, lambda: "Loading the encoder tiny …") as starting:
        client = client_of(starting)
        page, script = client.get("/"), client.get("/page/main.js")
        work, nothing = client.get("/work"), client.get("/page/..%2fapp.py")
        waiting = threading.Thread(target=lambda: answers.append(client.get("/project")))
        waiting.start()
        stranger = client.get("/work", headers={"Authorization": ""})
        opening.may_open.set()
        waiting.join()
        later = client.get("/work")

    assert "<!doctype html>" in page.text
    assert script.headers["content-type"].startswith("text/javascript")
    assert page.headers["x-frame-options"] == "DENY"
    assert (work.status_code, work.json()["kind"]) == (503, "opening")
    assert work.json()["error"] == "Loading the encoder tiny …"
    assert (nothing.status_code, stranger.status_code) == (404, 401)
    assert (answers[0].text, later.text) == ("the project", "the project")
    assert opening.is_closed


def test_opening__that_fails__refuses_who_waits_and_raises_its_error():
    opening, answers = Opening(DataError("the folder holds other files")), []
    starting = Starting(opening.opened, lambda: "Opening …")
    client = client_of(starting)
    starting.__enter__()
    waiting = threading.Thread(target=lambda: answers.append(client.get("/project")))
    waiting.start()
    opening.may_open.set()
    waiting.join()

    assert starting.has_failed
    with pytest.raises(DataError, match="holds other files"):
        starting.__exit__()
    assert (answers[0].status_code, answers[0].json()["kind"]) == (503, "closed")
