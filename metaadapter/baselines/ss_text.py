"""SS-Text (Silva-Rodríguez et al., 2025): CLAP's objective solved in closed form."""

from __future__ import annotations

from torch.nn.functional import normalize

from metaadapter.adapter import AdapterWeights, Support

__all__ = ["ss_text"]

# The authors' floor of λ.
LEAST_PENALTY = 1e-3


def ss_text(support: Support) -> AdapterWeights:
    """Logits s · cos(x, t_c + s / (n λ_c) Σ_{i∈c} x_i), n the pictures of the task, λ_c = 1 / n_c.

    A class without a picture keeps its text.
    """
    n_TN1 = support.present_TNK.sum(-1, keepdim=True).clamp(min=1)
    penalty_TN1 = n_TN1.to(support.text_TND).reciprocal().clamp(min=LEAST_PENALTY)
    pull_TN1 = support.scale_T11 / (support.n_pictures_T[:, None, None] * penalty_TN1)
    classes_TND = support.text_TND + pull_TN1 * support.shots_TNKD.sum(2)
    return support.head(normalize(classes_TND, dim=-1))
