"""A set to evaluate on: features, class names, the facts of each picture, and its encoder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from episodes import EpisodeRows, LabelIndex
from metaadapter.adapter.support import Support
from metaadapter.bench.evaluation.sets.name_level import OWN, Cones
from metaadapter.errors import IncompatibleArtifact, MetaAdapterError, UsageError
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.prompts import readable_name
from metaadapter.features.views import joint_columns, look_widths, mean_of_views, unit_rows

SUPPORT, QUERY = 0, 1
"""The domains of the index of a set whose support and queries come from different pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationSet:
    """Labelled pictures with one feature each, the mean of the picture's views.

    Features stay in their files until a task needs them. If support and queries come from
    different pictures, these are the domains 0 and 1 of the index.
    """

    name: str
    features: tuple[np.ndarray, ...]
    """For each store an array (pictures, views, D) of float16, which is read when it is used."""
    text_CD: Float[Tensor, "C D"]
    logit_scale: float
    """The encoder's inverse temperature."""
    index: LabelIndex
    classes: tuple[str, ...]
    labels_n: np.ndarray
    """Class number of each picture; −1 for an unused picture."""
    paths_n: np.ndarray
    """File of each picture, as it was given to `encode`."""
    contents_n: np.ndarray
    """Hash of each picture's bytes; "" if there is none."""
    groups_n: np.ndarray
    """Group of each picture, or ""; no group may be in both support and queries."""
    copies_n: np.ndarray
    """A number of each picture; of two stores, pictures of the same path in the store, content or
    group share it, and by group those of the same content or group; near copies, too. No task draws
    one as support and another as a query or for its pool."""
    stores: tuple[str, ...]
    encoder: str
    fingerprint: str
    """The fingerprint of the encoder, which tells what it computes, not its name."""
    n_views: int
    """Number of views of each picture; if two stores differ, the larger number."""
    zoom: bool
    """Whether each view has two looks, the whole and the zoom."""
    look_blocks: dict[str, int]
    """Name → width of the blocks of each look; empty if the joint block is the only one."""
    blocks: tuple[int, ...]
    """Widths of the blocks of a feature; () for a single block."""
    identity: str
    """A text that changes with any picture, label or encoder."""
    n_near_copies: int = 0
    """The number of pictures that are near copies of earlier ones; unused if there is one pool."""
    is_by_group: bool = False
    """Whether no task has labelled pictures and queries from the same group."""
    columns: tuple[int, ...] | None = None
    """The columns of a stored row that make a feature, then scaled to length 1; None for all."""
    names: str = OWN
    """The level of the class texts, as in `with_names`."""
    cones: Cones | None = None
    """The cones into which stored rows are bent; None for none."""

    @property
    def has_two_pools(self) -> bool:
        """True if support and queries come from different pictures."""
        return self.index.n_domains == 2

    @property
    def joint(self) -> EvaluationSet:
        """The same pictures with only the joint block in their features."""
        return _joint_alone(self) if self.look_blocks else self

    def look_up(self, pictures: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        """Return the features of pictures as float32 rows of length 1; zeros for the number −1."""
        numbers = pictures.flatten().numpy()
        rows = np.zeros((len(numbers), self.features[0].shape[-1]), dtype=np.float32)
        first = 0
        for table in self.features:
            is_here = (numbers >= first) & (numbers < first + len(table))
            rows[is_here] = mean_of_views(table[numbers[is_here] - first])
            first += len(table)
        if self.cones:
            rows = self.cones.pictures(torch.from_numpy(rows)).numpy()
        if self.columns is not None:
            rows = unit_rows(rows[:, self.columns])
        return torch.from_numpy(rows).reshape(*pictures.shape, -1)

    def query_rows(self, pictures: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        """Return `look_up` from a cache, as all cells of a draw share queries; do not change it."""
        return _cached_rows(self, pictures.numpy().tobytes()).reshape(*pictures.shape, -1)

    def support(self, rows: EpisodeRows) -> Support:
        """Return the labelled pictures of tasks, with the texts of their classes."""
        return Support.of_tasks(
            self.look_up(rows.support_TNK),
            self.text_CD[rows.classes_TN],
            rows.support_TNK >= 0,
            logit_scale=self.logit_scale,
            blocks=self.blocks,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the facts that a report shows."""
        return {
            "n_pictures": int((self.labels_n >= 0).sum()),
            "near_copies": self.n_near_copies,
            "n_classes": len(self.classes),
            "encoder": self.encoder,
            "fingerprint": self.fingerprint,
            "n_views": self.n_views,
            "zoom": self.zoom,
            "blocks": self.look_blocks,
            "names": self.names,
            "identity": self.identity,
        }


@lru_cache(maxsize=16)
def _joint_alone(data: EvaluationSet) -> EvaluationSet:
    columns = joint_columns(data.text_CD.shape[1], data.zoom, data.look_blocks)
    first = mean_of_views(data.features[0][:1])
    return replace(
        data,
        text_CD=normalize(data.text_CD[:, columns], dim=-1),
        # The joint parts of all rows have this length; with this factor text logits do not change.
        logit_scale=data.logit_scale * float(np.linalg.norm(first[:, columns])),
        look_blocks={},
        blocks=look_widths(len(columns), data.zoom),
        columns=tuple(columns),
    )


# Four entries: a set and its far strangers, each with all blocks and with the joint block only.
@lru_cache(maxsize=4)
def _cached_rows(data: EvaluationSet, pictures: bytes) -> Float[Tensor, "n D"]:
    return data.look_up(torch.frombuffer(bytearray(pictures), dtype=torch.int64))


def same_name(label: str) -> str:
    """Return the readable name in lower case; two labels of one class share it."""
    return readable_name(label).casefold()


def encoder_of_set(data: EvaluationSet, method: str) -> ImageEncoder:
    """Load the encoder of a set on the CPU, for `method`; the last four encoders stay loaded."""
    # A set with only the joint block names no blocks.
    blocks = tuple(data.look_blocks) or ("joint",)
    owner = "a store of the evaluation"
    try:
        encoder = _loaded(data.encoder, data.zoom, blocks, owner)
        if (str(encoder.fingerprint), encoder.dim) != (data.fingerprint, data.text_CD.shape[1]):
            raise IncompatibleArtifact(
                f"it is now {encoder.fingerprint}, with features of width {encoder.dim} instead of "
                f"{data.text_CD.shape[1]}"
            )
    except MetaAdapterError as error:
        raise UsageError(
            f"{method} needs the encoder {data.fingerprint} of {owner}, which cannot be loaded: "
            f"{error}. Leave {method} out of --methods"
        ) from error
    return encoder


@lru_cache(maxsize=4)
def _loaded(name: str, zoom: bool, blocks: tuple[str, ...], owner: str) -> ImageEncoder:
    return load_encoder(name, device="cpu", zoom=zoom, blocks=blocks, remembered_by=owner)


def noun_features(data: EvaluationSet) -> Float[Tensor, "W D"]:
    """Return text features of ImageNet's class names, from the text tower of a set's encoder."""
    # A protocol cannot declare that encoders are hashable.
    return _encoded(encoder_of_set(data, "@neglabel"))  # type: ignore[arg-type]


@lru_cache(maxsize=4)
def _encoded(encoder: ImageEncoder) -> Float[Tensor, "W D"]:
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

    # Two classes of ImageNet may have the same name.
    return torch.from_numpy(encoder.encode_texts(list(dict.fromkeys(IMAGENET_CLASSNAMES))))
