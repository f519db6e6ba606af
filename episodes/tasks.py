"""Few-shot tasks, as row numbers of a table and with the features of these rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import embedding

from episodes.draws import uniform
from episodes.source import TaskSource

# T tasks, N ways, K shots, Q queries (of a class in row numbers, else of a task), O pictures of
# other classes, D feature width, r = pictures × views.


@dataclass(frozen=True, slots=True)
class EpisodeRows:
    """T tasks of up to N ways; −1 fills up. All pictures of a task are different ones."""

    classes_TN: Int[Tensor, "T N"]
    """Class numbers of the `LabelIndex`."""
    support_TNK: Int[Tensor, "T N K"]
    """Rows of the labelled pictures."""
    twin_TNK: Int[Tensor, "T N K2"]
    """A second support with as many shots; no shots where none was asked for or can be had."""
    query_TNQ: Int[Tensor, "T N Q"]
    """Rows of the pictures to classify, by class."""
    off_class_TO: Int[Tensor, "T O"]
    """Rows of pictures of classes that are not in the task; none where none were asked for."""
    pool_TU: Int[Tensor, "T U"]
    """Rows of unlabelled pictures; none where none were asked for."""

    def first(self, n_shot: int) -> EpisodeRows:
        """The same tasks with no more than the first `n_shot` labelled pictures a class."""
        support_TNK, twin_TNK = self.support_TNK[..., :n_shot], self.twin_TNK[..., :n_shot]
        return replace(self, support_TNK=support_TNK, twin_TNK=twin_TNK)

    def to(self, device: str | torch.device) -> EpisodeRows:
        """The same tasks on a device."""
        return EpisodeRows(*(getattr(self, field.name).to(device) for field in fields(self)))

    def split(self, n_tasks: int) -> Iterator[EpisodeRows]:
        """The same tasks, `n_tasks` at a time: their rows are small, and their features large."""
        parts = [getattr(self, field.name).split(n_tasks) for field in fields(self)]
        return (EpisodeRows(*part) for part in zip(*parts, strict=True))


@dataclass(frozen=True, slots=True)
class EpisodeBatch:
    """T tasks of up to N ways, K shots and Q queries, padded to a common size.

    Features are unit rows of width D. Whatever a mask leaves out must not change any result: a
    padded batch gives the same as each task alone.

    Raises:
        ValueError: A query's label points at a class that is not there.
    """

    support_TNKD: Float[Tensor, "T N K D"]
    """Labelled pictures; row `[t, n, k]` counts only where `support_mask_TNK` is true."""
    support_mask_TNK: Bool[Tensor, "T N K"]
    query_TQD: Float[Tensor, "T Q D"]
    """Pictures to classify."""
    query_labels_TQ: Int[Tensor, "T Q"]
    """Class of each query, 0 … N − 1; −1 where the query is padding."""
    text_TND: Float[Tensor, "T N D"]
    """Text feature of each class name; a row of zeros where a class has no text."""
    class_mask_TN: Bool[Tensor, "T N"]
    """Which classes exist. A class may exist with a text and no picture."""

    def __post_init__(self) -> None:
        labels = self.query_labels_TQ
        there = self.class_mask_TN.gather(1, labels.clamp(min=0)) | (labels < 0)
        if not there.all():
            task = int((~there).nonzero()[0, 0])
            raise ValueError(f"task {task}: a query's label points at a class that is masked out")


@dataclass(frozen=True, slots=True)
class Episodes:
    """A batch of tasks from one source, with what training can hold against it."""

    batch: EpisodeBatch
    """The tasks themselves."""
    twin_TNKD: Float[Tensor, "T N K2 D"]
    """A second support of the same classes, of other pictures."""
    twin_mask_TNK: Bool[Tensor, "T N K2"]
    """True where a twin counts; nowhere if no twins were asked for."""
    other_views_TNKD: Float[Tensor, "T N K D"]
    """The support's pictures through other views; the support itself where `has_views` is not."""
    has_views: bool
    """Whether the source has more than one view of each picture."""
    off_class_TOD: Float[Tensor, "T O D"]
    """Pictures of classes that are not in the task."""
    off_class_mask_TO: Bool[Tensor, "T O"]
    """True where such a picture counts."""
    class_means_TND: Float[Tensor, "T N D"]
    """Unit mean of all pictures of each class, those of the task and the many others."""
    pool_TUD: Float[Tensor, "T U D"]
    """Unlabelled pictures; none unless pools were asked for."""
    pool_mask_TU: Bool[Tensor, "T U"]
    """True where there is an unlabelled picture."""
    pool_labels_TU: Int[Tensor, "T U"]
    """The class that it has, 0 … N − 1, to judge answers by; −1 for one of no class of the task."""
    logit_scale: float
    """The encoder's own inverse temperature."""
    source: str
    """Name of the source."""
    blocks: tuple[int, ...] = ()
    """Widths of the blocks that its features consist of; () for one."""

    def with_off_class(self, more_TOD: Float[Tensor, "T O2 D"]) -> Episodes:
        """The same tasks with further pictures of none of their classes after those there are."""
        mask_TO = more_TOD.new_ones(more_TOD.shape[:2], dtype=torch.bool)
        return replace(
            self,
            off_class_TOD=torch.cat([self.off_class_TOD, more_TOD], 1),
            off_class_mask_TO=torch.cat([self.off_class_mask_TO, mask_TO], 1),
        )


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
    n_views, table_rD = source.features_nVD.shape[1], source.features_nVD.flatten(0, 1)
    support, other = _draw_views(rows.support_TNK, n_views, generator)
    twin, query, off_class, pool = (
        _draw_views(drawn, n_views, generator)[0]
        for drawn in (rows.twin_TNK, rows.query_TNQ, rows.off_class_TO, rows.pool_TU)
    )
    ways_N1 = torch.arange(rows.classes_TN.shape[1], device=rows.classes_TN.device)[:, None]
    support_TNKD = _look_up(table_rD, support)
    batch = EpisodeBatch(
        support_TNKD=support_TNKD,
        support_mask_TNK=support >= 0,
        query_TQD=_look_up(table_rD, query).flatten(1, 2),
        query_labels_TQ=torch.where(query >= 0, ways_N1, -1).flatten(1),
        text_TND=_look_up(source.text_CD, rows.classes_TN),
        class_mask_TN=rows.classes_TN >= 0,
    )
    return Episodes(
        batch=batch,
        twin_TNKD=_look_up(table_rD, twin),
        twin_mask_TNK=twin >= 0,
        other_views_TNKD=_look_up(table_rD, other) if n_views > 1 else support_TNKD,
        has_views=n_views > 1,
        off_class_TOD=_look_up(table_rD, off_class),
        off_class_mask_TO=off_class >= 0,
        class_means_TND=_look_up(source.class_means_CD, rows.classes_TN),
        pool_TUD=_look_up(table_rD, pool),
        pool_mask_TU=pool >= 0,
        pool_labels_TU=_ways_of(source.labels_n, rows),
        logit_scale=source.logit_scale,
        source=source.name,
        blocks=source.blocks,
    )


def _ways_of(labels_n: Int[Tensor, " n"], rows: EpisodeRows) -> Int[Tensor, "T U"]:
    """Which class of its task each unlabelled picture has; −1 for none, and for padding."""
    class_TU = torch.where(rows.pool_TU < 0, -2, labels_n[rows.pool_TU.clamp(min=0)])
    is_own_TUN = class_TU[..., None] == rows.classes_TN[:, None]
    return torch.where(is_own_TUN.any(-1), is_own_TUN.to(torch.int8).argmax(-1), -1)


def _draw_views(
    rows: Int[Tensor, "*shape"], n_views: int, generator: torch.Generator | None
) -> tuple[Int[Tensor, "*shape"], Int[Tensor, "*shape"]]:
    """Places in the table of pictures × views, through one view and another; padding stays < 0."""
    if n_views == 1:
        return rows, rows
    draws = torch.zeros((2, *rows.shape), device=rows.device)
    if generator is not None:
        draws = uniform(draws.shape, generator, rows.device)
    view, step = (draws[0] * n_views).long(), 1 + (draws[1] * (n_views - 1)).long()
    first = rows * n_views
    return first + view, first + (view + step) % n_views


def _look_up(
    table_rD: Float[Tensor, "r D"], places: Int[Tensor, "*shape"]
) -> Float[Tensor, "*shape D"]:
    """The rows at these places; zeros where a place is below 0."""
    is_padding = places < 0
    if not is_padding.any():
        return embedding(places, table_rD)
    found = embedding(places.clamp(min=0), table_rD)
    # Only the padding is written again: a mask would go through all features once more.
    found.flatten(0, -2).index_fill_(0, is_padding.flatten().nonzero()[:, 0], 0.0)
    return found
