from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

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
    environment = {name: it for name, it in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    if most_heaps is not None:
        environment["MALLOC_ARENA_MAX"] = most_heaps
    file = tmp_path / "heaps.xml"

    subprocess.run([sys.executable, "-c", PROGRAM, file, how], check=True, env=environment)

    n_heaps = file.read_text().count("<heap nr=")
    assert (n_heaps == 1) is is_one
