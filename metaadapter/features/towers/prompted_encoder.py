"""An encoder that reads the names of new classes through a learned prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.towers.config import PromptConfig
from metaadapter.features.towers.soft_prompt import PromptedTexts
from metaadapter.features.views import unit_rows

CONTEXT, START, SHIFT = "prompt/context", "prompt/start", "prompt/shift"
"""The names, among an adapter's tensors, of the learned vectors, of those that learning started
from, and of what learning moved all known names by."""
NAMES_AT_ONCE = 256


@final
class PromptedEncoder(ImageEncoder):
    """An encoder with a learned prompt: pictures as before, names of classes through the prompt.

    The text of a name is that of the hand-written templates, plus what the learned vectors say of
    it less what those say that learning started from, less the mean of this over the known names.
    So vectors that did not move change nothing, whatever the templates are.

    Args:
        base: The encoder without the prompt, which stays as it is.
        tensors: `CONTEXT` (words, width), `START` (words, width), `SHIFT` (joint_dim,).
        config: What a saved adapter tells of them; by default the number of vectors alone.

    Raises:
        UsageError: The encoder has no text tower of open_clip.
        IncompatibleArtifact: A tensor is missing, or does not fit the encoder or the others.
    """

    logit_scale: float

    def __init__(
        self,
        base: FrozenEncoder,
        tensors: Mapping[str, Tensor],
        config: PromptConfig | None = None,
    ) -> None:
        if missing := sorted({CONTEXT, START, SHIFT} - set(tensors)):
            raise IncompatibleArtifact(f"the adapter's prompt lacks {missing[0]}; adapt anew")
        if tensors[START].shape != tensors[CONTEXT].shape:
            raise IncompatibleArtifact(
                f"the adapter's prompt begins as {tuple(tensors[START].shape)} and ends as "
                f"{tuple(tensors[CONTEXT].shape)}, which should be alike; adapt anew"
            )
        self.base, self.tensors = base, dict(tensors)
        self.config = config or PromptConfig(n_context=len(tensors[CONTEXT]))
        self.name, self.weights, self.device = base.name, base.weights, base.device
        self.fingerprint, self.preprocess, self.mark = base.fingerprint, base.preprocess, base.mark
        self.zoom, self.look_blocks, self.precision = base.zoom, base.look_blocks, base.precision
        self.logit_scale, self.templates = base.logit_scale, base.templates
        self._learned, self._start = (
            PromptedTexts(base.copied_network(), base.tokenize, tensors[name])
            for name in (CONTEXT, START)
        )
        width = self._change(["probe"]).shape[1]
        if tensors[SHIFT].shape != (width,):
            raise IncompatibleArtifact(
                f"{SHIFT} has the shape {tuple(tensors[SHIFT].shape)}, and texts of the encoder "
                f"{base.name} are {width} wide; adapt anew"
            )

    def has(self, tensors: Mapping[str, Tensor]) -> bool:
        """Whether the prompt is of these very tensors."""
        return self.tensors.keys() == tensors.keys() and all(
            torch.equal(self.tensors[name], each) for name, each in tensors.items()
        )

    def encode_pixels(
        self, batch: Float[Tensor, "batch 3 height width"]
    ) -> Float32[Tensor, "batch look_dim"]:
        """Those of the encoder without the prompt."""
        return self.base.encode_pixels(batch)

    def image_network(self) -> nn.Module:
        """That of the encoder without the prompt."""
        return self.base.image_network()

    def encode_texts(self, names: Sequence[str]) -> Float32[np.ndarray, "n dim"]:
        """Unit rows of names that were read through the prompt.

        Raises:
            UsageError: A name is empty, or leaves no place for the prompt.
        """
        rows = self.base.encode_texts(names)
        for start in range(0, len(names), NAMES_AT_ONCE):
            some = slice(start, start + NAMES_AT_ONCE)
            moved = (self._change(names[some]) - self.tensors[SHIFT]).numpy()
            has_moved = moved.any(1, keepdims=True)  # else no bit changes
            changed = unit_rows(rows[some] + self.base.as_wide_as_pictures(moved))
            rows[some] = np.where(has_moved, changed, rows[some])
        return rows

    def _change(self, names: Sequence[str]) -> Float32[Tensor, "n joint_dim"]:
        """What the learned vectors say of names less what the start says of them."""
        tokens = self._learned.tokens(names)
        with torch.inference_mode():
            moved = (self._learned(tokens) - self._start(tokens)).cpu()
        return moved.clone()
