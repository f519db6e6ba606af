"""Attention between tokens whose similarity is known from a frozen encoder."""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

MASKED = -1e4


@final
class GuidedAttention(nn.Module):
    """Attention of several heads, to whose logits known similarity is added.

    Args:
        width: The width of the tokens on both sides.
        heads: The number of heads.
        guided: Whether similarity is added, in each head as far as it has learned to trust it.
        with_maps: Whether the logits themselves are given on as well, weighted over the tokens by
            what each of them is: a softmax tells which token fits best and not how well it does.
    """

    def __init__(
        self, width: int, heads: int, *, guided: bool = True, with_maps: bool = False
    ) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.trust = nn.Parameter(torch.ones(heads)) if guided else None
        self.salience = nn.Linear(width, heads) if with_maps else None
        self.map_out = nn.Linear(heads, width) if with_maps else None

    def forward(
        self,
        asking: Float[Tensor, "tasks a width"],
        asked: Float[Tensor, "tasks b width"],
        alike: Float[Tensor, "tasks a b"] | None = None,
        mask: Bool[Tensor, "tasks b"] | None = None,
    ) -> Float[Tensor, "tasks a width"]:
        """What each asking token takes from the tokens asked that the mask leaves."""
        q, k, v = (
            each.reshape(*each.shape[:2], self.heads, -1).transpose(1, 2)
            for each in (self.query(asking), self.key(asked), self.value(asked))
        )
        logits = q @ k.mT / math.sqrt(q.shape[-1])
        if self.trust is not None and alike is not None:
            logits = logits + self.trust[:, None, None] * alike[:, None]
        hidden = torch.zeros(()) if mask is None else torch.where(mask, 0.0, MASKED)[:, None, None]
        found: Tensor = self.out(((logits + hidden).softmax(3) @ v).transpose(1, 2).flatten(2))
        if self.salience is not None and self.map_out is not None:
            weight = (self.salience(asked).mT[:, :, None] + hidden).softmax(3)
            found = found + self.map_out((logits * weight).sum(3).transpose(1, 2))
        return found
