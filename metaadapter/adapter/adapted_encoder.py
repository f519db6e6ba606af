"""The encoder that an adapter needs: a loaded encoder with the adapter's parts in its towers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor

from metaadapter.adapter.stored import StoredAdapter, tensor_bytes
from metaadapter.errors import IncompatibleArtifact, MetaAdapterError, UsageError
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.inside import restore_inside
from metaadapter.files.checksums import joined_hash
from metaadapter.files.machine_errors import is_shortage
from metaadapter.files.strict_json import json_text


@dataclass(frozen=True, slots=True)
class TowerParts:
    """The trained adapters in the image tower of an encoder."""

    inside: InsideConfig | None = None
    towers: Mapping[str, Tensor] = field(default_factory=dict)
    """The tensors, named as in `StoredAdapter.towers`."""


def adapted_encoder(base: ImageEncoder, stored: StoredAdapter) -> ImageEncoder:
    """Return the encoder whose features an adapter works on.

    It is the base itself if the adapter has no parts in the towers, or if the base has them
    already; else a copy of the base that shares its weights.

    Args:
        base: The encoder that `stored.config.origin` names.
        stored: The adapter, as `load_adapter` reads it.

    Raises:
        UsageError: The adapter has parts in the towers, and the base is not a `FrozenEncoder`.
        IncompatibleArtifact: The base is another encoder, or the parts do not fit it.
    """
    config = stored.config
    if config.inside is None:
        return base
    owner = f"the adapter of {', '.join(map(str, config.classes[:3]))}"
    if not isinstance(base, FrozenEncoder):
        raise UsageError(
            f"{owner} has parts in the towers of an open_clip model, but the encoder {base.name} "
            f"is of your own; use the encoder {config.origin.encoder}"
        )
    is_adapted = base.mark == parts_mark(config.inside, stored.towers)
    loaded = base.base if is_adapted and base.base is not None else base
    config.origin.require_encoder(loaded.fingerprint, owner=owner)
    if is_adapted:
        return base
    return with_towers(base, stored.towers, inside=config.inside)


def with_towers(
    base: FrozenEncoder, towers: Mapping[str, Tensor], *, inside: InsideConfig
) -> FrozenEncoder:
    """Return a copy of an encoder that shares its weights and has these parts in its towers."""
    try:
        adapted = base.adapted(partial(restore_inside, tensors=towers), parts_mark(inside, towers))
    except MetaAdapterError:
        raise
    except Exception as error:  # torch has many errors for tensors that do not fit
        if is_shortage(error):
            raise
        reason = " ".join(str(error).split())[:300]
        raise IncompatibleArtifact(
            f"the parts inside the towers do not fit the encoder {base.name}: {reason}"
        ) from error
    adapted.parts = TowerParts(inside, towers=towers)
    return adapted


def parts_mark(inside: InsideConfig, towers: Mapping[str, Tensor]) -> str:
    """Return a hash that differs between two different sets of parts."""
    facts = json_text(inside.model_dump(mode="json"), sort_keys=True)
    return joined_hash([facts, tensor_bytes(dict(sorted(towers.items())))])


def parts_of(encoder: Any) -> tuple[Any, TowerParts]:
    """Return the encoder as it was loaded, and the parts in its towers."""
    if isinstance(encoder, FrozenEncoder) and isinstance(encoder.parts, TowerParts):
        return encoder.base, encoder.parts
    return encoder, TowerParts()
