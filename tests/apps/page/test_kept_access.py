"""The port and the token of a project stay the same, and are given to nobody else."""

from __future__ import annotations

import os
import socket
import stat

import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")

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
    listening, access, former = open_port(project, port)
    with listening:
        assert (listening.getsockname()[1], former) == (access.port, None)
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


def test_start__while_another_program_has_the_port__does_not_take_its_place(project, tmp_path):
    first = start(project)
    with socket.create_server(("127.0.0.1", first.port)):
        listening, access, former = open_port(project)
        listening.close()

    assert (former, access.token == first.token) == (first.port, False)
    assert start(project) == first
