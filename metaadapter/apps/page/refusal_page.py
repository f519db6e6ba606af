"""A refusal as a page for people: a browser that lacks the token shows it."""

from __future__ import annotations

from html import escape

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse

from metaadapter.apps.page.refusal import Refusal

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>metaadapter</title>
<h1>{title}</h1>
{paragraphs}
</html>
"""
NO_TOKEN = (
    "This address does not open the page",
    "<p>Each page of metaadapter has a secret address, and this browser does not have the one of "
    "this page, or has an old one.</p>"
    "<ol><li>Find the window or terminal in which metaadapter runs. It has printed an address that "
    "begins with <code>{address}</code>.</li>"
    "<li>Copy the whole address into this browser.</li></ol>"
    "<p>If you cannot find it, end metaadapter there (Ctrl+C), and start it with "
    "<code>metaadapter serve --open</code>. Everything that was shown as saved is saved. Changes "
    "that another tab still holds are sent as soon as the new address is open.</p>",
)


def is_for_people(method: str, headers: Headers) -> bool:
    """Return whether a browser asks for a page to show."""
    return method == "GET" and "text/html" in headers.get("accept", "")


def refusal_page(refusal: Refusal, address: str) -> HTMLResponse:
    """The page for a refusal; `address` is that of the server, without the token."""
    title, paragraphs = "This does not work", f"<p>{escape(str(refusal))}</p>"
    if refusal.kind == "token":
        title, paragraphs = NO_TOKEN[0], NO_TOKEN[1].format(address=escape(address))
    content = PAGE.format(title=title, paragraphs=paragraphs)
    return HTMLResponse(content, refusal.status, {"Connection": "close"})
