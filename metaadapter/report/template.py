"""Pages from the package's templates."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["render"]


def render(template: str, filters: Iterable[Callable[..., str]], **values: Any) -> str:
    """A page; the same values give the same page. Text is escaped, unless it is `Markup`.

    The template calls filters by the names of their functions, without leading underscores.
    """
    environment = Environment(
        loader=PackageLoader("metaadapter.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {each.__name__.lstrip("_"): each for each in (_data_uri, *filters)}
    return environment.get_template(template).render(**values)


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
