"""The encoder that an adapter was made with."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from metaadapter.adapter import AdapterConfig
from metaadapter.errors import UsageError
from metaadapter.features import ImageEncoder, load_encoder

__all__ = ["load_adapter_encoder"]


def load_adapter_encoder(
    adapter: Path,
    config: AdapterConfig,
    override: str | None,
    device: str,
    precision: Literal["fp32", "bf16", "fp16"],
) -> ImageEncoder:
    """Load the encoder that an adapter names, or that `override` names, and check that it is it.

    Raises:
        UsageError: the adapter does not name its encoder, or a file of code, and there is no
            `override`.
        IncompatibleArtifact: it is another encoder.
    """
    name = override or config.origin.encoder
    if name is None:
        raise UsageError(
            f"the adapter {adapter} was made from features and does not say by which encoder; "
            "name it with --encoder"
        )
    owner = f"the adapter {adapter}"
    remembered_by = owner if override is None else None
    encoder = load_encoder(name, device=device, precision=precision, remembered_by=remembered_by)
    config.origin.require_encoder(encoder.fingerprint, owner=owner)
    return encoder
