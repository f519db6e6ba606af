"""The calculation of an encoder of pictures as one PyTorch module."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from jaxtyping import Float
from torch import Tensor, nn


@final
class ImageNetwork(nn.Module):
    """From preprocessed pixels of single looks to unit rows, for programs that export modules.

    Args:
        features: The calculation, differentiable and on the device of its pixels.
        towers: The modules whose weights it uses.
    """

    def __init__(self, features: Callable[[Tensor], Tensor], *towers: nn.Module) -> None:
        super().__init__()
        self.towers = nn.ModuleList(towers)
        self._features = features

    def forward(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch look_dim"]:
        """Unit rows."""
        return self._features(pixels)
