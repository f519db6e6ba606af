"""What stands before every request: who may ask, from where, how much, and for how long.

A page of another site that is open in the same browser can send requests to this machine, and with
a name of its own that leads here (DNS rebinding) it could read the answers. So a request needs the
token, must be for this very host, and must not come from another origin.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metaadapter.apps.page.receiving import Limits
from metaadapter.apps.page.refusal import Refusal

METHODS = ("GET", "POST", "PATCH", "DELETE")
TAKING_FILES = ("/pictures", "/predict", "/adapt")
# What browsers say of requests that another page, perhaps of another port, has caused.
OWN_FETCHES = ("same-origin", "none")
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# What a slow client may take for the next piece of a request, or of an answer.
SECONDS_A_PIECE = 20.0
# Of a request that is refused, so much is still read.
SECONDS_PASSED_OVER, BYTES_PASSED_OVER = 2.0, 2**26


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask: whoever has the token, at this port of this machine."""

    token: str
    port: int

    @classmethod
    def at(cls, port: int) -> Access:
        """Access with a new token."""
        return cls(secrets.token_urlsafe(32), port)

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """The name of the cookie; browsers share cookies among the ports of a machine."""
        return f"metaadapter-{self.port}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a client may call this host."""
        return tuple(f"{host}:{self.port}" for host in ("127.0.0.1", "localhost", "[::1]"))

    def is_token(self, given: str) -> bool:
        """Whether this is the token; it takes as long for a nearly right one."""
        return secrets.compare_digest(given.encode(), self.token.encode())

    def require_own(self, headers: Headers, path: str) -> None:
        """Raise a `Refusal` unless a request is for this host and from no other origin."""
        if (host := headers.get("host", "")) not in self.hosts:
            raise Refusal(403, "host", f"This server is {self.hosts[0]} and not {host[:100]!r}.")
        origin = headers.get("origin")
        own = {f"http://{each}" for each in self.hosts}
        if origin is not None and origin not in own:
            raise Refusal(
                403, "origin", f"Requests from another page, {origin[:100]!r}, are refused."
            )
        # A person may follow a link to the page from anywhere, and to nothing else.
        fetched_by = headers.get("sec-fetch-site", "none")
        if fetched_by not in OWN_FETCHES and path != "/":
            raise Refusal(403, "origin", "Requests from another page are refused.")

    def require_token(self, headers: Headers) -> None:
        """Raise a `Refusal` unless a request has the cookie or the token itself."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(given.strip()):
            return
        if self.is_token(_cookies(headers).get(self.cookie, "")):
            return
        raise Refusal(
            401,
            "token",
            "Open the address with the token that `metaadapter serve` has printed, or send it as "
            "`Authorization: Bearer TOKEN`.",
        )


@final
class Guard:
    """Lets a request through to the app, or answers why not; and puts headers on every answer."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits) -> None:
        self._app, self._access, self._limits = app, access, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        headers = Headers(scope=scope)
        body = _Body(receive, self._most_bytes(scope["path"], headers))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] >= 400:
                    await body.pass_over()
                own = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    own[name] = value
                own.setdefault("Cache-Control", "no-store")
            try:
                async with asyncio.timeout(SECONDS_A_PIECE):
                    await send(message)
            except TimeoutError as error:
                raise ClientDisconnect from error

        try:
            entrance = self._entrance(scope, headers)
        except Refusal as refusal:
            is_for_people = scope["path"] == "/" and "text/html" in headers.get("accept", "")
            answer = _told(refusal) if is_for_people else error_response(refusal)
            await answer(scope, receive, send_guarded)
            return
        if entrance is not None:
            await entrance(scope, receive, send_guarded)
            return
        await self._app(scope, body.receive, send_guarded)

    def _entrance(self, scope: Scope, headers: Headers) -> Response | None:
        """What answers in place of the app: the way in, if anything; a `Refusal` else."""
        access, path = self._access, scope["path"]
        if scope["method"] not in METHODS:
            raise Refusal(405, "method", f"The methods are {', '.join(METHODS)}.")
        if any(ord(each) < 32 for each in path):
            raise Refusal(404, "no-such-path", "There is nothing at this address.")
        access.require_own(headers, path)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        if path == "/" and given and scope["method"] == "GET" and access.is_token(given[0]):
            response = RedirectResponse("/", status_code=303)
            # `strict` would keep it from this very redirect where the person followed a link; what
            # other pages send is refused by `require_own`.
            response.set_cookie(
                access.cookie, access.token, httponly=True, samesite="lax", path="/"
            )
            return response
        access.require_token(headers)
        if (most := self._most_bytes(path, headers)) < int(headers.get("content-length") or 0):
            raise _too_large(most)
        return None

    def _most_bytes(self, path: str, headers: Headers) -> int:
        # What is sent elsewhere is read into memory, whatever it calls itself.
        is_form = headers.get("content-type", "").lower().startswith("multipart/")
        takes_files = path in TAKING_FILES and is_form
        return self._limits.request_bytes if takes_files else self._limits.json_bytes


class _Body:
    """The body of a request, which may be neither too long nor too slow."""

    def __init__(self, receive: Receive, most_bytes: int) -> None:
        self._receive, self._most = receive, most_bytes
        self._size, self._is_whole = 0, False

    async def receive(self) -> Message:
        """The next piece.

        Raises:
            Refusal: It does not come, or is one too many.
        """
        try:
            async with asyncio.timeout(SECONDS_A_PIECE):
                message = await self._receive()
        except TimeoutError:
            raise Refusal(
                408, "slow", f"Nothing came for {SECONDS_A_PIECE:.0f} seconds. Send it again."
            ) from None
        self._size += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._size > self._most:
            raise _too_large(self._most)
        return message

    async def pass_over(self) -> None:
        """Read some of what is left and forget it.

        A client that is still sending when the connection ends would not see why it was refused.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_PASSED_OVER):
                left = BYTES_PASSED_OVER
                while not self._is_whole and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._is_whole = not message.get("more_body", False)


def error_response(refusal: Refusal) -> JSONResponse:
    """The answer that tells a refusal; the connection ends, for its body may not have been read."""
    content = {"error": refusal.sentence, "kind": refusal.kind}
    headers = {"Connection": "close"} if refusal.status in (401, 403, 405, 408, 413) else None
    return JSONResponse(content, refusal.status, headers)


def _told(refusal: Refusal) -> Response:
    """The sentence alone, for somebody who looks at it in a browser."""
    return PlainTextResponse(refusal.sentence, refusal.status, {"Connection": "close"})


def _too_large(most: int) -> Refusal:
    return Refusal(413, "too-large", f"A request of this kind may have at most {most:,} bytes.")


def _cookies(headers: Headers) -> Mapping[str, str]:
    try:
        found = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in found.items()}
