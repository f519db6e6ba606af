"""CAML (Fifty et al., ICLR 2024): a transformer reads the labelled pictures and one query."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import LogitFunction

WAYS = 5
"""The number of label vectors, and so the most classes of a task."""


@dataclass(frozen=True, slots=True)
class Transformer:
    """Weights, learned on training tasks: J layers of width W, H heads of width E, F inner units.

    C is `WAYS`. Layer norms have no weights of their own: the next matrix contains them.
    """

    project_WD: Float[Tensor, "W D"]
    bias_W: Float[Tensor, " W"]
    label_WC: Float[Tensor, "W C"]
    unknown_W: Float[Tensor, " W"]
    """Stands in a query's token in place of a label."""
    query_JHEW: Float[Tensor, "J H E W"]
    key_JHEW: Float[Tensor, "J H E W"]
    value_JHEW: Float[Tensor, "J H E W"]
    out_JHEW: Float[Tensor, "J H E W"]
    up_JFW: Float[Tensor, "J F W"]
    up_bias_JF: Float[Tensor, "J F"]
    down_JFW: Float[Tensor, "J F W"]
    read_CW: Float[Tensor, "C W"]


def caml(support: Support, learned: Transformer) -> LogitFunction:
    """Return a function that reads each query with its whole support, and with no other query.

    The first class gets the first label vector, and so on, so that another order of the classes
    changes the logits. Texts and temperature are not used.
    """

    def answer(query_TQD: Float[Tensor, "T Q D"]) -> Float[Tensor, "T Q N"]:
        # A query repeats its task's support, so a batch of tasks would fill the memory.
        parts = [
            query_logits(_one(support, task), query_QD[None], learned)
            for task, query_QD in enumerate(query_TQD)
        ]
        return torch.cat(parts).log_softmax(-1)

    return answer


def _one(support: Support, task: int) -> Support:
    return support.map(lambda part: part[task : task + 1])


def label_vectors() -> Float[Tensor, "C C"]:
    """Return unit rows e_c at equal angles, with e_a · e_b = −1 / (C − 1), as far apart as can be.

    The authors call these vectors an ELMES, an equal-length and maximally equiangular set.
    """
    return (torch.eye(WAYS) - 1 / WAYS) / math.sqrt(1 - 1 / WAYS)


def query_logits(
    support: Support,
    query_TQD: Float[Tensor, "T Q D"],
    learned: Transformer,
) -> Float[Tensor, "T Q N"]:
    """Return logits e_c · R h, where h is the token of the query after the last layer; −∞ masked.

    The token of a labelled picture x of class c is first P x + b + U e_c, that of a query P x + b +
    u. All tokens of a sequence attend to one another. A task has up to `WAYS` classes.
    """
    place_TN = (support.class_mask_TN.cumsum(1) - 1).clamp(min=0, max=WAYS - 1)
    labels_TNC = label_vectors().to(query_TQD)[place_TN]
    query_TQW = query_TQD @ learned.project_WD.T + (learned.bias_W + learned.unknown_W)
    own_TMC = support.targets_TMN.to(query_TQD) @ labels_TNC
    shots_TMW = support.rows_TMD.to(query_TQD) @ learned.project_WD.T + learned.bias_W
    shots_TMW = shots_TMW + own_TMC @ learned.label_WC.T
    n_query = query_TQD.shape[1]
    repeated_TQMW = shots_TMW[:, None].expand(-1, n_query, -1, -1)
    tokens_TQLW = torch.cat([query_TQW[:, :, None], repeated_TQMW], dim=2)
    present_TM = support.present_TNK.flatten(1)
    present_TL = torch.cat([present_TM.new_ones(len(present_TM), 1), present_TM], dim=1)
    final_TQW = _layers(tokens_TQLW, present_TL, learned)
    logits_TQN = final_TQW @ learned.read_CW.T @ labels_TNC.mT
    return logits_TQN.masked_fill(~support.class_mask_TN[:, None], -torch.inf)


def _layers(
    tokens_TQLW: Float[Tensor, "T Q L W"], present_TL: Tensor, learned: Transformer
) -> Float[Tensor, "T Q W"]:
    """Return the first token of each sequence after all layers, normalised."""
    n_layers = len(learned.query_JHEW)
    for j in range(n_layers):
        normed = _norm(tokens_TQLW)
        if j == n_layers - 1:  # nothing reads the other tokens after the last layer
            tokens_TQLW = tokens_TQLW[:, :, :1]
        asking = normed[:, :, : tokens_TQLW.shape[2]]
        heads = scaled_dot_product_attention(
            torch.einsum("tqlw,hew->tqhle", asking, learned.query_JHEW[j]),
            torch.einsum("tqlw,hew->tqhle", normed, learned.key_JHEW[j]),
            torch.einsum("tqlw,hew->tqhle", normed, learned.value_JHEW[j]),
            attn_mask=present_TL[:, None, None, None],
        )
        tokens_TQLW = tokens_TQLW + torch.einsum("tqhle,hew->tqlw", heads, learned.out_JHEW[j])
        inner = gelu(_norm(tokens_TQLW) @ learned.up_JFW[j].T + learned.up_bias_JF[j])
        tokens_TQLW = tokens_TQLW + inner @ learned.down_JFW[j]
    return _norm(tokens_TQLW[:, :, 0])


def _norm(tokens: Float[Tensor, "*n W"]) -> Float[Tensor, "*n W"]:
    return layer_norm(tokens, tokens.shape[-1:])
