"""Support set → adapter in one forward pass."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from metaadapter.adapter import AdapterWeights
from metaadapter.errors import UsageError
from metaadapter.generator.canonical import CanonicalSupport, canonicalise
from metaadapter.generator.emit import emit
from metaadapter.generator.heads import Corrections, Heads
from metaadapter.generator.leave_one_out import LeftOut, leave_one_out
from metaadapter.generator.relations import relate
from metaadapter.generator.set_encoder import SetEncoder

__all__ = ["Generator", "GeneratorConfig"]


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """Shape of a generator's network; the same for every feature width."""

    width: int = 128
    n_layers: int = 3
    n_heads: int = 4
    bottleneck: int = 8


@final
class Generator(nn.Module):
    """Reads inner products of a support set and emits combinations of it.

    An untrained generator predicts its closed form, kernel ridge towards the text: every
    learned output starts at zero and corrects a constant of the formula or adds to its result. One
    set of weights serves every encoder and width, rotating all features changes nothing, and
    permuting classes or shots permutes or keeps the adapter.
    """

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        super().__init__()
        self.config = config or GeneratorConfig()
        self.encoder = SetEncoder(self.config.width, self.config.n_layers, self.config.n_heads)
        self.heads = Heads(self.config.width, self.config.bottleneck)

    def predict(
        self,
        support_TNKD: Float[Tensor, "T N K D"],
        text_TND: Float[Tensor, "T N D"],
        support_mask_TNK: Bool[Tensor, "T N K"] | None = None,
        class_mask_TN: Bool[Tensor, "T N"] | None = None,
        *,
        logit_scale: Float[Tensor, " T"] | float | None = None,
    ) -> AdapterWeights:
        """Adapters of T tasks, without gradients.

        Args:
            support_TNKD: unit rows of the pictures; K may be 0.
            text_TND: unit rows of the class names; zeros where a class has no text.
            support_mask_TNK: which pictures are there; all by default.
            class_mask_TN: which classes are there; all by default.
            logit_scale: the encoder's inverse temperature, needed for tasks without a picture.

        Returns:
            Weights with a leading task axis. A task without a picture gets zero-shot CLIP.

        Raises:
            UsageError: if a task has no picture and `logit_scale` is not given.
        """
        with torch.no_grad():
            return self.forward(
                support_TNKD, text_TND, support_mask_TNK, class_mask_TN, logit_scale=logit_scale
            )

    def forward(
        self,
        support_TNKD: Float[Tensor, "T N K D"],
        text_TND: Float[Tensor, "T N D"],
        support_mask_TNK: Bool[Tensor, "T N K"] | None = None,
        class_mask_TN: Bool[Tensor, "T N"] | None = None,
        *,
        logit_scale: Float[Tensor, " T"] | float | None = None,
    ) -> AdapterWeights:
        """`predict` with gradients."""
        if support_mask_TNK is None:
            support_mask_TNK = support_TNKD.new_ones(support_TNKD.shape[:3], dtype=torch.bool)
        if class_mask_TN is None:
            class_mask_TN = text_TND.new_ones(text_TND.shape[:2], dtype=torch.bool)
        shot_mask_TNK = support_mask_TNK & class_mask_TN[..., None]
        scale_T = _scale_per_task(logit_scale, shot_mask_TNK, text_TND)
        support = canonicalise(support_TNKD, text_TND, shot_mask_TNK, class_mask_TN, scale_T)
        left_out = leave_one_out(support)
        return emit(support, self.corrections(support, left_out), left_out.scale_T)

    def corrections(self, support: CanonicalSupport, left_out: LeftOut) -> Corrections:
        """What the network changes about the closed form."""
        relations = relate(support, left_out).to(self.heads.task.weight.dtype)
        tokens_TNH, edges_TNNE = self.encoder(relations, support.class_mask_TN)
        return self.heads.forward(tokens_TNH, edges_TNNE, relations, support.class_mask_TN)

    def describe(self) -> dict[str, int]:
        """The configuration as plain values."""
        return asdict(self.config)


def _scale_per_task(
    logit_scale: Tensor | float | None, shot_mask_TNK: Tensor, like: Tensor
) -> Tensor:
    """(T,) the encoder's inverse temperature; 1 where nothing needs it."""
    n_tasks = len(shot_mask_TNK)
    if logit_scale is not None:
        return torch.as_tensor(logit_scale, dtype=like.dtype, device=like.device).expand(n_tasks)
    if not shot_mask_TNK.any(dim=(1, 2)).all():
        raise UsageError(
            "a task without a single picture is classified by its texts alone, which needs the "
            "encoder's temperature: pass logit_scale (FrozenEncoder.logit_scale)"
        )
    return like.new_ones(n_tasks)
