"""A command prints all, or its exit code is not 0; its threads share one heap."""

from __future__ import annotations

import errno
import io
import os
import sys

import pytest

from metaadapter.apps.cli.app import main
from metaadapter.apps.cli.process import reader_left


class Pipe(io.RawIOBase):
    """Takes a number of bytes, a few at a time, and then no more."""

    def __init__(self, room, error=errno.ENOSPC):
        self.taken, self._room, self._error = b"", room, error

    def writable(self):
        return True

    def write(self, content):
        some = bytes(content[: min(100, self._room - len(self.taken))])
        if not some:
            raise OSError(self._error, os.strerror(self._error))
        self.taken += some
        return len(some)


@pytest.fixture
def stream(monkeypatch):
    """Puts a pipe in the place of stdout or stderr, with a buffer or, as `python -u`, without."""

    def replace(name, room, *, buffered=True, error=errno.ENOSPC):
        pipe = Pipe(room, error)
        below = io.BufferedWriter(pipe) if buffered else pipe
        wrapper = io.TextIOWrapper(below, write_through=not buffered)
        monkeypatch.setattr(sys, name, wrapper)
        monkeypatch.setattr(sys, f"__{name}__", wrapper)
        return pipe

    return replace


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("room", [0, 150])
@pytest.mark.parametrize("command", [["train", "--help"], ["--version"], ["doctor", "--json"]])
def test_output__cut_short__ends_with_3(stream, capsys, adapter, command, room, buffered):
    stdout = stream(
        "stdout", min(room, 10 if command == ["--version"] else room), buffered=buffered
    )
    verify = ["--verify", str(adapter)] if "doctor" in command else []

    code = main([*command, *verify])

    lost = "error: cannot write the output: No space left on device; free some space\n"
    assert (code, capsys.readouterr().err) == (3, lost)
    assert len(stdout.taken) in (0, 10, 150)


def test_output__whose_reader_has_left__is_no_fault(stream, capsys, adapter):
    stream("stdout", 10, error=errno.EPIPE)

    assert main(["doctor", "--verify", str(adapter), "--json"]) == 0

    assert capsys.readouterr().err == ""


def test_output__closed__ends_with_3(monkeypatch, capsys, adapter):
    monkeypatch.setattr(sys, "stdout", None)

    assert main(["doctor", "--verify", str(adapter)]) == 3

    assert capsys.readouterr().err == "error: cannot write the output: it is closed\n"


@pytest.mark.parametrize(
    ("system", "number", "left"),
    [
        ("linux", errno.EPIPE, True),
        ("linux", errno.EINVAL, False),
        ("win32", errno.EINVAL, True),
        ("win32", errno.ENOSPC, False),
    ],
)
def test_reader__that_left__is_told_from_a_failure(monkeypatch, system, number, left):
    monkeypatch.setattr(sys, "platform", system)

    assert reader_left(OSError(number, "no more")) is left
