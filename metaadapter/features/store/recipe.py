"""All that decides what the features of a picture are, so that unlike ones never mix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.fingerprint import Fingerprint

__all__ = ["Recipe"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Encoder, precision and views of a feature store.

    Attributes:
        encoder: The name that `FrozenEncoder.load` takes.
        fingerprint: What the encoder computes, whatever its name.
        precision: How exactly the encoder calculated, as `FrozenEncoder.load` takes it.
        logit_scale: The encoder's inverse temperature: logits are this times the cosine; None if
            it is unknown.
        n_views: Rows of features per picture: the centre view and random crops.
        seed: The seed of the random crops.
    """

    encoder: str
    fingerprint: Fingerprint
    precision: str
    logit_scale: float | None
    n_views: Annotated[int, Field(ge=1)]
    seed: int

    def require_same(self, stored: Recipe, folder: Path) -> None:
        """Check that features made by this recipe may join those of the store in `folder`.

        Raises:
            IncompatibleArtifact: Another encoder, precision, number of views or seed.
        """
        owner = f"the feature store {folder}"
        stored.fingerprint.require_match(self.fingerprint, owner=owner)
        remedy = "or choose another --out"
        if self.precision != stored.precision:
            raise IncompatibleArtifact(
                f"the feature store {folder} was calculated in {stored.precision}, and "
                f"{self.precision} was asked for; use --precision {stored.precision}, {remedy}"
            )
        if self.n_views != stored.n_views:
            raise IncompatibleArtifact(
                f"the feature store {folder} holds {stored.n_views} view(s) of each picture, and "
                f"{self.n_views} were asked for; use --views {stored.n_views}, {remedy}"
            )
        if self.n_views > 1 and self.seed != stored.seed:
            raise IncompatibleArtifact(
                f"the random views in the feature store {folder} were drawn with seed "
                f"{stored.seed}, and seed {self.seed} was asked for; use --seed {stored.seed}, "
                f"{remedy}"
            )
