"""The quality of class names in an evaluation, and the cones into which features are bent."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import torch
from jaxtyping import Float
from pydantic import BeforeValidator
from torch import Tensor
from torch.nn.functional import normalize

OWN, NOISE, CONE = "own", "noise", "cone:"
MADE = "made names"
MADE_NOTE = (
    "The class texts of sets with “made names” are not an encoder's: they are made from the "
    "pictures of the set, queries included, and simulate what an encoder knows of the names."
)


def read_level(given: Any) -> str:
    """Return a level of names as it is written in names of sets; raise `ValueError` for no level.

    Levels are "own", the encoder's names; a number, the length of the noise on a class mean of
    length 1; "noise", noise alone; and "cone:" before a number or "noise".
    """
    text = str(given).strip()
    if text == OWN:
        return text
    prefix = CONE if text.startswith(CONE) else ""
    amount = text.removeprefix(prefix)
    if amount == NOISE:
        return text
    try:
        number = math.nan if isinstance(given, bool) else float(amount)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(
            f"expected levels of names such as own, 0.6, noise or cone:2, got {given!r}; a number "
            "from 0 is the length of the noise beside a class mean of length 1"
        )
    return f"{prefix}{number:g}"


NameLevel = Annotated[str, BeforeValidator(read_level)]


def is_in_cones(level: str) -> bool:
    """Return whether features of this level are bent into the cones of pictures and texts."""
    return level.startswith(CONE)


def noise_of(level: str) -> float:
    """Return the length of the noise of made names; infinity for noise alone."""
    amount = level.removeprefix(CONE)
    return math.inf if amount == NOISE else float(amount)


def made_names_note(levels: Iterable[str]) -> str:
    """Return the sentence on made names; "" if all names are the encoder's own."""
    return MADE_NOTE if any(level != OWN for level in levels) else ""


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
