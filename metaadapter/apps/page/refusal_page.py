"""A refusal as a page for people: a browser that lacks the token shows it."""

from __future__ import annotations

from html import escape

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse

from metaadapter.apps.page.refusal import Refusal

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
