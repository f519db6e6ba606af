"""Cross-modal adapters on disk, and the one that ships with metaadapter."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load

from metaadapter.data.checksums import read_document
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.labs.grounding.cross_modal import CrossModalAdapter, CrossModalConfig

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
SCHEMA = "metaadapter.grounding/1"
SHIPPED = Path(__file__).parents[2] / "assets" / "grounding"
REMEDY = "restore it from a copy, or train it again as docs/explanation/grounding.md says"


def shipped_for(encoder: FrozenEncoder) -> CrossModalAdapter | None:
    """Return the shipped cross-modal adapter; `None` if it was trained with another encoder."""
    adapter = load_cross_modal(SHIPPED)
    return adapter if adapter.config.digest == encoder.fingerprint.digest else None


def load_cross_modal(folder: Path) -> CrossModalAdapter:
    """Read `config.json` and `model.safetensors`, and set the adapter to evaluation mode."""
    if not (folder / CONFIG_FILE).is_file():
        raise UsageError(
            f"no cross-modal adapter in {folder}: expected {CONFIG_FILE} and {WEIGHTS_FILE}"
        )
    stored, proof = read_document(folder / CONFIG_FILE, SCHEMA, REMEDY)
    try:
        known = {field.name for field in fields(CrossModalConfig)}
        given = {name: value for name, value in stored.items() if name in known}
        config = TypeAdapter(CrossModalConfig).validate_python(given)
        content = proof.read(WEIGHTS_FILE)
        # This device takes no memory: the configuration may declare more than the file holds.
        with torch.device("meta"):
            adapter = CrossModalAdapter(config)
        weights = {name: tensor.float() for name, tensor in load(content).items()}
        adapter.load_state_dict(weights, assign=True)
    except (ValidationError, SafetensorError, RuntimeError, OSError) as error:
        raise IncompatibleArtifact(
            f"{folder}: expected a cross-modal adapter of this version of metaadapter, got "
            f"{str(error)[:300]}; {REMEDY}"
        ) from error
    return adapter.eval().requires_grad_(False)
