"""The networks of an encoder: its towers, its preprocessing and its tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from PIL import Image
from torch import Tensor

from metaadapter.features.second_tower import SecondTower


class EncoderModel(NamedTuple):
    """A model with two towers, or only one for pictures, and perhaps a second image tower.

    The network has the interface of a model of open_clip: `visual`, `encode_image`, `encode_text`
    and `logit_scale`, which is None without texts.
    """

    network: Any
    preprocess: Callable[[Image.Image], Tensor]
    tokenize: Callable[[list[str]], Tensor] | None
    """Maps n sentences to their token numbers (n, length); None for a model without texts."""
    second: SecondTower | None = None
    digest: str = ""
    """The digest of the network's weights, if its folder proves it."""
