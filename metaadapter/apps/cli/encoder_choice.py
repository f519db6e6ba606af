"""`--encoder`: the name of an encoder, and how it looks at pictures and names."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.features.image_encoder import ImageEncoder
    from metaadapter.workflow.labelled_pictures import Selection

SETTING = re.compile(r"\w+=[^,]*")
LIST_SEPARATOR = "+"
# The settings that may change for an adapter, which keeps the looks that it was made with.
OF_ADAPTERS = {"encoder", "device", "precision"}


class EncoderChoice(BaseModel):
    """The settings of `--encoder`; `None` is the choice of the store, adapter or encoder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: str | None = None
    zoom: bool | None = None
    """Whether each picture has a second look, at its middle."""
    blocks: tuple[str, ...] | None = None
    """Blocks of the features: joint, trunk, stages, second."""
    views: int | None = Field(default=None, ge=1)
    """The number of views of each picture whose features are averaged."""
    seed: int = Field(default=0, ge=0)
    """The seed of views."""
    templates: tuple[str, ...] | None = None
    """Sets of prompts for names, or prompts with {}."""
    # `Precision`; its module would load torch, for which the page of `serve` would wait.
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    device: str = "auto"

    @field_validator("blocks", "templates", mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        return tuple(given.split(LIST_SEPARATOR)) if isinstance(given, str) else given

    @property
    def name(self) -> str:
        """The encoder's name; `tiny` by default."""
        return self.encoder or "tiny"

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of a function that finds an encoder and chooses where it runs."""
        return {"encoder": self.encoder, "device": self.device, "precision": self.precision}

    @property
    def loader(self) -> Callable[..., ImageEncoder]:
        """`load_encoder` to the device and number format of this choice."""
        from metaadapter.features.encoders.encoder_by_name import load_encoder

        return partial(load_encoder, device=self.device, precision=self.precision)

    def load(self, *, whole_frames: bool, boxed: bool) -> ImageEncoder:
        """Load the encoder for whole frames of camera traps, for boxes, or for other pictures."""
        from metaadapter.features.blocks import default_blocks, default_encoder

        name = self.encoder or default_encoder(whole_frames=whole_frames)
        is_camera_trap = whole_frames or boxed
        return self.loader(
            name,
            templates=self.templates,
            zoom=self.zoom,
            blocks=default_blocks(self.blocks, name, is_camera_trap=is_camera_trap),
        )

    def selection(self, **of_source: Any) -> Selection:
        """Return the looks of this encoder at a source that is read in this way."""
        from metaadapter.workflow.labelled_pictures import Selection

        looks = {name: getattr(self, name) for name in ("views", "seed", "zoom", "blocks")}
        return Selection(**looks, **of_source)


def read_encoder(
    text: str | None, *, only: Collection[str] = EncoderChoice.model_fields
) -> EncoderChoice:
    """Read the value of `--encoder`: NAME, NAME,SETTING=VALUE,… or SETTING=VALUE,….

    A part that is no setting belongs to the name. `only` are the settings that can be chosen.

    Raises:
        UsageError: The text is empty, or sets what cannot be chosen.
        DataError: A value is wrong.
    """
    if text is None:
        return EncoderChoice()
    from metaadapter.training.config_file import apply_override, check_config

    if not text:
        raise UsageError("--encoder is empty; name an encoder, such as tiny, or leave it out")
    words = text.split(",")
    n_settings = next(
        (n for n, word in enumerate(reversed(words)) if not SETTING.fullmatch(word)), len(words)
    )
    settings, of_name = words[len(words) - n_settings :], words[: len(words) - n_settings]
    content: dict[str, Any] = {"encoder": ",".join(of_name)} if of_name else {}
    for setting in settings:
        apply_override(content, setting)
    choice = check_config(EncoderChoice, content, owner=f"--encoder {text}")
    if others := sorted(choice.model_fields_set - {*only}):
        raise UsageError(
            f"--encoder sets {', '.join(others)}, which is as the adapter was made, or fixed in "
            "this command; leave it out"
        )
    return choice
