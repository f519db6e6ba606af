"""Building a model with its weights by open_clip, silently and never with random weights."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from PIL import Image
from torch import Tensor

from metaadapter.errors import (
    DataError,
    IncompatibleArtifact,
    MetaAdapterError,
    MissingPackage,
)
from metaadapter.features.encoder_source import EncoderSource

__all__ = ["OpenClipModel", "build_model"]

PREPROCESS_KEYS = ("mean", "std", "interpolation", "resize_mode")


@dataclass(frozen=True, slots=True)
class OpenClipModel:
    """A dual encoder and what belongs to its weights.

    Attributes:
        network: A torch module with `encode_image`, `encode_text` and `logit_scale`.
        preprocess: From a picture to (3, height, width).
        tokenize: From sentences to token numbers (n, context).
    """

    network: Any
    preprocess: Callable[[Image.Image], Tensor]
    tokenize: Callable[[list[str]], Tensor]


def build_model(source: EncoderSource) -> OpenClipModel:
    """Build the model on the CPU in float32; its weights come from the disk or from the hub.

    Raises:
        DataError: The weights are not here and cannot be fetched.
        IncompatibleArtifact: The weights do not fit the architecture, or cannot be read.
        MissingPackage: The text tower needs the package transformers.
    """
    import open_clip

    with _silence():
        try:
            network, preprocess = open_clip.create_model_from_pretrained(
                source.model,
                source.pretrained,
                weights_only=True,
                # open_clip only warns if weights trained with QuickGELU meet a model without.
                force_quick_gelu=_tag(source).get("quick_gelu", False),
                **_preprocessing_of_file(source),
            )
            tokenize = open_clip.get_tokenizer(source.model)
        except Exception as error:
            raise _explain(source, error) from error
    return OpenClipModel(network, preprocess, tokenize)


def _tag(source: EncoderSource) -> dict[str, Any]:
    import open_clip

    return dict(open_clip.get_pretrained_cfg(source.model, source.pretrained or ""))


def _preprocessing_of_file(source: EncoderSource) -> dict[str, Any]:
    """A weights file does not tell its preprocessing; the tags of its architecture may agree."""
    import open_clip

    if source.pretrained is None or _tag(source):
        return {}
    tags = open_clip.list_pretrained_tags_by_model(source.model)
    configs = [open_clip.get_pretrained_cfg(source.model, tag) for tag in tags]
    choices = [{f"image_{key}": config[key] for key in PREPROCESS_KEYS} for config in configs]
    return choices[0] if choices and all(choice == choices[0] for choice in choices) else {}


@contextmanager
def _silence() -> Iterator[None]:
    """Keep open_clip's notes from the user; a handler that the user set still gets them."""
    # `logging.info` on a root logger without handlers sets one up that prints.
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger().removeHandler(handler)


def _explain(source: EncoderSource, error: Exception) -> MetaAdapterError:
    reason = " ".join(str(error).split())
    if "pip install transformers" in reason:
        return MissingPackage(
            f"the text tower of {source.model} needs the package transformers: "
            "pip install transformers"
        )
    if reason.startswith("Failed to download") or (_tag(source) and isinstance(error, OSError)):
        return DataError(_how_to_get(source))
    if isinstance(error, pickle.UnpicklingError):
        return IncompatibleArtifact(
            f"the weights {source.weights} of the encoder {source.name} are damaged or hold "
            "program code, which is never run; expected tensors only, best as .safetensors"
        )
    return IncompatibleArtifact(
        f"the weights {source.weights} do not make the encoder {source.name}: expected the "
        f"tensors of its architecture; open_clip says: {reason[:300]}"
    )


def _how_to_get(source: EncoderSource) -> str:
    # "organisation/repository/file", or "organisation/repository/" for the file of usual name.
    repository = "/".join(PurePosixPath(_tag(source)["hf_hub"]).parts[:2])
    folder = PurePosixPath(repository).name
    return (
        f"the weights {source.weights} of {source.model} are not on this machine and could not be "
        f"downloaded. On a machine with a network run `hf download {repository} --local-dir "
        f"{folder}`, copy that folder here and give its path as the encoder. The encoder `tiny` "
        "needs no download"
    )
