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
"""The names of an adapter's tensors for the learned vectors, their values before learning, and the
mean change of the features of all known names."""
NAMES_AT_ONCE = 256


@final
class PromptedEncoder(ImageEncoder):
    """An encoder with a learned prompt, which changes the features of class names, not of pictures.

    The feature of a name is its feature from the templates, plus the change that learning
    made to its prompted feature, minus the mean of this change over the known names. So vectors
    that did not change have no effect, whatever the templates are.

    The tensors are `CONTEXT` (words, width), `START` (words, width) and `SHIFT` (joint_dim,).
    """

    logit_scale: float | None

    def __init__(
        self,
        base: FrozenEncoder,
        tensors: Mapping[str, Tensor],
        config: PromptConfig | None = None,
    ) -> None:
        if missing := sorted({CONTEXT, START, SHIFT} - set(tensors)):
            raise IncompatibleArtifact(f"the adapter's prompt lacks {missing[0]}; adapt again")
        if tensors[START].shape != tensors[CONTEXT].shape:
            raise IncompatibleArtifact(
                f"the adapter's prompt has the shape {tuple(tensors[START].shape)} before learning "
                f"and {tuple(tensors[CONTEXT].shape)} after it, which should be equal; adapt again"
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
                f"the tensor {SHIFT} has the shape {tuple(tensors[SHIFT].shape)}, but texts of the "
                f"encoder {base.name} are {width} wide; adapt again"
            )

    def has(self, tensors: Mapping[str, Tensor]) -> bool:
        """Return whether the prompt has exactly these tensors."""
        return self.tensors.keys() == tensors.keys() and all(
            torch.equal(self.tensors[name], tensor) for name, tensor in tensors.items()
        )

    def encode_pixels(
        self, batch: Float[Tensor, "batch 3 height width"]
    ) -> Float32[Tensor, "batch look_dim"]:
        """Encode pictures as the encoder without the prompt does."""
        return self.base.encode_pixels(batch)

    def image_network(self) -> nn.Module:
        """Return the network of the encoder without the prompt."""
        return self.base.image_network()

    def encode_texts(self, names: Sequence[str]) -> Float32[np.ndarray, "n dim"]:
        """Encode names through the prompt to unit rows."""
        rows = self.base.encode_texts(names)
        for start in range(0, len(names), NAMES_AT_ONCE):
            batch = slice(start, start + NAMES_AT_ONCE)
            change = (self._change(names[batch]) - self.tensors[SHIFT]).numpy()
            has_changed = change.any(1, keepdims=True)  # other rows stay equal to the bit
            changed = unit_rows(rows[batch] + self.base.as_wide_as_pictures(change))
            rows[batch] = np.where(has_changed, changed, rows[batch])
        return rows

    def _change(self, names: Sequence[str]) -> Float32[Tensor, "n joint_dim"]:
        tokens = self._learned.tokens(names)
        with torch.inference_mode():
            change = (self._learned(tokens) - self._start(tokens)).cpu()
        return change.clone()
