"""The encoder of a set, for methods that need more than its features."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.bench.evaluation.evaluation_set import EvaluationSet
from metaadapter.errors import IncompatibleArtifact, MetaAdapterError, UsageError
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.features.image_encoder import ImageEncoder


def encoder_of_set(data: EvaluationSet, method: str) -> ImageEncoder:
    """The encoder of a set, on the CPU; the last four stay loaded. `method` is named in errors."""
    # A set with its joint features alone names no blocks.
    blocks = tuple(data.look_blocks) or ("joint",)
    owner = "a store of the evaluation"
    try:
        encoder = _loaded(data.encoder, data.zoom, blocks, owner)
        if (str(encoder.fingerprint), encoder.dim) != (data.fingerprint, data.text_CD.shape[1]):
            raise IncompatibleArtifact(
                f"it is now {encoder.fingerprint}, with features of width {encoder.dim} instead of "
                f"{data.text_CD.shape[1]}"
            )
    except MetaAdapterError as error:
        raise UsageError(
            f"{method} needs the encoder {data.fingerprint} of {owner}, which cannot be loaded: "
            f"{error}. Leave {method} out of --methods"
        ) from error
    return encoder


@lru_cache(maxsize=4)
def _loaded(name: str, zoom: bool, blocks: tuple[str, ...], owner: str) -> ImageEncoder:
    return load_encoder(name, device="cpu", zoom=zoom, blocks=blocks, remembered_by=owner)


def noun_features(data: EvaluationSet) -> Float[Tensor, "W D"]:
    """Unit rows of ImageNet's class names, as open_clip lists them, by the text tower of a set."""
    # A protocol cannot declare that encoders are hashable.
    return _encoded(encoder_of_set(data, "@neglabel"))  # type: ignore[arg-type]


@lru_cache(maxsize=4)
def _encoded(encoder: ImageEncoder) -> Float[Tensor, "W D"]:
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

    # Two classes may share a word.
    return torch.from_numpy(encoder.encode_texts(list(dict.fromkeys(IMAGENET_CLASSNAMES))))
