"""An adapter as it is kept: the content of its files, packed and unpacked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from metaadapter.adapter.config import TOWER_PARTS, AdapterConfig, warn_of_unknown
from metaadapter.adapter.known import KEPT
from metaadapter.adapter.layout import (
    CONFIG_FILE,
    REMEDY,
    SIGNATURE_FILE,
    SUPPORT_FILE,
    TOWERS_FILE,
    WEIGHTS_FILE,
)
from metaadapter.adapter.shapes import require_shapes
from metaadapter.adapter.signature import TaskSignature
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.data.safetensors_header import texts_of, with_ordered_texts
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import DataError

# What the packages raise about tensors that are not what they should be.
UNUSABLE = (KeyError, RuntimeError, TypeError, ValueError, SafetensorError)


@dataclass(frozen=True, slots=True)
class StoredAdapter:
    """An adapter as read from its folder or skill file."""

    weights: AdapterWeights
    config: AdapterConfig
    support: Support | None
    """The one task that it was predicted from; `None` when it was saved without it."""
    picture_hashes: tuple[str, ...] = ()
    """SHA-256 of its pictures as far as they are known, sorted: they tell a picture that is seen
    again, and show none."""
    signature: TaskSignature | None = None
    """What was kept of the task; `None` in a folder that has the support itself."""
    towers: Mapping[str, Tensor] = field(default_factory=dict)
    """What stands in the encoder's towers: names begin with `inside/` or `prompt/`, of which the
    configuration tells more."""

    def __post_init__(self) -> None:
        found = {name.partition("/")[0] for name in self.towers}
        told = {name for name in TOWER_PARTS if getattr(self.config, name) is not None}
        if found != told:
            raise ValueError(
                f"{TOWERS_FILE} has the parts {sorted(found)}, {CONFIG_FILE} tells of "
                f"{sorted(told)}"
            )

    @property
    def task_signature(self) -> TaskSignature:
        """The signature of the task, as far as anything of it was kept."""
        if self.support is not None:
            return TaskSignature.of(self.support)
        return self.signature or TaskSignature.unknown(len(self.config.classes), self.config.width)


def packed(adapter: StoredAdapter) -> dict[str, bytes]:
    """File name → content of the tensors; the signature stands in where there is no support."""
    contents = {WEIGHTS_FILE: pack(adapter.weights.tensors())}
    support = adapter.support
    if support is not None:
        rows, labels = support.labelled_rows()
        named = {"features": rows.float(), "labels": labels, "text": support.text_TND[0].float()}
        if support.pool_TUD is not None:
            # Half the bytes; it moves a row by less than a store's rounding does.
            named["pool"] = support.pool_TUD[0].half()
        hashes = json_text(sorted(adapter.picture_hashes))
        contents[SUPPORT_FILE] = pack(named, picture_hashes=hashes)
    elif adapter.signature is not None:
        contents[SIGNATURE_FILE] = pack(adapter.signature.tensors())
    if adapter.towers:
        contents[TOWERS_FILE] = pack(adapter.towers)
    return contents


def unpacked(contents: Mapping[str, bytes], config: AdapterConfig, adapter: Path) -> StoredAdapter:
    """The inverse of `packed`; tensors of a newer version are dropped, with a warning.

    Raises:
        DataError: A tensor is not as it should be; the message names `adapter`, where it is from.
    """
    known = {field.name for field in fields(AdapterWeights)}
    try:
        tensors = load(contents[WEIGHTS_FILE])
        warn_of_unknown(adapter / WEIGHTS_FILE, sorted(set(tensors) - known))
        weights = AdapterWeights(**{name: t for name, t in tensors.items() if name in known})
        sizes = {"N": len(config.classes), "D": config.width, "3": 3, "G": len(KEPT)}
        require_shapes(AdapterWeights, weights.tensors(), **sizes)
        support, hashes = _unpacked_support(contents.get(SUPPORT_FILE), config)
        towers = load(contents[TOWERS_FILE]) if TOWERS_FILE in contents else {}
        if not all(tensor.isfinite().all() for tensor in towers.values()):
            raise ValueError(f"a weight in {TOWERS_FILE} is NaN or infinite")
        stored = StoredAdapter(weights, config, support, hashes, towers=towers)
    except UNUSABLE as error:
        raise DataError(f"{adapter} is damaged: {error}; {REMEDY}") from error
    if not all(tensor.isfinite().all() for tensor in weights.tensors().values()):
        path = adapter / WEIGHTS_FILE
        raise DataError(f"{path} holds weights that are NaN or infinite; {REMEDY}")
    if SIGNATURE_FILE not in contents:
        return stored
    signature = unpacked_signature(contents[SIGNATURE_FILE], config, adapter)
    return replace(stored, signature=signature)


def unpacked_signature(content: bytes, config: AdapterConfig, adapter: Path) -> TaskSignature:
    """The signature of a file; errors are those of `unpacked`."""
    try:
        tensors = load(content)
        signature = TaskSignature(
            **{each.name: tensors[each.name] for each in fields(TaskSignature)}
        )
        signature.require_task(len(config.classes), config.width)
    except UNUSABLE as error:
        path = adapter / SIGNATURE_FILE
        raise DataError(f"{path} is damaged: {error}; {REMEDY}") from error
    return signature


def pack(tensors: Mapping[str, Tensor], **facts: str) -> bytes:
    """A safetensors file of tensors and of texts beside them, which depends on nothing else."""
    owned = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    return with_ordered_texts(save(owned, metadata={"format": "pt", **facts}))


def _unpacked_support(
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
