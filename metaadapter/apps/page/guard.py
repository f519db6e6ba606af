"""Middleware that checks the permission and the size of each request before the app.

A browser that lacks the token gets a page for people.
"""

from __future__ import annotations

from html import escape
from typing import final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metaadapter.apps.page.access import Access
from metaadapter.apps.page.refusal import Limits, Refusal

METHODS = ("GET", "POST", "PATCH", "DELETE")
UPLOAD_PATHS = ("/pictures", "/predict", "/detections")
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
# After a refusal, so much of the body is still read: else the client does not read the refusal.
DISCARD_BYTES = 2**26
PHONE = "metaadapter.phone"
"""The key of a scope that says whether its request comes from a phone."""


@final
class Guard:
    """Passes requests on to the app, or refuses them; adds security headers to every response.

    With `phone`, a permission of their own, phones are let in at its port, with smaller limits.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        limits: Limits | None = None,
        phone: Access | None = None,
    ) -> None:
        self._app, self._access, self._limits = app, access, limits or Limits()
        self._phone = phone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        headers, phone = Headers(scope=scope), self._phone
        access, limits = self._access, self._limits
        at = tuple(scope.get("server") or ())
        scope[PHONE] = phone is not None and at == (phone.host, phone.port)
        if phone is not None and scope[PHONE]:
            access, limits = phone, limits.of_phones
        body = _Body(receive, _max_bytes(limits, scope["path"], headers))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] >= 400:
                    await body.discard()
                response_headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    response_headers.setdefault(name, value)
                response_headers.setdefault("Cache-Control", "no-store")
            await send(message)

        response: Response | None
        try:
            response = _login(access, scope, headers)
            body.require_size(int(headers.get("content-length") or 0))
        except Refusal as refusal:
            response = error_response(refusal)
            if is_for_people(scope["method"], headers):
                address = access.address.removesuffix(access.token)
                response = refusal_page(refusal, address, headers)
        if response is None:
            await self._app(scope, body.receive, send_guarded)
        else:
            await response(scope, receive, send_guarded)


def _login(access: Access, scope: Scope, headers: Headers) -> Response | None:
    """Raise a `Refusal` unless the request is allowed; return the response to a login."""
    path = scope["path"]
    if scope["method"] not in METHODS:
        raise Refusal(405, "method", f"The methods are {', '.join(METHODS)}.")
    access.require_same_origin(headers, path)
    tokens = parse_qs(scope["query_string"].decode("latin-1")).get("token")
    if path == "/" and tokens and scope["method"] == "GET" and access.is_token(tokens[0]):
        response = RedirectResponse("/", status_code=303)
        # With `strict`, browsers would not send the cookie after a click on another page's link;
        # `require_same_origin` refuses requests that other pages send.
        response.set_cookie(access.cookie, access.token, httponly=True, samesite="lax", path="/")
        return response
    access.require_token(headers)
    return None


def _max_bytes(limits: Limits, path: str, headers: Headers) -> int:
    # The routes of other paths read the body into memory, whatever type it claims to have.
    is_form = headers.get("content-type", "").lower().startswith("multipart/")
    return limits.request_bytes if path in UPLOAD_PATHS and is_form else limits.json_bytes


class _Body:
    """The body of a request, with a limit on its size."""

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive, self._max_bytes = receive, max_bytes
        self._size, self._complete = 0, False

    async def receive(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        self.require_size(self._size)
        return message

    def require_size(self, size: int) -> None:
        if size > self._max_bytes:
            sentence = f"This request may have at most {self._max_bytes:,} bytes."
            raise Refusal(413, "too-large", sentence)

    async def discard(self) -> None:
        left = DISCARD_BYTES
        while not self._complete and left > 0:
            message = await self._receive()
            left -= len(message.get("body", b""))
            self._complete = not message.get("more_body", False)


def error_response(refusal: Refusal) -> JSONResponse:
    """A refusal as JSON; the connection ends if the body may not have been read."""
    content = {"error": str(refusal), "kind": refusal.kind, "values": refusal.values}
    headers = {"Connection": "close"} if refusal.status in (401, 403, 405, 413) else None
    return JSONResponse(content, refusal.status, headers)


PAGE = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>metaadapter</title>
<h1>{title}</h1>
{paragraphs}
</html>
"""
# Without the token the browser does not get the files with the words of the page.
NO_TOKEN = {
    "en": (
        "This address does not open the page",
        "<p>Each page of metaadapter has a secret address, and this browser does not have the one "
        "of this page, or has an old one.</p>"
        "<ol><li>Find the window or terminal in which metaadapter runs. It has printed an address "
        "that begins with <code>{address}</code>.</li>"
        "<li>Copy the whole address into this browser.</li></ol>"
        "<p>If you cannot find it, end metaadapter there (Ctrl+C), and start it with "
        "<code>metaadapter serve --open</code>. Everything that was shown as saved is saved. "
        "Changes that another tab still holds are sent as soon as the new address is open.</p>",
    ),
    "de": (
        "Diese Adresse öffnet die Seite nicht",
        "<p>Jede Seite von metaadapter hat eine geheime Adresse. Diesem Browser fehlt die Adresse "
        "dieser Seite, oder er hat eine alte.</p>"
        "<ol><li>Suchen Sie das Fenster oder Terminal, in dem metaadapter läuft. Es hat eine "
        "Adresse ausgegeben, die mit <code>{address}</code> beginnt.</li>"
        "<li>Kopieren Sie die ganze Adresse in diesen Browser.</li></ol>"
        "<p>Wenn Sie sie nicht finden, beenden Sie metaadapter dort (Strg+C), und starten Sie es "
        "mit <code>metaadapter serve --open</code>. Alles, was als gespeichert angezeigt wurde, "
        "ist gespeichert. Änderungen, die ein anderer Tab noch hat, werden gesendet, sobald die "
        "neue Adresse offen ist.</p>",
    ),
}


def is_for_people(method: str, headers: Headers) -> bool:
    """Return whether a browser asks for a page to show."""
    return method == "GET" and "text/html" in headers.get("accept", "")


def refusal_page(refusal: Refusal, address: str, headers: Headers) -> HTMLResponse:
    """The page for a refusal; `address` is that of the server, without the token."""
    language, title, paragraphs = "en", "This does not work", f"<p>{escape(str(refusal))}</p>"
    if refusal.kind == "token":
        language = _language(headers)
        title, paragraphs = NO_TOKEN[language]
        paragraphs = paragraphs.format(address=escape(address))
    content = PAGE.format(language=language, title=title, paragraphs=paragraphs)
    return HTMLResponse(content, refusal.status, {"Connection": "close"})


def _language(headers: Headers) -> str:
    """The first language that the browser accepts and that there are words for, or English."""
    codes = [part.strip()[:2].lower() for part in headers.get("accept-language", "").split(",")]
    return next((code for code in codes if code in NO_TOKEN), "en")
