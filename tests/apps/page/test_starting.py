"""The page is shown while the project is being opened, and programs need not wait by themselves."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

pytest.importorskip("starlette.testclient", reason="needs the extra serve")
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from metaadapter.apps.page.access import Access
from metaadapter.apps.page.page_files import page_file
from metaadapter.apps.page.starting import Starting
from metaadapter.errors import DataError

HEAVY = ("torch", "numpy", "fastapi", "pydantic", "PIL")


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
    client = TestClient(starting.guarded(access), base_url="http://127.0.0.1:8000")
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


def test_first_page__needs_no_slow_import():
    names = ["access", "kept_access", "page_files", "project_folders", "server", "starting"]
    lines = [f"import metaadapter.apps.page.{name}" for name in names]
    code = ";".join([*lines, "import sys", f"print(set(sys.modules) & set({HEAVY!r}))"])

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_phone__while_the_project_is_opened__gets_its_page():
    opening, phone = Opening(), Access("of-phones", 9000, host="192.168.1.5")
    with Starting(opening.opened, lambda: "Opening …") as starting:
        app = starting.guarded(Access("a-token", 8000), phone)
        client = TestClient(app, base_url="http://192.168.1.5:9000")
        early = client.get("/", headers={"Authorization": "Bearer of-phones"})
        other = client.get("/", headers={"Authorization": "Bearer a-token"})
        opening.may_open.set()

    assert (early.status_code, other.status_code) == (200, 401)
    assert early.text == page_file("phone.html").body.decode()
