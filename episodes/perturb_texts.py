"""Texts of every quality: permuted, or made from the means of the classes and noise."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.linalg import vector_norm
from torch.nn.functional import normalize

from episodes.draws import TaskDraw

# The length of the noise in a made text, in units of the root mean square length of the centred
# class means. With isotropic noise of 6 in the 1,024 coordinates of tiny's texts, ten classes of
# tiny-imagenet-val have a zero-shot accuracy of 71 %, without noise 90 %.
LEAST_TEXT_NOISE, MOST_TEXT_NOISE = 0.1, 8.0
ISOTROPIC = 0.85
"""The fraction of made texts whose noise is a random direction."""
NOISE_ALONE = 0.15
"""The fraction of made texts that know nothing of the class means."""


def perturb_texts(
    text_TND: Tensor, means_TND: Tensor, draw: TaskDraw, *, permuted: float, made: float
) -> Tensor:
    """Return texts, permuted among the classes in some tasks and made anew in some.

    A made text is the mean of all texts + s · (m + level · noise), where m is the centred mean of
    the class's pictures. The factor s keeps the spread of the texts, and so their cone. The noise
    is a random direction for each class, or its own text less the mean, whose errors are those of
    real names. The level is log-uniform. In some tasks m is left out.

    Args:
        text_TND: Unit rows; zeros for classes without a text, and in blocks without texts.
        means_TND: The means of the classes; a task with a class whose mean is 0 is not made anew.
        draw: Draws all numbers.
        permuted: The fraction of the tasks with permuted texts.
        made: The fraction of the tasks with made texts.
    """
    present_TN1 = text_TND.any(-1, keepdim=True).to(text_TND.dtype)
    if permuted:
        is_permuted_T11 = draw.chosen(permuted) > 0
        text_TND = torch.where(is_permuted_T11, _permuted(text_TND, present_TN1, draw), text_TND)
    if not made:
        return text_TND
    has_mean_TN1 = means_TND.any(-1, keepdim=True) | (present_TN1 == 0)
    is_made_T11 = (draw.chosen(made) > 0) & has_mean_TN1.all(1, keepdim=True)
    own_TND, used_T1D = centred(text_TND, present_TN1), used(text_TND)
    means_TND = centred(means_TND * used_T1D, present_TN1)
    normal_TND = draw.normal(*text_TND.shape) * used_T1D
    noise_TND = torch.where(draw.uniform(1.0) < ISOTROPIC, normal_TND, own_TND)
    noise_TND = normalize(noise_TND, dim=-1)
    level_T11 = LEAST_TEXT_NOISE * (MOST_TEXT_NOISE / LEAST_TEXT_NOISE) ** draw.uniform(1.0)
    known_T11 = 1 - draw.chosen(NOISE_ALONE)
    made_TND = known_T11 * means_TND / spread(means_TND, present_TN1) + level_T11 * noise_TND
    scale_T11 = spread(text_TND, present_TN1) / spread(made_TND, present_TN1)
    made_TND = (text_TND - own_TND + scale_T11 * made_TND) * present_TN1
    return torch.where(is_made_T11, unit(made_TND, was=text_TND), text_TND)


def used(text_TND: Tensor) -> Tensor:
    """Return a (T, 1, D) mask of the coordinates of texts, with 0 in blocks without texts."""
    return (text_TND != 0).any(1, keepdim=True).to(text_TND.dtype)


def _permuted(rows_TND: Tensor, present_TN1: Tensor, draw: TaskDraw) -> Tensor:
    """Return the rows, permuted among the classes that have a text."""
    keys_TN1, is_absent_TN1 = draw.uniform_TN1(), present_TN1 == 0
    order_TN1 = keys_TN1.masked_fill(is_absent_TN1, 2.0).argsort(1)
    positions_TN1 = is_absent_TN1.to(torch.int8).argsort(dim=1, stable=True)
    moved_TND = rows_TND.gather(1, order_TN1.expand_as(rows_TND))
    return torch.zeros_like(rows_TND).scatter_(1, positions_TN1.expand_as(rows_TND), moved_TND)


def unit(rows: Tensor, *, was: Tensor) -> Tensor:
    """Return rows scaled to length 1; unchanged rows stay equal to the bit, padding stays zero."""
    # Lengths, because comparing number by number takes several times as long.
    change, length = (vector_norm(one, dim=-1, keepdim=True) for one in (rows - was, was))
    return torch.where((change == 0) | (length == 0), was, normalize(rows, dim=-1))


def centred(rows_TXD: Tensor, present_TX1: Tensor) -> Tensor:
    """Return the present rows less their mean, and zeros for the others."""
    mean_T1D = (rows_TXD * present_TX1).sum(1, keepdim=True)
    mean_T1D = mean_T1D / present_TX1.sum(1, keepdim=True).clamp(min=1)
    return (rows_TXD - mean_T1D) * present_TX1


def spread(rows_TXD: Tensor, present_TX1: Tensor) -> Tensor:
    """Return the (T, 1, 1) root mean square distance of the present rows from their mean."""
    square = centred(rows_TXD, present_TX1).square().sum((1, 2), keepdim=True)
    tiny = torch.finfo(rows_TXD.dtype).eps
    return (square / present_TX1.sum(1, keepdim=True).clamp(min=1)).clamp(min=tiny).sqrt()
