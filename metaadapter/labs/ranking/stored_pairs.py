"""An adapter of pairs on disk: a folder or a skill file, without pickle."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from pydantic import ValidationError
from safetensors.torch import load

from metaadapter.adapter.files import hold_adapter, read_card, require_adapter_folder
from metaadapter.adapter.layout import (
    CAPTION_SCHEMA,
    CARD_FILE,
    CONFIG_FILE,
    MEMBERS,
    REMEDY,
    WEIGHTS_FILE,
    is_skill,
    open_adapter,
)
from metaadapter.adapter.stored import UNUSABLE, pack
from metaadapter.data.atomic_files import replace_file
from metaadapter.data.output_folder import write_errors
from metaadapter.data.proof import read_document, sealed, write_document
from metaadapter.data.safetensors_header import texts_of
from metaadapter.data.stored_zip import zip_bytes
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
    require_adapter_folder(path)
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(rows, np.float32))
        for name, rows in (("pictures", stored.pictures), ("captions", stored.captions))
    }
    hashes = json_text(sorted(stored.picture_hashes))
    contents = {WEIGHTS_FILE: pack(tensors, picture_hashes=hashes)}
    facts = {"schema": CAPTION_SCHEMA, **stored.config.model_dump(mode="json")}
    folder = path.parent if is_skill(path) else path
    with write_errors(owner := f"the adapter {path}"):
        folder.mkdir(parents=True, exist_ok=True)
    with hold_adapter(path), write_errors(owner):
        card = pairs_card(stored.config, read_card(path))
        if is_skill(path):
            replace_file(path, _skill_bytes(facts, contents, card))
            return
        write_document(path / CONFIG_FILE, facts, contents)
        # These files belonged to an adapter of classes.
        for name in MEMBERS.keys() - {CONFIG_FILE, CARD_FILE, *contents}:
            (path / name).unlink(missing_ok=True)
        replace_file(path / CARD_FILE, card)


def load_pairs(adapter: Path) -> StoredPairs:
    """Read pairs from a folder or a skill file; `is_caption_adapter` says if an adapter has pairs.

    Raises:
        DataError: The adapter is damaged, or a feature is not finite.
        IncompatibleArtifact: The adapter is of another version.
    """
    place, path = open_adapter(adapter, CONFIG_FILE, WEIGHTS_FILE), adapter / CONFIG_FILE
    values, proof = read_document(path, CAPTION_SCHEMA, REMEDY, place=place)
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


def _skill_bytes(facts: dict[str, object], contents: dict[str, bytes], card: bytes) -> bytes:
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    document = json_text(sealed(facts, hashes), indent=2) + "\n"
    members = {CONFIG_FILE: document.encode(), CARD_FILE: card, **contents}
    return zip_bytes({name: members[name] for name in MEMBERS if name in members})
