"""Middleware that checks the permission and the size of each request before the app.

A browser that lacks the token gets a page for people.
"""

from __future__ import annotations

from typing import final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metaadapter.apps.page.access import Access
from metaadapter.apps.page.refusal import Limits, Refusal, error_response
from metaadapter.apps.page.server import FILES, PREFIX

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
# All that a phone may ask for: its page, the classes, and to add and predict pictures.
OF_PHONES = {("GET", "/"), ("GET", "/classes"), ("POST", "/pictures"), ("POST", "/predict")}
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
            if scope[PHONE] and not _is_of_phones(scope):
                raise Refusal(404, "phone", "Phones can only add pictures and have them predicted.")
            body.require_size(int(headers.get("content-length") or 0))
        except Refusal as refusal:
            response = error_response(refusal)
            is_for_people = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
            if is_for_people and refusal.kind == "token":
                response = _page_for_people(access.address.removesuffix(access.token))
        if response is None:
            await self._app(scope, body.receive, send_guarded)
        else:
            await response(scope, receive, send_guarded)


def _login(access: Access, scope: Scope, headers: Headers) -> Response | None:
    """Raise a `Refusal` unless the request is allowed; return the response to a login."""
    path = scope["path"]
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


def _is_of_phones(scope: Scope) -> bool:
    method, path = scope["method"], scope["path"]
    return (method, path) in OF_PHONES or (method == "GET" and path.startswith(PREFIX))


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


def _page_for_people(address: str) -> HTMLResponse:
    """The page that says where the token is; `address` is that of the server, without it."""
    content = FILES["no_token.html"].read_text("utf-8").replace("ADDRESS", address)
    return HTMLResponse(content, 401, {"Connection": "close"})
