"""Bends features into two cones, one of pictures and one of texts, as CLIP's features are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

IMAGE_SHARE, TEXT_SHARE = 0.8, 0.65
USUAL_COSINE = 0.25


@dataclass(frozen=True, slots=True)
class Cones:
    """Bends x' = |x| · unit(0.8 w · unit(x) + o), with 0.65 for texts, in each block `places`.

    The unit offsets o of pictures and texts are random, with the cosine g. A smaller g makes a
    wider gap between the cones, a smaller w makes them narrower.
    """

    places: tuple[slice, ...]
    """The columns of each block that is bent; other columns, and lengths, stay the same."""
    cosine: float = USUAL_COSINE
    width: float = 1.0

    def pictures(self, rows: Float[Tensor, "*n D"]) -> Float[Tensor, "*n D"]:
        """Return bent features of pictures; rows of zeros stay zero."""
        return self._bent(rows, IMAGE_SHARE, 0)

    def texts(self, rows: Float[Tensor, "*n D"]) -> Float[Tensor, "*n D"]:
        """Return bent features of texts; rows of zeros stay zero."""
        return self._bent(rows, TEXT_SHARE, 1)

    def _bent(self, rows: Tensor, share: float, kind: int) -> Tensor:
        bent = rows.clone()
        for place in self.places:
            part = rows[..., place]
            offset = _offsets(part.shape[-1], self.cosine)[kind].to(part)
            direction = normalize(share * self.width * normalize(part, dim=-1) + offset, dim=-1)
            bent[..., place] = part.norm(dim=-1, keepdim=True) * direction
        return bent


@lru_cache(maxsize=16)
def _offsets(width: int, cosine: float) -> tuple[Tensor, Tensor]:
    """Return the unit offsets of pictures and of texts, always the same ones of a width."""
    draw = torch.Generator().manual_seed(0)
    image_D, other_D = torch.randn(2, width, generator=draw)
    image_D = normalize(image_D, dim=0)
    other_D = normalize(other_D - (other_D @ image_D) * image_D, dim=0)
    return image_D, cosine * image_D + (1 - cosine**2) ** 0.5 * other_D
