"""From row numbers to features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import embedding

from episodes.batch import EpisodeBatch
from episodes.rows import EpisodeRows
from episodes.source import TaskSource
from episodes.uniform import uniform

__all__ = ["Episodes", "gather"]

# T tasks, N ways, K shots, Q queries a class, O pictures of other classes, D feature width,
# V views, C classes.


@dataclass(frozen=True, slots=True)
class Episodes:
    """A batch of tasks from one source, with what training can hold against it."""

    batch: EpisodeBatch
    """The tasks themselves."""
    twin_TNKD: Float[Tensor, "T N K2 D"]
    """A second support of the same classes, of other pictures."""
    twin_mask_TNK: Bool[Tensor, "T N K2"]
    """Which of them count; none where no twins were asked for."""
    other_views_TNKD: Float[Tensor, "T N K D"]
    """The support's pictures through other views; the support itself where `has_views` is not."""
    has_views: bool
    """Whether the source has more than one view of each picture."""
    off_class_TOD: Float[Tensor, "T O D"]
    """Pictures of classes that are not in the task."""
    off_class_mask_TO: Bool[Tensor, "T O"]
    """Which of them count."""
    class_means_TND: Float[Tensor, "T N D"]
    """Unit mean of all pictures of each class, those of the task and the many others."""
    logit_scale: float
    """The encoder's own inverse temperature."""
    source: str
    """Name of the source."""


def gather(
    rows: EpisodeRows, source: TaskSource, generator: torch.Generator | None = None
) -> Episodes:
    """Look up the features of drawn tasks.

    Args:
        rows: Tasks drawn from the source's labels.
        source: Features and texts.
        generator: Draws each picture's view, uniformly; without it that is the first one, and the
            other view is the second.

    Returns:
        Tasks on the source's device. Rows that do not count are zeros.
    """
    n_views = source.features_nVD.shape[1]
    support_view, other_view = _draw_views(rows.support_TNK, n_views, generator)
    twin_view, _ = _draw_views(rows.twin_TNK, n_views, generator)
    query_view, _ = _draw_views(rows.query_TNQ, n_views, generator)
    off_class_view, _ = _draw_views(rows.off_class_TO, n_views, generator)
    table_rD = source.features_nVD.flatten(0, 1)

    class_mask_TN, support_mask_TNK = rows.classes_TN >= 0, rows.support_TNK >= 0
    twin_mask_TNK, off_class_mask_TO = rows.twin_TNK >= 0, rows.off_class_TO >= 0
    query_mask_TNQ = rows.query_TNQ >= 0
    ways_N = torch.arange(rows.classes_TN.shape[1], device=rows.classes_TN.device)
    labels_TNQ = torch.where(query_mask_TNQ, ways_N[:, None], -1)
    support_TNKD = _look_up(table_rD, support_view, support_mask_TNK)
    other_views_TNKD = support_TNKD
    if n_views > 1:
        other_views_TNKD = _look_up(table_rD, other_view, support_mask_TNK)
    batch = EpisodeBatch(
        support_TNKD=support_TNKD,
        support_mask_TNK=support_mask_TNK,
        query_TQD=_look_up(table_rD, query_view, query_mask_TNQ).flatten(1, 2),
        query_labels_TQ=labels_TNQ.flatten(1),
        text_TND=_look_up(source.text_CD, rows.classes_TN, class_mask_TN),
        class_mask_TN=class_mask_TN,
    )
    return Episodes(
        batch=batch,
        twin_TNKD=_look_up(table_rD, twin_view, twin_mask_TNK),
        twin_mask_TNK=twin_mask_TNK,
        other_views_TNKD=other_views_TNKD,
        has_views=n_views > 1,
        off_class_TOD=_look_up(table_rD, off_class_view, off_class_mask_TO),
        off_class_mask_TO=off_class_mask_TO,
        class_means_TND=_look_up(source.class_means_CD, rows.classes_TN, class_mask_TN),
        logit_scale=source.logit_scale,
        source=source.name,
    )


def _draw_views(
    rows: Int[Tensor, "*shape"], n_views: int, generator: torch.Generator | None
) -> tuple[Int[Tensor, "*shape"], Int[Tensor, "*shape"]]:
    """Places in the table of pictures × views, through one view and another; padding stays < 0."""
    if n_views == 1:
        return rows, rows
    if generator is None:
        view, step = torch.zeros_like(rows), torch.ones_like(rows)
    else:
        draws = uniform((2, *rows.shape), generator, rows.device)
        view = (draws[0] * n_views).long()
        step = 1 + (draws[1] * (n_views - 1)).long()
    first = rows * n_views
    return first + view, first + (view + step) % n_views


def _look_up(
    table_rD: Float[Tensor, "r D"], places: Int[Tensor, "*shape"], is_there: Bool[Tensor, "*shape"]
) -> Float[Tensor, "*shape D"]:
    if is_there.all():
        return embedding(places, table_rD)
    found = embedding(places.clamp(min=0), table_rD)
    # Only the padding is written again: a mask would go through all features once more.
    found.flatten(0, -2).index_fill_(0, (~is_there).flatten().nonzero()[:, 0], 0.0)
    return found
