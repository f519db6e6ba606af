"""Text features of common nouns, for scores that compare a picture with words of no class."""

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

    The list is part of open_clip. The prompts are those of the encoder.

    Raises:
        UsageError: The encoder cannot be loaded here, or is not the one that made the features.
    """
    # A protocol cannot declare that encoders are hashable.
    return _encoded(encoder_of_set(data, "@neglabel"))  # type: ignore[arg-type]


@lru_cache(maxsize=4)
def _encoded(encoder: ImageEncoder) -> Float[Tensor, "W D"]:
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

    # Two classes may share a word.
    return torch.from_numpy(encoder.encode_texts(list(dict.fromkeys(IMAGENET_CLASSNAMES))))
