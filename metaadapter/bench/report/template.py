"""Renders pages, Markdown and text from the package's templates; makes tables and thumbnails."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from metaadapter.data.crop import Crop
from metaadapter.data.decode import content_hash, decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.packed import Packed
from metaadapter.files.plain_text import one_line

Inert = Callable[[str], str]
"""Escapes a text for the place where it is shown, as `in_markdown` or `one_line` do."""

SIDE = 160
QUALITY = 80


def render(template: str, filters: Iterable[Callable[..., Any]], **values: Any) -> str:
    """Render an HTML page; a filter has its function's name without leading underscores."""
    return _environment(filters, one_line).get_template(template).render(**values)


def render_text(
    template: str, filters: Iterable[Callable[..., Any]], inert: Inert, **values: Any
) -> str:
    """Render a text that is not HTML, as `render` does; `inert` is used instead of HTML escapes."""
    environment = _environment(filters, lambda text: Markup(inert(text)))
    return environment.get_template(template).render(**values)


def code(text: str) -> Markup:
    """Return a text for use between backticks, with its own backticks escaped."""
    return Markup(one_line(text).replace("`", r"\x60"))


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


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a head and rows; each row has as many cells as the head."""
    first, *others = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([first, "|---" * len(head) + "|", *others])


def aligned_table(
    head: Sequence[str], rows: Mapping[str, Sequence[str]], inert: Callable[[str], str]
) -> str:
    """Return a Markdown table with aligned columns; `inert` is applied to the names of rows."""
    table = [head, *([inert(name), *cells] for name, cells in rows.items())]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    padded = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in table]
    return markdown_table(padded[0], padded[1:])


def thumbnails(
    mistakes: Iterable[Mapping[str, Any]],
    folders: Sequence[Path],
) -> dict[str, bytes]:
    """Return `sha256` → JPEG for each mistake whose file is in one of the folders."""
    jpegs = {}
    for mistake in mistakes:
        for folder in folders:
            if jpeg := _thumbnail(folder / mistake["path"], mistake["sha256"]):
                jpegs[mistake["sha256"]] = jpeg
                break
    return jpegs


def _thumbnail(picture: Path, sha256: str) -> bytes | None:
    """Return a JPEG; None unless this is the picture that was encoded."""
    try:
        if content_hash(picture) != sha256:
            return None
        return thumbnail(picture)
    except UnreadableImage:
        return None


def thumbnail(picture: Path | Packed | Crop, side: int = SIDE) -> bytes:
    """Return a JPEG of at most `side` pixels; an `UnreadableImage` if that is impossible."""
    image = decode_image(picture)
    image.thumbnail((side, side))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
