"""A stored adapter: everything that its files hold, and the bytes of these files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.known import FRACTIONS
from metaadapter.adapter.layout import (
    CONFIG_FILE,
    REMEDY,
    SIGNATURE_FILE,
    SUPPORT_FILE,
    TOWERS_FILE,
    WEIGHTS_FILE,
)
from metaadapter.adapter.support import Support
from metaadapter.adapter.task_signature import TaskSignature
from metaadapter.adapter.tensor_fields import require_shapes
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.errors import DataError
from metaadapter.files.strict_json import json_text, parse_json

# The errors of torch and safetensors for tensors that do not fit.
UNUSABLE = (KeyError, RuntimeError, TypeError, ValueError, SafetensorError)


@dataclass(frozen=True, slots=True)
class StoredAdapter:
    """An adapter as its folder or skill file holds it."""

    weights: AdapterWeights
    """In float64, but only numbers of float32, as the file holds them."""
    config: AdapterConfig
    support: Support | None
    """The one task that the adapter was predicted from; `None` if it was saved without it."""
    picture_hashes: tuple[str, ...] = ()
    """SHA-256 hashes of its pictures in the order of the support's, "" for an unknown one; () if
    none is known. They recognize a picture that is added again, but do not reveal any."""
    signature: TaskSignature | None = None
    """The stored signature of the task; `None` in a folder that has the support itself."""
    towers: Mapping[str, Tensor] = field(default_factory=dict)
    """The weights of adapters in the encoder's image tower; their names begin with `inside/`."""

    def __post_init__(self) -> None:
        rounded = self.weights.to(dtype=torch.float32).to(dtype=torch.float64)
        object.__setattr__(self, "weights", rounded)
        if bool(self.towers) != (self.config.inside is not None):
            raise ValueError(
                f"{TOWERS_FILE} has {len(self.towers)} weights, but {CONFIG_FILE} describes "
                f"{self.config.inside or 'none'}"
            )

    @property
    def task_signature(self) -> TaskSignature:
        """The signature of the support; else the stored signature; else an empty signature."""
        if self.support is not None:
            return TaskSignature.of(self.support)
        return self.signature or TaskSignature.unknown(len(self.config.classes), self.config.width)

    def without_features(self) -> StoredAdapter:
        """Return the adapter without its support and the hashes of its pictures, to share it.

        No class can be added to it; it keeps the weights and the signature of the task.
        """
        return replace(self, support=None, picture_hashes=(), signature=self.task_signature)

    @property
    def has_no_texts(self) -> bool:
        """Whether no class in the support has a text; False without a support."""
        return self.support is not None and not self.support.text_TND.any()


def file_contents(adapter: StoredAdapter) -> dict[str, bytes]:
    """Return file name → content for all tensors; the signature only if there is no support."""
    weights = adapter.weights.to(dtype=torch.float32)
    contents = {WEIGHTS_FILE: tensor_bytes(weights.tensors())}
    support = adapter.support
    if support is not None:
        rows, labels = support.pictures() if support.has_label_sets else support.labelled_rows()
        tensors = {"features": rows.float(), "labels": labels, "text": support.text_TND[0].float()}
        if support.pool_TUD is not None:
            # float16 takes half the bytes and moves a row by less than a store's rounding does.
            tensors["pool"] = support.pool_TUD[0].half()
        hashes = json_text(adapter.picture_hashes)
        contents[SUPPORT_FILE] = tensor_bytes(tensors, picture_hashes=hashes)
    elif adapter.signature is not None:
        contents[SIGNATURE_FILE] = tensor_bytes(adapter.signature.tensors())
    if adapter.towers:
        contents[TOWERS_FILE] = tensor_bytes(adapter.towers)
    return contents


def adapter_of_files(
    contents: Mapping[str, bytes], config: AdapterConfig, path: Path
) -> StoredAdapter:
    """Return the adapter that these files hold; an error about a tensor names the path."""
    try:
        weights = AdapterWeights(**load(contents[WEIGHTS_FILE]))
        sizes = {"N": len(config.classes), "D": config.width, "G": len(FRACTIONS)}
        require_shapes(AdapterWeights, weights.tensors(), **sizes)
        support, hashes = _support_of(contents.get(SUPPORT_FILE), config)
        towers = load(contents[TOWERS_FILE]) if TOWERS_FILE in contents else {}
        if not all(tensor.isfinite().all() for tensor in towers.values()):
            raise ValueError(f"a weight in {TOWERS_FILE} is NaN or infinite")
        stored = StoredAdapter(weights, config, support, hashes, towers=towers)
    except UNUSABLE as error:
        raise DataError(f"{path} is damaged: {error}; {REMEDY}") from error
    if not all(tensor.isfinite().all() for tensor in weights.tensors().values()):
        raise DataError(f"{path / WEIGHTS_FILE} holds weights that are NaN or infinite; {REMEDY}")
    if SIGNATURE_FILE not in contents:
        return stored
    return replace(stored, signature=signature_of_file(contents[SIGNATURE_FILE], config, path))


def signature_of_file(content: bytes, config: AdapterConfig, path: Path) -> TaskSignature:
    """Return the signature in a file; `DataError` if it is damaged."""
    try:
        tensors = load(content)
        signature = TaskSignature(
            **{field.name: tensors[field.name] for field in fields(TaskSignature)}
        )
        signature.require_task(len(config.classes), config.width)
    except UNUSABLE as error:
        raise DataError(f"{path / SIGNATURE_FILE} is damaged: {error}; {REMEDY}") from error
    return signature


def tensor_bytes(tensors: Mapping[str, Tensor], **texts: str) -> bytes:
    """Return the content of a safetensors file with tensors and texts."""
    owned = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    # Of several texts, safetensors would write the order at random.
    return save(owned, metadata=texts or {"format": "pt"})


def _support_of(
    content: bytes | None, config: AdapterConfig
) -> tuple[Support | None, tuple[str, ...]]:
    if content is None:
        return None, ()
    tensors = load(content)
    hashes = tuple(parse_json(texts_of(content)["picture_hashes"]))
    if not all(isinstance(value, str) for value in hashes):
        raise ValueError("expected a text as the hash of each picture")
    rows, labels, text = (tensors[name] for name in ("features", "labels", "text"))
    n, n_way, width = len(labels), len(config.classes), config.width
    if len(hashes) not in (0, n):
        raise ValueError(f"expected a hash of each of {n} pictures, got {len(hashes)}")
    of_labels = (n,) if config.several is None else (n, n_way)
    if (rows.shape, labels.shape, text.shape) != ((n, width), of_labels, (n_way, width)):
        raise ValueError(f"the shapes in {SUPPORT_FILE} do not fit those in {CONFIG_FILE}")
    if config.several is None:
        fits = not labels.is_floating_point() and bool(((labels >= 0) & (labels < n_way)).all())
    else:
        fits = labels.dtype is torch.bool
    if not fits:
        raise ValueError(f"a label in {SUPPORT_FILE} is not a class in {CONFIG_FILE}")
    pool = tensors.get("pool", rows[:0]).float()
    if pool.shape != (config.n_unlabelled, width):
        raise ValueError(f"the unlabelled rows in {SUPPORT_FILE} do not fit {CONFIG_FILE}")
    if not all(part.is_floating_point() and part.isfinite().all() for part in (rows, text, pool)):
        raise ValueError(f"a feature in {SUPPORT_FILE} is NaN, infinite or no real number")
    support = Support.of_rows(
        rows, labels, text, logit_scale=config.logit_scale, blocks=config.blocks, pool=pool
    )
    return support, hashes


def texts_of(content: bytes) -> dict[str, str]:
    """Return the texts of a safetensors file by name; the package itself needs a UTF-8 path."""
    # Eight bytes of length, then the header as JSON.
    header = parse_json(content[8 : 8 + int.from_bytes(content[:8], "little")])
    texts: dict[str, str] = header.get("__metadata__", {})
    return texts
