"""Skill files: an adapter in one file, `NAME.adapter`, with the signature of its task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from metaadapter.adapter.card import adapter_card
from metaadapter.adapter.config import AdapterConfig, read_config, stored_facts
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
from metaadapter.adapter.stored import StoredAdapter, file_contents, signature_of_file, tensor_bytes
from metaadapter.adapter.task_signature import TaskSignature
from metaadapter.data.checksums import read_document, sealed_document
from metaadapter.data.stored_zip import zip_bytes
from metaadapter.errors import MetaAdapterError


def skill_bytes(adapter: StoredAdapter, old_card: bytes = b"", *, features: bool = True) -> bytes:
    """Return the content of a skill file.

    Without `features` the support and the hashes of its pictures are left out, so no class can be
    added later. The weights stay, with the keys of a cache, which are features, too.
    """
    contents = skill_contents(adapter)
    if not features:
        contents.pop(SUPPORT_FILE, None)
    return seal_skill(stored_facts(adapter.config), contents, adapter_card(adapter, old_card))


def skill_contents(adapter: StoredAdapter) -> dict[str, bytes]:
    """Return file name → content for all tensors, always with the signature of the task."""
    return file_contents(adapter) | {SIGNATURE_FILE: tensor_bytes(adapter.task_signature.tensors())}


def seal_skill(facts: Mapping[str, Any], contents: Mapping[str, bytes], card: bytes) -> bytes:
    """Return a skill file with a card, the contents, and the facts with their proof."""
    members = {CARD_FILE: card, **sealed_members(facts, contents)}
    return zip_bytes({name: members[name] for name in MEMBERS if name in members})


def sealed_members(facts: Mapping[str, Any], contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the contents, and the configuration with the facts and the proof of the contents."""
    return {CONFIG_FILE: sealed_document(facts, contents), **contents}


def read_signature(skill: Path) -> tuple[AdapterConfig, TaskSignature]:
    """Read the configuration of a skill file and the signature of its task, and nothing else."""
    config, proof = read_config(skill, open_skill(skill, CONFIG_FILE, SIGNATURE_FILE))
    return config, signature_of_file(proof.read(SIGNATURE_FILE), config, skill)


def check_skill(skill: Path) -> Iterator[tuple[Path, str]]:
    """Yield the path of each file in a skill file, and its error, "" if it has none."""
    try:
        place = open_skill(skill)
        if is_caption_adapter(skill, place):
            _, proof = read_document(skill / CONFIG_FILE, CAPTION_SCHEMA, REMEDY, source=place)
        else:
            _, proof = read_config(skill, place)
    except MetaAdapterError as error:
        yield skill, str(error)
        return
    for name in place.sizes:
        fault = ""
        # The configuration was checked when it was read; the card has only a CRC-32.
        if name not in (CONFIG_FILE, CARD_FILE):
            try:
                proof.read(name)
            except MetaAdapterError as error:
                fault = str(error)
        yield skill / name, fault
    for name in sorted(set(proof.files) - set(place.sizes)):
        yield skill / name, f"{name} is missing from {skill}"
