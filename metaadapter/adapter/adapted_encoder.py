"""The encoder that an adapter needs: a loaded encoder with the adapter's parts in its towers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from metaadapter.adapter.config import TOWER_PARTS
from metaadapter.adapter.stored import StoredAdapter, tensor_bytes
from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.strict_json import json_text
from metaadapter.errors import IncompatibleArtifact, MetaAdapterError, UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.towers.config import InsideConfig, PromptConfig
from metaadapter.features.towers.inside import restore_inside
from metaadapter.features.towers.lora import merge_lora
from metaadapter.features.towers.prompted_encoder import PromptedEncoder


@dataclass(frozen=True, slots=True)
class TowerParts:
    """The trained parts in the towers of an encoder: their configurations and tensors."""

    inside: InsideConfig | None = None
    prompt: PromptConfig | None = None
    towers: Mapping[str, Tensor] = field(default_factory=dict)
    """The tensors, named as in `StoredAdapter.towers`."""


def adapted_encoder(
    base: ImageEncoder, stored: StoredAdapter, *, merge: bool = False
) -> ImageEncoder:
    """Return the encoder whose features an adapter works on.

    It is the base itself if the adapter has no parts in the towers, or if the base has them
    already; else a copy of the base that shares its weights, or a `PromptedEncoder` around it.

    Args:
        base: The encoder that `stored.config.origin` names.
        stored: The adapter, as `load_adapter` reads it.
        merge: Whether to add LoRA's products to the weights, which is faster but takes memory.

    Raises:
        UsageError: The adapter has parts in the towers, and the base is not a `FrozenEncoder`.
        IncompatibleArtifact: The base is another encoder, or the parts do not fit it.
    """
    config = stored.config
    if not config.has_towers:
        return base
    owner = f"the adapter of {', '.join(map(str, config.classes[:3]))}"
    parts = {
        part: {name: t for name, t in stored.towers.items() if name.startswith(f"{part}/")}
        for part in TOWER_PARTS
    }
    prompted = base if isinstance(base, PromptedEncoder) else None
    if prompted is not None:
        base = prompted.base
    if not isinstance(base, FrozenEncoder):
        raise UsageError(
            f"{owner} has parts in the towers of an open_clip model, but the encoder {base.name} "
            f"is of your own; use the encoder {config.origin.encoder}"
        )
    is_adapted = config.inside is not None and base.mark == parts_mark(
        config.inside, parts["inside"]
    )
    loaded = base.base if is_adapted and base.base is not None else base
    config.origin.require_encoder(loaded.fingerprint, owner=owner)
    if config.inside is not None and not is_adapted:
        base = with_towers(base, parts["inside"], inside=config.inside, merge=merge)
    if config.prompt is None:
        return base
    if prompted is not None and prompted.base is base and prompted.has(parts["prompt"]):
        return prompted
    return PromptedEncoder(base, parts["prompt"], config.prompt)


def with_towers(
    base: FrozenEncoder,
    towers: Mapping[str, Tensor],
    *,
    inside: InsideConfig | None,
    merge: bool = False,
) -> FrozenEncoder:
    """Return a copy of an encoder that shares its weights and has these parts in its towers."""

    def change(network: nn.Module) -> None:
        if inside is not None:
            restore_inside(network, inside, towers)
        if merge:
            merge_lora(network)

    try:
        adapted = base.adapted(change, parts_mark(inside, towers))
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


def parts_mark(inside: InsideConfig | None, towers: Mapping[str, Tensor]) -> str:
    """Return a hash that differs between two different sets of parts."""
    facts = None if inside is None else inside.model_dump(mode="json")
    content = json_text(facts, sort_keys=True).encode() + tensor_bytes(dict(sorted(towers.items())))
    return hashlib.sha256(content).hexdigest()


def parts_of(encoder: Any) -> tuple[Any, TowerParts]:
    """Return the encoder as it was loaded, and the parts in its towers, a soft prompt included."""
    if isinstance(encoder, PromptedEncoder):
        base, parts = parts_of(encoder.base)
        towers = {**parts.towers, **encoder.tensors}
        return base, replace(parts, prompt=encoder.config, towers=towers)
    if isinstance(encoder, FrozenEncoder) and isinstance(encoder.parts, TowerParts):
        return encoder.base, encoder.parts
    return encoder, TowerParts()
