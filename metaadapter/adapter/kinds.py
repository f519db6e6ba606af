"""Which kind of adapter lies at a path: one that tells classes, or one that orders captions."""

from __future__ import annotations

from pathlib import Path

from metaadapter.adapter.place import CONFIG_FILE, adapter_place
from metaadapter.data.places import Place
from metaadapter.data.strict_json import parse_json
from metaadapter.errors import IncompatibleArtifact, MetaAdapterError

CAPTION_SCHEMA = "metaadapter.caption_adapter/1"


def orders_captions(adapter: Path, place: Place | None = None) -> bool:
    """Whether an adapter, a folder or a skill file, was made of pictures and their captions.

    Nothing is proved of it, and of what cannot be read the answer is no.
    """
    try:
        facts = parse_json((place or adapter_place(adapter, CONFIG_FILE)).read(CONFIG_FILE))
    except (MetaAdapterError, OSError, ValueError, RecursionError):
        return False
    return isinstance(facts, dict) and facts.get("schema") == CAPTION_SCHEMA


def require_classes(adapter: Path, place: Place) -> None:
    """Raise `IncompatibleArtifact` for an adapter that orders captions and has no classes."""
    if orders_captions(adapter, place):
        raise IncompatibleArtifact(
            f"expected an adapter that tells classes apart, but {adapter} was made of pictures and "
            "their captions: use it with `metaadapter rank`, or make one of labelled pictures with "
            "`metaadapter adapt`"
        )
