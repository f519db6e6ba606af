"""Relations → one token per class, by attention whose biases come from the edges."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from metaadapter.generator.relations import Relations
from metaadapter.generator.scalars import CLASS_SCALARS, PAIR_SCALARS, TASK_SCALARS

__all__ = ["SetEncoder"]

EDGE_WIDTH = 32


@final
class SetEncoder(nn.Module):
    """A transformer over the classes of a task; permuting classes permutes its tokens.

    Args:
        width: The width of a token.
        n_layers: The number of layers of attention and feed-forward.
        n_heads: The number of attention heads, each with its own edge bias in each layer.
    """

    def __init__(self, width: int, n_layers: int, n_heads: int) -> None:
        super().__init__()
        n_scalars = len(CLASS_SCALARS) + len(TASK_SCALARS)
        self.embed = nn.Sequential(nn.Linear(n_scalars, width), nn.GELU(), nn.Linear(width, width))
        self.embed_edges = nn.Sequential(nn.Linear(len(PAIR_SCALARS), EDGE_WIDTH), nn.GELU())
        self.layers = nn.ModuleList(_Layer(width, n_heads) for _ in range(n_layers))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, relations: Relations, class_mask_TN: Bool[Tensor, "T N"]
    ) -> tuple[Float[Tensor, "T N H"], Float[Tensor, "T N N E"]]:
        """Class tokens and embedded edges; the tokens of masked classes mean nothing."""
        tokens_TNH = self.embed(relations.classes_TNC)
        edges_TNNE = self.embed_edges(relations.edges_TNNE)
        # A query whose keys are all masked would be NaN: every class may at least see itself.
        itself = torch.eye(class_mask_TN.shape[1], dtype=torch.bool, device=class_mask_TN.device)
        hidden_T1NN = ~(class_mask_TN[:, None] | itself)[:, None]
        for layer in self.layers:
            tokens_TNH = layer(tokens_TNH, edges_TNNE, hidden_T1NN)
        return self.norm(tokens_TNH), edges_TNNE


@final
class _Layer(nn.Module):
    """Pre-norm attention with edge biases, then a feed-forward of twice the width."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.attention_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.edge_bias = nn.Linear(EDGE_WIDTH, n_heads)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, tokens_TNH: Tensor, edges_TNNE: Tensor, hidden_T1NN: Tensor) -> Tensor:
        qkv = self.qkv(self.attention_norm(tokens_TNH)).unflatten(-1, (3, self.n_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        bias = self.edge_bias(edges_TNNE).movedim(-1, 1).masked_fill(hidden_T1NN, -torch.inf)
        mixed = scaled_dot_product_attention(q, k, v, attn_mask=bias)
        tokens_TNH = tokens_TNH + self.out(mixed.transpose(1, 2).flatten(2))
        fed_TNH: Tensor = self.feed(self.feed_norm(tokens_TNH))
        return tokens_TNH + fed_TNH
