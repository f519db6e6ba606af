"""Save and load adapters: a folder of JSON, safetensors and a card, or a skill file. No pickle."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from metaadapter.adapter.card import adapter_card
from metaadapter.adapter.config import read_config, stored_facts
from metaadapter.adapter.layout import (
    CARD_FILE,
    CONFIG_FILE,
    MEMBERS,
    SIGNATURE_FILE,
    TENSOR_FILES,
    is_skill,
    open_adapter,
    open_skill,
)
from metaadapter.adapter.stored import (
    StoredAdapter,
    adapter_of_files,
    file_contents,
    tensor_bytes,
)
from metaadapter.errors import DataError, IncompatibleArtifact, MetaAdapterError, UsageError
from metaadapter.files.checksums import sealed_document, write_document
from metaadapter.files.hub import is_hub_name
from metaadapter.files.output_folder import (
    hold_lock,
    replace_file,
    require_own_or_empty,
    write_errors,
)
from metaadapter.files.regular_files import given_path, is_regular
from metaadapter.files.stored_zip import zip_bytes

LOCK_FILE, LOCK_OF_SKILLS = ".lock", ".adapter.lock"
# Writing a skill file takes a moment, but `metaadapter add` holds it while it encodes pictures.
SECONDS_TO_WAIT = 10.0


def store_adapter(path: Path, adapter: StoredAdapter) -> None:
    """Write an adapter to a folder or a skill file; an adapter at the path is replaced.

    A path that ends in `.adapter` is a skill file, unless it is a folder. After an interruption
    the path holds the old adapter or the new one. In a folder the card is written last; words that
    its author added stay.

    Raises:
        DataError: The path is not an adapter, cannot be written, or is used by another process.
    """
    require_adapter_folder(path)
    folder = path.parent if is_skill(path) else path
    with write_errors(owner := f"the adapter {path}"):
        folder.mkdir(parents=True, exist_ok=True)
    with hold_adapter(path), write_errors(owner):
        old_card = read_card(path)
        if is_skill(path):
            replace_file(path, skill_bytes(adapter, old_card))
            return
        contents, card = file_contents(adapter), adapter_card(adapter, old_card)
        write_document(path / CONFIG_FILE, stored_facts(adapter.config), contents)
        for name in set(TENSOR_FILES) - contents.keys():
            (path / name).unlink(missing_ok=True)
        replace_file(path / CARD_FILE, card)


def load_adapter(path: str | Path, *, several: bool = False) -> StoredAdapter:
    """Read an adapter from a folder or a skill file, or from the hub (`downloaded_adapter`).

    `several` admits one of several labels.

    Raises:
        DataError: The adapter is damaged, or a weight is not finite.
        IncompatibleArtifact: There is no adapter, this version cannot read its format, or it
            gives a picture several labels.
    """
    path = given_path(path)
    config, proof = read_config(path, open_adapter(path))
    if config.several is not None and not several:
        raise IncompatibleArtifact(
            f"expected an adapter that gives each picture one label, but {path} gives several "
            "(`metaadapter adapt --several`): use it with `metaadapter predict` or "
            "`SeveralLabelsClassifier.load`, or adapt without --several"
        )
    return adapter_of_files({name: proof.read(name) for name in proof.files}, config, path)


def require_adapter_folder(path: Path) -> None:
    """Raise an error unless the path is writable, and new, empty or an adapter already."""
    if is_hub_name(path):
        raise UsageError(
            f"{path} is on the hub, where a commit never changes: write the adapter to a place on "
            "this machine (--out ADAPTER), then publish it with `hf upload`"
        )
    if path.exists() and not path.is_dir():
        try:
            read_config(path)
        except MetaAdapterError as error:
            raise DataError(
                f"{path} is a file, and no adapter that could be replaced ({error}); give a "
                "folder for the adapter, or a new file NAME.adapter"
            ) from error
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not os.access(nearest, os.W_OK):
        raise DataError(
            f"cannot write the adapter {path}: there is no permission to write to {nearest}; "
            "choose another folder, or correct the permissions"
        )
    if path.is_dir():
        require_own_or_empty(path, (CONFIG_FILE, *TENSOR_FILES), "adapter")


def read_card(path: Path) -> bytes:
    """Return the card of an adapter; empty if there is no card or no adapter."""
    if path.is_dir():
        return (path / CARD_FILE).read_bytes() if is_regular(path / CARD_FILE) else b""
    try:
        return open_adapter(path, CARD_FILE).read(CARD_FILE)
    except (MetaAdapterError, OSError):
        return b""


def hold_adapter(path: Path) -> AbstractContextManager[None]:
    """Keep other processes from writing to an adapter; skill files in a folder share one lock."""
    owner = f"the adapter {path}"
    if is_skill(path):
        lock = path.parent / LOCK_OF_SKILLS
        return hold_lock(lock, owner, reentrant=True, wait=SECONDS_TO_WAIT)
    return hold_lock(path / LOCK_FILE, owner, reentrant=True)


def skill_bytes(adapter: StoredAdapter, old_card: bytes = b"") -> bytes:
    """Return the content of a skill file."""
    card = adapter_card(adapter, old_card)
    return seal_skill(stored_facts(adapter.config), skill_contents(adapter), card)


def skill_contents(adapter: StoredAdapter) -> dict[str, bytes]:
    """Return file name → content for all tensors, always with the signature of the task."""
    return file_contents(adapter) | {SIGNATURE_FILE: tensor_bytes(adapter.task_signature.tensors())}


def seal_skill(facts: Mapping[str, Any], contents: Mapping[str, bytes], card: bytes) -> bytes:
    """Return a skill file with a card, the contents, and the facts with their proof."""
    config = sealed_document(facts, contents)
    members = {CARD_FILE: card, CONFIG_FILE: config, **contents}
    return zip_bytes({name: members[name] for name in MEMBERS if name in members})


def check_skill(skill: Path) -> Iterator[tuple[Path, str]]:
    """Yield the path of each file in a skill file, and its error, "" if it has none."""
    try:
        place = open_skill(skill)
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
