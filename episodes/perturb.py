"""Task augmentation: other domains, other geometry, and texts of every quality."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn.functional import normalize

from episodes.errors import require_fraction
from episodes.perturb_texts import perturb_texts, spread, unit, used
from episodes.task_draw import TaskDraw
from episodes.tasks import EpisodeBatch, Episodes

# Upper end of a uniform draw, in units of the spread around the task's mean.
MOST_NOISE = 2.0
SCALING_DEVIATION = 0.7
LEAST_SCATTER, MOST_SCATTER = 1.0, 8.0
# CLIP's cones: pictures shrink to 0.4–1, texts to 0.3–1 of their length; an offset of 1 is added.
LEAST_IMAGE_LENGTH, LEAST_TEXT_LENGTH = 0.4, 0.3
# Upper ends of the fraction of a task's classes; 2 leaves some tasks without any text.
MOST_BARE, MOST_NAMELESS = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Perturbations:
    """The fraction of the tasks that each change affects, independently; 0 switches it off.

    A generator must learn when texts mislead, so their quality ranges from useless to better than
    any real text. Pictures move to other domains, and pictures and texts into cones like CLIP's.
    """

    text_permuted: float = 0.05
    """The names are permuted among the classes of the task."""
    text_made: float = 0.5
    """Each text is the mean of all pictures of its class plus noise, or noise alone."""
    scatter: float = 0.0
    """The part of each picture across the mean of its class is multiplied by the same factor, which
    makes the encoder worse. Pictures of other classes stay, so this suits no training of
    the head that tells strangers."""
    noise: float = 0.45
    """Isotropic noise is added to the pictures."""
    scaling: float = 0.25
    """Each coordinate of the pictures is multiplied by its own log-normal factor."""
    cone: float = 0.3
    """Pictures are squeezed into one narrow cone around an offset, texts into another."""
    bare: float = 0.1
    """Some classes, at most half, lose their labelled pictures and keep their text."""
    nameless: float = 0.1
    """Some classes, perhaps all, lose their text."""
    pictureless: float = 0.0
    """All labelled pictures are removed, in tasks with a pool whose classes all have texts."""

    def __post_init__(self) -> None:
        for name, fraction in asdict(self).items():
            require_fraction(name, fraction)


def perturb(episodes: Episodes, fractions: Perturbations, generator: torch.Generator) -> Episodes:
    """Return the tasks with `fractions` of them changed; labels and classes stay.

    All pictures of a task, labelled or not, move to the same new domain. Features stay unit rows,
    padding stays zero, and a task without a change stays equal to the bit. `class_means_TND` stay
    those of the original pictures. `generator` draws all numbers.
    """
    draw = TaskDraw(generator, episodes.batch.text_TND)
    episodes = _scattered(episodes, fractions.scatter, draw)
    batch = episodes.batch
    text_TND = perturb_texts(
        batch.text_TND,
        episodes.class_means_TND,
        draw,
        permuted=fractions.text_permuted,
        made=fractions.text_made,
    )
    stretch_T1D, deviation_T11 = _domain_shift(batch, fractions, draw)
    (length_T11, offset_T1D), (text_length_T11, text_offset_T1D) = _cones(fractions, draw)

    def shift(pictures: Tensor) -> Tensor:
        before_TXD = pictures.flatten(1, -2)
        moved_TXD = before_TXD * stretch_T1D
        if fractions.noise:
            moved_TXD = moved_TXD + deviation_T11 * draw.normal(*before_TXD.shape)
        moved_TXD = unit(moved_TXD, was=before_TXD)
        squeezed_TXD = unit(length_T11 * moved_TXD + offset_T1D, was=moved_TXD)
        return squeezed_TXD.reshape(pictures.shape)

    text_offset_T1D = text_offset_T1D * used(batch.text_TND)
    squeezed_TND = unit(text_length_T11 * text_TND + text_offset_T1D, was=text_TND)

    support_TNKD = shift(batch.support_TNKD)
    keeps_pictures_TN1, keeps_text_TN1 = _withheld(batch, fractions, draw)
    if fractions.pictureless:
        is_named_TN1 = keeps_text_TN1 & batch.text_TND.any(-1, keepdim=True)
        is_named_T11 = (is_named_TN1 | ~batch.class_mask_TN[..., None]).all(1, keepdim=True)
        may_T11 = is_named_T11 & episodes.pool_mask_TU.any(-1)[:, None, None]
        keeps_pictures_TN1 &= ~(may_T11 & (draw.chosen(fractions.pictureless) > 0))
    return replace(
        episodes,
        batch=replace(
            batch,
            support_TNKD=support_TNKD,
            support_mask_TNK=batch.support_mask_TNK & keeps_pictures_TN1,
            query_TQD=shift(batch.query_TQD),
            text_TND=squeezed_TND * keeps_text_TN1,
        ),
        twin_TNKD=shift(episodes.twin_TNKD),
        twin_mask_TNK=episodes.twin_mask_TNK & keeps_pictures_TN1,
        other_views_TNKD=shift(episodes.other_views_TNKD) if episodes.has_views else support_TNKD,
        off_class_TOD=shift(episodes.off_class_TOD),
        pool_TUD=shift(episodes.pool_TUD),
    )


def _scattered(episodes: Episodes, fraction: float, draw: TaskDraw) -> Episodes:
    """Return tasks whose pictures are farther from the line of their class mean.

    Pictures of classes without a mean, of other classes and strangers stay as they are.
    """
    if not fraction:
        return episodes
    batch, means_TND = episodes.batch, episodes.class_means_TND
    factor_T11 = LEAST_SCATTER * (MOST_SCATTER / LEAST_SCATTER) ** draw.uniform(1.0)
    more_T11 = draw.chosen(fraction) * (factor_T11 - 1)

    def scatter(pictures: Tensor, labels_TX: Tensor) -> Tensor:
        before_TXD, labels_TX1 = pictures.flatten(1, -2), labels_TX[..., None]
        of_class_TXD = labels_TX1.clamp(min=0).expand(-1, -1, means_TND.shape[-1])
        mean_TXD = means_TND.gather(1, of_class_TXD)
        has_mean_TX1 = (labels_TX1 >= 0) & mean_TXD.any(-1, keepdim=True)
        along_TX1 = (before_TXD * mean_TXD).sum(-1, keepdim=True)
        moved_TXD = before_TXD + more_T11 * (before_TXD - along_TX1 * mean_TXD) * has_mean_TX1
        return unit(moved_TXD, was=before_TXD).reshape(pictures.shape)

    def by_class(pictures_TNKD: Tensor) -> Tensor:
        n_tasks, n_way, *others = pictures_TNKD.shape[:-1]
        numbers_N = torch.arange(n_way, device=means_TND.device)
        labels_TX = numbers_N.repeat_interleave(math.prod(others)).expand(n_tasks, -1)
        return scatter(pictures_TNKD, labels_TX)

    return replace(
        episodes,
        batch=replace(
            batch,
            support_TNKD=by_class(batch.support_TNKD),
            query_TQD=scatter(batch.query_TQD, batch.query_labels_TQ),
        ),
        twin_TNKD=by_class(episodes.twin_TNKD),
        other_views_TNKD=by_class(episodes.other_views_TNKD),
        pool_TUD=scatter(episodes.pool_TUD, episodes.pool_labels_TU),
    )


def _domain_shift(
    batch: EpisodeBatch, fractions: Perturbations, draw: TaskDraw
) -> tuple[Tensor, Tensor]:
    """Return (T, 1, D) factors on picture coordinates, (T, 1, 1) standard deviations of noise."""
    width = batch.query_TQD.shape[-1]
    stretch_T1D = torch.ones_like(batch.query_TQD[:, :1])
    if fractions.scaling:
        exponent_T1D = SCALING_DEVIATION * draw.normal_T1D()
        stretch_T1D = (draw.chosen(fractions.scaling) * exponent_T1D).exp()
    level_T11 = draw.level(fractions.noise, MOST_NOISE)
    is_query_TQ1 = (batch.query_labels_TQ >= 0)[..., None].to(batch.query_TQD.dtype)
    return stretch_T1D, level_T11 * spread(batch.query_TQD, is_query_TQ1) / width**0.5


def _withheld(
    batch: EpisodeBatch, fractions: Perturbations, draw: TaskDraw
) -> tuple[Bool[Tensor, "T N 1"], Bool[Tensor, "T N 1"]]:
    """Return which classes keep their pictures and which keep their text; no class loses both.

    Each class draws one number: below one threshold it loses its pictures, above another its text.
    """
    has_text_TN1 = batch.text_TND.any(-1, keepdim=True)
    has_pictures_TN1 = batch.support_mask_TNK.any(-1, keepdim=True)
    number_TN1 = draw.uniform_TN1()
    bare_T11 = draw.level(fractions.bare, MOST_BARE)
    nameless_T11 = draw.level(fractions.nameless, MOST_NAMELESS)
    loses_pictures_TN1 = (number_TN1 < bare_T11) & has_text_TN1
    # A task without any picture would be zero-shot CLIP, from which nothing can be learned.
    loses_pictures_TN1 &= (has_pictures_TN1 & ~loses_pictures_TN1).any(1, keepdim=True)
    loses_text_TN1 = (number_TN1 > 1 - nameless_T11) & has_pictures_TN1 & ~loses_pictures_TN1
    return ~loses_pictures_TN1, ~loses_text_TN1


def _cones(fractions: Perturbations, draw: TaskDraw) -> list[tuple[Tensor | float, Tensor | float]]:
    """Return length and offset for pictures, then texts: cones like CLIP's, length · x + offset."""
    if not fractions.cone:
        return [(1.0, 0.0), (1.0, 0.0)]
    chosen_T11 = draw.chosen(fractions.cone)

    def cone(least: float) -> tuple[Tensor, Tensor]:
        offset_T1D = chosen_T11 * normalize(draw.normal_T1D(), dim=-1)
        return 1 - chosen_T11 * draw.uniform(1 - least), offset_T1D

    return [cone(LEAST_IMAGE_LENGTH), cone(LEAST_TEXT_LENGTH)]
