"""A small image tower that is fine-tuned as a whole on the support, with augmentation."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from metaadapter.data.progress import counted
from metaadapter.features.build_encoder import build_model
from metaadapter.features.encoder_source import resolve_encoder
from metaadapter.features.logit_scale import CLIP_LOGIT_SCALE
from metaadapter.features.views import unit_rows, view_pixels

if TYPE_CHECKING:
    from metaadapter.features.encoder import FrozenEncoder
    from metaadapter.features.encoder_model import EncoderModel

N_STEPS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 60, 8, 1e-4, 0.05
# For each picture: the whole and random crops, half of them mirrored; each step draws one view.
N_VIEWS = 12
# The fraction of grey pictures in a batch, because infrared frames at night are grey.
GREY = 0.3
AT_ONCE = 16


class FineTunedTower:
    """The image tower of a CLIP model and a linear head, both fine-tuned.

    Like the other peers it has the same settings for all numbers of shots: AdamW with a cosine. The
    head starts at the class texts, as zero-shot CLIP, or at zero for a class without a text. The
    statistics of batch norms stay, because a support is too small to estimate them.
    """

    def __init__(
        self,
        model: EncoderModel,
        texts: Float[np.ndarray, "n_classes width"],
        logit_scale: float,
        seed: int,
    ) -> None:
        self._tower = copy.deepcopy(model.network.visual).requires_grad_(True).eval()
        self._preprocess = model.preprocess
        self._head = nn.Parameter(torch.from_numpy(texts).float())
        self._scale, self._seed = logit_scale, seed

    @classmethod
    def of_encoder(
        cls, encoder: FrozenEncoder, texts: Float[np.ndarray, "n_classes D"], seed: int
    ) -> FineTunedTower:
        """Copy an encoder's tower; `texts` are from `encode_texts`, or zeros without a name."""
        # The encoder's own network has batch norms folded into convolutions, perhaps in a lower
        # precision, so gradient steps on it would differ from those on the original weights.
        model = build_model(resolve_encoder(encoder.name))
        width = model.network.visual(model.preprocess(Image.new("RGB", (8, 8)))[None]).shape[1]
        # Texts fill only the first columns, the joint block of the first look.
        rows = unit_rows(texts[:, :width].astype(np.float32))
        logarithm = model.network.logit_scale  # None without texts
        scale = CLIP_LOGIT_SCALE if logarithm is None else float(logarithm.detach().exp())
        return cls(model, rows, scale, seed)

    def fit(self, pictures: Sequence[Image.Image], labels: Sequence[int]) -> FineTunedTower:
        """Fine-tune on upright RGB pictures, given the number of each picture's class."""
        draw = torch.Generator().manual_seed(self._seed)
        views = torch.stack(
            [view_pixels(picture, self._look, N_VIEWS, self._seed)[:, 0] for picture in pictures]
        )
        targets = torch.tensor(labels)
        parameters = [*self._tower.parameters(), self._head]
        optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, N_STEPS)
        for _ in counted(N_STEPS):
            chosen = torch.randperm(len(targets), generator=draw)[:BATCH]
            drawn = torch.randint(N_VIEWS, (len(chosen),), generator=draw)
            batch = views[chosen, drawn]
            is_grey = torch.rand(len(chosen), 1, 1, 1, generator=draw) < GREY
            batch = torch.where(is_grey, batch.mean(1, keepdim=True), batch)
            with torch.enable_grad():
                loss = cross_entropy(self._logits(batch), targets[chosen])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        return self

    def logits(self, pictures: Iterable[Image.Image]) -> Float[Tensor, "n n_classes"]:
        """Return the logits of upright RGB pictures."""
        logits, waiting = [torch.empty(0, len(self._head))], map(self._preprocess, pictures)
        with torch.no_grad():
            while batch := list(islice(waiting, AT_ONCE)):
                logits.append(self._logits(torch.stack(batch)))
        return torch.cat(logits)

    def _look(self, picture: Image.Image) -> Tensor:
        return self._preprocess(picture)[None]

    def _logits(self, batch: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n n_classes"]:
        features = self._tower(batch.contiguous(memory_format=torch.channels_last))
        return self._scale * normalize(features, dim=-1) @ self._head.T
