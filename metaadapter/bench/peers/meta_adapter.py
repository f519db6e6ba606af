"""Meta-Adapter (Cheng et al., 2023): attention over the pictures refines class vectors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights


@dataclass(frozen=True, slots=True)
class Attention:
    """Weights, learned on training tasks and shared by all classes: 2 D² + D + 1 numbers."""

    query_DD: Float[Tensor, "D D"]
    key_DD: Float[Tensor, "D D"]
    gate_D: Float[Tensor, " D"]
    gate_bias: Float[Tensor, ""]


def meta_adapter(support: Support, learned: Attention) -> AdapterWeights:
    """Return adapters: logits s · x · normalise(t_c + g_c Σ_z a_z z).

    z runs through t_c and the pictures of c, a is the softmax over z of (query t_c) · (key z) / √D,
    and g_c = σ(gate · t_c + bias). A class without a text has its mean picture as its vector.
    """
    text_TND = support.text_TND
    tokens_TNLD = torch.cat([text_TND[:, :, None], support.shots_TNKD], dim=2)
    present_TNL = torch.cat([text_TND.any(-1, keepdim=True), support.present_TNK], dim=2)
    queries_TND = text_TND @ learned.query_DD.T @ learned.key_DD / text_TND.shape[-1] ** 0.5
    affinity_TNL = (tokens_TNLD @ queries_TND[..., None]).squeeze(-1)
    # A finite mask avoids 0 / 0 for a class with neither text nor picture.
    weight_TNL = affinity_TNL.masked_fill(~present_TNL, -1e9).softmax(-1)
    attended_TND = (weight_TNL[:, :, None] @ tokens_TNLD).squeeze(2)
    gate_TN1 = (text_TND @ learned.gate_D + learned.gate_bias).sigmoid()[..., None]
    return support.head(normalize(text_TND + gate_TN1 * attended_TND, dim=-1))
