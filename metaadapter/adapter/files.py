"""The folder an adapter is kept in: configuration, safetensors and a card. No pickle."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from metaadapter.adapter.card import write_card
from metaadapter.adapter.config import CONFIG_FILE, AdapterConfig, read_config, warn_of_unknown
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.errors import DataError, IncompatibleArtifact

__all__ = ["StoredAdapter", "SupportSet", "load_adapter", "save_adapter"]

WEIGHTS_FILE = "adapter_model.safetensors"
SUPPORT_FILE = "support.safetensors"


@dataclass(frozen=True, slots=True)
class SupportSet:
    """The features that an adapter was predicted from: enough to add a class, never a picture."""

    features: Float[Tensor, "n D"]
    """Unit rows."""
    labels: Int[Tensor, " n"]
    """Index of each row's class."""
    text: Float[Tensor, "N D"]
    """Text feature of each class; zeros where it has none."""


@dataclass(frozen=True, slots=True)
class StoredAdapter:
    """An adapter as read from its folder."""

    weights: AdapterWeights
    config: AdapterConfig
    support: SupportSet | None
    """`None` when the folder was saved without it."""


def save_adapter(
    folder: Path, weights: AdapterWeights, config: AdapterConfig, support: SupportSet | None = None
) -> None:
    """Write one adapter (no task axis); an adapter that is there already is replaced.

    The configuration is written last: a folder without it is not an adapter.

    Raises:
        DataError: if the folder holds other things, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; give a folder for the adapter")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CONFIG_FILE).exists():
        raise DataError(
            f"{folder} holds other files and no adapter; give an empty or new folder, so that "
            "nothing of yours is overwritten"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG_FILE).unlink(missing_ok=True)
        _write(folder / WEIGHTS_FILE, weights.tensors())
        (folder / SUPPORT_FILE).unlink(missing_ok=True)
        if support is not None:
            named = {"features": support.features, "labels": support.labels, "text": support.text}
            _write(folder / SUPPORT_FILE, named)
        write_card(folder, config)
        config.write(folder)
    except OSError as error:
        raise DataError(f"cannot write the adapter to {folder}: {error.strerror}") from error


def load_adapter(folder: Path) -> StoredAdapter:
    """Read an adapter; tensors of a newer version are dropped, with a warning that names them.

    Raises:
        IncompatibleArtifact: if the folder holds no adapter, or one that is damaged.
    """
    config = read_config(folder)
    tensors = _read(folder / WEIGHTS_FILE)
    known = {field.name for field in fields(AdapterWeights)}
    warn_of_unknown(folder / WEIGHTS_FILE, sorted(set(tensors) - known))
    try:
        weights = AdapterWeights(**{name: t for name, t in tensors.items() if name in known})
        support = _read_support(folder / SUPPORT_FILE)
    except (TypeError, ValueError) as error:
        raise IncompatibleArtifact(f"{folder} is damaged: {error}; adapt again") from error
    if weights.classes.shape != (len(config.classes), config.width):
        raise IncompatibleArtifact(
            f"{folder} is damaged: {len(config.classes)} classes of width {config.width} in "
            f"{CONFIG_FILE}, {tuple(weights.classes.shape)} in {WEIGHTS_FILE}; adapt again"
        )
    return StoredAdapter(weights, config, support)


def _read_support(path: Path) -> SupportSet | None:
    if not path.exists():
        return None
    tensors = _read(path)
    return SupportSet(tensors["features"].float(), tensors["labels"], tensors["text"])


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write beside and rename, so that a reader never sees half a file."""
    partial = path.with_name(path.name + ".partial")
    owned = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    save_file(owned, partial, metadata={"format": "pt"})
    partial.replace(path)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise IncompatibleArtifact(f"cannot read {path}: {error}; adapt again") from error
    return tensors
