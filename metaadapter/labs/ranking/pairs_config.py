"""The configuration of an adapter of pairs."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from metaadapter.adapter.config import StoredOrigin
from metaadapter.features.origin import Origin


class PairsConfig(BaseModel):
    """Facts stored beside the features of pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["caption-adapter"] = "caption-adapter"
    library_version: str = Field(default_factory=lambda: version("metaadapter"))
    width: Annotated[int, Field(gt=0)]
    """Feature width of the encoder."""
    captions: Annotated[list[str], Field(min_length=1)]
    """The caption of each pair."""
    templates: Annotated[list[str], Field(min_length=1)] = ["{}"]
    """The templates that captions are put into before they are encoded, in pairs and later."""
    origin: StoredOrigin = Origin()
    """The encoder of pictures and captions."""
