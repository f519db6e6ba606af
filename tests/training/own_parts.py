"""Generators of a user, as `test_own_parts.py` names them."""

from __future__ import annotations

import torch
from torch import nn

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.generator.adapter_generator import AdapterGenerator


class Blend(AdapterGenerator):
    """Class vectors between the text and the mean picture, mixed by a small network.

    It looks at the number of shots, and at how alike text and mean picture are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 2))

    def forward(self, support: Support) -> AdapterWeights:
        """A head between texts and mean pictures, with a temperature that is learned."""
        support = support.to(dtype=torch.float32)  # a classifier hands over float64
        means_TND = support.means_TND
        alike_TN = (means_TND * support.text_TND).sum(-1)
        shots_TN = support.present_TNK.sum(-1)
        inputs_TN2 = torch.stack([alike_TN, shots_TN.log1p()], dim=-1)
        trust_TN, warmth_TN = self.network(inputs_TN2).sigmoid().unbind(-1)
        has_pictures_TN = support.present_TNK.any(-1)
        trust_TN = torch.where(has_pictures_TN, trust_TN, 0.0)[..., None]
        classes_TND = (1 - trust_TN) * support.start_TND + trust_TN * means_TND
        there_TN = support.class_mask_TN.to(warmth_TN.dtype)
        warmth_T11 = ((warmth_TN * there_TN).sum(-1) / there_TN.sum(-1))[:, None, None]
        return support.head(classes_TND * (0.1 + warmth_T11))


class Nothing(AdapterGenerator):
    """A generator without weights."""

    def forward(self, support: Support) -> AdapterWeights:
        """Zero-shot CLIP."""
        return support.head(support.text_TND)
