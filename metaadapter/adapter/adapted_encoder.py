"""The encoder that an adapter's features come from: with what the adapter has in its towers."""

from __future__ import annotations

import hashlib
from typing import overload

from torch import nn

from metaadapter.adapter.stored import StoredAdapter, pack
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.features import FrozenEncoder, ImageEncoder
from metaadapter.files.strict_json import json_text
from metaadapter.towers import restore_inside

__all__ = ["adapted_encoder"]


@overload
def adapted_encoder(base: FrozenEncoder, stored: StoredAdapter) -> FrozenEncoder: ...
@overload
def adapted_encoder(base: ImageEncoder, stored: StoredAdapter) -> ImageEncoder: ...
def adapted_encoder(base: ImageEncoder, stored: StoredAdapter) -> ImageEncoder:
    """Give the encoder whose features an adapter works on.

    That is the base itself for an adapter without parts in the towers. Else it is a `shared_copy`
    of the base with the parts in it: no weight of the base is there twice, and the base stays as it
    is.

    Args:
        base: The encoder that `stored.config.origin` tells of.
        stored: The adapter, as `load_adapter` reads it.

    Raises:
        UsageError: The adapter has parts in the towers, and the base is no `FrozenEncoder`.
        IncompatibleArtifact: The base is another encoder, or the parts do not fit it.
    """
    config = stored.config
    if not config.has_towers:
        return base
    owner = f"the adapter of {', '.join(map(str, config.classes[:3]))}"
    if not isinstance(base, FrozenEncoder):
        raise UsageError(
            f"{owner} has parts in the towers of an open_clip model, and the encoder {base.name} "
            f"is of your own; use the encoder {config.origin.encoder}"
        )
    config.origin.require_encoder(base.fingerprint, owner=owner)
    if config.prompt is not None:
        raise IncompatibleArtifact(f"{owner} has a learned prompt, which this version cannot read")
    inside = config.inside

    def change(network: nn.Module) -> None:
        if inside is not None:
            restore_inside(network, inside, stored.towers)

    return base.adapted(change, _mark(stored))


def _mark(stored: StoredAdapter) -> str:
    """What tells the parts of one adapter from those of others."""
    inside = stored.config.inside
    facts = None if inside is None else inside.model_dump(mode="json")
    content = json_text(facts, sort_keys=True).encode() + pack(dict(sorted(stored.towers.items())))
    return hashlib.sha256(content).hexdigest()
