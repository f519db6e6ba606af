"""A command prints all, or its exit code is not 0; its threads share one heap."""

from __future__ import annotations

import errno
import io
import json
import os
import platform
import subprocess
import sys

import pytest

from metaadapter.apps.cli.app import main
from metaadapter.apps.cli.process import lasting_streams, reader_left


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


class Shim:
    """A stand-in that a program puts in the place of stdout: it can write, and little else."""

    def __init__(self, stream):
        self._stream, self.seen = stream, []

    def write(self, text):
        self.seen.append(text)
        self._stream.write(text)


class Tee(Shim):
    def __getattr__(self, name):
        return getattr(self._stream, name)


@pytest.mark.parametrize("kind", [Shim, Tee])
def test_stream__that_somebody_put_there__sees_all_that_is_printed(stream, monkeypatch, kind):
    below = stream("stdout", 1000)
    shim = kind(sys.stdout)
    monkeypatch.setattr(sys, "stdout", shim)

    assert main(["--version"]) == 0

    sys.__stdout__.flush()
    assert "".join(shim.seen).encode() == below.taken
    assert below.taken.startswith(b"metaadapter ")


def test_stream__with_a_hook_on_its_write__calls_it(stream, monkeypatch):
    stream("stdout", 1000)
    seen = []
    sys.stdout.write = seen.append

    assert main(["--version"]) == 0

    assert "".join(seen).startswith("metaadapter ")


def test_stream__of_ones_own__keeps_its_line_ends_and_takes_any_text(monkeypatch):
    below = io.BytesIO()
    own = io.TextIOWrapper(below, encoding="ascii", newline="\r\n")
    monkeypatch.setattr(sys, "stdout", own)

    with lasting_streams():
        print("ü")

    assert below.getvalue() == b"\\xfc\r\n"


def test_stream__of_ones_own__that_takes_no_more__ends_with_3(monkeypatch, capsys):
    class Full(io.StringIO):
        def write(self, _text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sys, "stdout", Full())

    assert main(["--version"]) == 3

    assert "cannot write the output: No space left" in capsys.readouterr().err


def test_stream__closed__has_no_number_and_holds_none_afterwards(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)

    for _ in range(2):
        with lasting_streams(), pytest.raises(OSError, match="fileno"):
            sys.stdout.fileno()

    after = os.open(os.devnull, os.O_RDONLY)
    os.close(after)
    assert (after, sys.stdout) == (free, None)


def test_streams__of_blocks_that_overlap__are_those_of_before_in_the_end():
    before = sys.stdout, sys.stderr
    first, second = lasting_streams(), lasting_streams()

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.stdout is not before[0]
    second.__exit__(None, None, None)

    assert (sys.stdout, sys.stderr) == before


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


@pytest.mark.skipif(sys.platform == "win32", reason="sh")
def test_program__that_can_tell_nobody__ends_with_its_code():
    program = f"'{sys.executable}' -u -m metaadapter --help >&- 2>&-"

    assert subprocess.run(["sh", "-c", program], check=False).returncode == 3


# Four threads at once, each with a block of its own; then glibc counts its heaps.
PROGRAM = """
import ctypes, sys, threading
from metaadapter.apps.cli.process import share_one_heap
if sys.argv[2] == "share":
    share_one_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
all_there = threading.Barrier(4)
def allocate():
    all_there.wait()
    libc.malloc(4096)
    all_there.wait()
threads = [threading.Thread(target=allocate) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have one heap")
@pytest.mark.parametrize(
    ("how", "most_heaps", "is_one"),
    [("share", None, True), ("leave", None, False), ("share", "3", False)],
)
def test_share_one_heap__threads__have_one_unless_the_environment_says_more(
    tmp_path, how, most_heaps, is_one
):
    environment = {name: text for name, text in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    if most_heaps is not None:
        environment["MALLOC_ARENA_MAX"] = most_heaps
    file = tmp_path / "heaps.xml"

    subprocess.run([sys.executable, "-c", PROGRAM, file, how], check=True, env=environment)

    n_heaps = file.read_text().count("<heap nr=")
    assert (n_heaps == 1) is is_one


# Blocks of 48 MiB, taken, written and freed ten times; the pages that the system had to give.
FAULTS = """
import ctypes, resource, sys
from metaadapter.apps.cli.process import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    block = libc.malloc(48 << 20)
    libc.memset(block, 1, 48 << 20)
    libc.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_keep_freed_memory__large_blocks__are_taken_from_the_system_once():
    environment = {name: text for name, text in os.environ.items() if "MALLOC_" not in name}

    def taken(how):
        command = [sys.executable, "-c", FAULTS, how]
        run = subprocess.run(command, check=True, capture_output=True, env=environment)
        return int(run.stdout)

    assert 3 * taken("keep") < taken("leave")
