"""The metadata of an exported file: one JSON document, `metaadapter.exported/1`."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Literal

from metaadapter.adapter.stored import StoredAdapter

SCHEMA = "metaadapter.exported/1"
KEY = "metaadapter"
"""The name of the document in the metadata of a file."""


def exported_facts(
    stored: StoredAdapter,
    *,
    takes: Literal["features", "pictures"],
    outputs: tuple[str, ...],
    int8: bool,
    n_checked: int,
    largest_difference: float,
) -> dict[str, Any]:
    """The document; docs/how-to/export.md explains each key."""
    config, head = stored.config, stored.weights.known_head
    origin = config.origin
    return {
        "schema": SCHEMA,
        "library_version": version("metaadapter"),
        "input": takes,
        "outputs": list(outputs),
        "classes": config.classes,
        "reject_threshold": None if head is None else float(head.reject_threshold),
        "width": config.width,
        "encoder": origin.encoder,
        "fingerprint": None if origin.fingerprint is None else asdict(origin.fingerprint),
        "zoom": origin.zoom,
        "blocks": origin.blocks,
        "generator": config.generator,
        "generator_id": config.generator_id,
        "int8": int8,
        "n_checked": n_checked,
        "largest_difference": largest_difference,
    }
