"""Text features of common nouns, for scores that hold a picture against words of no class."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.errors import IncompatibleArtifact, MetaAdapterError, UsageError
from metaadapter.evaluation.evaluation_set import EvaluationSet
from metaadapter.features.encoder_by_name import load_encoder

__all__ = ["noun_features"]


def noun_features(data: EvaluationSet) -> Float[Tensor, "W D"]:
    """Unit rows of ImageNet's class names, nouns of WordNet, through the text tower of a set.

    open_clip brings the list along. The sentences that names are put into are the encoder's usual.

    Raises:
        UsageError: The set's encoder cannot be loaded here, or it is none that the set tells.
    """
    # A set with its joint features alone has no blocks, and so has the encoder then.
    blocks = tuple(data.look_blocks) or ("joint",)
    return _encoded(data.encoder, data.fingerprint, data.zoom, blocks, data.text_CD.shape[1])


@lru_cache(maxsize=4)
def _encoded(
    name: str, fingerprint: str, zoom: bool, blocks: tuple[str, ...], dim: int
) -> Float[Tensor, "W D"]:
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

    owner = "a store of the evaluation"
    try:
        encoder = load_encoder(name, device="cpu", zoom=zoom, blocks=blocks, remembered_by=owner)
        if (str(encoder.fingerprint), encoder.dim) != (fingerprint, dim):
            raise IncompatibleArtifact(
                f"today it is {encoder.fingerprint}, with features of width {encoder.dim} in place "
                f"of {dim}"
            )
    except MetaAdapterError as error:
        raise UsageError(
            f"@neglabel needs the text tower of {fingerprint}, which made the features of {owner}, "
            f"and it cannot be had: {error}. Leave the methods with @neglabel out"
        ) from error
    # A word that stands for two classes is one word.
    return torch.from_numpy(encoder.encode_texts(list(dict.fromkeys(IMAGENET_CLASSNAMES))))
