"""How much each block of features counts in a task, and the scalars that decide this."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import pad

from metaadapter.adapter.support import Support
from metaadapter.generator.canonical import (
    CanonicalSupport,
    canonicalise,
    mean_where,
    sum_blocks,
)
from metaadapter.generator.cosines import TINY, ClassPairs, Cosines, participation_ratio
from metaadapter.generator.relations import shot_scalars, stacked

N_BLOCK_SCALARS = 10
LEAST_SHARE, SHORTEST = 1e-3, 1e-6
# If the squared spread of a block is a smaller part of its squared length, it is only rounding.
ROUNDING = 1e-6


def log_lengths(canonical: CanonicalSupport) -> Float[Tensor, "T P"]:
    """Return ln of each block's root mean squared length, which is its weight if untrained."""
    return canonical.block_length_TP.clamp(min=SHORTEST).log()


def weighed(support: Support) -> CanonicalSupport:
    """Return the canonical support with the weights of an untrained network on several blocks."""
    canonical = canonicalise(support)
    return reweigh(canonical, log_lengths(canonical)) if len(support.blocks) > 1 else canonical


def reweigh(canonical: CanonicalSupport, log_weight_TP: Float[Tensor, "T P"]) -> CanonicalSupport:
    """Return the support with blocks stretched to spreads proportional to exp(log_weight_TP).

    The total spread of the pictures stays 1. A block that varies only by rounding gets no weight.
    Texts exist in some blocks only. The less of the spread is in these blocks, the longer the texts
    become, so that they count as much as they would without the other blocks.
    """
    energy_TP = _energy(canonical)
    spread_TP = _relative_spread(canonical)
    real_TP = spread_TP / (spread_TP + ROUNDING)
    # Without a picture, or with equal ones, there is no spread to stretch.
    differ_T1 = real_TP.amax(-1, keepdim=True) > 0.5
    wanted_TP = (2 * log_weight_TP).exp() * real_TP
    wanted_TP = wanted_TP / torch.where(differ_T1, wanted_TP.sum(-1, keepdim=True), 1.0)
    square_TP = wanted_TP / torch.where(energy_TP > 0, energy_TP, 1.0)
    square_TP = torch.where(differ_T1, square_TP, 1.0)
    stretch_TP = square_TP.clamp(min=SHORTEST**2).sqrt()
    widths = torch.tensor(canonical.raw.blocks, device=stretch_TP.device)
    stretch_TD = stretch_TP.repeat_interleave(widths, dim=1)
    share_T = torch.where(_has_text(canonical), wanted_TP, 0.0).sum(-1)
    share_T = torch.where(differ_T1[:, 0] & (share_T > 0), share_T, 1.0)
    gain_T = (canonical.text_share_T / share_T).sqrt()
    return replace(
        canonical,
        text_TND=canonical.text_TND * gain_T[:, None, None],
        text_share_T=share_T,
        shots_TNKD=canonical.shots_TNKD * stretch_TD[:, None, None],
        means_TND=canonical.means_TND * stretch_TD[:, None],
        scale_TD=canonical.scale_TD * stretch_TD,
    )


def block_scalars(canonical: CanonicalSupport) -> Float[Tensor, "T P S"]:
    """Return the scalars of each block of each task, unchanged by rotations inside the block.

    Before, blocks are scaled so that their shares of the pictures' variance are proportional to
    their squared lengths in the encoder's rows.

    - `log_share`: log(share of the pictures' variance in the block / an equal share)
    - `log_spread`: a quarter of log(variance of the pictures in the block / their squared length)
    - `margin`: `own_mean` minus the cosine with the nearest other mean, times 2
    - `nearest_mean_accuracy`: fraction of pictures to which their own mean is nearest, times
      log(ways)
    - `own_mean`: average cosine of a picture with the mean of the other pictures of its class
    - `own_text_gap`: cosine of a text with its own mean minus its cosine with other means, times 5
    - `has_text`: whether texts have this block
    - `mean_spread`: root mean square of the cosines among means, times 3
    - `likeness_correlation`: correlation of the cosines among means in this block and in the other
      blocks
    - `log_mean_directions`: log(number of directions of its means)
    """
    n_tasks, n_blocks = len(canonical.text_TND), len(canonical.raw.blocks)
    energy_TP = _energy(canonical)
    share_TP = energy_TP / energy_TP.sum(-1, keepdim=True).clamp(min=TINY)
    part = _by_block(canonical)
    cosines = Cosines.of_support(part)
    _, means, cross = cosines.classes_3TNN
    means_PTNN = means.reshape(n_blocks, n_tasks, *means.shape[1:])
    # The cosines of the class means in the other blocks, averaged up to a constant factor.
    others = (means_PTNN.mean(0) - means_PTNN / n_blocks).flatten(0, 1)
    dtype = part.shots_TNKD.dtype
    shots = shot_scalars(part, cosines)
    own_TX, rival_TX = (shots[name].flatten(1) for name in ("own_mean", "rival_mean"))
    several_TX = (part.shot_mask_TNK & (part.n_shot_TN > 1)[..., None]).flatten(1)
    n_way_T = (part.text_mask_TN | part.image_mask_TN).sum(-1)
    log_way_T = n_way_T.clamp(min=2).to(dtype).log()
    named = ClassPairs((part.text_mask_TN & part.image_mask_TN).to(dtype))
    pictured = ClassPairs(part.image_mask_TN.to(dtype))
    here, elsewhere = pictured.centred(means), pictured.centred(others)
    both = (pictured.others(here.square()) * pictured.others(elsewhere.square())).sqrt()
    scalars = {
        "log_share": (share_TP * n_blocks).clamp(min=LEAST_SHARE).log().mT.flatten(),
        "log_spread": 0.25 * _relative_spread(canonical).clamp(min=ROUNDING).log().mT.flatten(),
        # The means here are over the pictures of classes that have several.
        "margin": 2 * mean_where(own_TX - rival_TX, several_TX),
        "nearest_mean_accuracy": log_way_T * mean_where((own_TX > rival_TX).to(dtype), several_TX),
        "own_mean": mean_where(own_TX, several_TX),
        "own_text_gap": 5 * (named.own(cross) - named.others(cross)),
        "has_text": (part.text_TND != 0).any(-1).any(-1).to(dtype),
        "mean_spread": 3 * pictured.others(means.square()).sqrt(),
        "likeness_correlation": pictured.others(here * elsewhere) / (both + TINY),
        "log_mean_directions": participation_ratio(part.means_TND).clamp(min=1).log(),
    }
    return stacked(scalars).reshape(n_blocks, n_tasks, -1).transpose(0, 1)


def _by_block(canonical: CanonicalSupport) -> CanonicalSupport:
    """Return P · T supports of one zero-padded block each; their `raw` still has all blocks."""
    widths = canonical.raw.blocks

    def split(rows: Tensor) -> Tensor:
        parts = torch.split(rows, list(widths), -1)
        padded = [pad(part, (0, max(widths) - part.shape[-1])) for part in parts]
        return torch.cat(padded)

    def repeat(values: Tensor) -> Tensor:
        return values.repeat(len(widths), *(1,) * (values.ndim - 1))

    in_blocks = ("shots_TNKD", "text_TND", "means_TND", "image_centre_TD", "scale_TD")
    of_tasks = ("shot_mask_TNK", "text_mask_TN", "n_shot_TN", "text_spread_T")
    changed: dict[str, Any] = {name: split(getattr(canonical, name)) for name in in_blocks}
    changed |= {name: repeat(getattr(canonical, name)) for name in of_tasks}
    changed["text_share_T"] = torch.ones_like(changed["text_spread_T"])
    for name in ("block_length_TP", "block_spread_TP"):
        changed[name] = getattr(canonical, name).mT.reshape(-1, 1)
    return replace(canonical, **changed)


def _energy(canonical: CanonicalSupport) -> Float[Tensor, "T P"]:
    """Return the mean squared length of the canonical pictures in each block."""
    return (canonical.block_spread_TP * canonical.block_scale_TP).square()


def _has_text(canonical: CanonicalSupport) -> Bool[Tensor, "T P"]:
    energy_TP = sum_blocks(canonical.text_TND.square().sum(1), canonical.raw.blocks)
    return energy_TP > ROUNDING * energy_TP.sum(-1, keepdim=True)


def _relative_spread(canonical: CanonicalSupport) -> Float[Tensor, "T P"]:
    """Return, for each block, the pictures' squared spread divided by their squared length."""
    return (canonical.block_spread_TP / canonical.block_length_TP.clamp(min=SHORTEST)).square()
