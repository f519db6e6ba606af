"""What a command prints reaches its reader whole, or its exit code is not 0."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys

import pytest

from metaadapter.commands.app import main
from metaadapter.commands.streams import lasting_streams


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
        monkeypatch.setattr(sys, name, io.TextIOWrapper(below, write_through=not buffered))
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


def test_output__written_in_parts__is_whole_without_a_buffer(stream, adapter):
    stdout = stream("stdout", 100_000, buffered=False)

    assert main(["doctor", "--verify", str(adapter), "--json"]) == 0

    assert json.loads(stdout.taken)["healthy"]


def test_output__whose_reader_has_left__is_no_fault(stream, capsys, adapter):
    stream("stdout", 10, error=errno.EPIPE)

    assert main(["doctor", "--verify", str(adapter), "--json"]) == 0

    assert capsys.readouterr().err == ""


def test_output__of_a_command_that_fails__keeps_its_exit_code(stream):
    stream("stdout", 0)
    stream("stderr", 0)

    assert main(["doctor", "--no-such-option", "--json"]) == 2


def test_notes__that_stderr_does_not_take__do_not_end_the_command(stream, run, unlabelled, adapter):
    stream("stderr", 0, error=errno.EIO)

    assert run("predict", adapter, unlabelled, "--json").document["n_pictures"] == 6


def test_output__closed__ends_with_3(monkeypatch, capsys, adapter):
    monkeypatch.setattr(sys, "stdout", None)

    assert main(["doctor", "--verify", str(adapter)]) == 3

    assert capsys.readouterr().err == "error: cannot write the output: it is closed\n"


def test_streams__in_memory__are_left_alone(monkeypatch):
    memory = io.StringIO()
    monkeypatch.setattr(sys, "stdout", memory)

    with lasting_streams() as failure:
        print("here")
        assert failure() is None

    assert (memory.getvalue(), sys.stdout) == ("here\n", memory)


@pytest.mark.skipif(sys.platform == "win32", reason="sh")
def test_program__that_can_tell_nobody__ends_with_its_code():
    program = f"'{sys.executable}' -u -m metaadapter --help >&- 2>&-"

    assert subprocess.run(["sh", "-c", program], check=False).returncode == 3
