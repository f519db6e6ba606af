"""An adapter of pairs on disk: a folder or a skill file, without pickle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from pydantic import ValidationError
from safetensors.torch import load

from metaadapter.adapter.files import write_adapter_files
from metaadapter.adapter.layout import (
    CAPTION_SCHEMA,
    CONFIG_FILE,
    REMEDY,
    WEIGHTS_FILE,
    open_adapter,
)
from metaadapter.adapter.stored import UNUSABLE, tensor_bytes
from metaadapter.data.proof import read_document
from metaadapter.data.safetensors_header import texts_of
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.labs.ranking.pairs_card import pairs_card
from metaadapter.labs.ranking.pairs_config import PairsConfig


@dataclass(frozen=True, slots=True, eq=False)
class StoredPairs:
    """The features of pairs, from which `fit_pairs` computes an adapter at once."""

    config: PairsConfig
    pictures: Float32[np.ndarray, "pairs dim"]
    """Unit rows, as the encoder gave them."""
    captions: Float32[np.ndarray, "pairs dim"]
    picture_hashes: tuple[str, ...] = ()
    """SHA-256 of the pictures, sorted: they recognize a picture, and do not show it."""


def store_pairs(path: Path, stored: StoredPairs) -> None:
    """Write pairs to a folder or a skill file, in place of the adapter that is there.

    At any moment the path holds either the old adapter or the new one.

    Raises:
        DataError: The path holds other files, cannot be written, or is in use by another process.
    """
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(rows, np.float32))
        for name, rows in (("pictures", stored.pictures), ("captions", stored.captions))
    }
    hashes = json_text(sorted(stored.picture_hashes))
    contents = {WEIGHTS_FILE: tensor_bytes(tensors, picture_hashes=hashes)}
    facts = {"schema": CAPTION_SCHEMA, **stored.config.model_dump(mode="json")}
    write_adapter_files(path, facts, contents, lambda old: pairs_card(stored.config, old))


def load_pairs(adapter: Path) -> StoredPairs:
    """Read pairs from a folder or a skill file; `is_caption_adapter` says if an adapter has pairs.

    Raises:
        DataError: The adapter is damaged, or a feature is not finite.
        IncompatibleArtifact: The adapter is of another version.
    """
    place, path = open_adapter(adapter, CONFIG_FILE, WEIGHTS_FILE), adapter / CONFIG_FILE
    values, proof = read_document(path, CAPTION_SCHEMA, REMEDY, source=place)
    values.pop("schema")
    try:
        config = PairsConfig(**values)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, item["loc"])) or item["msg"] for item in error.errors())
        raise IncompatibleArtifact(
            f"{path}: missing or wrong: {wrong}; the file is damaged, or of a newer metaadapter: "
            "upgrade with `pip install -U metaadapter`, or adapt again"
        ) from error
    if proof is None:
        raise DataError(f"{path} has no proof of the files beside it; {REMEDY}")
    content = proof.read(WEIGHTS_FILE)
    try:
        tensors = load(content)
        pictures, captions = (tensors[name].numpy() for name in ("pictures", "captions"))
        hashes = tuple(map(str, parse_json(texts_of(content)["picture_hashes"])))
        expected = (len(config.captions), config.width)
        for name, rows in (("pictures", pictures), ("captions", captions)):
            if rows.shape != expected or rows.dtype != np.float32:
                raise ValueError(f"{name} should be {expected} of float32, and is {rows.shape}")
            if not np.isfinite(rows).all():
                raise ValueError(f"{name} holds features that are NaN or infinite")
    except UNUSABLE as error:
        raise DataError(f"{adapter} is damaged: {error}; {REMEDY}") from error
    return StoredPairs(config, pictures, captions, hashes)
