"""Runs commands in a process that the kernel ends when it opens a socket of the Internet.

Looking up a name needs such a socket too, from whatever language. The watch needs Linux, and
neither tools nor permissions.

python watched.py COMMANDS.json
"""

from __future__ import annotations

import ctypes
import json
import platform
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

# Machine → the number of its architecture and of the system call `socket`, from linux/audit.h and
# asm/unistd.h.
CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
IS_POSSIBLE = sys.platform == "linux" and platform.machine() in CALLS
ENDED = -signal.SIGSYS if IS_POSSIBLE else 0
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, END_PROCESS = 0x7FFF0000, 0x80000000


def watch() -> None:
    """End this process at the next socket of the Internet (see seccomp(2))."""
    architecture, call = CALLS[platform.machine()]
    program = [
        (LOAD, 0, 0, 4),
        (IF_EQUAL, 0, 5, architecture),
        (LOAD, 0, 0, 0),
        (IF_EQUAL, 0, 3, call),
        (LOAD, 0, 0, 16),
        (IF_EQUAL, 2, 0, int(socket.AF_INET)),
        (IF_EQUAL, 1, 0, int(socket.AF_INET6)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, END_PROCESS),
    ]
    code = b"".join(struct.pack("=HBBI", *step) for step in program)
    steps = ctypes.create_string_buffer(code)
    whole = struct.pack("@HP", len(program), ctypes.addressof(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((NO_NEW_PRIVILEGES, 1, 0, 0, 0), (SECCOMP, FILTER, whole, 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "cannot watch")


if __name__ == "__main__":
    with suppress(ImportError):
        import urllib3  # noqa: F401 - it opens a socket of its own, to see whether there is IPv6
    watch()
    from metaadapter.apps.cli.app import main

    for command in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        if code := main(command):
            sys.exit(f"{command}: {code}")
