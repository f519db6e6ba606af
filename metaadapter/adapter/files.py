"""Adapters on a disk: a folder of JSON, safetensors and a card, or a skill file. No pickle."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from metaadapter.adapter.config import AdapterConfig, read_config, stored_facts
from metaadapter.adapter.layout import (
    CARD_FILE,
    CONFIG_FILE,
    SIGNATURE_FILE,
    SUPPORT_FILE,
    TOWERS_FILE,
    WEIGHTS_FILE,
    is_caption_adapter,
    is_skill,
    open_adapter,
)
from metaadapter.adapter.skill import renewed_card, skill_bytes
from metaadapter.adapter.stored import StoredAdapter, packed, unpacked
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.data.atomic_files import replace_file
from metaadapter.data.output_folder import hold_lock, require_own_or_empty, write_errors
from metaadapter.data.proof import write_document
from metaadapter.data.regular_files import is_regular
from metaadapter.errors import DataError, MetaAdapterError

LOCK_FILE, LOCK_OF_SKILLS = ".lock", ".adapter.lock"
# A skill file is written in a moment, unless `metaadapter add` has it, which encodes pictures.
SECONDS_TO_WAIT = 10.0


def require_adapter_folder(adapter: Path) -> None:
    """Check that an adapter may be written: to a new or empty folder, over one, as a skill file.

    Raises:
        DataError: It is a file or folder of something else, or lies where nothing may be written.
    """
    if adapter.exists() and not adapter.is_dir() and not is_caption_adapter(adapter):
        try:
            read_config(adapter)
        except MetaAdapterError as error:
            raise DataError(
                f"{adapter} is a file, and no adapter that could be replaced ({error}); give a "
                "folder for the adapter, or a new file NAME.adapter"
            ) from error
    there = next(path for path in (adapter, *adapter.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        raise DataError(
            f"nothing may be written to {there}, where the adapter {adapter} is to go; choose "
            "another folder, or correct the permissions"
        )
    if adapter.is_dir():
        marks = (CONFIG_FILE, WEIGHTS_FILE, SUPPORT_FILE, SIGNATURE_FILE, TOWERS_FILE)
        require_own_or_empty(adapter, marks, "adapter")


def save_adapter(
    folder: Path,
    weights: AdapterWeights,
    config: AdapterConfig,
    support: Support | None = None,
    picture_hashes: Sequence[str] = (),
) -> None:
    """Write one adapter (no task axis); `store_adapter` tells the rest."""
    store_adapter(folder, StoredAdapter(weights, config, support, tuple(picture_hashes)))


def store_adapter(path: Path, adapter: StoredAdapter) -> None:
    """Write an adapter to a folder, or to a skill file; one that is there already is replaced.

    A path that ends in `.adapter` is a skill file, unless a folder is there. However it ends, the
    path holds the old adapter or the new one. The card of a folder, which nothing reads but people,
    is written last; words that its author added stay.

    Raises:
        DataError: The path holds other things, cannot be written, or another process has it.
    """
    require_adapter_folder(path)
    folder = path.parent if is_skill(path) else path
    with write_errors(owner := f"the adapter {path}"):
        folder.mkdir(parents=True, exist_ok=True)
    with hold_adapter(path), write_errors(owner):
        if is_skill(path):
            replace_file(path, skill_bytes(adapter, read_card(path)))
            return
        contents = packed(adapter)
        write_document(path / CONFIG_FILE, stored_facts(adapter.config), contents)
        for name in {SUPPORT_FILE, SIGNATURE_FILE, TOWERS_FILE} - contents.keys():
            (path / name).unlink(missing_ok=True)
        replace_file(path / CARD_FILE, renewed_card(adapter.config, read_card(path)))


def read_card(adapter: Path) -> bytes:
    """The card of an adapter; empty where there is none, and no adapter."""
    if adapter.is_dir():
        return (adapter / CARD_FILE).read_bytes() if is_regular(adapter / CARD_FILE) else b""
    try:
        return open_adapter(adapter, CARD_FILE).read(CARD_FILE)
    except (MetaAdapterError, OSError):
        return b""


def hold_adapter(adapter: Path) -> AbstractContextManager[None]:
    """Keep others from writing to an adapter while a block runs; within it, `save_adapter` may.

    All skill files of a folder have one lock.

    Raises:
        DataError: Another one writes to it, or the folder cannot be written.
    """
    owner = f"the adapter {adapter}"
    if is_skill(adapter):
        lock = adapter.parent / LOCK_OF_SKILLS
        return hold_lock(lock, owner, reentrant=True, wait=SECONDS_TO_WAIT)
    return hold_lock(adapter / LOCK_FILE, owner, reentrant=True)


def load_adapter(adapter: Path) -> StoredAdapter:
    """Read an adapter, a folder or a skill file.

    Tensors of a newer version are dropped, with a warning that names them.

    Raises:
        DataError: It is damaged, or a weight is not finite.
        IncompatibleArtifact: It is no adapter, or one of another version.
    """
    config, proof = read_config(adapter, open_adapter(adapter))
    return unpacked({name: proof.read(name) for name in proof.files}, config, adapter)
