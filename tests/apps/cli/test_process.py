"""A command prints all, or its exit code is not 0; its threads share one heap."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path

import pytest

from metaadapter.apps.cli.app import main
from metaadapter.apps.cli.process import reader_left

FULL = Path("/dev/full")


@pytest.fixture
def stdout(monkeypatch):
    """Puts a file in the place of stdout, with a buffer or, as `python -u`, without."""

    made = []

    def replace(file, *, buffered=True):
        below = io.BufferedWriter(file) if buffered else file
        made.append(io.TextIOWrapper(below, write_through=not buffered))
        monkeypatch.setattr(sys, "stdout", made[0])

    yield replace
    made[0].close()


@pytest.mark.skipif(not FULL.exists(), reason="no device that is full on this system")
@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("command", [["train", "--help"], ["--version"], ["doctor", "--json"]])
def test_output__cut_short__ends_with_3(stdout, capsys, adapter, command, buffered):
    stdout(FULL.open("wb", buffering=0), buffered=buffered)
    verify = ["--verify", str(adapter)] if "doctor" in command else []

    code = main([*command, *verify])

    lost = "error: cannot write the output: No space left on device; free some space\n"
    assert (code, capsys.readouterr().err) == (3, lost)


def test_output__whose_reader_has_left__is_no_fault(stdout, capsys, adapter):
    reading, writing = os.pipe()
    os.close(reading)
    stdout(open(writing, "wb", buffering=0))  # noqa: PTH123, SIM115

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
