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
from metaadapter.apps.page.kept_access import keep_access, open_port, state_folder
from metaadapter.errors import UsageError


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


def test_port__that_another_program_has_taken__leads_to_a_new_token(project):
    first = start(project)
    with socket.create_server(("127.0.0.1", first.port)):
        second = start(project)

    # The tabs of the project have sent the old token to that program.
    assert second.token != first.token
    assert second.former_port == first.port != second.port
    assert f"127.0.0.1:{first.port}" in second.hosts
    assert start(project) == second


def test_port__that_is_given__keeps_the_token_and_the_former_port(project):
    first = start(project)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        with pytest.raises(UsageError, match=f"--port {port} cannot be used"):
            start(project, port)

    second = start(project, port)

    assert (second.port, second.token) == (port, first.token)
    assert second.former_port == first.port


def spoil(file, how):
    content = file.read_text()
    if how == "readable by others":
        file.chmod(0o644)
    elif how == "a link":
        file.rename(file.with_name("elsewhere"))
        file.symlink_to(file.with_name("elsewhere"))
    else:
        file.write_text(content.replace(*how))


@pytest.mark.skipif(os.name != "posix", reason="no modes of files")
@pytest.mark.parametrize(
    "how",
    [
        "readable by others",
        "a link",
        ('"port"', '"part"'),
        ('"token"', '"taken"'),
        ("metaadapter.access/1", "metaadapter.access/2"),
        ('project"', 'another"'),
    ],
    ids=str,
)
def test_file__that_another_user_could_know_or_that_is_damaged__does_not_count(project, how):
    first = start(project)
    (file,) = (state_folder() / "serve").iterdir()
    spoil(file, how)

    assert start(project).token != first.token


def test_folder__that_cannot_be_written__is_no_reason_not_to_start(project, home):
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file in the place of the home folder")

    assert start(project).port


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
