"""Few-shot tasks, as row numbers of a table and as the features of these rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import embedding

from episodes.draws import uniform
from episodes.source import StoredFeatures, TaskSource

# T tasks, N ways, K shots, Q queries (of a class in row numbers, of a task in features), O pictures
# of other classes, U unlabelled pictures, D feature width, r = pictures × views.


@dataclass(frozen=True, slots=True)
class EpisodeRows:
    """Row numbers of T tasks of up to N ways, padded with −1. All pictures of a task differ."""

    classes_TN: Int[Tensor, "T N"]
    """Class numbers of the `LabelIndex`."""
    support_TNK: Int[Tensor, "T N K"]
    """Rows of the labelled pictures."""
    twin_TNK: Int[Tensor, "T N K2"]
    """Rows of a second support of the same size; empty if not requested or not possible."""
    query_TNQ: Int[Tensor, "T N Q"]
    """Rows of the pictures to classify, by class."""
    off_class_TO: Int[Tensor, "T O"]
    """Rows of pictures of classes outside the task; none if not requested."""
    pool_TU: Int[Tensor, "T U"]
    """Rows of unlabelled pictures; none if not requested."""

    def first(self, n_shot: int) -> EpisodeRows:
        """Return the tasks with at most the first `n_shot` labelled pictures of each class."""
        support_TNK, twin_TNK = self.support_TNK[..., :n_shot], self.twin_TNK[..., :n_shot]
        return replace(self, support_TNK=support_TNK, twin_TNK=twin_TNK)

    def split(self, n_tasks: int) -> Iterator[EpisodeRows]:
        """Yield `n_tasks` tasks at a time, because the features of all may need much memory."""
        parts = [getattr(self, field.name).split(n_tasks) for field in fields(self)]
        return (EpisodeRows(*part) for part in zip(*parts, strict=True))


@dataclass(frozen=True, slots=True)
class EpisodeBatch:
    """T tasks of up to N ways, K shots and Q queries, padded to a common size.

    Features are unit rows of width D. Masked entries must not change any result, so that a padded
    batch gives the same results as its tasks one by one.

    Raises:
        ValueError: A query's label is that of a missing class.
    """

    support_TNKD: Float[Tensor, "T N K D"]
    """Labelled pictures; row `[t, n, k]` counts only if `support_mask_TNK` is true."""
    support_mask_TNK: Bool[Tensor, "T N K"]
    query_TQD: Float[Tensor, "T Q D"]
    """Pictures to classify."""
    query_labels_TQ: Int[Tensor, "T Q"]
    """The class of each query, 0 … N − 1; −1 for padding."""
    text_TND: Float[Tensor, "T N D"]
    """The text feature of each class name; a row of zeros for a class without a text."""
    class_mask_TN: Bool[Tensor, "T N"]
    """True for classes that exist. A class may exist with a text and no picture."""

    def __post_init__(self) -> None:
        labels = self.query_labels_TQ
        is_valid = self.class_mask_TN.gather(1, labels.clamp(min=0)) | (labels < 0)
        if not is_valid.all():
            task = int((~is_valid).nonzero()[0, 0])
            raise ValueError(f"task {task}: a query's label points at a class that is masked out")


@dataclass(frozen=True, slots=True)
class Episodes:
    """A batch of tasks from one source, with further pictures for the losses of training."""

    batch: EpisodeBatch
    """The tasks themselves."""
    twin_TNKD: Float[Tensor, "T N K2 D"]
    """A second support of the same classes, with other pictures."""
    twin_mask_TNK: Bool[Tensor, "T N K2"]
    """True for pictures of twins that count; nowhere without twins."""
    off_class_TOD: Float[Tensor, "T O D"]
    """Pictures of classes outside the task."""
    off_class_mask_TO: Bool[Tensor, "T O"]
    """True for pictures of other classes that count."""
    class_means_TND: Float[Tensor, "T N D"]
    """The unit mean of all pictures of each class, inside and outside the task; zeros for a class
    of fewer than ten pictures, whose mean would give its queries away."""
    pool_TUD: Float[Tensor, "T U D"]
    """Unlabelled pictures; none if not requested."""
    pool_mask_TU: Bool[Tensor, "T U"]
    """True for unlabelled pictures that exist."""
    pool_labels_TU: Int[Tensor, "T U"]
    """The true class of each unlabelled picture, 0 … N − 1; −1 for a class outside the task."""
    logit_scale: float
    """The inverse temperature of the encoder."""
    source: str
    """The name of the source."""
    blocks: tuple[int, ...] = ()
    """The widths of the blocks of the features; () for one block."""

    def with_off_class(self, more_TOD: Float[Tensor, "T O2 D"]) -> Episodes:
        """Return the tasks with more pictures of other classes, appended to the present ones."""
        mask_TO = more_TOD.new_ones(more_TOD.shape[:2], dtype=torch.bool)
        return replace(
            self,
            off_class_TOD=torch.cat([self.off_class_TOD, more_TOD], 1),
            off_class_mask_TO=torch.cat([self.off_class_mask_TO, mask_TO], 1),
        )


def gather(
    rows: EpisodeRows, source: TaskSource, generator: torch.Generator | None = None
) -> Episodes:
    """Return the features of drawn tasks.

    Args:
        rows: Tasks drawn from the source's labels, on the CPU.
        source: Features and texts.
        generator: Draws the view of each picture uniformly; without it all views are the first.

    Returns:
        Tasks on the source's device. Rows that do not count are zeros.
    """
    n_views, table_rD = source.features_nVD.shape[1], _table(source)

    def on_device(tensor: Tensor) -> Tensor:
        return tensor.to(table_rD.device)

    of_task = rows.support_TNK, rows.twin_TNK, rows.query_TNQ, rows.off_class_TO, rows.pool_TU
    support, twin, query, off_class, pool = (
        _draw_views(drawn, n_views, generator) for drawn in of_task
    )
    ways_N1 = torch.arange(rows.classes_TN.shape[1])[:, None]
    batch = EpisodeBatch(
        support_TNKD=_look_up(table_rD, support),
        support_mask_TNK=on_device(support >= 0),
        query_TQD=_look_up(table_rD, query).flatten(1, 2),
        query_labels_TQ=on_device(torch.where(query >= 0, ways_N1, -1).flatten(1)),
        text_TND=_look_up(source.text_CD, rows.classes_TN),
        class_mask_TN=on_device(rows.classes_TN >= 0),
    )
    return Episodes(
        batch=batch,
        twin_TNKD=_look_up(table_rD, twin),
        twin_mask_TNK=on_device(twin >= 0),
        off_class_TOD=_look_up(table_rD, off_class),
        off_class_mask_TO=on_device(off_class >= 0),
        class_means_TND=_look_up(source.large_means_CD, rows.classes_TN),
        pool_TUD=_look_up(table_rD, pool),
        pool_mask_TU=on_device(pool >= 0),
        pool_labels_TU=on_device(ways_of_pool(source, rows)),
        logit_scale=source.logit_scale,
        source=source.name,
        blocks=source.blocks,
    )


def first_views(source: TaskSource, pictures: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
    """Return the features of pictures in their first view, on the source's device."""
    return _look_up(_table(source), pictures * source.features_nVD.shape[1])


def _table(source: TaskSource) -> Float[Tensor, "r D"] | StoredFeatures:
    features = source.features_nVD
    return features.flatten(0, 1) if isinstance(features, Tensor) else features


def ways_of_pool(source: TaskSource, rows: EpisodeRows) -> Int[Tensor, "T U"]:
    """Return each unlabelled picture's class within its task; −1 for other classes and padding."""
    class_TU = torch.where(rows.pool_TU < 0, -2, source.labels_n[rows.pool_TU.clamp(min=0)])
    is_class_TUN = class_TU[..., None] == rows.classes_TN[:, None]
    return torch.where(is_class_TUN.any(-1), is_class_TUN.to(torch.int8).argmax(-1), -1)


def _draw_views(
    rows: Int[Tensor, "*shape"], n_views: int, generator: torch.Generator | None
) -> Int[Tensor, "*shape"]:
    """Return rows in the table of pictures × views for a view of each; padding stays < 0."""
    if n_views == 1 or generator is None:
        return rows * n_views
    return rows * n_views + (uniform(rows.shape, generator, rows.device) * n_views).long()


def _look_up(
    table_rD: Float[Tensor, "r D"] | StoredFeatures, rows: Int[Tensor, "*shape"]
) -> Float[Tensor, "*shape D"]:
    """Return the features of these rows; zeros for rows below 0."""

    def picked(rows: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        if isinstance(table_rD, StoredFeatures):
            return table_rD.look_up(rows)
        return embedding(rows.to(table_rD.device), table_rD)

    is_padding = rows < 0
    if not is_padding.any():
        return picked(rows)
    features = picked(rows.clamp(min=0))
    # Only padding is overwritten, because a mask would read all features again.
    places = is_padding.flatten().nonzero()[:, 0].to(features.device)
    features.flatten(0, -2).index_fill_(0, places, 0.0)
    return features
