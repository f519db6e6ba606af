"""Permission to send requests, by their token, host and origin.

A page of another site that is open in the same browser can send requests to this machine. If that
site's host name leads to this machine (DNS rebinding), it could also read the responses. So a
request needs the token, must name this host, and must not come from another origin.
"""

from __future__ import annotations

import os
import secrets
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from metaadapter.apps.page.project_folders import REDIRECT_FILE
from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.output_folder import write_errors

# The values of Sec-Fetch-Site in requests that this page or the person causes, and no other page.
SAME_SITE = ("same-origin", "none")
STANDARD_PORT = 80
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Access:
    """Permission for clients that have the token, at a port of this machine."""

    token: str
    port: int
    former_port: int | None = None
    """A port that an earlier start has used, where tabs of a browser may still ask."""
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
        return _cookie(self.port)

    @property
    def ports(self) -> list[int]:
        """The ports at which clients ask."""
        return [self.port] if self.former_port is None else [self.port, self.former_port]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names that a client may use for this host."""
        names = (LOOPBACK, "localhost", "[::1]") if self.host == LOOPBACK else (self.host,)
        # Browsers leave out the standard port.
        plain = names if STANDARD_PORT in self.ports else ()
        return (*plain, *(f"{name}:{port}" for port in self.ports for name in names))

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
        cookies = cookie_parser(headers.get("cookie", ""))
        if any(self.is_token(cookies.get(_cookie(port), "")) for port in self.ports):
            return
        raise Refusal(
            401,
            "token",
            "Open the address with the token that `metaadapter serve` has printed, or send the "
            "token as `Authorization: Bearer TOKEN`.",
        )


def _cookie(port: int) -> str:
    return f"metaadapter-{port}"


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
