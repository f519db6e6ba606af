"""Writes the section of a model card that stands between two marks."""

from __future__ import annotations

from pathlib import Path

from metaadapter.data.output_folder import replace_file


def rewrite_section(card: Path, name: str, text: str) -> None:
    """Put `text` between `<!-- name -->` and `<!-- end of name -->`; the rest is unchanged.

    Raises:
        ValueError: The card does not have each mark exactly once, in this order.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    written = card.read_text(encoding="utf-8")
    before, *rest = written.split(begin)
    if len(rest) != 1 or rest[0].count(end) != 1 or end in before:
        raise ValueError(f"{card}: expected {begin} once and {end} once after it; add both marks")
    replace_file(card, f"{before}{begin}\n{text}\n{end}{rest[0].split(end)[1]}")
