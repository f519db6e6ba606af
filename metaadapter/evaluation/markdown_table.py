"""Rows of text as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["markdown_table"]


def markdown_table(rows: Mapping[str, Sequence[str]]) -> str:
    """The first row is the head; each begins with its name."""
    head, *others = [f"| {' | '.join([name, *cells])} |" for name, cells in rows.items()]
    n_columns = 1 + len(next(iter(rows.values())))
    return "\n".join([head, "|---" * n_columns + "|", *others])
