"""Who may ask, and at which ports the server listens: that of a project, and one for phones.

A page of another site that is open in the same browser can send requests to this machine. If that
site's host name leads to this machine (DNS rebinding), it could also read the responses. So a
request needs the token, must name this host, and must not come from another origin.

A project keeps its port and its token from one start to the next. So a tab of the browser that was
open when the server ended goes on when it starts again. They are kept in the user's own folder for
the state of programs, in files that only this user can read, and not in the project, which people
copy and share.

Browsers send the cookies of 127.0.0.1 to all its ports, and the cookie holds the token. So another
program on this machine that gets a request from this browser, at whatever port, sees the token that
is valid then.

A phone has an address, a port and a token of its own. Its connection is not encrypted, because no
browser trusts a certificate that this program makes.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
import stat
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from metaadapter.apps.page.project_folders import REDIRECT_FILE
from metaadapter.apps.page.refusal import Refusal
from metaadapter.errors import UsageError
from metaadapter.files.output_folder import write_errors
from metaadapter.files.strict_json import json_text, parse_json

# The values of Sec-Fetch-Site in requests that this page or the person causes, and no other page.
SAME_SITE = ("same-origin", "none")
STANDARD_PORT = 80
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Access:
    """Permission for clients that have the token, at a port of this machine."""

    token: str
    port: int
    host: str = LOOPBACK
    """The address of this machine; by default the one that only this machine can reach."""

    @classmethod
    def at(cls, port: int, host: str = LOOPBACK) -> Access:
        """Make the permission for a port, with a new token."""
        return cls(secrets.token_urlsafe(32), port, host=host)

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        return f"http://{self.host}:{self.port}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """The name of the cookie, with the port, because browsers share cookies among ports."""
        return f"metaadapter-{self.port}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names that a client may use for this host."""
        names = (LOOPBACK, "localhost", "[::1]") if self.host == LOOPBACK else (self.host,)
        # Browsers leave out the standard port.
        plain = names if self.port == STANDARD_PORT else ()
        return (*plain, *(f"{name}:{self.port}" for name in names))

    def is_token(self, text: str) -> bool:
        """Return whether a text is the token, in a time that does not depend on the text."""
        return secrets.compare_digest(text.encode(), self.token.encode())

    def require_same_origin(self, headers: Headers, path: str) -> None:
        """Raise a `Refusal` unless a request names this host and comes from no other origin."""
        if (host := headers.get("host", "")) not in self.hosts:
            raise Refusal(403, "host", f"This server is {self.hosts[0]}, not {host[:100]!r}.")
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{name}" for name in self.hosts}:
            raise Refusal(
                403, "origin", f"Requests from another page, {origin[:100]!r}, are refused."
            )
        # A person may follow a link from another page to the address "/", but to no other address.
        if headers.get("sec-fetch-site", "none") not in SAME_SITE and path != "/":
            raise Refusal(403, "origin", "Requests from another page are refused.")

    def require_token(self, headers: Headers) -> None:
        """Raise a `Refusal` unless a request has the cookie or the token itself."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(credentials.strip()):
            return
        if self.is_token(cookie_parser(headers.get("cookie", "")).get(self.cookie, "")):
            return
        raise Refusal(
            401,
            "token",
            "Open the address with the token that `metaadapter serve` has printed, or send the "
            "token as `Authorization: Bearer TOKEN`.",
        )


@contextmanager
def open_in_browser(address: str, folder: Path) -> Iterator[None]:
    """Open an address in the browser through a file in `folder` that exists during the block.

    Every user of the machine can read the command line of the browser. So the command line names
    the file, which only this user can read, instead of the address with the token.
    """
    file, link = folder / REDIRECT_FILE, escape(address)
    content = (
        '<!doctype html><meta charset="utf-8"><title>metaadapter</title>'
        f'<meta http-equiv="refresh" content="0; url={link}"><a href="{link}">To the page</a>'
    )
    with write_errors(f"the project {folder}", instead="leave --open out"):
        folder.mkdir(parents=True, exist_ok=True)
        write_private(file, content)
    try:
        webbrowser.open(file.absolute().as_uri())
        yield
    finally:
        file.unlink(missing_ok=True)


def write_private(file: Path, content: str) -> None:
    """Replace a file by one that only this user can read."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as opened:
        opened.write(content)


SCHEMA = "metaadapter.access/1"
WAITING_CONNECTIONS = 64
# Of a network for documentation: nothing is sent there, but the system chooses the way to it.
ELSEWHERE = ("192.0.2.1", 9)


def listening_socket(port: int, host: str = LOOPBACK) -> socket.socket:
    """Open a socket, by default one that only this machine can reach; port 0 is any free one."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":  # there SO_REUSEADDR takes the port of another program
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Without it, the port of a server that has just ended stays closed for a minute.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen(WAITING_CONNECTIONS)
    except OSError as error:
        opened.close()
        raise UsageError(
            f"--port {port} cannot be used ({error.strerror}); another program uses it, or it is "
            "reserved: give another port, or leave --port out for a free one"
        ) from error
    return opened


def open_port(project: Path, port: int = 0) -> tuple[socket.socket, Access, int | None]:
    """Listen at the port of a project, or at `port`; return the socket and the permission.

    Another port than that of the project has a new token: the tabs of the project have sent the old
    one to the program that has the port now. The last value is then the project's port, where tabs
    may hold changes. A `UsageError` if `port` cannot be used.
    """
    kept = _read(project)
    if kept is not None and port in (0, kept.port):
        with suppress(UsageError):
            return listening_socket(kept.port), kept, None
    listening = listening_socket(port)
    access = Access.at(listening.getsockname()[1])
    return listening, access, None if kept is None else kept.port


def keep_access(project: Path, access: Access) -> None:
    """Keep the port and the token of a project for the next start, if they can be written."""
    place = str(project.absolute())
    values = {"schema": SCHEMA, "project": place, "port": access.port, "token": access.token}
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
        access = Access(values["token"], values["port"])
        is_token = access.token.isascii() and len(access.token) >= 32
        is_whole = is_token and access.port in range(1, 2**16)
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return None
    return access if is_whole else None


def _is_private(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & 0o077


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


def open_to_phones() -> tuple[socket.socket, Access]:
    """Listen in the network of this machine; return the socket and the permission of phones.

    Raises:
        UsageError: This machine is in no network, or in one that is open to the internet.
    """
    host = network_address()
    listening = listening_socket(0, host)
    return listening, Access.at(listening.getsockname()[1], host)


def network_address() -> str:
    """The address of this machine in its network; a `UsageError` unless it is a private one."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(ELSEWHERE)
            host = str(probe.getsockname()[0])
    except OSError:
        host = LOOPBACK
    address = ipaddress.ip_address(host)
    if address.is_loopback or address.is_unspecified:
        raise UsageError(
            "--phone needs a network, but this machine is in none: connect it to the network of "
            "the phone, or leave --phone out"
        )
    if not address.is_private:
        raise UsageError(
            f"--phone is for a network at home or at work, but {host}, the address of this "
            "machine, is open to the internet: leave --phone out"
        )
    return host
