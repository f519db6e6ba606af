"""The entry of a project about how many labels a picture has."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

LABELLING: Final = "0"
"""The id of the only entry of this kind; a project without it gives each picture one label."""


class LabellingEntry(BaseModel, frozen=True, extra="forbid"):
    """Whether a picture can show several of the classes."""

    several: bool
