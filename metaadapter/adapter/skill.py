"""Skill files: an adapter in one file, `NAME.adapter`, with the signature of its task."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from metaadapter.adapter.config import AdapterConfig, card, read_config, stored_facts
from metaadapter.adapter.layout import (
    CAPTION_SCHEMA,
    CARD_FILE,
    CONFIG_FILE,
    MEMBERS,
    REMEDY,
    SIGNATURE_FILE,
    SUPPORT_FILE,
    is_caption_adapter,
    open_skill,
)
from metaadapter.adapter.signature import TaskSignature
from metaadapter.adapter.stored import StoredAdapter, pack, packed, unpacked_signature
from metaadapter.data.proof import Proof, read_document, sealed
from metaadapter.data.stored_zip import StoredZip, zip_bytes
from metaadapter.data.strict_json import json_text
from metaadapter.errors import MetaAdapterError


def skill_bytes(adapter: StoredAdapter, old_card: bytes = b"", *, features: bool = True) -> bytes:
    """The content of a skill file, which depends on nothing but the arguments.

    Args:
        adapter: What is to be in it; the signature is computed of its support, where it has one.
        old_card: A card whose facts are renewed and whose other words are kept.
        features: Whether to keep the support: the features of labelled and unlabelled pictures and
            their hashes. Without it no class can be added later. The weights stay as they are, and
            with them the keys of a cache, which are features of pictures too.
    """
    contents = packed(adapter)
    contents[SIGNATURE_FILE] = pack(adapter.task_signature.tensors())
    if not features:
        contents.pop(SUPPORT_FILE, None)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    facts = sealed(stored_facts(adapter.config), hashes)
    contents[CONFIG_FILE] = (json_text(facts, indent=2) + "\n").encode()
    contents[CARD_FILE] = renewed_card(adapter.config, old_card)
    return zip_bytes({name: contents[name] for name in MEMBERS if name in contents})


def renewed_card(config: AdapterConfig, old: bytes) -> bytes:
    """The card of an adapter: the author's part may be in any encoding and stays as it was."""
    text = card(config, old.decode(errors="surrogateescape"))
    return text.encode(errors="surrogateescape")


def read_signature(skill: Path) -> tuple[AdapterConfig, TaskSignature]:
    """The facts of a skill file and the signature of its task; other members are not read.

    Raises:
        DataError: It is damaged, or cannot be read.
        IncompatibleArtifact: It is no skill file, or one of another version.
    """
    config, proof = read_config(skill, open_skill(skill, CONFIG_FILE, SIGNATURE_FILE))
    return config, unpacked_signature(proof.read(SIGNATURE_FILE), config, skill)


def check_skill(skill: Path) -> Iterator[tuple[Path, str]]:
    """Check each file within a skill file; beside it stands what is wrong with it, or ""."""
    try:
        place = open_skill(skill)
        proof = _proof(skill, place)
    except MetaAdapterError as error:
        yield skill, str(error)
        return
    for name in place.sizes:
        fault = ""
        # The facts were proved as they were read, the card by its CRC-32 alone.
        if name not in (CONFIG_FILE, CARD_FILE):
            try:
                proof.read(name)
            except MetaAdapterError as error:
                fault = str(error)
        yield skill / name, fault
    for name in sorted(set(proof.files) - set(place.sizes)):
        yield skill / name, f"{name} is missing from {skill}"


def _proof(skill: Path, place: StoredZip) -> Proof:
    """Read the proof of the members; the adapter may be of either kind."""
    if not is_caption_adapter(skill, place):
        return read_config(skill, place)[1]
    _, proof = read_document(skill / CONFIG_FILE, CAPTION_SCHEMA, REMEDY, place=place)
    if proof is None:
        raise AssertionError("only documents of earlier versions come without a proof")
    return proof
