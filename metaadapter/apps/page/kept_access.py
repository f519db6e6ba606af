"""The port and the token of a project, which stay the same from one start to the next.

So a tab of the browser that was open when the server ended goes on when it starts again. They are
kept in the user's own folder for the state of programs, in files that only this user can read, and
not in the project, which people copy and share.

Browsers send the cookies of 127.0.0.1 to all its ports, and the cookie holds the token. So another
program on this machine that gets a request from this browser, at whatever port, sees the token that
is valid then. A new token ends the use of the former one; it does not protect the new one from a
program that the browser still asks, such as one at a former port with a tab of the page.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from metaadapter.apps.page.access import Access, write_private
from metaadapter.apps.page.server import listening_socket
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import UsageError

SCHEMA = "metaadapter.access/1"


def open_port(project: Path, port: int = 0) -> tuple[socket.socket, Access]:
    """Listen at the port of a project, or at `port`; return the socket and the permission.

    If another program has the project's port, any free port is taken, with a new token: the tabs
    of the project have sent the old one to that program. A `UsageError` if `port` cannot be used.
    """
    kept = _read(project)
    listening = None
    if kept is not None and port in (0, kept.port):
        with suppress(UsageError):
            listening = listening_socket(kept.port)
    is_kept = listening is not None
    listening = listening or listening_socket(port)
    access = Access.at(listening.getsockname()[1])
    if kept is None:
        return listening, access
    if is_kept:
        return listening, kept
    former = replace(access, former_port=kept.port)
    is_free = port != 0 and _is_free(kept.port)
    return listening, replace(former, token=kept.token) if is_free else former


def keep_access(project: Path, access: Access) -> None:
    """Keep the port and the token of a project for the next start, if they can be written."""
    values = {
        "schema": SCHEMA,
        "project": str(project.absolute()),
        "port": access.port,
        "former_port": access.former_port,
        "token": access.token,
    }
    file = _file(project)
    with suppress(OSError):  # then the next start has another port
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = file.with_name(f"{file.name}.{os.getpid()}.tmp")
        write_private(unfinished, json_text(values))
        unfinished.replace(file)


def _read(project: Path) -> Access | None:
    """The kept values; `None` without any, or if another user could have read or written them."""
    file = _file(project)
    try:
        status = file.lstat()
        if not stat.S_ISREG(status.st_mode) or (os.name == "posix" and not _is_private(status)):
            return None
        values: Any = parse_json(file.read_bytes())
        if values["schema"] != SCHEMA or values["project"] != str(project.absolute()):
            return None
        token, port, former = values["token"], values["port"], values["former_port"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    ports = [port, *([] if former is None else [former])]
    if not (isinstance(token, str) and token.isascii() and len(token) >= 32):
        return None
    if not all(isinstance(one, int) and 0 < one < 2**16 for one in ports):
        return None
    return Access(token, port, former)


def _is_private(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & 0o077


def _is_free(port: int) -> bool:
    try:
        listening_socket(port).close()
    except UsageError:
        return False
    return True


def _file(project: Path) -> Path:
    name = sha256(str(project.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return state_folder() / "serve" / f"{name}.json"


def state_folder() -> Path:
    """The folder for what programs of this user remember: that of the system, or XDG's."""
    if sys.platform == "win32":
        place = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        place = Path.home() / "Library" / "Application Support"
    else:
        place = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(place) / "metaadapter"
