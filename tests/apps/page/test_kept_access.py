"""The port and the token of a project stay the same, and are given to nobody else."""

from __future__ import annotations

import os
import socket
import stat
import threading
import urllib.request

import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")

from starlette.responses import PlainTextResponse

from metaadapter.apps.page import server
from metaadapter.apps.page.access import keep_access, open_port, state_folder


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "home")
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def project(tmp_path):
    return tmp_path / "project"


def start(project, port=0):
    """The permission of a start whose server has ended."""
    listening, access = open_port(project, port)
    with listening:
        assert listening.getsockname()[1] == access.port
    keep_access(project, access)
    return access


def test_start__of_the_same_project__has_the_same_port_and_token(project, tmp_path):
    first = start(project)

    assert start(project) == first
    assert start(project, first.port) == first
    other = start(tmp_path / "other")
    assert (other.port, other.token) != (first.port, first.token)


@pytest.mark.skipif(os.name != "posix", reason="no modes of files")
def test_file__can_be_read_by_this_user_alone_and_lies_outside_of_the_project(project):
    project.mkdir()
    start(project)

    (file,) = (state_folder() / "serve").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(project.iterdir()) == []


def test_server__on_another_port__answers_at_the_former_one_as_soon_as_it_is_free(
    project, monkeypatch
):
    monkeypatch.setattr(server, "TICKS_A_TRY", 1)
    first, over, ready = start(project), threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", first.port)):
        listening, access = open_port(project)
        running = threading.Thread(
            target=server.run_server,
            args=(PlainTextResponse("here"), listening, ready.set),
            kwargs={"former_port": access.former_port, "is_over": over.is_set},
        )
        running.start()
        assert ready.wait(60)
    try:
        bodies = [answer_at(port) for port in (access.port, first.port)]
    finally:
        over.set()
        running.join()

    assert bodies == [b"here", b"here"]
    for port in (access.port, first.port):  # both are free again
        socket.create_server(("127.0.0.1", port)).close()


def answer_at(port):
    """The answer of a server, once it listens."""
    for _ in range(3000):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
                return answer.read()
        except OSError:
            threading.Event().wait(0.02)
    raise AssertionError(f"nobody answers at port {port}")
