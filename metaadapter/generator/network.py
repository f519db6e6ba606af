"""The generator's network, which turns relations into corrections of the closed form."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from metaadapter.generator.block_weights import N_BLOCK_SCALARS
from metaadapter.generator.relations import (
    N_CLASS_SCALARS,
    N_PAIR_SCALARS,
    N_SHOT_SCALARS,
    Relations,
)

EDGE_WIDTH = 32
LARGEST_LOG_CORRECTION = 4.0  # factors between 1/55 and 55


@final
class SetEncoder(nn.Module):
    """A transformer over classes, with attention biases for pairs; equivariant to permutations."""

    def __init__(self, width: int, n_layers: int, n_heads: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.Linear(N_CLASS_SCALARS, width), nn.GELU(), nn.Linear(width, width)
        )
        self.embed_edges = nn.Sequential(nn.Linear(N_PAIR_SCALARS, EDGE_WIDTH), nn.GELU())
        self.layers = nn.ModuleList(_Layer(width, n_heads) for _ in range(n_layers))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, relations: Relations, class_mask_TN: Bool[Tensor, "T N"]
    ) -> tuple[Float[Tensor, "T N H"], Float[Tensor, "T N N E"]]:
        """Return class tokens and embedded pairs; tokens of masked-out classes are meaningless."""
        tokens_TNH = self.embed(relations.classes_TNC)
        edges_TNNE = self.embed_edges(relations.edges_TNNE)
        # Attention to masked keys only would be NaN, so every class attends at least to itself.
        own_NN = torch.eye(class_mask_TN.shape[1], dtype=torch.bool, device=class_mask_TN.device)
        hidden_T1NN = ~(class_mask_TN[:, None] | own_NN)[:, None]
        for layer in self.layers:
            tokens_TNH = layer(tokens_TNH, edges_TNNE, hidden_T1NN)
        return self.norm(tokens_TNH), edges_TNNE


@final
class _Layer(nn.Module):
    """Pre-norm attention, biased by pairs, then a feed-forward part of twice the width."""

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


@dataclass(frozen=True, slots=True)
class Corrections:
    """The network's changes to the closed form; by default none, as if untrained."""

    log_scale_T: Float[Tensor, " T"] | float = 0.0
    """The logarithm of a factor, as in all `log_` fields; here for the inverse temperature."""
    log_noise_TNK: Float[Tensor, "T N K"] | float = 0.0
    """For the noise of each shot; the sum of corrections for the task, the class and the shot."""
    log_trust_TN: Float[Tensor, "T N"] | float = 0.0
    """For the trust in each text; the sum of corrections for the task and the class."""
    bias_TN: Float[Tensor, "T N"] | float = 0.0
    """The bias of each class, in units of the inverse temperature."""
    from_text_TNN: Float[Tensor, "T N N"] | None = None
    """The coefficients of all texts in the vector that is added to each class vector."""
    from_means_TNN: Float[Tensor, "T N N"] | None = None
    """The coefficients of all class means in the same vector; both are `None` if they are 0."""
    log_block_TP: Float[Tensor, "T P"] | None = None
    """For the weight of each block; `None` if the features are one block, or for no change."""

    def times(self, share_T: Float[Tensor, " T"]) -> Corrections:
        """Return the corrections times the share of the network in each task."""

        def shared(values: Tensor | None) -> Tensor | None:
            if values is None:
                return None
            return values * share_T.to(values).reshape(-1, *(1,) * (values.ndim - 1))

        changed: dict[str, Any] = {
            part.name: shared(getattr(self, part.name)) for part in fields(self)
        }
        return replace(self, **changed)


@final
class Heads(nn.Module):
    """The output layers, for class tokens of this `width`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.task = zero_linear(width, 3)
        self.classes = zero_linear(width, 3)
        self.shots = nn.Sequential(
            nn.Linear(N_SHOT_SCALARS, EDGE_WIDTH), nn.GELU(), zero_linear(EDGE_WIDTH, 1)
        )
        self.pair_query = zero_linear(width, 2 * EDGE_WIDTH)
        self.pair_key = nn.Linear(width, 2 * EDGE_WIDTH)
        self.pair_edge = zero_linear(EDGE_WIDTH, 2)
        self.blocks = nn.Sequential(
            nn.Linear(width + N_BLOCK_SCALARS, EDGE_WIDTH), nn.GELU(), zero_linear(EDGE_WIDTH, 1)
        )

    def forward(
        self,
        tokens_TNH: Float[Tensor, "T N H"],
        edges_TNNE: Float[Tensor, "T N N E"],
        relations: Relations,
        class_mask_TN: Bool[Tensor, "T N"],
        blocks_TPS: Float[Tensor, "T P S"] | None,
    ) -> Corrections:
        """Predict the corrections of a batch; masked-out classes neither change nor get any."""
        present_TN1 = class_mask_TN[..., None].to(tokens_TNH.dtype)
        n_way_T1 = present_TN1.sum(1).clamp(min=1)
        task_TH = (tokens_TNH * present_TN1).sum(1) / n_way_T1
        scale, noise, trust = self.task(task_TH).unbind(-1)
        class_noise, class_trust, class_bias = (self.classes(tokens_TNH) * present_TN1).unbind(-1)
        shot_noise = self.shots(relations.shots_TNKS)[..., 0]
        pairs = self._pairs(tokens_TNH, edges_TNNE, present_TN1) / n_way_T1[..., None, None].sqrt()
        log_block_TP = None
        if blocks_TPS is not None:
            task_TPH = task_TH[:, None].expand(-1, blocks_TPS.shape[1], -1)
            log_block_TP = bounded(self.blocks(torch.cat([task_TPH, blocks_TPS], -1))[..., 0])
        return Corrections(
            log_scale_T=bounded(scale),
            log_noise_TNK=bounded(noise[:, None, None] + class_noise[..., None] + shot_noise),
            log_trust_TN=bounded(trust[:, None] + class_trust),
            bias_TN=class_bias,
            from_text_TNN=pairs[..., 0],
            from_means_TNN=pairs[..., 1],
            log_block_TP=log_block_TP,
        )

    def _pairs(self, tokens_TNH: Tensor, edges_TNNE: Tensor, present_TN1: Tensor) -> Tensor:
        """Return (T, N, N, 2) coefficients: bilinear in the tokens plus linear in the edge."""
        query = self.pair_query(tokens_TNH).unflatten(-1, (2, -1))
        key = self.pair_key(tokens_TNH).unflatten(-1, (2, -1))
        bilinear = torch.einsum("tnjh,tmjh->tnmj", query, key) / EDGE_WIDTH**0.5
        pairs_TNN1 = (present_TN1 @ present_TN1.mT)[..., None]
        coefficients: Tensor = (bilinear + self.pair_edge(edges_TNNE)) * pairs_TNN1
        return coefficients


def zero_linear(n_in: int, n_out: int) -> nn.Linear:
    """Return a linear layer whose weights and bias are zero."""
    layer = nn.Linear(n_in, n_out)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def bounded(logarithm: Tensor, largest: float = LARGEST_LOG_CORRECTION) -> Tensor:
    """Return `largest` · tanh(`logarithm` / `largest`): slope 1 at 0, never beyond ± `largest`."""
    return largest * torch.tanh(logarithm / largest)
