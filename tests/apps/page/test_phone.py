"""A phone in the same network: what it may do, and what only the page may."""

from __future__ import annotations

import socket
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from metaadapter.apps.page import access as ports
from metaadapter.apps.page.access import Access
from metaadapter.errors import UsageError

PHONE = Access("token-of-phones", 9000, host="192.168.1.5")
BASE = "http://192.168.1.5:9000"


@pytest.fixture
def opened(tmp_path, colour_encoder, limits, picture):
    """A project of two colours, with a client at this machine and one at the phones' port."""
    testclient = pytest.importorskip("starlette.testclient", reason="needs the extra serve")
    from metaadapter.apps.page.app import make_app
    from metaadapter.apps.page.guard import Guard
    from metaadapter.apps.page.projects import Projects

    folder = tmp_path / "colours"
    with Projects(folder, "colours", lambda *_, **__: colour_encoder).opened() as projects:
        app = make_app(projects, limits, PHONE)
        app = Guard(app, Access("a-token", 8000), limits, PHONE)

        def client(base, token):
            headers = {"Authorization": f"Bearer {token}"}
            return testclient.TestClient(app, base_url=base, headers=headers)

        computer = client("http://127.0.0.1:8000", "a-token")
        files = [
            ("pictures", (f"{colour}/{number}.png", picture(colour)))
            for colour in ("red", "green")
            for number in (1, 2)
        ]
        assert computer.post("/pictures", files=files, data={"class": "folders"}).is_success
        projects.session.wait_for_results()
        yield SimpleNamespace(
            projects=projects,
            computer=computer,
            client=client,
            phone=client(BASE, PHONE.token),
        )


def test_phone__sees_classes_adds_pictures_and_has_them_predicted(opened, picture):
    names = opened.phone.get("/classes").json()["names"]
    red = next(label for label, name in names.items() if name == "red")
    files = {"pictures": ("1.png", picture("red"))}

    predicted = opened.phone.post("/predict?now=true", files=files).json()["predictions"]
    added = opened.phone.post("/pictures", files=files, data={"class": red})

    assert sorted(names.values()) == ["green", "red"]
    assert predicted[0]["label"] == "red"
    assert added.status_code == 202
    classes = opened.computer.get("/project").json()["classes"]
    assert {entry["name"]: len(entry["pictures"]) for entry in classes} == {"red": 3, "green": 2}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/project"),
        ("GET", "/answers"),
        ("GET", "/projects"),
        ("GET", "/take/adapter"),
        ("GET", "/phone"),
        ("POST", "/classes"),
        ("POST", "/labels"),
        ("POST", "/undo"),
        ("POST", "/projects/open"),
        ("DELETE", "/pictures"),
        ("GET", "/pictures/" + "0" * 64),
    ],
)
def test_phone__may_do_nothing_else(opened, method, path):
    assert opened.phone.request(method, path).status_code in (404, 405)


def test_tokens__open_only_their_own_port(opened):
    assert opened.client(BASE, "a-token").get("/classes").status_code == 401
    assert opened.client("http://127.0.0.1:8000", PHONE.token).get("/project").status_code == 401
    for host in ("127.0.0.1:9000", "localhost:9000", "192.168.1.5:8000", "evil.example:9000"):
        assert opened.phone.get("/classes", headers={"host": host}).json()["kind"] == "host"


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        (None, "this machine is in none"),
        ("127.0.0.1", "this machine is in none"),
        ("8.8.8.8", "is open to the internet"),
    ],
)
def test_network__that_is_missing_or_public__is_refused(monkeypatch, host, sentence):
    def connect(_address):
        if host is None:
            raise OSError("Network is unreachable")

    probe = SimpleNamespace(connect=connect, getsockname=lambda: (host, 12345))
    monkeypatch.setattr(socket, "socket", lambda *_: nullcontext(probe))

    with pytest.raises(UsageError, match=sentence):
        ports.network_address()
