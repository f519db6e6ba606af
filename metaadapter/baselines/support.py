"""What a peer may see of a batch of tasks: their support, never their queries."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import one_hot

from episodes import EpisodeBatch
from metaadapter.adapter import AdapterWeights

__all__ = ["Support"]


@dataclass(frozen=True, slots=True)
class Support:
    """The support of T tasks of up to N ways and K shots; features are unit rows of width D.

    M = N·K counts the places for pictures of a task, class by class.
    """

    support_TNKD: Float[Tensor, "T N K D"]
    support_mask_TNK: Bool[Tensor, "T N K"]
    """Which pictures are there."""
    text_TND: Float[Tensor, "T N D"]
    """Text feature of each class name; a row of zeros where a class has no text."""
    class_mask_TN: Bool[Tensor, "T N"]
    """Which classes are there."""

    @classmethod
    def of(cls, batch: EpisodeBatch) -> Support:
        """The support of a batch."""
        return cls(batch.support_TNKD, batch.support_mask_TNK, batch.text_TND, batch.class_mask_TN)

    @property
    def exact(self) -> Support:
        """The same in float64 where the device has it, for what float32 would spoil."""
        dtype = torch.float32 if self.text_TND.device.type == "mps" else torch.float64
        return replace(
            self, support_TNKD=self.support_TNKD.to(dtype), text_TND=self.text_TND.to(dtype)
        )

    @property
    def present_TNK(self) -> Bool[Tensor, "T N K"]:
        """Which pictures are there, of classes that are there."""
        return self.support_mask_TNK & self.class_mask_TN[..., None]

    @property
    def shots_TNKD(self) -> Float[Tensor, "T N K D"]:
        """The pictures, zeros where there is none."""
        return self.support_TNKD.masked_fill(~self.present_TNK[..., None], 0.0)

    @property
    def rows_TMD(self) -> Float[Tensor, "T M D"]:
        """The pictures class by class, zeros where there is none."""
        return self.shots_TNKD.flatten(1, 2)

    @property
    def targets_TMN(self) -> Float[Tensor, "T M N"]:
        """One-hot classes of `rows_TMD`, zeros where there is no picture."""
        _, n_way, n_shot = self.support_mask_TNK.shape
        labels_M = torch.arange(n_way, device=self.text_TND.device).repeat_interleave(n_shot)
        targets_MN = one_hot(labels_M, n_way).to(self.text_TND.dtype)
        return targets_MN * self.present_TNK.flatten(1)[..., None]

    @property
    def n_pictures_T(self) -> Float[Tensor, " T"]:
        """Pictures of each task, at least 1."""
        return self.present_TNK.sum((1, 2)).clamp(min=1).to(self.text_TND.dtype)

    @property
    def n_shot_T(self) -> Float[Tensor, " T"]:
        """Mean number of pictures of the classes that have any, at least 1."""
        n_pictured_T = self.present_TNK.any(-1).sum(-1).clamp(min=1)
        return self.n_pictures_T / n_pictured_T

    @property
    def means_TND(self) -> Float[Tensor, "T N D"]:
        """Mean picture of each class, zeros where a class has none."""
        n_TN1 = self.present_TNK.sum(-1, keepdim=True).clamp(min=1)
        return self.shots_TNKD.sum(2) / n_TN1

    @property
    def start_TND(self) -> Float[Tensor, "T N D"]:
        """Where class vectors start to be trained: the text; without one, the mean picture."""
        return torch.where(self.text_TND.any(-1, keepdim=True), self.text_TND, self.means_TND)

    def head(
        self,
        classes_TND: Float[Tensor, "T N D"],
        logit_scale: float,
        class_bias_TN: Float[Tensor, "T N"] | None = None,
        **parts: Tensor,
    ) -> AdapterWeights:
        """Weights from class vectors and other `parts`; a class that is not there is ruled out."""
        if class_bias_TN is None:
            class_bias_TN = classes_TND.new_zeros(classes_TND.shape[:2])
        return AdapterWeights(
            classes=classes_TND,
            class_bias=class_bias_TN.masked_fill(~self.class_mask_TN, -torch.inf),
            logit_scale=classes_TND.new_full(classes_TND.shape[:1], logit_scale),
            **parts,
        )

    def head_behind_adapter(
        self,
        classes_TND: Float[Tensor, "T N D"],
        logit_scale: float,
        down_TRD: Float[Tensor, "T R D"],
        up_TDR: Float[Tensor, "T D R"],
        visual_ratio: float,
    ) -> AdapterWeights:
        """As `head`, for pictures x' = normalise(x + ratio · up ReLU(down x))."""
        n_tasks, n_hidden, width = down_TRD.shape
        return self.head(
            classes_TND,
            logit_scale,
            centre=classes_TND.new_zeros(n_tasks, width),
            down=down_TRD.detach(),
            bias=classes_TND.new_zeros(n_tasks, n_hidden),
            up=up_TDR.detach(),
            visual_ratio=classes_TND.new_full((n_tasks,), visual_ratio),
        )

    def cross_entropy_T(self, logits_TMN: Float[Tensor, "T M N"]) -> Float[Tensor, " T"]:
        """Mean cross-entropy of each task's pictures, differentiable; 0 without a picture."""
        ruled_out_T1N = ~self.class_mask_TN[:, None]
        # A finite value in place of −∞ keeps 0 · log 0 out of the sum.
        log_TMN = logits_TMN.masked_fill(ruled_out_T1N, -1e9).log_softmax(-1)
        return -(log_TMN * self.targets_TMN).sum((1, 2)) / self.n_pictures_T
