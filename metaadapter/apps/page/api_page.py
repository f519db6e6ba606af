"""The HTTP interface as a page for people, made from its OpenAPI document.

Usual pages of this kind load their scripts from another host, which this server does not allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="/page/colours.css">
<link rel="stylesheet" href="/page/api.css">
<main>
<h1>{title}</h1>
<p>{description}</p>
<p>Send the token of the printed address with each request, as <code>Authorization: Bearer
TOKEN</code>. Programs read the same description in <a href="/openapi.json">openapi.json</a>.</p>
"""


def api_page(document: dict[str, Any]) -> str:
    """The page for an OpenAPI document."""
    info = {key: escape(document["info"][key]) for key in ("title", "description")}
    return "".join([HEAD.format(**info), operations_and_objects(document), "</main>\n</html>\n"])


def operations_and_objects(document: dict[str, Any]) -> str:
    """The part of the page that an OpenAPI document determines, for another page as well."""
    parts: list[str] = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts += _operation(f"{method.upper()} {path}", operation)
    parts.append("<h2>Objects</h2>\n")
    for name, schema in document["components"]["schemas"].items():
        parts.append(f'<section id="{escape(name)}">\n<h3>{escape(name)}</h3>\n')
        parts.append(f"<p>{escape(schema.get('description', ''))}</p>\n")
        parts += _table(
            (key, _kind(value), value.get("description", ""))
            for key, value in schema.get("properties", {}).items()
        )
        parts.append("</section>\n")
    return "".join(parts)


def _operation(address: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<section>\n<h3><code>{escape(address)}</code></h3>\n"
    yield f"<p>{escape(operation['description'])}</p>\n"
    rows = [
        (f"{item['name']} ({item['in']})", _kind(item["schema"]), item.get("description", ""))
        for item in operation.get("parameters", ())
    ]
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        rows.append((f"body ({media_type})", _kind(content["schema"]), ""))
    yield from _table(rows)
    answers = [
        _kind(content["schema"])
        for status, response in operation["responses"].items()
        for content in response.get("content", {}).values()
        if status.startswith("2") and content.get("schema")
    ]
    yield f"<p>Answer: {answers[0] if answers else 'a file'}</p>\n</section>\n"


def _table(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """A table of (name, type as HTML, meaning)."""
    lines = [
        f"<tr><td><code>{escape(name)}</code><td>{kind}<td>{escape(meaning)}</tr>\n"
        for name, kind, meaning in rows
    ]
    if lines:
        yield "<table>\n<tr><th>Name<th>Type<th>Meaning</tr>\n"
        yield from lines
        yield "</table>\n"


def _kind(schema: dict[str, Any]) -> str:
    """The type of a value in a few words, as HTML with links to the objects."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if options := schema.get("anyOf"):
        return " or ".join(map(_kind, options))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties") or next(
            iter(schema.get("patternProperties", {}).values()), None
        )
        return f"object of {_kind(values)}" if isinstance(values, dict) else "object"
    if schema.get("format") == "binary" or "contentMediaType" in schema:
        return "file"
    return escape(str(schema.get("type", "any value")))
