"""Task augmentation: other domains, other geometry, and texts better or worse than they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from episodes.batch import EpisodeBatch
from episodes.errors import EpisodeError
from episodes.gather import Episodes
from episodes.uniform import uniform

__all__ = ["Perturbations", "perturb"]

# Upper ends of what is drawn uniformly, in units of the spread about the task's mean.
MOST_TEXT_NOISE = MOST_TEXT_HELP = 1.5
MOST_NOISE = 2.0
SCALING_DEVIATION = 0.7
# CLIP's cones: pictures shrink to 0.4–1 and texts to 0.3–1 of their length before an offset of 1.
LEAST_IMAGE_LENGTH, LEAST_TEXT_LENGTH = 0.4, 0.3
# Of the classes of a task; beyond 1 so that whole tasks have no text.
MOST_BARE, MOST_NAMELESS = 0.5, 2.0

Pictures = Callable[[Float[Tensor, "T *X D"]], Float[Tensor, "T *X D"]]


@dataclass(frozen=True, slots=True)
class Perturbations:
    """Fraction of the tasks that each change befalls, independently; 0 switches it off.

    A generator must learn when texts lie, so their quality is spread from useless to better than
    any real one; pictures are moved to other domains, and both into CLIP's cones.
    """

    text_permuted: float = 0.05
    """Names are dealt out anew among the classes of the task."""
    text_noise: float = 0.35
    """Texts plus a random direction each."""
    text_help: float = 0.35
    """Texts plus the mean of all pictures of their class."""
    noise: float = 0.45
    """Pictures plus isotropic noise."""
    scaling: float = 0.25
    """Each coordinate of the pictures stretched by a factor of its own, log-normal."""
    cone: float = 0.3
    """Pictures and texts each squeezed into a narrow cone about an offset of their own."""
    bare: float = 0.1
    """Some classes, up to half, lose their labelled pictures and keep their text."""
    nameless: float = 0.1
    """Some classes, up to all, lose their text."""

    def __post_init__(self) -> None:
        for field in fields(self):
            fraction = getattr(self, field.name)
            if not 0 <= fraction <= 1:
                raise EpisodeError(f"{field.name} is a fraction of tasks, 0 to 1, got {fraction}")


def perturb(episodes: Episodes, fractions: Perturbations, generator: torch.Generator) -> Episodes:
    """Change tasks; labels and classes stay.

    All pictures of a task, labelled or not, move to the same new domain.

    Args:
        episodes: T tasks.
        fractions: How often each change happens.
        generator: Source of all randomness.

    Returns:
        Tasks whose features are unit rows again; what was padding stays zero, and a task that no
        change befell is the same to the bit. `class_means_TND` stay those of the unmoved pictures.
    """
    batch = episodes.batch
    draw = _Draw(generator, len(batch.text_TND), batch.text_TND)
    text_TND = _perturb_text(batch, episodes.class_means_TND, fractions, draw)
    move = _domain_shift(batch, fractions, draw)
    squeeze_pictures, squeeze_text = _cones(fractions, draw)

    def shift(pictures: Tensor) -> Tensor:
        moved = _unit(move(pictures), was=pictures)
        return _unit(squeeze_pictures(moved), was=moved)

    support_TNKD = shift(batch.support_TNKD)
    keeps_pictures_TN1, keeps_text_TN1 = _withheld(batch, fractions, draw)
    return replace(
        episodes,
        batch=replace(
            batch,
            support_TNKD=support_TNKD,
            support_mask_TNK=batch.support_mask_TNK & keeps_pictures_TN1,
            query_TQD=shift(batch.query_TQD),
            text_TND=_unit(squeeze_text(text_TND), was=text_TND) * keeps_text_TN1,
        ),
        twin_TNKD=shift(episodes.twin_TNKD),
        twin_mask_TNK=episodes.twin_mask_TNK & keeps_pictures_TN1,
        other_views_TNKD=shift(episodes.other_views_TNKD) if episodes.has_views else support_TNKD,
        off_class_TOD=shift(episodes.off_class_TOD),
    )


@dataclass(frozen=True, slots=True)
class _Draw:
    """Random numbers for T tasks, like a tensor in type and place."""

    generator: torch.Generator
    n_tasks: int
    like: Tensor

    def chosen(self, fraction: float, *, n_axes: int) -> Tensor:
        """1 for a task that the change befalls, else 0, with `n_axes` axes of size 1."""
        return (self.uniform(1.0, n_axes=n_axes) < fraction).to(self.like.dtype)

    def uniform(self, high: float, *, n_axes: int) -> Tensor:
        shape = (self.n_tasks, *[1] * n_axes)
        return (high * uniform(shape, self.generator, self.like.device)).to(self.like.dtype)

    def level(self, fraction: float, most: float, *, n_axes: int) -> Tensor:
        """How strong a change is: up to `most` in the tasks that it befalls, else 0."""
        return self.chosen(fraction, n_axes=n_axes) * self.uniform(most, n_axes=n_axes)

    def normal(self, *shape: int) -> Tensor:
        numbers = torch.randn(shape, generator=self.generator, device=self.generator.device)
        return numbers.to(self.like)


def _perturb_text(
    batch: EpisodeBatch, means_TND: Tensor, fractions: Perturbations, draw: _Draw
) -> Tensor:
    text_TND = batch.text_TND
    present_TN1 = text_TND.any(-1, keepdim=True).to(text_TND.dtype)
    if fractions.text_permuted:
        swapped = draw.chosen(fractions.text_permuted, n_axes=2) > 0
        text_TND = torch.where(swapped, _permuted(text_TND, present_TN1, draw), text_TND)
    named_TND, spread = text_TND, _spread(text_TND, present_TN1)
    if fractions.text_help:
        level = draw.level(fractions.text_help, MOST_TEXT_HELP, n_axes=2)
        centred = _centred(means_TND, present_TN1)
        text_TND = text_TND + level * spread * centred / _spread(means_TND, present_TN1)
    if fractions.text_noise:
        level = draw.level(fractions.text_noise, MOST_TEXT_NOISE, n_axes=2)
        text_TND = text_TND + level * spread * normalize(draw.normal(*text_TND.shape), dim=-1)
    return _unit(text_TND, was=named_TND)


def _permuted(text_TND: Tensor, present_TN1: Tensor, draw: _Draw) -> Tensor:
    """Texts in another order, among the classes that have one."""
    keys_TN = uniform(tuple(text_TND.shape[:2]), draw.generator, text_TND.device)
    absent_TN = present_TN1[..., 0] == 0
    order_TN = keys_TN.masked_fill(absent_TN, 2.0).argsort(1)
    places_TN = absent_TN.to(torch.int8).argsort(dim=1, stable=True)
    places_TND = places_TN[..., None].expand_as(text_TND)
    moved_TND = text_TND.gather(1, order_TN[..., None].expand_as(text_TND))
    return torch.zeros_like(text_TND).scatter_(1, places_TND, moved_TND)


def _domain_shift(batch: EpisodeBatch, fractions: Perturbations, draw: _Draw) -> Pictures:
    width = batch.query_TQD.shape[-1]
    stretch_TD = torch.ones_like(batch.query_TQD[:, 0])
    if fractions.scaling:
        exponent = SCALING_DEVIATION * draw.normal(draw.n_tasks, width)
        stretch_TD = (draw.chosen(fractions.scaling, n_axes=1) * exponent).exp()
    level_T1 = draw.level(fractions.noise, MOST_NOISE, n_axes=1)
    is_query_TQ1 = (batch.query_labels_TQ >= 0)[..., None].to(batch.query_TQD.dtype)
    deviation_T1 = level_T1 * _spread(batch.query_TQD, is_query_TQ1)[..., 0] / width**0.5

    def move(pictures: Tensor) -> Tensor:
        axes = (draw.n_tasks, *[1] * (pictures.dim() - 2), -1)
        moved = pictures * stretch_TD.view(axes)
        if fractions.noise:
            moved = moved + deviation_T1.view(axes) * draw.normal(*pictures.shape)
        return moved

    return move


def _withheld(
    batch: EpisodeBatch, fractions: Perturbations, draw: _Draw
) -> tuple[Bool[Tensor, "T N 1"], Bool[Tensor, "T N 1"]]:
    """Which classes keep their pictures, and which their text; no class loses its last evidence.

    One number a class: those below one threshold lose pictures, those above another lose texts.
    """
    shape = tuple(batch.class_mask_TN.shape)
    number_TN = uniform(shape, draw.generator, batch.text_TND.device)
    bare_T1 = draw.level(fractions.bare, MOST_BARE, n_axes=1)
    nameless_T1 = draw.level(fractions.nameless, MOST_NAMELESS, n_axes=1)
    loses_pictures_TN = (number_TN < bare_T1) & batch.text_TND.any(-1)
    # A task without a single picture would be zero-shot CLIP, which nothing can be learned from.
    loses_pictures_TN &= (batch.support_mask_TNK.any(-1) & ~loses_pictures_TN).any(1, keepdim=True)
    loses_text_TN = (number_TN > 1 - nameless_T1) & batch.support_mask_TNK.any(-1)
    return ~loses_pictures_TN[..., None], ~(loses_text_TN & ~loses_pictures_TN)[..., None]


def _cones(fractions: Perturbations, draw: _Draw) -> tuple[Pictures, Pictures]:
    """CLIP's geometry: x → length · x + offset, the offsets of pictures and texts apart."""
    if not fractions.cone:
        return (lambda pictures: pictures), (lambda text: text)
    width = draw.like.shape[-1]
    chosen_T1 = draw.chosen(fractions.cone, n_axes=1)

    def squeeze(least: float) -> Pictures:
        offset_TD = chosen_T1 * normalize(draw.normal(draw.n_tasks, width), dim=-1)
        length_T1 = 1 - chosen_T1 * draw.uniform(1 - least, n_axes=1)

        def into_cone(features: Tensor) -> Tensor:
            axes = (draw.n_tasks, *[1] * (features.dim() - 2), -1)
            return length_T1.view(axes) * features + offset_TD.view(axes)

        return into_cone

    return squeeze(LEAST_IMAGE_LENGTH), squeeze(LEAST_TEXT_LENGTH)


def _unit(rows: Tensor, *, was: Tensor) -> Tensor:
    """Rows of length 1; one that did not change stays as it was to the bit, padding stays zero."""
    stays = (rows == was).all(-1, keepdim=True) | ~was.any(-1, keepdim=True)
    return torch.where(stays, was, normalize(rows, dim=-1))


def _centred(rows_TXD: Tensor, present_TX1: Tensor) -> Tensor:
    mean_T1D = (rows_TXD * present_TX1).sum(1, keepdim=True)
    mean_T1D = mean_T1D / present_TX1.sum(1, keepdim=True).clamp(min=1)
    return (rows_TXD - mean_T1D) * present_TX1


def _spread(rows_TXD: Tensor, present_TX1: Tensor) -> Tensor:
    """(T, 1, 1) root mean square distance from the mean of the rows that are there."""
    square = _centred(rows_TXD, present_TX1).square().sum((1, 2), keepdim=True)
    tiny = torch.finfo(rows_TXD.dtype).eps
    return (square / present_TX1.sum(1, keepdim=True).clamp(min=1)).clamp(min=tiny).sqrt()
