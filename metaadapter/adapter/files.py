"""The folder an adapter is kept in: configuration, safetensors and a card. No pickle."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from metaadapter.adapter.config import (
    CARD_FILE,
    CONFIG_FILE,
    REMEDY,
    SCHEMA,
    AdapterConfig,
    card,
    read_config,
    warn_of_unknown,
)
from metaadapter.adapter.shapes import require_shapes
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.errors import DataError
from metaadapter.files.atomic_files import replace_file
from metaadapter.files.own_folder import hold_lock, require_own_or_empty, write_errors
from metaadapter.files.proof import write_document
from metaadapter.files.regular_files import is_regular
from metaadapter.files.safetensors_header import texts_of
from metaadapter.files.strict_json import json_text, parse_json

__all__ = [
    "StoredAdapter",
    "hold_adapter",
    "load_adapter",
    "require_adapter_folder",
    "save_adapter",
]

WEIGHTS_FILE = "adapter_model.safetensors"
SUPPORT_FILE = "support.safetensors"
LOCK_FILE = ".lock"


@dataclass(frozen=True, slots=True)
class StoredAdapter:
    """An adapter as read from its folder."""

    weights: AdapterWeights
    config: AdapterConfig
    support: Support | None
    """The one task that it was predicted from; `None` when the folder was saved without it."""
    picture_hashes: tuple[str, ...] = ()
    """SHA-256 of its pictures as far as they are known, sorted: they tell a picture that is seen
    again, and show none."""


def require_adapter_folder(folder: Path) -> None:
    """Check that an adapter may be written to `folder`: new, empty, or an adapter already.

    Raises:
        DataError: It is a file, holds other things, or lies where nothing may be written.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; give a folder for the adapter")
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        raise DataError(
            f"nothing may be written to {there}, where the adapter {folder} is to go; choose "
            "another folder, or correct the permissions"
        )
    if folder.is_dir():
        require_own_or_empty(folder, (CONFIG_FILE, WEIGHTS_FILE, SUPPORT_FILE), "adapter")


def save_adapter(
    folder: Path,
    weights: AdapterWeights,
    config: AdapterConfig,
    support: Support | None = None,
    picture_hashes: Sequence[str] = (),
) -> None:
    """Write one adapter (no task axis); an adapter that is there already is replaced.

    However it ends, the folder holds the old adapter or the new one. The card, which nothing reads
    but people, is written last.

    Raises:
        DataError: The folder holds other things, cannot be written, or another process has it.
    """
    require_adapter_folder(folder)
    contents = {WEIGHTS_FILE: _pack(weights.tensors())}
    if support is not None:
        rows, labels = support.labelled_rows()
        named = {"features": rows.float(), "labels": labels, "text": support.text_TND[0].float()}
        if support.pool_TUD is not None:
            # Half the bytes; it moves a row by less than a store's rounding does.
            named["pool"] = support.pool_TUD[0].half()
        hashes = json_text(sorted(picture_hashes))
        contents[SUPPORT_FILE] = _pack(named, picture_hashes=hashes)
    with write_errors(owner := f"the adapter {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    with hold_adapter(folder), write_errors(owner):
        facts = {"schema": SCHEMA, **config.model_dump(mode="json")}
        write_document(folder / CONFIG_FILE, facts, contents)
        if support is None:
            (folder / SUPPORT_FILE).unlink(missing_ok=True)
        # The author's part of the card may be in any encoding: its bytes come back as they were.
        old = (folder / CARD_FILE).read_bytes() if is_regular(folder / CARD_FILE) else b""
        text = card(config, old.decode(errors="surrogateescape"))
        replace_file(folder / CARD_FILE, text.encode(errors="surrogateescape"))


def hold_adapter(folder: Path) -> AbstractContextManager[None]:
    """Keep others from writing to an adapter while a block runs; within it, `save_adapter` may.

    Raises:
        DataError: Another one writes to it, or the folder cannot be written.
    """
    return hold_lock(folder / LOCK_FILE, f"the adapter {folder}", reentrant=True)


def load_adapter(folder: Path) -> StoredAdapter:
    """Read an adapter; tensors of a newer version are dropped, with a warning that names them.

    Raises:
        DataError: It is damaged, or a weight is not finite.
        IncompatibleArtifact: The folder holds no adapter, or one of another version.
    """
    config, proof = read_config(folder)
    contents = {name: proof.read(name) for name in proof.files}
    known = {field.name for field in fields(AdapterWeights)}
    try:
        tensors = load(contents[WEIGHTS_FILE])
        warn_of_unknown(folder / WEIGHTS_FILE, sorted(set(tensors) - known))
        weights = AdapterWeights(**{name: t for name, t in tensors.items() if name in known})
        sizes = {"N": len(config.classes), "D": config.width}
        require_shapes(AdapterWeights, weights.tensors(), **sizes)
        support, hashes = _unpack_support(contents.get(SUPPORT_FILE), config)
    except (KeyError, RuntimeError, TypeError, ValueError, SafetensorError) as error:
        raise DataError(f"{folder} is damaged: {error}; {REMEDY}") from error
    if not all(tensor.isfinite().all() for tensor in weights.tensors().values()):
        raise DataError(f"{folder / WEIGHTS_FILE} holds weights that are NaN or infinite; {REMEDY}")
    return StoredAdapter(weights, config, support, hashes)


def _pack(tensors: Mapping[str, Tensor], **facts: str) -> bytes:
    owned = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    data: bytes = save(owned, metadata={"format": "pt", **facts})
    return data


def _unpack_support(
    data: bytes | None, config: AdapterConfig
) -> tuple[Support | None, tuple[str, ...]]:
    if data is None:
        return None, ()
    tensors = load(data)
    hashes = tuple(parse_json(texts_of(data)["picture_hashes"]))
    if not all(isinstance(each, str) for each in hashes):
        raise ValueError("a hash of a picture is no text")
    rows, labels, text = (tensors[name] for name in ("features", "labels", "text"))
    n, n_way, width = len(labels), len(config.classes), config.width
    if (rows.shape, labels.shape, text.shape) != ((n, width), (n,), (n_way, width)):
        raise ValueError(f"the shapes in {SUPPORT_FILE} are not those of {CONFIG_FILE}")
    if labels.is_floating_point() or not ((labels >= 0) & (labels < n_way)).all():
        raise ValueError(f"a label in {SUPPORT_FILE} is no class of {CONFIG_FILE}")
    pool = tensors.get("pool", rows[:0]).float()
    if pool.shape != (config.n_unlabelled, width):
        raise ValueError(f"the unlabelled rows in {SUPPORT_FILE} are not those of {CONFIG_FILE}")
    if not all(part.isfinite().all() for part in (rows, text, pool)):
        raise ValueError(f"a feature in {SUPPORT_FILE} is NaN or infinite")
    support = Support.of_rows(
        rows, labels, text, logit_scale=config.logit_scale, blocks=config.blocks, pool=pool
    )
    return support, hashes
