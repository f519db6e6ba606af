"""The networks of an encoder: its towers, its preprocessing and its tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, final

from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn


class EncoderModel(NamedTuple):
    """A model with two towers, or only one for pictures, and perhaps a second image tower.

    The network has the interface of a model of open_clip: `visual`, `encode_image`, `encode_text`
    and `logit_scale`, which is None without texts.
    """

    network: Any
    preprocess: Callable[[Image.Image], Tensor]
    tokenize: Callable[[list[str]], Tensor] | None
    """Maps n sentences to their token numbers (n, length); None for a model without texts."""
    second: nn.Module | None = None
    digest: str = ""
    """The digest of the network's weights, if its folder proves it."""


@final
class TwoTowers(nn.Module):
    """A model that is not of open_clip, with the interface of one.

    Attributes:
        visual: The image tower; its `preprocess_cfg` has the mean and the deviation of colours.
        text: The text tower; None if there are no texts.
        logit_scale: The logarithm of the inverse temperature; None without texts.
        logit_bias: The number that SigLIP adds to each logit; None in other families.
    """

    def __init__(
        self,
        visual: nn.Module,
        text: nn.Module | None = None,
        logit_scale: Tensor | None = None,
        logit_bias: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.visual = visual
        self.text = text
        self.logit_scale = logit_scale
        self.logit_bias = logit_bias

    def encode_image(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Return the features of preprocessed pictures."""
        features: Tensor = self.visual(pixels)
        return features

    def encode_text(self, tokens: Int[Tensor, "n length"]) -> Float[Tensor, "n dim"]:
        """Return the features of sentences."""
        assert self.text is not None
        features: Tensor = self.text(tokens)
        return features
