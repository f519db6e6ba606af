"""Text features of common nouns, for scores that hold a picture against words of no class."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.bench.evaluation.evaluation_set import EvaluationSet
from metaadapter.bench.evaluation.set_encoder import encoder_of_set
from metaadapter.features.image_encoder import ImageEncoder


def noun_features(data: EvaluationSet) -> Float[Tensor, "W D"]:
    """Unit rows of ImageNet's class names, nouns of WordNet, through the text tower of a set.

    open_clip brings the list along. The sentences that names are put into are the encoder's usual.

    Raises:
        UsageError: The set's encoder cannot be loaded here, or it is none that the set tells.
    """
    # mypy does not know that every encoder can be hashed, for a protocol cannot say so.
    return _encoded(encoder_of_set(data, "@neglabel"))  # type: ignore[arg-type]


@lru_cache(maxsize=4)
def _encoded(encoder: ImageEncoder) -> Float[Tensor, "W D"]:
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

    # A word that stands for two classes is one word.
    return torch.from_numpy(encoder.encode_texts(list(dict.fromkeys(IMAGENET_CLASSNAMES))))
