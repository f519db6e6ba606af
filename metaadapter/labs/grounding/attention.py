"""Attention between tokens, guided by their similarity in a frozen encoder."""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

MASKED = -1e4


@final
class GuidedAttention(nn.Module):
    """Multi-head attention, whose logits include the known similarity of tokens.

    `with_maps` adds to the output the mean of the logits over the keys, with learned weights: a
    softmax shows which token fits best, but not how well it fits.
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
        queries: Float[Tensor, "tasks a width"],
        keys: Float[Tensor, "tasks b width"],
        similarity: Float[Tensor, "tasks a b"] | None = None,
        mask: Bool[Tensor, "tasks b"] | None = None,
    ) -> Float[Tensor, "tasks a width"]:
        """Return the output for each query token, from the key tokens that the mask keeps."""
        q, k, v = (
            rows.reshape(*rows.shape[:2], self.heads, -1).transpose(1, 2)
            for rows in (self.query(queries), self.key(keys), self.value(keys))
        )
        logits = q @ k.mT / math.sqrt(q.shape[-1])
        if self.trust is not None and similarity is not None:
            logits = logits + self.trust[:, None, None] * similarity[:, None]
        hidden = torch.zeros(()) if mask is None else torch.where(mask, 0.0, MASKED)[:, None, None]
        output: Tensor = self.out(((logits + hidden).softmax(3) @ v).transpose(1, 2).flatten(2))
        if self.salience is not None and self.map_out is not None:
            weight = (self.salience(keys).mT[:, :, None] + hidden).softmax(3)
            output = output + self.map_out((logits * weight).sum(3).transpose(1, 2))
        return output
