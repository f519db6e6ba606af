"""Models of timm: image towers of their own, or a second tower whose features form a block."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from metaadapter.errors import DataError, IncompatibleArtifact, MetaAdapterError
from metaadapter.features.encoders.encoder_model import EncoderModel, TwoTowers
from metaadapter.features.encoders.encoder_source import (
    SAFE_SUFFIX,
    EncoderSource,
    weights_files,
)
from metaadapter.features.fingerprint import probe_picture
from metaadapter.files.machine_errors import is_shortage

# The names under which training scripts store the weights in a checkpoint.
PARTS_OF_CHECKPOINTS = ("state_dict_ema", "model_ema", "state_dict", "model")


@final
class TimmTower(nn.Module):
    """A model of timm without its classifier, from pixels to pooled features.

    Attributes:
        preprocess_cfg: The mean and the deviation of colours that it expects, and further settings.
    """

    factor: Tensor
    shift: Tensor

    def __init__(self, model: nn.Module, colours: Mapping[str, Any] | None = None) -> None:
        """Keep the model; with `colours`, the pixels have their mean and deviation instead."""
        from timm import data

        super().__init__()
        self.model = model
        resolve: Any = data.resolve_model_data_config  # type: ignore[attr-defined]
        self.preprocess_cfg: dict[str, Any] = resolve(model)
        given, own = (
            torch.tensor([list(config["mean"]), list(config["std"])])[..., None, None]
            for config in (colours or self.preprocess_cfg, self.preprocess_cfg)
        )
        # They are no weights, so they do not belong to the identity of an encoder.
        self.register_buffer("factor", given[1] / own[1], persistent=False)
        self.register_buffer("shift", (given[0] - own[0]) / own[1], persistent=False)

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Return the features of preprocessed pictures."""
        features: Tensor = self.model(pixels * self.factor + self.shift)
        return features


def build_timm(source: EncoderSource) -> EncoderModel:
    """Build an encoder without texts on the CPU in float32, with timm's own preprocessing."""
    from timm import data

    timm_data: Any = data
    with _timm_errors(source):
        tower = TimmTower(_network(source, None)).eval()
        preprocess = timm_data.create_transform(**tower.preprocess_cfg, is_training=False)
        _require_row(tower, preprocess(probe_picture())[None])
    return EncoderModel(TwoTowers(tower), preprocess, tokenize=None)


def build_second(
    source: EncoderSource, probe: Float[Tensor, "1 3 height width"], colours: Mapping[str, Any]
) -> TimmTower:
    """Build a second tower on the CPU in float32.

    The probe is a picture preprocessed for the CLIP, whose `colours` have a mean and a deviation.
    """
    with _timm_errors(source):
        tower = TimmTower(_network(source, probe.shape[-1]), colours).eval()
        _require_row(tower, probe)
    return tower


def _network(source: EncoderSource, size: int | None) -> nn.Module:
    """Return a model of timm without classifier, for pictures of a size, or of its own if None."""
    import timm

    weights: dict[str, Any] = {"pretrained": True}
    if source.folder is not None:
        # With these tensors timm reads no file itself: some of its versions run code in a pickle.
        tensors = _tensors(weights_files(source.folder)[0])
        weights["pretrained_cfg_overlay"] = {"source": "", "file": None, "state_dict": tensors}
    try:
        sized: dict[str, Any] = {} if size is None else {"img_size": size}
        model = timm.create_model(source.model, **sized, **weights)
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        # Convolutions accept pictures of any size.
        model = timm.create_model(source.model, **weights)
    without_classifier: Any = model
    without_classifier.pretrained_cfg.pop("state_dict", None)  # it would stay in memory
    # Removed only now, since timm checks for missing weights only in a model with classifier.
    without_classifier.reset_classifier(0)
    return model


def _tensors(file: Path) -> dict[str, Tensor]:
    """Read the weights in a file; code in a pickle never runs."""
    if file.suffix == SAFE_SUFFIX:
        return load_file(file)
    stored = torch.load(file, map_location="cpu", weights_only=True)
    part = next((name for name in PARTS_OF_CHECKPOINTS if name in stored), None)
    tensors = stored if part is None else stored[part]
    if not tensors:
        raise ValueError("the file holds no weights")
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}


@contextmanager
def _timm_errors(source: EncoderSource) -> Iterator[None]:
    """Turn an error within a block into one that says why a model of timm cannot be used."""
    try:
        yield
    except Exception as error:
        if is_shortage(error):
            raise
        raise _explain(source, error) from error


def _require_row(tower: TimmTower, picture: Tensor) -> None:
    """Raise a `ValueError` unless the output for one picture is a row of features."""
    with torch.inference_mode():
        shape = tuple(tower(picture).shape)
    if len(shape) != 2:
        raise ValueError(f"for one picture its output has the shape {shape}")


def _explain(source: EncoderSource, error: Exception) -> MetaAdapterError:
    reason = " ".join(str(error).split())[:300]
    if source.folder is None and _is_network_error(error):
        from timm import get_pretrained_cfg

        # A name without a tag means a repository with one.
        repository = getattr(get_pretrained_cfg(source.model), "hf_hub_id", None)
        return DataError(
            f"the weights of the model {source.model} of timm are not on this machine and could "
            f"not be downloaded. On a machine with a network run `hf download "
            f"{repository or f'timm/{source.model}'} --local-dir {source.model}`, copy that folder "
            f"here and write timm: and its path in place of timm:{source.model}"
        )
    if isinstance(error, pickle.UnpicklingError):
        return IncompatibleArtifact(
            f"{source.files} of a model of timm are damaged or hold program code, which is never "
            "run; expected tensors only, best as .safetensors"
        )
    return IncompatibleArtifact(
        f"the model {source.weights} of timm cannot be used: expected an image tower with matching "
        f"weights and pooled features; timm says: {reason}"
    )


def _is_network_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError):
            return True
        error = error.__cause__ or error.__context__
    return False
