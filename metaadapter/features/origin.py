"""The origin of features: the encoder, its looks and blocks, and the views of each picture.

A feature store also has a recipe: the origin and the precision of its features.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.views import look_widths

# More views would take hours for each picture.
MOST_VIEWS = 10_000


class Origin(BaseModel):
    """The facts about how features were made: features of equal origins may be compared."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    encoder: str | None = None
    """The name of the encoder, as `load_encoder` takes it; None if it is not recorded."""
    fingerprint: Fingerprint | None = None
    """Tells whether another encoder computes the same features; None if it is not recorded."""
    n_views: Annotated[int, Field(ge=1, le=MOST_VIEWS)] = 1
    """The number of views of each picture, of which all but the first are random crops."""
    seed: Annotated[int, Field(ge=0)] = 0
    """The seed of the random crops."""
    zoom: bool = False
    """True if the encoder also zooms into the middle of each picture."""
    blocks: dict[str, Annotated[int, Field(gt=0)]] = {}
    """Names and widths of the blocks in each look; empty if there is only the joint block."""

    @classmethod
    def of(cls, encoder: ImageEncoder, views: int = 1, seed: int = 0) -> Self:
        """Return the origin of an encoder's features; `UsageError` if a number is out of range."""
        if not 1 <= views <= MOST_VIEWS:
            raise UsageError(f"views must be 1 to {MOST_VIEWS:,}, got {views}")
        if seed < 0:
            raise UsageError(f"seed must be 0 or more, got {seed}")
        facts = {
            "encoder": encoder.name,
            "fingerprint": encoder.fingerprint,
            "n_views": views,
            "seed": seed,
            "zoom": encoder.zoom,
            "blocks": dict(encoder.look_blocks),
            # Of a recipe; an origin has no such entries.
            "precision": encoder.precision,
            "logit_scale": encoder.logit_scale,
        }
        return cls.model_validate(facts)

    def look_widths(self, dim: int) -> tuple[int, ...]:
        """Return the widths of the blocks of a feature, look by look; () for a single block."""
        return look_widths(dim, self.zoom, tuple(self.blocks.values()))

    @property
    def block_names(self) -> tuple[str, ...]:
        """The names of the blocks, as `load_encoder` takes them."""
        return tuple(self.blocks) or ("joint",)

    def require_encoder(self, other: Fingerprint, *, owner: str) -> None:
        """Raise `IncompatibleArtifact` unless the encoder computes the features of `owner`.

        Without a recorded fingerprint every encoder is accepted.
        """
        if self.fingerprint is not None:
            self.fingerprint.require_match(other, owner=owner)


class Recipe(Origin):
    """The facts that determine the features of a store; features of two recipes never mix."""

    encoder: str
    fingerprint: Fingerprint
    precision: str
    logit_scale: Annotated[float, Field(gt=0)] | None

    @property
    def settings(self) -> dict[str, str]:
        """The settings by the names that `--encoder` has for them."""
        settings = {
            "zoom": "yes" if self.zoom else "no",
            "blocks": "+".join(self.block_names),
            "precision": self.precision,
            "views": str(self.n_views),
        }
        # Without random views the seed has no effect.
        return settings | ({"seed": str(self.seed)} if self.n_views > 1 else {})

    def require_same(self, stored: Recipe, folder: Path) -> None:
        """Raise `IncompatibleArtifact` unless features of this recipe may be added to a store."""
        owner = f"the feature store {folder}"
        for name, before in stored.settings.items():
            if (now := self.settings.get(name, before)) != before:
                raise IncompatibleArtifact(
                    f"{owner} was made with {name}={before}, but {name}={now} was asked for; use "
                    f"{name}={before}, or choose another --out"
                )
        stored.fingerprint.require_match(self.fingerprint, owner=owner)
