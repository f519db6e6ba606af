"""The origin of features: the encoder, its looks and blocks, and the views of each picture."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from metaadapter.errors import UsageError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder


class Origin(BaseModel):
    """The facts by which features are compared: equal origins give comparable features."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    encoder: str | None = None
    """The name of the encoder, as `load_encoder` takes it; None if it is not recorded."""
    fingerprint: Fingerprint | None = None
    """Tells whether another encoder computes the same features; None if it is not recorded."""
    n_views: Annotated[int, Field(ge=1)] = 1
    """The number of views of each picture, of which all but the first are random crops."""
    seed: Annotated[int, Field(ge=0)] = 0
    """The seed of the random crops."""
    zoom: bool = False
    """True if the encoder also zooms into the middle of each picture."""
    blocks: dict[str, Annotated[int, Field(gt=0)]] = {}
    """Names and widths of the blocks of features of each look; empty for the joint one alone."""

    @classmethod
    def of(cls, encoder: ImageEncoder, views: int = 1, seed: int = 0) -> Origin:
        """The origin of features that an encoder computes.

        Raises:
            UsageError: There is no view, or the seed is negative.
        """
        if views < 1 or seed < 0:
            name, least, number = ("views", 1, views) if views < 1 else ("seed", 0, seed)
            raise UsageError(f"{name} must be {least} or more, got {number}")
        return cls(
            encoder=encoder.name,
            fingerprint=encoder.fingerprint,
            n_views=views,
            seed=seed,
            zoom=encoder.zoom,
            blocks=dict(encoder.look_blocks),
        )

    @property
    def block_names(self) -> tuple[str, ...]:
        """The names of the blocks, as `load_encoder` takes them."""
        return tuple(self.blocks) or ("joint",)

    def require_encoder(self, other: Fingerprint, *, owner: str) -> None:
        """Check that another encoder computes the features that `owner` was made with.

        Args:
            other: The fingerprint of the other encoder.
            owner: What was made with features of this origin, such as "the adapter birds/".

        Raises:
            IncompatibleArtifact: The encoders differ. Without a recorded fingerprint any will do.
        """
        if self.fingerprint is not None:
            self.fingerprint.require_match(other, owner=owner)
