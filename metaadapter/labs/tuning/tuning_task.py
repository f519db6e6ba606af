"""The task for which a tower is tuned: looks at its pictures, left-out adapters, the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import ImageInput
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.towers.config import InsideConfig, PromptConfig
from metaadapter.features.views import join_looks, view_pixels
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.labs.tuning.adapted_tower import CachedBlocks

LOOKS_AT_ONCE = 32

IN_ALL, IN_NONE = -1, -2
"""In place of a fold: the picture is in the support of every adapter, or of none."""

Config = TypeVar("Config", bound=InsideConfig | PromptConfig)
LeftOut = TypeVar("LeftOut")


@dataclass(frozen=True, slots=True)
class PictureLooks:
    """L looks at each of V views of n pictures; view 0 is the picture itself."""

    cache: CachedBlocks
    numbers_nVL: Int[Tensor, "n V L"]

    @torch.no_grad()
    def rows(self) -> Float[Tensor, "n D"]:
        """Return the features of the pictures themselves, from the tower in its current state."""
        numbers = self.numbers_nVL[:, 0]
        n_looks = numbers.shape[1]
        features = [
            self.cache.features(batch.flatten()).reshape(len(batch), n_looks, -1)
            for batch in torch.split(numbers, max(1, LOOKS_AT_ONCE // n_looks))
        ]
        return _joined(torch.cat(features))

    def drawn(self, pictures: Int[Tensor, " b"], draw: torch.Generator) -> Float[Tensor, "b D"]:
        """Return features of one random look at a random view, used for all looks to save time."""
        _, n_views, n_looks = self.numbers_nVL.shape
        views, looks = (
            torch.randint(n, (len(pictures),), generator=draw) for n in (n_views, n_looks)
        )
        features = self.cache.features(self.numbers_nVL[pictures, views, looks])
        return _joined(features[:, None].expand(-1, n_looks, -1))


def cache_looks(
    pictures: Sequence[ImageInput],
    encoder: ImageEncoder,
    cache: CachedBlocks,
    n_views: int,
    *,
    seed: int,
    progress: Callable[[int], None],
) -> PictureLooks:
    """Cache the looks at each picture and at `n_views` − 1 random crops, half of them mirrored."""
    waiting: list[Tensor] = []
    for number, picture in enumerate(pictures, 1):
        waiting.append(
            view_pixels(decode_image(picture), encoder.look, n_views, seed).flatten(0, 1)
        )
        if number == len(pictures) or sum(map(len, waiting)) >= LOOKS_AT_ONCE:
            for batch in torch.split(torch.cat(waiting), LOOKS_AT_ONCE):
                cache.add(batch)
            waiting = []
            progress(number)
    return PictureLooks(cache, torch.arange(len(cache)).reshape(len(pictures), n_views, -1))


def _joined(looks: Float[Tensor, "n L width"]) -> Float[Tensor, "n D"]:
    weights = torch.from_numpy(join_looks(np.ones((1, looks.shape[1], 1), np.float32)))[0]
    # On the CPU, where the labels are; the work on rows is small compared with the tower.
    return (looks.cpu() * weights[:, None]).flatten(1)


@dataclass(frozen=True, slots=True)
class LeftOutHeads:
    """One adapter for each fold of pictures, predicted from the pictures of all other folds."""

    weights: AdapterWeights
    """One task for each fold."""
    fold_n: Int[Tensor, " n"]

    @classmethod
    def predict(
        cls,
        generator: AdapterGenerator,
        support: Support,
        rows: Float[Tensor, "n D"],
        fold: Int[Tensor, " n"],
    ) -> LeftOutHeads:
        """Predict the adapter for each fold."""
        (present_NK,) = support.present_TNK
        rows_NKD, fold_NK = support.support_TNKD[0].clone(), present_NK.long()
        rows_NKD[present_NK], fold_NK[present_NK] = rows.to(rows_NKD), fold
        kept_TNK = torch.stack(
            [(fold_NK != number) & (fold_NK != IN_NONE) for number in range(int(fold.max()) + 1)]
        )
        task = replace(support, support_TNKD=rows_NKD[None])
        many = task.repeated(len(kept_TNK)).kept(kept_TNK).to(device=generator.device)
        weights = generator.predict(many.exact)
        return cls(weights.to(device=rows.device, dtype=rows.dtype), fold)

    def logits(
        self, rows: Float[Tensor, "b D"], pictures: Int[Tensor, " b"]
    ) -> Float[Tensor, "b N"]:
        """Return the logits of pictures from the adapter without their fold, with gradients."""
        logits_TbN = classify(rows.expand(len(self.weights.classes), *rows.shape), self.weights)
        return logits_TbN[self.fold_n[pictures], torch.arange(len(rows))]


def folds(labels: Int[Tensor, " n"], n_folds: int) -> Int[Tensor, " n"]:
    """Divide the pictures of each class among folds; a class's only picture gets `IN_ALL`."""
    fold = torch.full_like(labels, IN_ALL)
    for label in set(labels.tolist()):
        members = (labels == label).nonzero()[:, 0]
        if len(members) > 1:
            fold[members] = torch.arange(len(members)) % n_folds
    return fold


@dataclass(frozen=True, slots=True)
class TuningTask:
    """The labelled pictures of one task, class by class, and the generator of its adapters."""

    looks: PictureLooks
    """The pictures, encoded by the tower in its current state."""
    support: Support
    """The task before any training."""
    labels_n: Int[Tensor, " n"]
    generator: AdapterGenerator

    @property
    def rows_before(self) -> Float[Tensor, "n D"]:
        """Unit rows of the pictures before any training."""
        return self.support.labelled_rows()[0]


@dataclass(frozen=True)
class Tuned(Generic[Config, LeftOut]):
    """Trained tensors, or none if they do not help left-out pictures or classes."""

    tensors: dict[str, Tensor]
    config: Config | None
    left_out: LeftOut | None
    """The figures of left-out pictures or classes; `None` if none were left out."""
    n_trained: int
    seconds: float

    @property
    def n_steps(self) -> int:
        """The number of gradient steps that trained the tensors."""
        return 0 if self.config is None else self.config.n_steps
