"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A line for the head, a rule, and a line for each row, which has as many cells as the head."""
    first, *others = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([first, "|---" * len(head) + "|", *others])


def aligned_table(
    head: Sequence[str], rows: Mapping[str, Sequence[str]], inert: Callable[[str], str]
) -> str:
    """A table whose columns are aligned on a terminal too; `inert` is applied to the row names."""
    table = [head, *([inert(name), *cells] for name, cells in rows.items())]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    padded = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in table]
    return markdown_table(padded[0], padded[1:])
