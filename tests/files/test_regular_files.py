from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from metaadapter.errors import UsageError
from metaadapter.files.regular_files import (
    given_path,
    given_places,
    given_texts,
    is_regular,
    regular,
)
from metaadapter.files.url import Url

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files on this system")


def test_regular__file_or_link_to_one__is_given_back(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")

    assert regular(tmp_path / "file").read_bytes() == b"content"
    assert regular(tmp_path / "link").read_bytes() == b"content"


@posix
@pytest.mark.parametrize("kind", ["fifo", "socket", "/dev/zero"])
def test_regular__what_is_no_file__is_refused_without_being_opened(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    path = tmp_path / "x"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("x")
    else:
        path.symlink_to(kind)

    with pytest.raises(OSError, match=r"it is a pipe, a device or the like.*x'"):
        regular(path)


@pytest.mark.skipif(sys.platform != "linux", reason="its state stands in files on Linux")
def test_regular__state_of_the_system__is_no_file(tmp_path):
    (tmp_path / "link").symlink_to("/proc/self/status")

    assert not is_regular(tmp_path / "link")


@pytest.mark.parametrize("name", ["nothing", "nul\0", "x" * 5000, "\ud800", "loop"])
def test_regular__that_leads_nowhere__is_an_error_of_the_system(tmp_path, name):
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(OSError):  # noqa: PT011  # each system has its own words
        regular(tmp_path / name)


def test_regular__folder__is_told(tmp_path):
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        regular(tmp_path)


def test_given_places__a_single_text_or_path__is_one_place():
    assert given_places("/new/photos") == given_places(Path("/new/photos")) == [Path("/new/photos")]
    assert given_places(["a", Path("b"), "memory://c"]) == [Path("a"), Path("b"), Url("memory://c")]


def test_given_texts__a_single_text__is_one_text():
    assert given_texts("dress") == ["dress"]
    assert given_texts(("dress", "hat")) == ["dress", "hat"]


def test_given_path__an_empty_text__is_refused_and_not_the_current_folder():
    for read in (given_path, given_places):
        with pytest.raises(UsageError, match="an empty text is no path"):
            read("")
    assert given_path(".") == Path()
