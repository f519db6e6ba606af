"""Pages from the package's templates."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["render"]


def render(template: str, filters: Mapping[str, Callable[..., Any]], **values: Any) -> str:
    """A page; the same values give the same page. Text is escaped, unless it is `Markup`."""
    environment = Environment(
        loader=PackageLoader("metaadapter.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"data_uri": _data_uri, **filters}
    return environment.get_template(template).render(**values)


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
