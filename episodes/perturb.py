"""Task augmentation: other domains, other geometry, and texts of every quality."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import torch
from jaxtyping import Bool
from torch import Tensor

from episodes.domain import draw_domain
from episodes.draws import TaskDraw
from episodes.errors import require_fraction
from episodes.perturb_texts import perturb_texts, used
from episodes.tasks import EpisodeBatch, Episodes

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
    batch = episodes.batch
    draw = TaskDraw(generator, batch.text_TND)
    text_TND = perturb_texts(
        batch.text_TND,
        episodes.class_means_TND,
        draw,
        permuted=fractions.text_permuted,
        made=fractions.text_made,
    )
    domain, text_cone = draw_domain(
        batch, draw, noise=fractions.noise, scaling=fractions.scaling, cone=fractions.cone
    )
    text_offset_T1D = text_cone.offset_T1D * used(batch.text_TND)
    text_TND = text_TND.clone()
    replace(text_cone, offset_T1D=text_offset_T1D).squeeze(text_TND)
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
            support_TNKD=domain.moved(batch.support_TNKD),
            support_mask_TNK=batch.support_mask_TNK & keeps_pictures_TN1,
            query_TQD=domain.moved(batch.query_TQD),
            text_TND=text_TND * keeps_text_TN1,
        ),
        twin_TNKD=domain.moved(episodes.twin_TNKD),
        twin_mask_TNK=episodes.twin_mask_TNK & keeps_pictures_TN1,
        off_class_TOD=domain.moved(episodes.off_class_TOD),
        pool_TUD=domain.moved(episodes.pool_TUD),
    )


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
