"""Pages from the package's templates."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from metaadapter.data.plain_text import one_line


def render(template: str, filters: Iterable[Callable[..., str]], **values: Any) -> str:
    """A page; the same values give the same page. Text is inert, unless it is `Markup`.

    The template calls filters by the names of their functions, without leading underscores.
    """
    environment = Environment(
        loader=PackageLoader("metaadapter.bench.report"),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {each.__name__.lstrip("_"): each for each in (_data_uri, *filters)}
    return environment.get_template(template).render(**values)


def _visible(value: Any) -> Any:
    return value if hasattr(value, "__html__") or not isinstance(value, str) else one_line(value)


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
