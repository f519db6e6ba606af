"""HTML pages, Markdown and text from the package's templates."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from metaadapter.data.plain_text import one_line

Inert = Callable[[str], str]
"""Makes a text inert where it is shown: `in_markdown` for Markdown, `one_line` for a terminal."""


def render(template: str, filters: Iterable[Callable[..., Any]], **values: Any) -> str:
    """Render an HTML page; the same values give the same page. Text is inert unless it is `Markup`.

    The template calls filters by the names of their functions, without leading underscores.
    """
    return _environment(filters, one_line).get_template(template).render(**values)


def render_text(
    template: str, filters: Iterable[Callable[..., Any]], inert: Inert, **values: Any
) -> str:
    """Render a text that is not HTML, in the same way; `inert` replaces HTML's escapes."""
    environment = _environment(filters, lambda text: Markup(inert(text)))
    return environment.get_template(template).render(**values)


def _environment(filters: Iterable[Callable[..., Any]], inert: Inert) -> Environment:
    def finalize(value: Any) -> Any:
        return inert(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=PackageLoader("metaadapter.bench.report"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        function.__name__.lstrip("_"): function for function in (_data_uri, *filters)
    }
    return environment


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
