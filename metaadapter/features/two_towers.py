"""An image tower and a text tower, or an image tower alone, with the interface of open_clip."""

from __future__ import annotations

from typing import final

from jaxtyping import Float, Int
from torch import Tensor, nn


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
