"""The metadata of a card for the hub: YAML between two lines of dashes, before the text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from metaadapter.adapter.card import renew_card
from metaadapter.errors import DataError

_HEAD = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?\r?\n)?---[ \t]*(?:\r?\n|$)", re.DOTALL)


def card_with_metadata(
    old: bytes,
    facts: str,
    values: Mapping[str, str | list[str]],
    tags: Sequence[str],
    license_name: str | None,
) -> bytes:
    """Return a card with these facts in its text and metadata; all else of the author stays.

    Args:
        old: The card so far, perhaps empty.
        facts: The facts of the text.
        values: The facts of the metadata.
        tags: Added to the tags of the author.
        license_name: Replaces the licence in the card; None keeps it.

    Raises:
        DataError: The metadata of the old card are no YAML.
    """
    import yaml

    text = old.decode(errors="surrogateescape")
    match = _HEAD.match(text)
    try:
        head: Any = yaml.safe_load(match[1] or "") if match else None
    except yaml.YAMLError as error:
        raise DataError(
            f"the metadata at the top of the card are no YAML ({error}); correct the card on the "
            "hub, and push again"
        ) from error
    if match and not isinstance(head, dict | None):
        match = None  # text between two rules
    before = head if isinstance(head, dict) else {}
    tags_before = before.get("tags") or []
    known = map(str, tags_before if isinstance(tags_before, list) else [tags_before])
    metadata = {**before, **values, "tags": list(dict.fromkeys([*known, *tags]))}
    if license_name is not None:
        metadata["license"] = license_name
    lines = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)
    body = text[match.end() :] if match else text
    new = renew_card(body.encode(errors="surrogateescape"), "", facts)
    return f"---\n{lines}---\n".encode() + new
